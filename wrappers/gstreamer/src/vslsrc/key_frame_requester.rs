//! Requesting key frames without blocking the streaming thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use videostream::share::ClientBuilder;

/// Requests key frames on a thread, since a host may be slow to answer.
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
            client.ask_for_key_frame();
            is_requesting.store(false, Ordering::SeqCst);
        });
        if asked.is_err() {
            self.is_requesting.store(false, Ordering::SeqCst);
        }
    }
}
