//! Starting at a key frame: earlier packets are left out, and a key frame is requested.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use videostream::hal::time::deadline_in;
use videostream::share::ClientBuilder;

/// Number of packets without a key frame after which another one is requested.
const RETRY_PACKETS: u64 = 30;
/// How long a request may take, in nanoseconds.
const REQUEST_TIMEOUT_NS: u64 = 200_000_000;

/// Tracks which packets can be decoded.
#[derive(Debug, Default)]
pub(super) struct KeyFrames {
    /// Number of packets left out while waiting for a key frame.
    waiting: Option<u64>,
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    LeaveOut,
    /// Leave it out, and request a key frame.
    Ask,
}

impl KeyFrames {
    /// Begins a stream. A host sends a new client a key frame unasked.
    pub(super) fn begin(&mut self) {
        self.waiting = Some(1);
    }

    /// Notes a lost packet, which may have been a key frame.
    pub(super) fn lose(&mut self) {
        self.waiting = Some(0);
    }

    /// Judges a packet; `missed` packets were lost before it.
    pub(super) fn judge(&mut self, is_key: bool, missed: u64) -> Verdict {
        if is_key {
            self.waiting = None;
            return Verdict::Pass;
        }
        let left_out = match self.waiting {
            None if missed == 0 => return Verdict::Pass,
            None => 0,
            // The requested key frame may be among the lost packets.
            Some(_) if missed > 0 => 0,
            Some(left_out) => left_out,
        };
        self.waiting = Some(left_out + 1);
        match left_out % RETRY_PACKETS {
            0 => Verdict::Ask,
            _ => Verdict::LeaveOut,
        }
    }
}

/// Requests key frames by connecting a second client for a moment, as hosts send each new client
/// one. Uses a thread, since a host may be slow to answer.
#[derive(Debug, Default)]
pub(super) struct KeyFrameRequester {
    is_requesting: Arc<AtomicBool>,
}

impl KeyFrameRequester {
    /// Requests a key frame, unless a request is under way.
    pub(super) fn request(&self, client: ClientBuilder) {
        if self.is_requesting.swap(true, Ordering::SeqCst) {
            return;
        }
        let is_requesting = self.is_requesting.clone();
        let thread = std::thread::Builder::new().name("vslsrc:key".into());
        let asked = thread.spawn(move || {
            // Every host admits a client that holds one frame.
            let mut connector = client.hold(1).reconnect(false).connector();
            // After a refusal the next regular key frame has to do.
            drop(connector.connect_until(deadline_in(REQUEST_TIMEOUT_NS)));
            is_requesting.store(false, Ordering::SeqCst);
        });
        if asked.is_err() {
            self.is_requesting.store(false, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_begins_with_a_key_frame() {
        let mut frames = KeyFrames::default();
        frames.begin();
        assert_eq!(frames.judge(false, 0), Verdict::LeaveOut);
        assert_eq!(frames.judge(true, 0), Verdict::Pass);
        assert_eq!(frames.judge(false, 0), Verdict::Pass);
    }

    #[test]
    fn a_gap_waits_for_a_key_frame_and_asks_once() {
        let mut frames = KeyFrames::default();
        assert_eq!(frames.judge(false, 1), Verdict::Ask);
        for _ in 1..RETRY_PACKETS {
            assert_eq!(frames.judge(false, 0), Verdict::LeaveOut);
        }
        assert_eq!(frames.judge(false, 0), Verdict::Ask);
        assert_eq!(frames.judge(true, 0), Verdict::Pass);
        assert_eq!(frames.judge(false, 0), Verdict::Pass);
    }

    #[test]
    fn a_key_frame_ends_a_gap() {
        let mut frames = KeyFrames::default();
        assert_eq!(frames.judge(true, 7), Verdict::Pass);
    }
}
