//! Turning frames into buffers.

use std::sync::{Arc, LazyLock};

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::prelude::*;
use videostream::encode::{Codec, Packet};
use videostream::hal::ring::{Flags, FrameDescriptor};
use videostream::hal::time::deadline_in;
use videostream::share::KeyFrameGate;
use videostream::{Frame, FrameRate};

use super::copies::Copies;
use super::failure;
use super::imp::{CAT, VslSrc};
use super::link::{Arrival, Link};
use super::negotiation::Output;
use super::settings::{PerFrame, Timestamps, WhenFull};
use super::timing::{self, FrameTimes, Monotonic, Timeline};
use crate::caps::{Media, StreamFormat};
use crate::frame_memory::MappedBuffers;
use crate::lock;
use crate::placement::Placement;
use crate::times::{self, ClockOffset};

/// Category for messages about copies.
static PERFORMANCE: LazyLock<Option<gst::DebugCategory>> =
    LazyLock::new(|| gst::DebugCategory::get("GST_PERFORMANCE"));

/// How long to wait for a fence before checking for a flush, in nanoseconds.
const FENCE_NS: u64 = 50_000_000;
/// State of the streaming thread.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) link: Link,
    buffers: MappedBuffers,
    /// Connection of the previous frame.
    connection: u64,
    pub(super) output: Option<Output>,
    key_frames: KeyFrameGate,
    monotonic: Monotonic,
    clock: ClockOffset,
    /// Caps of reference timestamps.
    reference: gst::Caps,
    /// A rate that is not in the caps yet, and the number of frames in a row with it.
    pub(super) other_rate: (Option<FrameRate>, u32),
    /// The next frame is the first of a host.
    pub(super) is_new_host: bool,
    /// Frames are missing before the next one.
    gap: bool,
    /// Number of frames that the base class dropped.
    pub(super) dropped: u64,
    /// A frame from before the pipeline's start was pushed.
    has_early: bool,
}

impl Streaming {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            buffers: MappedBuffers::default(),
            connection: 0,
            output: None,
            key_frames: KeyFrameGate::new(),
            monotonic: Monotonic::default(),
            clock: ClockOffset::default(),
            reference: gst::Caps::new_empty_simple(times::MONOTONIC),
            other_rate: (None, 0),
            is_new_host: true,
            gap: true,
            dropped: 0,
            has_early: false,
        }
    }
}

impl VslSrc {
    /// Makes a buffer of a frame; `None` if the frame is left out.
    pub(super) fn buffer(
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
        let settings = lock(&self.settings).per_frame();
        if connection != streaming.connection {
            streaming.connection = connection;
            streaming.buffers.clear();
            streaming.key_frames = KeyFrameGate::new();
            streaming.gap = true;
            streaming.is_new_host = true;
        }
        let missed = frame.missed() + std::mem::take(&mut streaming.dropped);
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
        let path = streaming.link.path();
        let bad = |why: &str| self.fail(failure::of_frame(&path, about.serial, why));
        let format = StreamFormat::of(&about);
        if format.is_predicted() && streaming.link.take_every(&self.flow) {
            gst::debug!(
                CAT,
                imp = self,
                "compressed stream: receiving every packet in order"
            );
            return Ok(None);
        }
        let times = FrameTimes::new(&about, self.timeline(&mut streaming.clock));
        if settings.timestamps == Timestamps::Capture && times.is_early() {
            // One picture to start with; the others would all be shown at the same time.
            let is_wanted = !format.is_predicted() && !streaming.has_early;
            streaming.has_early = true;
            if !is_wanted {
                lock(&self.shared).counts.early += 1;
                streaming.key_frames.lose();
                streaming.gap = true;
                return Ok(None);
            }
        }
        // Downstream holds the maximum, and may not release any before it gets more.
        let must_copy = is_last && settings.when_full == WhenFull::Copy;
        let is_dma_buf = streaming.buffers.is_dma_buf(connection, &frame);
        let is_dma_buf = is_dma_buf.map_err(|error| bad(&error.to_string()))?;
        let is_new = self.agree(streaming, format, is_dma_buf, &path, about.serial)?;
        if is_new {
            streaming.buffers.clear();
            streaming.gap = true;
        }
        let Some(output) = &mut streaming.output else {
            return Err(gst::FlowError::NotNegotiated);
        };
        let (placement, info) = match &output.media {
            Media::Raw(info, tight) => (Placement::of_picture(&about, info, tight), Some(info)),
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
                    true => "downstream holds the maximum number of frames: raise hold",
                    false => "downstream does not support GstVideoMeta",
                };
                self.note_copy(why);
                let copied = output.copies.picture(&buffer, info);
                buffer = copied.map_err(|why| bad(&why))?;
            }
        } else if must_copy {
            self.note_copy("downstream holds the maximum number of frames: raise hold");
            let copied = output.copies.packet(&buffer);
            buffer = copied.map_err(|why| bad(&why))?;
        }
        let change = buffer.make_mut();
        if let Some(unit) = unit {
            unit.mark(change, &output.copies);
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
        Self::set_times(
            change,
            &about,
            &times,
            &settings,
            &mut streaming.monotonic,
            &streaming.reference,
        );
        self.account(&buffer, &about, missed, times.age_ns());
        Ok(Some(buffer))
    }

    /// Waits for the frame's fence; `false` if its contents will never be complete.
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

    /// Inspects a packet; `None` if it can't be decoded.
    fn judge(
        &self,
        frame: &Frame,
        codec: Codec,
        missed: u64,
        key_frames: &mut KeyFrameGate,
    ) -> videostream::Result<Option<Unit>> {
        let pixels = frame.pixels()?;
        let bytes = pixels.plane(0);
        let used = match frame.descriptor().bytes_used as usize {
            0 => bytes.len(),
            used => used.min(bytes.len()),
        };
        let packet = Packet::new(codec, &bytes[..used], 0, 0);
        if missed > 0 {
            key_frames.lose();
        }
        let is_decodable = key_frames.admits(packet.is_key());
        if key_frames.needs_request() {
            let client = lock(&self.shared).key_frames_of.clone();
            client
                .into_iter()
                .for_each(|client| self.requester.request(client));
        }
        if !is_decodable {
            lock(&self.shared).counts.undecodable += 1;
            return Ok(None);
        }
        let has_sets = !packet.parameter_sets().is_empty();
        // An encoder may send them only once; the host stores them.
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

    /// Sets the timestamps of a buffer.
    fn set_times(
        buffer: &mut gst::BufferRef,
        about: &FrameDescriptor,
        times: &FrameTimes,
        settings: &PerFrame,
        monotonic: &mut Monotonic,
        reference: &gst::Caps,
    ) {
        let is_predicted = StreamFormat::of(about).is_predicted();
        gst::ReferenceTimestampMeta::add(
            buffer,
            reference,
            gst::ClockTime::from_nseconds(times.capture_ns),
            gst::ClockTime::NONE,
        );
        let duration = i64::try_from(about.duration_ns).ok().and_then(timing::raw);
        buffer.set_duration(duration.filter(|duration| !duration.is_zero()));
        let raw = (timing::raw(about.pts_ns), timing::raw(about.dts_ns));
        let running = match settings.timestamps {
            Timestamps::Arrival => times.arrived(),
            _ => times.captured(),
        };
        let (pts, dts) = match (settings.timestamps, is_predicted) {
            (Timestamps::Raw, _) => raw,
            (_, false) => {
                let pts = running.map(|time| monotonic.next(time, gst::ClockTime::ZERO));
                (pts, None)
            }
            // With reordering, PTS is later than DTS.
            (_, true) => {
                let later = match raw {
                    (Some(pts), Some(dts)) => pts.saturating_sub(dts),
                    _ => gst::ClockTime::ZERO,
                };
                let decoded = running.map(|time| time.saturating_sub(later));
                // Parsers merge packets with equal timestamps, so DTS must increase.
                let dts = decoded.map(|time| monotonic.next(time, gst::ClockTime::NSECOND));
                (dts.map(|dts| dts + later), dts)
            }
        };
        buffer.set_pts(if settings.pts { raw.0 } else { pts });
        buffer.set_dts(if settings.dts { raw.1 } else { dts });
    }

    /// Returns the pipeline's clock; `None` outside of a pipeline.
    fn timeline(&self, clock: &mut ClockOffset) -> Option<Timeline> {
        let element = self.obj();
        Some(Timeline {
            base_ns: element.base_time()?.nseconds(),
            ahead_ns: clock.ahead_ns(element.clock()?),
        })
    }

    /// Counts a pushed frame, and reports missed ones.
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
            // Fails while the element is being disposed.
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
            let gap = buffer
                .duration()
                .and_then(|duration| duration.checked_mul(missed));
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
}

/// Adds a `GstVideoMeta` to a buffer.
fn describe(
    buffer: &mut gst::BufferRef,
    placement: &Placement,
    info: &gst_video::VideoInfo,
    format: StreamFormat,
) -> Result<(), String> {
    let fields = format.field_flags();
    buffer.set_video_flags(fields);
    // Tiled frames may have more planes than the format.
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
    /// It contains parameter sets.
    has_sets: bool,
    /// Parameter sets to prepend.
    sets: Option<Arc<[u8]>>,
}

impl Unit {
    fn mark(self, buffer: &mut gst::BufferRef, copies: &Copies) {
        if !self.is_key {
            buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        if self.has_sets || self.sets.is_some() {
            buffer.set_flags(gst::BufferFlags::HEADER);
        }
        if let Some(sets) = self.sets {
            buffer.prepend_memory(copies.memory(sets));
        }
    }
}
