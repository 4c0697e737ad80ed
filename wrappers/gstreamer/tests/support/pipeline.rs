//! Pipelines that are watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

use super::{init, message, until, within};

/// What has come to the element `out` of a pipeline.
#[derive(Debug, Default)]
struct Counts {
    frames: AtomicU64,
    /// Those with the flag DISCONT.
    gaps: AtomicU64,
}

/// A pipeline from a description for gst-launch-1.0. Buffers that reach its element `out` are
/// counted.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pipeline: gst::Pipeline,
    counts: Arc<Counts>,
}

impl Pipeline {
    pub(crate) fn new(description: &str) -> Self {
        init();
        let pipeline = gst::parse::launch(description);
        let pipeline = pipeline.unwrap_or_else(|error| panic!("{description}: {error}"));
        let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
        let weak = pipeline.downgrade();
        pipeline.bus().unwrap().set_sync_handler(move |_, message| {
            match (message.type_(), weak.upgrade()) {
                // As programs with a main loop do.
                (gst::MessageType::Latency, Some(pipeline)) => {
                    pipeline.call_async(|pipeline| drop(pipeline.recalculate_latency()));
                    gst::BusSyncReply::Drop
                }
                _ => gst::BusSyncReply::Pass,
            }
        });
        let counts = Arc::new(Counts::default());
        if let Some(out) = pipeline.by_name("out") {
            let seen = counts.clone();
            let pad = out.static_pad("sink").unwrap();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                if let Some(buffer) = info.buffer() {
                    if buffer.flags().contains(gst::BufferFlags::DISCONT) {
                        seen.gaps.fetch_add(1, Ordering::SeqCst);
                    }
                    seen.frames.fetch_add(1, Ordering::SeqCst);
                }
                gst::PadProbeReturn::Ok
            });
        }
        Self { pipeline, counts }
    }

    /// One that plays.
    pub(crate) fn playing(description: &str) -> Self {
        let pipeline = Self::new(description);
        pipeline.play();
        pipeline
    }

    pub(crate) fn play(&self) {
        if self.set(gst::State::Playing).is_err() {
            panic!("{}", self.error());
        }
    }

    pub(crate) fn set(
        &self,
        state: gst::State,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let pipeline = self.pipeline.clone();
        within(&format!("{state:?}"), move || pipeline.set_state(state))
    }

    /// Waits until all elements play. Sending EOS before that deadlocks in any pipeline, with a
    /// sink that waits for its state.
    pub(crate) fn until_playing(&self) {
        let timeout = gst::ClockTime::try_from(super::WATCHDOG).unwrap();
        let (result, state, _) = self.pipeline.state(timeout);
        assert!(result.is_ok() && state == gst::State::Playing, "{state:?}");
    }

    /// Ends the stream, at its sources.
    pub(crate) fn send_end(&self) {
        let pipeline = self.pipeline.clone();
        let sent = within("end of stream", move || {
            pipeline.send_event(gst::event::Eos::new())
        });
        assert!(sent);
    }

    pub(crate) fn pipeline(&self) -> &gst::Pipeline {
        &self.pipeline
    }

    pub(crate) fn bus(&self) -> gst::Bus {
        self.pipeline.bus().unwrap()
    }

    pub(crate) fn element(&self, name: &str) -> gst::Element {
        let element = self.pipeline.by_name(name);
        element.unwrap_or_else(|| panic!("no element {name}"))
    }

    pub(crate) fn frames(&self) -> u64 {
        self.counts.frames.load(Ordering::SeqCst)
    }

    /// Frames after a gap.
    pub(crate) fn gaps(&self) -> u64 {
        self.counts.gaps.load(Ordering::SeqCst)
    }

    /// Waits until this number of frames has come in total.
    pub(crate) fn until_frames(&self, count: u64) {
        until(&format!("{count} frames have come"), || {
            self.fail_on_error();
            self.frames() >= count
        });
    }

    /// Waits until this number of further frames has come.
    pub(crate) fn until_more(&self, count: u64) {
        self.until_frames(self.frames() + count);
    }

    fn fail_on_error(&self) {
        let error = self.bus().pop_filtered(&[gst::MessageType::Error]);
        assert!(error.is_none(), "{error:?}");
    }

    pub(crate) fn stats(&self, name: &str) -> gst::Structure {
        self.element(name).property("stats")
    }

    /// A number of an element's statistics.
    pub(crate) fn counted(&self, name: &str, field: &str) -> u64 {
        counted(&self.stats(name), field)
    }

    /// The caps of what comes to `out`.
    pub(crate) fn caps(&self) -> gst::Structure {
        let pad = self.element("out").static_pad("sink").unwrap();
        let caps = pad.current_caps().unwrap();
        caps.structure(0).unwrap().to_owned()
    }

    /// Returns the error that ends it.
    pub(crate) fn error(&self) -> String {
        super::error_text(&self.bus())
    }

    /// Waits for its end.
    pub(crate) fn eos(&self) {
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let timeout = gst::ClockTime::try_from(super::WATCHDOG).unwrap();
        let message = self.bus().timed_pop_filtered(timeout, &kinds);
        let message = message.expect("neither an end nor an error");
        assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    }

    /// Waits for a message.
    pub(crate) fn message(&self, kind: gst::MessageType) -> gst::Message {
        message(&self.bus(), kind)
    }

    /// The next sample of the appsink `out`.
    pub(crate) fn pull(&self) -> gst::Sample {
        let timeout = gst::ClockTime::try_from(super::WATCHDOG).unwrap();
        let pulled = self
            .element("out")
            .emit_by_name::<Option<gst::Sample>>("try-pull-sample", &[&timeout.nseconds()]);
        pulled.unwrap_or_else(|| panic!("no sample: {:?}", self.bus().pop()))
    }

    /// Pushes a buffer to the appsrc `in`.
    pub(crate) fn push(&self, buffer: gst::Buffer) {
        let result = self
            .element("in")
            .emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]);
        assert_eq!(result, gst::FlowReturn::Ok);
    }

    /// Ends the stream of the appsrc `in`.
    pub(crate) fn finish(&self) {
        let input = self.element("in");
        let result = input.emit_by_name::<gst::FlowReturn>("end-of-stream", &[]);
        assert_eq!(result, gst::FlowReturn::Ok);
    }

    /// Sets other caps for what is pushed next.
    pub(crate) fn set_caps(&self, caps: &str) {
        let caps: gst::Caps = caps.parse().unwrap();
        self.element("in").set_property("caps", caps);
    }

    /// Ends it, which must not hang.
    pub(crate) fn end(self) {
        self.set(gst::State::Null).unwrap();
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// A number of an element's statistics.
pub(crate) fn counted(stats: &gst::Structure, field: &str) -> u64 {
    let wide = stats.get::<u64>(field).ok();
    let narrow = || stats.get::<u32>(field).ok().map(u64::from);
    wide.or_else(narrow)
        .unwrap_or_else(|| panic!("no {field} in {stats}"))
}
