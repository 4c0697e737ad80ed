//! Starting at a key frame: which packets can be decoded, and when to request a key frame.

/// Number of packets without a key frame after which one is requested again.
const REQUEST_INTERVAL: u64 = 30;

/// Tells which packets of a compressed stream can be decoded: those from a key frame on, up to the
/// next loss.
///
/// ```
/// use videostream::share::KeyFrameGate;
///
/// let mut gate = KeyFrameGate::new();
/// assert!(!gate.admits(false)); // A host sends a new client a key frame unasked.
/// assert!(gate.admits(true));
/// assert!(gate.admits(false));
///
/// gate.lose();
/// assert!(gate.needs_request());
/// assert!(!gate.admits(false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFrameGate {
    /// While waiting for a key frame: one more than the number of packets left out since the last
    /// request; 0 if a request is due.
    waiting: Option<u64>,
}

impl KeyFrameGate {
    /// Begins a stream. Connecting has requested a key frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { waiting: Some(1) }
    }

    /// Notes a lost packet, which may have been a key frame.
    pub const fn lose(&mut self) {
        self.waiting = Some(0);
    }

    /// Returns whether packets are left out until the next key frame.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Returns whether the next packet can be decoded.
    pub const fn admits(&mut self, is_key: bool) -> bool {
        match self.waiting {
            None => true,
            Some(_) if is_key => {
                self.waiting = None;
                true
            }
            Some(0) => false,
            Some(left_out) => {
                self.waiting = Some(left_out + 1);
                false
            }
        }
    }

    /// Returns whether to request a key frame now: once after a loss, and again after every 30
    /// packets that were left out.
    pub const fn needs_request(&mut self) -> bool {
        let needs = match self.waiting {
            None => false,
            Some(left_out) => left_out == 0 || left_out > REQUEST_INTERVAL,
        };
        if needs {
            self.waiting = Some(1);
        }
        needs
    }
}

impl Default for KeyFrameGate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_repeated_after_thirty_packets() {
        let mut gate = KeyFrameGate::new();
        assert!(gate.admits(true));
        gate.lose();
        assert!(!gate.admits(false));
        assert!(gate.needs_request());
        for _ in 0..REQUEST_INTERVAL {
            assert!(!gate.needs_request());
            assert!(!gate.admits(false));
        }
        assert!(gate.needs_request());
        assert!(gate.admits(true));
        assert!(gate.admits(false));
        assert!(!gate.needs_request());
    }

    #[test]
    fn connecting_counts_as_a_request() {
        let mut gate = KeyFrameGate::new();
        for _ in 0..REQUEST_INTERVAL {
            assert!(!gate.needs_request());
            assert!(!gate.admits(false));
        }
        assert!(gate.needs_request());
    }

    #[test]
    fn a_key_frame_ends_a_loss() {
        let mut gate = KeyFrameGate::new();
        gate.lose();
        assert!(gate.admits(true));
        assert!(!gate.needs_request());
    }
}
