//! The element's class.

use std::sync::{Arc, LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;
use videostream::encode::{Codec, Packet};
use videostream::hal::memory::memfd;
use videostream::hal::ring::{Flags, FrameDescriptor, reader};
use videostream::hal::time::deadline_in;
use videostream::share::ClientBuilder;
use videostream::{Frame, FrameRate};

use super::copies::{self, Copies};
use super::failure;
use super::flow::Flow;
use super::key_frames::{Asker, KeyFrames, Verdict};
use super::link::{Arrival, Link, Next};
use super::settings::{Settings, Timestamps, WhenFull};
use super::timing::{self, Ages, Moment, Monotonic, Timeline};
use crate::caps::{self, Media, StreamFormat};
use crate::frame_memory::MappedBuffers;
use crate::placement::Placement;
use crate::{lock, shape, times};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "vslsrc",
        gst::DebugColorFlags::empty(),
        Some("source of shared frames"),
    )
});

/// Where GStreamer tells of copies.
static PERFORMANCE: LazyLock<Option<gst::DebugCategory>> =
    LazyLock::new(|| gst::DebugCategory::get("GST_PERFORMANCE"));

/// How long to wait for a fence at once, in nanoseconds.
const FENCE_NS: u64 = 50_000_000;
/// Frames in a row that have to say another rate before caps do: times of single frames are uneven.
const RATE_SETTLES: u32 = 15;

/// The element.
#[derive(Debug, Default)]
pub struct VslSrc {
    settings: Mutex<Settings>,
    flow: Arc<Flow>,
    /// Of the streaming thread, while it is in `create`.
    streaming: Mutex<Option<Streaming>>,
    /// Of all threads, for moments.
    shared: Mutex<Shared>,
    asker: Asker,
}

/// What the streaming thread works with.
#[derive(Debug)]
struct Streaming {
    link: Link,
    buffers: MappedBuffers,
    copies: Option<Copies>,
    /// Of the frame before.
    connection: u64,
    output: Option<Output>,
    key_frames: KeyFrames,
    times: Monotonic,
    /// A rate that caps do not say yet, and how many frames in a row have had it.
    other_rate: (Option<FrameRate>, u32),
    /// Frames are missing before the next one.
    gap: bool,
    /// A frame from before the pipeline's begin has come.
    has_early: bool,
}

/// What was agreed on with downstream.
#[derive(Debug)]
struct Output {
    format: StreamFormat,
    media: Media,
    is_dma_buf: bool,
    /// Downstream reads where planes lie.
    takes_meta: bool,
    /// Downstream insists on dma-bufs, which nothing else can take the place of.
    is_by_feature: bool,
}

#[derive(Debug, Default)]
struct Shared {
    is_started: bool,
    /// Downstream has asked to agree anew.
    reconfigure: bool,
    caps: Option<gst::Caps>,
    /// Whom to ask for a key frame, if frames need them.
    key_frames_of: Option<ClientBuilder>,
    counts: Counts,
    ages: Ages,
    hold: u32,
    duration: Option<gst::ClockTime>,
}

/// What has become of frames.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    /// Went downstream.
    frames: u64,
    /// Were gone before this element took them.
    missed: u64,
    /// Went by while downstream held as many as it may.
    dropped: u64,
    /// Can't be decoded: before a key frame.
    undecodable: u64,
    /// Were taken before the pipeline began.
    early: u64,
    /// Were copied, for a downstream that does not read where planes lie.
    copied: u64,
    restarts: u64,
}

impl Counts {
    fn lost(&self) -> u64 {
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
                "{} can be set in the states NULL and READY only: it stays what it is",
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
                "Brings frames of another process into the pipeline without a copy",
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
}

impl BaseSrcImpl for VslSrc {
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = lock(&self.settings).clone();
        let path = settings.path.clone().filter(|path| !path.is_empty());
        let path = path.ok_or_else(failure::no_path)?;
        let waits = settings.reconnect;
        let mut link = Link::new(path, settings);
        // A host that may come later is waited for in the streaming thread.
        if !waits {
            link.connect(&self.flow)?;
        }
        *lock(&self.shared) = Shared {
            is_started: true,
            hold: link.hold(),
            ..Shared::default()
        };
        self.say_notes(&mut link);
        let mut key_frames = KeyFrames::default();
        key_frames.begin();
        *lock(&self.streaming) = Some(Streaming {
            link,
            buffers: MappedBuffers::default(),
            copies: None,
            connection: 0,
            output: None,
            key_frames,
            times: Monotonic::default(),
            other_rate: (None, 0),
            gap: true,
            has_early: false,
        });
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

    fn is_seekable(&self) -> bool {
        false
    }

    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        self.flow.flush();
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        self.flow.resume();
        Ok(())
    }

    /// What flows, or would flow next; no frame is taken for it.
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

    /// Caps are those of the next frame: `create` sets them, which is where it is known.
    fn negotiate(&self) -> Result<(), gst::LoggableError> {
        lock(&self.shared).reconfigure = true;
        Ok(())
    }

    /// Frames lie where the host has put them: nobody's pool is used.
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
                self.asker.ask(client);
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
        loop {
            let next = streaming.link.next(&self.flow);
            self.note_link(&mut streaming.link);
            match next.map_err(|error| self.fail(error))? {
                Next::Flushing => return Err(gst::FlowError::Flushing),
                Next::End => {
                    gst::info!(CAT, imp = self, "the host has ended");
                    return Err(gst::FlowError::Eos);
                }
                Next::Frame(arrival) => {
                    if let Some(buffer) = self.buffer(streaming, *arrival)? {
                        return Ok(CreateSuccess::NewBuffer(buffer));
                    }
                }
            }
        }
    }
}

impl VslSrc {
    /// Ends the stream with a message.
    fn fail(&self, error: gst::ErrorMessage) -> gst::FlowError {
        self.post_error_message(error);
        gst::FlowError::Error
    }

    fn say_notes(&self, link: &mut Link) {
        for note in link.notes.drain(..) {
            gst::element_imp_info!(self, gst::ResourceError::Busy, ("{note}"));
        }
    }

    /// Says what the link has to say.
    fn note_link(&self, link: &mut Link) {
        self.say_notes(link);
        let mut shared = lock(&self.shared);
        shared.hold = link.hold();
        shared.counts.restarts = link.restarts();
    }

    /// Makes a buffer of a frame; `None` if it does not flow.
    fn buffer(
        &self,
        streaming: &mut Streaming,
        arrival: Arrival,
    ) -> Result<Option<gst::Buffer>, gst::FlowError> {
        let Arrival {
            frame,
            connection,
            was_full,
            is_last,
        } = arrival;
        let about = *frame.descriptor();
        let settings = lock(&self.settings).clone();
        if connection != streaming.connection {
            streaming.connection = connection;
            streaming.buffers.clear();
            streaming.key_frames.begin();
            streaming.gap = true;
        }
        let missed = frame.missed();
        if missed > 0 {
            streaming.gap = true;
            let counts = &mut lock(&self.shared).counts;
            match was_full {
                true => counts.dropped += missed,
                false => counts.missed += missed,
            }
        }
        if !self.is_complete(&frame)? {
            return Ok(None);
        }
        let path = streaming.link.path().to_owned();
        let bad = |why: &str| self.fail(failure::of_frame(&path, about.serial, why));
        let format = StreamFormat::of(&about);
        if format.is_predicted() && streaming.link.take_every(&self.flow) {
            gst::debug!(CAT, imp = self, "packets: taking every one in order");
            return Ok(None);
        }
        let moment = Moment::new(&about, self.timeline());
        if settings.timestamps == Timestamps::Capture && moment.is_early() {
            // A picture to begin with; the rest would all be shown at the pipeline's begin.
            let is_wanted = !format.is_predicted() && !streaming.has_early;
            streaming.has_early = true;
            if !is_wanted {
                lock(&self.shared).counts.early += 1;
                streaming.key_frames.lose();
                streaming.gap = true;
                return Ok(None);
            }
        }
        // Downstream has as many as it may, and gives none back before it gets more.
        let must_copy = is_last && settings.when_full == WhenFull::Copy;
        let is_dma_buf = frame.plane_fd(0).is_some_and(memfd::is_dma_buf);
        let is_new = self.agree(streaming, format, is_dma_buf, &path, about.serial)?;
        if is_new {
            streaming.buffers.clear();
            streaming.copies = None;
            streaming.gap = true;
        }
        let Some(output) = &streaming.output else {
            return Err(gst::FlowError::NotNegotiated);
        };
        let (placement, info) = match &output.media {
            Media::Raw(info) => (Placement::of_picture(&about, info), Some(info)),
            Media::Packets(_) => (Placement::of_packet(&about), None),
        };
        let placement = placement.map_err(|why| bad(&why))?;
        let mut unit = None;
        if let Some(codec) = Codec::of_packets(format.fourcc) {
            let judged = self.judge(&frame, codec, missed, &mut streaming.key_frames);
            match judged.map_err(|error| self.fail(failure::of_reading(&error)))? {
                Some(passed) => unit = Some(passed),
                None => {
                    streaming.gap = true;
                    return Ok(None);
                }
            }
        }
        let flow = self.flow.clone();
        let returned = move || flow.count_return();
        let wrapped = streaming
            .buffers
            .wrap(connection, &placement, frame, returned);
        let mut buffer = wrapped.map_err(|error| bad(&error.to_string()))?;
        if let Some(info) = info {
            describe(buffer.make_mut(), &placement, info, format).map_err(|why| bad(&why))?;
            let is_understood = output.takes_meta || placement.is_default(info);
            if !is_understood || (must_copy && !output.is_by_feature) {
                let why = match is_understood {
                    true => "downstream holds as many frames as it may: raise hold",
                    false => "downstream does not take GstVideoMeta",
                };
                self.note_copy(why);
                buffer = copies::picture(&buffer, info, &mut streaming.copies)
                    .map_err(|why| bad(&why))?;
            }
        } else if must_copy {
            self.note_copy("downstream holds as many frames as it may: raise hold");
            buffer = copies::packet(&buffer).map_err(|why| bad(&why))?;
        }
        let change = buffer.make_mut();
        if let Some(unit) = unit {
            unit.mark(change);
        }
        let gap = std::mem::take(&mut streaming.gap);
        if gap {
            change.set_flags(gst::BufferFlags::DISCONT);
        }
        if about.flags().contains(Flags::CORRUPTED) {
            change.set_flags(gst::BufferFlags::CORRUPTED);
        }
        change.set_offset(about.serial);
        change.set_offset_end(about.serial.saturating_add(1));
        Self::set_times(change, &about, &moment, &settings, &mut streaming.times);
        self.account(&buffer, &about, missed, moment.age_ns());
        Ok(Some(buffer))
    }

    /// Waits for the frame's fence. `false`: its contents will never be right.
    fn is_complete(&self, frame: &Frame) -> Result<bool, gst::FlowError> {
        loop {
            match frame.wait_fence(deadline_in(FENCE_NS)) {
                Ok(()) => return Ok(true),
                Err(error) if error.is_timeout() => {
                    if self.flow.is_flushing() {
                        return Err(gst::FlowError::Flushing);
                    }
                }
                Err(error) => {
                    gst::warning!(CAT, imp = self, "frame {}: {error}", frame.serial());
                    return Ok(false);
                }
            }
        }
    }

    /// Agrees on caps for frames like this, where they are others than before. `true`: they are.
    fn agree(
        &self,
        streaming: &mut Streaming,
        format: StreamFormat,
        is_dma_buf: bool,
        path: &str,
        serial: u64,
    ) -> Result<bool, gst::FlowError> {
        let reconfigure = std::mem::take(&mut lock(&self.shared).reconfigure);
        let mut format = format;
        if let Some(output) = &streaming.output {
            let said = output.format.rate;
            if format.with_rate(said) != output.format || format.rate == said {
                streaming.other_rate = (None, 0);
            } else {
                let (other, frames) = &mut streaming.other_rate;
                *frames = if *other == format.rate {
                    *frames + 1
                } else {
                    1
                };
                *other = format.rate;
                if *frames < RATE_SETTLES {
                    format = format.with_rate(said);
                }
            }
            let is_same = output.format == format && output.is_dma_buf == is_dma_buf;
            if is_same && !reconfigure {
                return Ok(false);
            }
        }
        let bad = |why: &str| self.fail(failure::of_frame(path, serial, why));
        let media = format.media().map_err(|why| bad(&why))?;
        let offered = format.caps(is_dma_buf).map_err(|why| bad(&why))?;
        let pad = self.obj().src_pad().clone();
        let taken = pad.peer_query_caps(Some(&offered));
        let single = |at: usize| {
            let (structure, features) = (offered.structure(at)?, offered.features(at)?);
            let mut caps = gst::Caps::new_empty();
            let change = caps.make_mut();
            change.append_structure_full(structure.to_owned(), Some(features.to_owned()));
            Some(caps)
        };
        let mut choices = (0..offered.size()).filter_map(single);
        let Some(caps) = choices.find(|caps| caps.can_intersect(&taken)) else {
            if self.flow.is_flushing() {
                return Err(gst::FlowError::Flushing);
            }
            let taken = pad.peer_query_caps(None);
            self.post_error_message(failure::of_caps(path, &offered, &taken));
            return Err(gst::FlowError::NotNegotiated);
        };
        gst::info!(CAT, imp = self, "frames are {caps}");
        let is_new = {
            let mut shared = lock(&self.shared);
            let is_new = shared.caps.as_ref() != Some(&caps);
            shared.caps = Some(caps.clone());
            shared.key_frames_of = format.is_predicted().then(|| streaming.link.client());
            is_new
        };
        if self.obj().set_caps(&caps).is_err() {
            // Other threads flush the pad, too.
            let is_flushing =
                self.flow.is_flushing() || pad.pad_flags().contains(gst::PadFlags::FLUSHING);
            return Err(match is_flushing {
                true => gst::FlowError::Flushing,
                false => gst::FlowError::NotNegotiated,
            });
        }
        let mut query = gst::query::Allocation::new(Some(&caps), false);
        let is_by_feature = caps.features(0).is_some_and(|f| f.contains(caps::DMA_BUF));
        let takes_meta = pad.peer_query(&mut query)
            && query
                .find_allocation_meta::<gst_video::VideoMeta>()
                .is_some();
        streaming.output = Some(Output {
            format,
            media,
            is_dma_buf,
            // Who takes dma-bufs by name does not map them.
            takes_meta: takes_meta || is_by_feature,
            is_by_feature,
        });
        streaming.other_rate = (None, 0);
        Ok(is_new)
    }

    /// Looks at a packet; `None` if it can't be decoded.
    fn judge(
        &self,
        frame: &Frame,
        codec: Codec,
        missed: u64,
        key_frames: &mut KeyFrames,
    ) -> videostream::Result<Option<Unit>> {
        let pixels = frame.pixels()?;
        let bytes = pixels.plane(0);
        let used = match frame.descriptor().bytes_used as usize {
            0 => bytes.len(),
            used => used.min(bytes.len()),
        };
        let packet = Packet::new(codec, &bytes[..used], 0, 0);
        let verdict = key_frames.judge(packet.is_key(), missed);
        if verdict == Verdict::Ask {
            let client = lock(&self.shared).key_frames_of.clone();
            client.into_iter().for_each(|client| self.asker.ask(client));
        }
        if verdict != Verdict::Pass {
            lock(&self.shared).counts.undecodable += 1;
            return Ok(None);
        }
        let has_sets = !packet.parameter_sets().is_empty();
        // An encoder may give them once only; the host keeps them.
        let sets = match packet.is_key() && !has_sets {
            true => frame.parameters()?,
            false => None,
        };
        Ok(Some(Unit {
            is_key: packet.is_key(),
            has_sets,
            sets,
        }))
    }

    fn note_copy(&self, why: &str) {
        lock(&self.shared).counts.copied += 1;
        if let Some(category) = &*PERFORMANCE {
            gst::log!(category, imp = self, "slow copy: {why}");
        }
    }

    /// Sets the times of a buffer.
    fn set_times(
        buffer: &mut gst::BufferRef,
        about: &FrameDescriptor,
        moment: &Moment,
        settings: &Settings,
        times: &mut Monotonic,
    ) {
        let is_predicted = StreamFormat::of(about).is_predicted();
        static REFERENCE: LazyLock<gst::Caps> =
            LazyLock::new(|| gst::Caps::new_empty_simple(times::MONOTONIC));
        gst::ReferenceTimestampMeta::add(
            buffer,
            &REFERENCE,
            gst::ClockTime::from_nseconds(moment.capture_ns),
            gst::ClockTime::NONE,
        );
        let duration = Some(about.duration_ns).filter(|duration| *duration != 0);
        buffer.set_duration(duration.map(gst::ClockTime::from_nseconds));
        let raw = (timing::raw(about.pts_ns), timing::raw(about.dts_ns));
        let running = match settings.timestamps {
            Timestamps::Arrival => moment.arrived(),
            _ => moment.captured(),
        };
        let (pts, dts) = match (settings.timestamps, is_predicted) {
            (Timestamps::Raw, _) => raw,
            (_, false) => {
                let pts = running.map(|time| times.next(time, gst::ClockTime::ZERO));
                (pts, None)
            }
            // Pictures may be shown later than ones that are decoded after them.
            (_, true) => {
                let later = match raw {
                    (Some(pts), Some(dts)) => pts.saturating_sub(dts),
                    _ => gst::ClockTime::ZERO,
                };
                let decoded = running.map(|time| time.saturating_sub(later));
                // Parsers take two packets of one time for parts of one.
                let dts = decoded.map(|time| times.next(time, gst::ClockTime::NSECOND));
                (dts.map(|dts| dts + later), dts)
            }
        };
        buffer.set_pts(if settings.pts { raw.0 } else { pts });
        buffer.set_dts(if settings.dts { raw.1 } else { dts });
    }

    /// The pipeline's clock; `None` outside of a pipeline.
    fn timeline(&self) -> Option<Timeline> {
        let element = self.obj();
        Some(Timeline {
            base_ns: element.base_time()?.nseconds(),
            ahead_ns: times::ahead_ns(&element.clock()?),
        })
    }

    /// Counts a frame that goes downstream, and tells of those that did not.
    fn account(
        &self,
        buffer: &gst::Buffer,
        about: &FrameDescriptor,
        missed: u64,
        age_ns: Option<u64>,
    ) {
        let (counts, notable) = {
            let mut shared = lock(&self.shared);
            shared.counts.frames += 1;
            shared.duration = buffer.duration();
            let notable = age_ns.is_some_and(|age| shared.ages.add(age));
            (shared.counts, notable)
        };
        let element = self.obj();
        if notable {
            let latency = gst::message::Latency::builder().src(&*element);
            // Refused by an element that is being disposed of.
            let _ = element.post_message(latency.build());
        }
        if missed > 0 {
            gst::debug!(
                CAT,
                imp = self,
                "{missed} frames missed before {}",
                about.serial
            );
            let processed = gst::format::Buffers::from_u64(counts.frames);
            let lost = gst::format::Buffers::from_u64(counts.lost());
            let gap = buffer.duration().map(|duration| duration * missed);
            let message = gst::message::Qos::builder(true)
                .running_time(buffer.pts())
                .stream_time(buffer.pts())
                .timestamp(buffer.pts())
                .duration(gap)
                .values(0, 1.0, 1_000_000)
                .stats(processed, lost)
                .src(&*element);
            let _ = element.post_message(message.build());
        }
    }

    /// The smallest latency that frames have, and the largest that the frames held make possible.
    fn latency(&self) -> (gst::ClockTime, Option<gst::ClockTime>) {
        let shared = lock(&self.shared);
        let min = gst::ClockTime::from_nseconds(shared.ages.latency_ns());
        let max = shared
            .duration
            .and_then(|duration| duration.checked_mul(shared.hold.into()))
            .and_then(|held| held.checked_add(min));
        (min, max)
    }

    /// Caps of the frame that would come next, without taking it.
    fn next_caps(&self) -> Option<gst::Caps> {
        let client = self.flow.reader()?;
        let (control, _) = client.ipc().ring();
        let newest = client.ipc().head().checked_sub(1)?;
        let (serial, words) = reader::peek_next(control, newest)?;
        let about = FrameDescriptor::from_words(words);
        about.check(serial).ok()?;
        // Either kind of memory will do for a look.
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

/// Says where the planes of a buffer lie.
fn describe(
    buffer: &mut gst::BufferRef,
    placement: &Placement,
    info: &gst_video::VideoInfo,
    format: StreamFormat,
) -> Result<(), String> {
    let fields = format.field_flags();
    buffer.set_flags(gst::BufferFlags::from_bits_truncate(fields.bits()));
    // Tiled frames may have planes that the format does not know.
    if placement.strides.len() != info.n_planes() as usize {
        return Ok(());
    }
    let mut flags = gst_video::VideoFrameFlags::empty();
    for (field, flag) in [
        (
            gst_video::VideoBufferFlags::INTERLACED,
            gst_video::VideoFrameFlags::INTERLACED,
        ),
        (
            gst_video::VideoBufferFlags::TFF,
            gst_video::VideoFrameFlags::TFF,
        ),
    ] {
        if fields.contains(field) {
            flags |= flag;
        }
    }
    gst_video::VideoMeta::add_full(
        buffer,
        flags,
        info.format(),
        info.width(),
        info.height(),
        &placement.offsets,
        &placement.strides,
    )
    .map_err(|error| error.to_string())?;
    Ok(())
}

/// A packet that can be decoded.
#[derive(Debug)]
struct Unit {
    is_key: bool,
    /// Parameter sets are in it.
    has_sets: bool,
    /// They are to be put in front of it.
    sets: Option<Arc<[u8]>>,
}

impl Unit {
    fn mark(self, buffer: &mut gst::BufferRef) {
        if !self.is_key {
            buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        if self.has_sets || self.sets.is_some() {
            buffer.set_flags(gst::BufferFlags::HEADER);
        }
        if let Some(sets) = self.sets {
            buffer.prepend_memory(gst::Memory::from_slice(sets));
        }
    }
}
