//! Noticing that a host is gone without waiting for it.

use videostream_hal::time::now_ns;

use super::Client;

/// How long nothing comes before the socket is looked at, and from one look to the next.
const LOOK_NS: u64 = 50_000_000;

/// For who only looks for frames and never waits: when to look at the host's messages, too. One for each
/// reader of a stream.
///
/// A host that is killed leaves its ring as it is, without a new frame; only the socket tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet {
    /// When nothing came for the first time, or the socket was looked at last; 0 while frames come.
    since_ns: u64,
}

impl Quiet {
    /// A frame has come.
    #[inline]
    pub fn end(&mut self) {
        self.since_ns = 0;
    }

    /// No frame has come: whether [`Client::pump`] is due. No system call.
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
