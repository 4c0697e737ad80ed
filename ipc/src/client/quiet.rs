//! Noticing a dead host without waiting.

use videostream_hal::time::now_ns;

use super::Client;

/// How long without a frame until the socket is checked, and between checks.
const LOOK_NS: u64 = 50_000_000;

/// Tells a client that never waits when to read the host's messages as well. One for each reader of
/// a stream. A killed host leaves its ring unchanged, without new frames; only the socket reveals
/// it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet {
    /// Time of the first call without a frame, or of the last check; 0 while frames come.
    since_ns: u64,
}

impl Quiet {
    /// Notes that a frame has come.
    #[inline]
    pub fn end(&mut self) {
        self.since_ns = 0;
    }

    /// Notes that no frame has come. Returns whether [`Client::pump`] is due.
    pub fn is_pump_due(&mut self, client: &Client) -> bool {
        if client.control.is_closed() {
            return true;
        }
        let now = now_ns();
        if self.since_ns == 0 {
            self.since_ns = now;
            return false;
        }
        let is_due = now.saturating_sub(self.since_ns) >= LOOK_NS;
        if is_due {
            self.since_ns = now;
        }
        is_due
    }
}
