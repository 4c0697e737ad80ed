//! Where decoding can begin: packets before a key frame are left out, and a key frame is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use videostream::hal::time::deadline_in;
use videostream::share::ClientBuilder;

/// Packets without a key frame among them before one is asked for again.
const PATIENCE: u64 = 30;
/// How long asking may take, in nanoseconds.
const ASKING_NS: u64 = 200_000_000;

/// Which packets can be decoded.
#[derive(Debug, Default)]
pub(super) struct KeyFrames {
    /// All that come next are of no use before the next key frame, and so many were left out.
    waiting: Option<u64>,
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    LeaveOut,
    /// Leave it out, and ask for a key frame.
    Ask,
}

impl KeyFrames {
    /// The stream begins. Who joins gets a key frame without asking.
    pub(super) fn begin(&mut self) {
        self.waiting = Some(1);
    }

    /// A packet was left out, which may have been a key frame.
    pub(super) fn lose(&mut self) {
        self.waiting = Some(0);
    }

    /// Judges the next packet, which `missed` packets are missing before.
    pub(super) fn judge(&mut self, is_key: bool, missed: u64) -> Verdict {
        if is_key {
            self.waiting = None;
            return Verdict::Pass;
        }
        let left_out = match self.waiting {
            None if missed == 0 => return Verdict::Pass,
            None => 0,
            // The one that was asked for may be among the missing.
            Some(_) if missed > 0 => 0,
            Some(left_out) => left_out,
        };
        self.waiting = Some(left_out + 1);
        match left_out % PATIENCE {
            0 => Verdict::Ask,
            _ => Verdict::LeaveOut,
        }
    }
}

/// Asks a host for a key frame, as one is due to each client that joins: by joining once more, for a moment. In a thread of
/// its own, since a host may take its time.
#[derive(Debug, Default)]
pub(super) struct Asker {
    is_asking: Arc<AtomicBool>,
}

impl Asker {
    /// Asks, unless a question is under way.
    pub(super) fn ask(&self, client: ClientBuilder) {
        if self.is_asking.swap(true, Ordering::SeqCst) {
            return;
        }
        let is_asking = self.is_asking.clone();
        let asking = std::thread::Builder::new().name("vslsrc:key".into());
        let asked = asking.spawn(move || {
            // One frame is what every host admits a client for.
            let mut connector = client.hold(1).reconnect(false).connector();
            // A host that says no gives a key frame when it likes.
            drop(connector.connect_until(deadline_in(ASKING_NS)));
            is_asking.store(false, Ordering::SeqCst);
        });
        if asked.is_err() {
            self.is_asking.store(false, Ordering::SeqCst);
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
        for _ in 1..PATIENCE {
            assert_eq!(frames.judge(false, 0), Verdict::LeaveOut);
        }
        assert_eq!(frames.judge(false, 0), Verdict::Ask);
        assert_eq!(frames.judge(true, 0), Verdict::Pass);
        assert_eq!(frames.judge(false, 0), Verdict::Pass);
    }

    #[test]
    fn a_gap_before_a_key_frame_is_none() {
        let mut frames = KeyFrames::default();
        assert_eq!(frames.judge(true, 7), Verdict::Pass);
    }
}
