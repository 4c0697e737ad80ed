//! The element class of `vslsrc`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;
use videostream::hal::ring::{FrameDescriptor, reader};
use videostream::share::ClientBuilder;

use super::failure;
use super::flow::Flow;
use super::key_frame_requester::KeyFrameRequester;
use super::link::{Link, Next};
use super::settings::Settings;
use super::streaming::Streaming;
use super::timing::Ages;
use crate::caps::StreamFormat;
use crate::{lock, shape};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "vslsrc",
        gst::DebugColorFlags::empty(),
        Some("Source of shared frames"),
    )
});

/// The element.
#[derive(Debug, Default)]
pub struct VslSrc {
    pub(super) settings: Mutex<Settings>,
    pub(super) flow: Arc<Flow>,
    /// The element is changing from PLAYING to PAUSED.
    pauses: AtomicBool,
    /// The base class has a buffer that it has not pushed yet.
    is_given: AtomicBool,
    /// Used by the streaming thread, which is in `create`.
    streaming: Mutex<Option<Streaming>>,
    /// Shared by all threads, and locked briefly.
    pub(super) shared: Mutex<Shared>,
    pub(super) requester: KeyFrameRequester,
}

/// State that the threads share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) is_started: bool,
    /// Downstream asked to renegotiate.
    pub(super) reconfigure: bool,
    pub(super) caps: Option<gst::Caps>,
    /// How to connect to ask for a key frame, if the stream has them.
    pub(super) key_frames_of: Option<ClientBuilder>,
    pub(super) counts: Counts,
    pub(super) ages: Ages,
    pub(super) hold: u32,
    pub(super) duration: Option<gst::ClockTime>,
}

/// Counters of frames.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    /// Pushed downstream.
    pub(super) frames: u64,
    /// Gone before this element took them.
    pub(super) missed: u64,
    /// Gone while downstream held `hold` frames.
    pub(super) dropped: u64,
    /// Left out because they can't be decoded without a key frame.
    pub(super) undecodable: u64,
    /// Captured before the pipeline started.
    pub(super) early: u64,
    /// Copied, as downstream held `hold` frames or does not read `GstVideoMeta`.
    pub(super) copied: u64,
    pub(super) restarts: u64,
}

impl Counts {
    pub(super) fn lost(&self) -> u64 {
        self.missed + self.dropped + self.undecodable
    }
}

#[glib::object_subclass]
impl ObjectSubclass for VslSrc {
    const NAME: &'static str = "VslSrc";
    type Type = super::VslSrc;
    type ParentType = gst_base::PushSrc;
}

impl ObjectImpl for VslSrc {
    fn constructed(&self) {
        self.parent_constructed();
        let element = self.obj();
        element.set_live(true);
        element.set_format(gst::Format::Time);
    }

    fn properties() -> &'static [glib::ParamSpec] {
        Settings::properties()
    }

    fn set_property(&self, _: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let is_started = lock(&self.shared).is_started;
        let set = lock(&self.settings).set(pspec.name(), value, is_started);
        if set.is_err() {
            gst::warning!(
                CAT,
                imp = self,
                "{} can only be set in the NULL or READY state: keeping its value",
                pspec.name()
            );
        }
    }

    fn property(&self, _: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let value = lock(&self.settings).get(pspec.name());
        value.unwrap_or_else(|| self.stats().to_value())
    }
}

impl GstObjectImpl for VslSrc {}

impl ElementImpl for VslSrc {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "VideoStream Source",
                "Source/Video",
                "Receives frames from another process without a copy",
                "videostream",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let pad = gst::PadTemplate::new(
                "src",
                gst::PadDirection::Src,
                gst::PadPresence::Always,
                &shape::CAPS,
            );
            pad.into_iter().collect()
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let pauses = transition == gst::StateChange::PlayingToPaused;
        self.pauses.store(pauses, Ordering::SeqCst);
        let changed = self.parent_change_state(transition);
        self.pauses.store(false, Ordering::SeqCst);
        changed
    }
}

impl BaseSrcImpl for VslSrc {
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = lock(&self.settings).clone();
        let path = settings.path.clone().filter(|path| !path.is_empty());
        let path = path.ok_or_else(failure::no_path)?;
        let waits = settings.reconnect;
        let mut link = Link::new(path, settings);
        // With reconnect the streaming thread waits for the host.
        if !waits {
            link.connect(&self.flow)?;
        }
        self.is_given.store(false, Ordering::SeqCst);
        *lock(&self.shared) = Shared {
            is_started: true,
            hold: link.hold(),
            ..Shared::default()
        };
        self.say_notes(&mut link);
        *lock(&self.streaming) = Some(Streaming::new(link));
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let streaming = lock(&self.streaming).take();
        self.flow.set_reader(None);
        drop(streaming);
        let mut shared = lock(&self.shared);
        shared.is_started = false;
        shared.caps = None;
        shared.key_frames_of = None;
        Ok(())
    }

    /// Buffers are not synchronized. Called for each buffer that is pushed, but not for those that
    /// the base class drops.
    fn times(&self, _: &gst::BufferRef) -> (Option<gst::ClockTime>, Option<gst::ClockTime>) {
        self.is_given.store(false, Ordering::SeqCst);
        (None, None)
    }

    fn is_seekable(&self) -> bool {
        false
    }

    /// Ends waits, except for a pause: a `create` that returns ends the task, even if the element
    /// plays again by then (GStreamer 1.26).
    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        if !self.pauses.load(Ordering::SeqCst) {
            self.flow.flush();
        }
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        self.flow.resume();
        Ok(())
    }

    /// Returns the caps of the stream, or of the next frame, without taking it.
    fn caps(&self, filter: Option<&gst::Caps>) -> Option<gst::Caps> {
        let caps = lock(&self.shared).caps.clone();
        let caps = caps
            .or_else(|| self.next_caps())
            .unwrap_or_else(|| self.obj().src_pad().pad_template_caps());
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
            None => caps,
        })
    }

    /// Has `create` renegotiate, which knows the next frame.
    fn negotiate(&self) -> Result<(), gst::LoggableError> {
        lock(&self.shared).reconfigure = true;
        Ok(())
    }

    /// Uses no pool: frames lie in the host's memory.
    fn decide_allocation(
        &self,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        while query.allocation_pools().next().is_some() {
            query.remove_nth_allocation_pool(0);
        }
        Ok(())
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Latency(latency) => {
                let (min, max) = self.latency();
                latency.set(true, min, max);
                true
            }
            _ => BaseSrcImplExt::parent_query(self, query),
        }
    }

    fn event(&self, event: &gst::Event) -> bool {
        if gst_video::ForceKeyUnitEvent::is(event) {
            let client = lock(&self.shared).key_frames_of.clone();
            let asks = client.is_some();
            if let Some(client) = client {
                self.requester.request(client);
            }
            return asks;
        }
        self.parent_event(event)
    }
}

impl PushSrcImpl for VslSrc {
    fn create(&self, _: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
        let mut streaming = lock(&self.streaming);
        let Some(streaming) = streaming.as_mut() else {
            return Err(gst::FlowError::Flushing);
        };
        // GStreamer 1.26 drops a buffer that comes during a pause.
        if self.is_given.swap(false, Ordering::SeqCst) {
            lock(&self.shared).counts.frames -= 1;
            streaming.dropped += 1;
        }
        let pad = self.obj().src_pad().clone();
        loop {
            let next = streaming.link.next(&self.flow, || {
                pad.pad_flags().contains(gst::PadFlags::FLUSHING)
            });
            self.note_link(&mut streaming.link);
            match next.map_err(|error| self.fail(error))? {
                Next::Flushing => return Err(gst::FlowError::Flushing),
                Next::End => {
                    gst::info!(CAT, imp = self, "the host has ended");
                    return Err(gst::FlowError::Eos);
                }
                Next::Frame(arrival) => {
                    if let Some(buffer) = self.buffer(streaming, *arrival)? {
                        self.is_given.store(true, Ordering::SeqCst);
                        return Ok(CreateSuccess::NewBuffer(buffer));
                    }
                }
            }
        }
    }
}

impl VslSrc {
    /// Posts an error message.
    pub(super) fn fail(&self, error: gst::ErrorMessage) -> gst::FlowError {
        self.post_error_message(error);
        gst::FlowError::Error
    }

    fn say_notes(&self, link: &mut Link) {
        for note in link.notes.drain(..) {
            // `gst-launch-1.0` shows only the details of such a message.
            gst::element_imp_info!(self, gst::ResourceError::Busy, ("{note}"), ["{note}"]);
        }
    }

    /// Publishes notes and counters of the link.
    fn note_link(&self, link: &mut Link) {
        self.say_notes(link);
        let mut shared = lock(&self.shared);
        shared.hold = link.hold();
        shared.counts.restarts = link.restarts();
    }

    /// Returns the minimum latency of frames, and the maximum that holding `hold` frames allows.
    fn latency(&self) -> (gst::ClockTime, Option<gst::ClockTime>) {
        let shared = lock(&self.shared);
        let min = gst::ClockTime::from_nseconds(shared.ages.latency_ns());
        let max = shared
            .duration
            .and_then(|duration| duration.checked_mul(shared.hold.into()))
            .and_then(|held| held.checked_add(min));
        (min, max)
    }

    /// Returns caps of the next frame, without taking it.
    fn next_caps(&self) -> Option<gst::Caps> {
        let client = self.flow.reader()?;
        let (control, _) = client.ipc().ring();
        let newest = client.ipc().head().checked_sub(1)?;
        let (serial, words) = reader::peek_next(control, newest)?;
        let about = FrameDescriptor::from_words(words);
        about.check(serial).ok()?;
        // Caps for both kinds of memory.
        StreamFormat::of(&about).caps(true).ok()
    }

    fn stats(&self) -> gst::Structure {
        let shared = lock(&self.shared);
        let Counts {
            frames,
            missed,
            dropped,
            undecodable,
            early,
            copied,
            restarts,
        } = shared.counts;
        gst::Structure::builder("application/x-vslsrc-stats")
            .field("frames", frames)
            .field("missed", missed)
            .field("dropped", dropped)
            .field("undecodable", undecodable)
            .field("early", early)
            .field("copied", copied)
            .field("restarts", restarts)
            .field("hold", shared.hold)
            .field("age-min", shared.ages.smallest_ns.unwrap_or(0))
            .field("age-last", shared.ages.last_ns.unwrap_or(0))
            .build()
    }
}
