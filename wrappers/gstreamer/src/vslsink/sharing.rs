//! Publishing a pipeline's buffers as frames of the ring.

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use videostream::encode::{Codec, ParameterSets};
use videostream::hal::format::Layout;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::ring::{Flags, FrameDescriptor};
use videostream::hal::time::now_ns;
use videostream::share::{DropCause, Refused};

use super::copies::Copies;
use super::describe;
use super::imp::{CAT, VslSink};
use super::service::{Room, Service};
use crate::lock;
use crate::shape::Shape;
use crate::times::{self, ClockOffset};

/// Largest gap in buffer offsets that counts as lost frames; a larger one is a new numbering.
const MOST_LOST: u64 = 1000;

/// The stream that a sink shares.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) service: Option<Service>,
    /// Hosts of ended streams, kept while they have clients.
    ended: Vec<Service>,
    format: Option<Format>,
    /// Sequence number of the last frame.
    sequence: Option<u64>,
    pub(super) dropped: u64,
    /// Number of copied frames of earlier formats.
    copied_before: u64,
    /// Counters of hosts that are gone.
    gone: Counted,
    clock: ClockOffset,
}

/// What became of a buffer. It is reported without locks held, since a message handler may read the
/// statistics.
pub(super) enum Outcome {
    /// It was shared, or empty; and what to wait for.
    Shared(Option<Room>),
    Dropped {
        sequence: u64,
        /// Number of dropped frames in total.
        dropped: u64,
        room: Option<Room>,
    },
    Failed(gst::ErrorMessage),
}

/// Why a buffer was not shared.
enum Unshared {
    /// All buffers of the pool are in use.
    Full,
    Wrong(String),
    NoMemory(gst::FlowError),
}

impl From<gst::FlowError> for Unshared {
    fn from(error: gst::FlowError) -> Self {
        match error {
            gst::FlowError::Eos => Self::Full,
            other => Self::NoMemory(other),
        }
    }
}

/// Counters of hosts.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counted {
    pub(super) published: u64,
    pub(super) source_drops: u64,
    pub(super) left: u64,
    pub(super) refused: u64,
    pub(super) evicted: u64,
}

impl Counted {
    fn add(&mut self, service: &Service) {
        let counted = service.publisher().host().stats();
        self.published += counted.published;
        self.source_drops += counted.sensor_drops;
        self.left += counted.left;
        self.refused += counted.refused;
        self.evicted += counted.evicted;
    }
}

/// The format of the stream, and what depends on it.
#[derive(Debug)]
struct Format {
    shape: Shape,
    /// Layout without padding; `None` for packets and tiled pictures.
    tight: Option<Layout>,
    template: FrameDescriptor,
    copies: Copies,
    /// Parameter sets, for streams that have them.
    sets: Option<ParameterSets>,
}

impl Stream {
    pub(super) fn of(service: Service) -> Self {
        Self {
            service: Some(service),
            ..Self::default()
        }
    }

    /// Sets the format; at most `most` copies are in use at once.
    pub(super) fn set_format(&mut self, caps: &gst::Caps, shape: Shape, most: u32) {
        let codec = match &shape {
            Shape::Packets { fourcc, .. } => Codec::of_packets(*fourcc),
            Shape::Raw { .. } => None,
        };
        self.copied_before = self.copied();
        let sets = self.format.take().and_then(|before| before.sets);
        // Parsers refine the caps of a running stream: keep its sets.
        let sets = sets.filter(|sets| Some(sets.codec()) == codec);
        self.format = Some(Format {
            template: shape.template(),
            tight: shape.tight(),
            shape,
            copies: Copies::new(caps, most),
            sets: sets.or_else(|| codec.map(ParameterSets::new)),
        });
    }

    /// Returns the number of copied frames.
    pub(super) fn copied(&self) -> u64 {
        let format = self.format.as_ref();
        self.copied_before + format.map_or(0, |format| format.copies.count)
    }

    /// Returns the counters of all hosts, including those of ended streams.
    pub(super) fn counted(&self) -> Counted {
        let mut counted = self.gone;
        let services = self.ended.iter().chain(&self.service);
        services.for_each(|service| counted.add(service));
        counted
    }

    /// Whether decoding has to begin at a key frame.
    pub(super) fn needs_key_frames(&self) -> bool {
        let format = self.format.as_ref();
        format.is_some_and(|format| format.sets.is_some())
    }

    /// Ends the stream; slow readers keep its last frames.
    pub(super) fn end(&mut self) {
        if let Some(service) = self.service.take() {
            service.close();
            self.ended.push(service);
        }
        self.sequence = None;
    }

    /// Begins the next stream, with another host.
    fn begin(&mut self, service: Service) {
        let gone = &mut self.gone;
        self.ended.retain(|ended| {
            let is_done = ended.is_done();
            if is_done {
                gone.add(ended);
            }
            !is_done
        });
        let sets = self.format.as_ref().and_then(|format| format.sets.as_ref());
        if let Some(sets) = sets.filter(|sets| sets.is_complete()) {
            keep_sets(sets, &service);
        }
        self.service = Some(service);
    }
}

/// Stores parameter sets at the host for new clients. Too long ones are in the stream anyway.
fn keep_sets(sets: &ParameterSets, service: &Service) {
    let _ = service
        .publisher()
        .host_mut()
        .set_parameters(&sets.to_bytes());
}

impl VslSink {
    /// Returns a buffer's capture time on `CLOCK_MONOTONIC`.
    fn taken_ns(&self, buffer: &gst::BufferRef, clock: &mut ClockOffset) -> Option<u64> {
        times::taken_ns(buffer).or_else(|| {
            let element = self.obj();
            let segment = element.segment();
            let segment = segment.downcast_ref::<gst::ClockTime>()?;
            let running = segment.to_running_time(buffer.pts()?)?;
            let time = running.checked_add(element.base_time()?)?;
            let ahead = clock.ahead_ns(element.clock()?);
            time.nseconds().checked_add_signed(ahead)
        })
    }

    /// Publishes a buffer in place, or a copy of it.
    pub(super) fn share(&self, source: &gst::Buffer) -> Result<Outcome, gst::FlowError> {
        let (expires_ns, waits) = {
            let settings = lock(&self.settings);
            (settings.expires_ns(now_ns()), settings.waits())
        };
        let mut freed = Vec::new();
        let mut stream = lock(&self.stream);
        let stream = &mut *stream;
        if stream.service.is_none() {
            let path = lock(&self.bound).clone().ok_or(gst::FlowError::Flushing)?;
            match self.bind(&path) {
                Ok(service) => stream.begin(service),
                Err(message) => return Ok(Outcome::Failed(message)),
            }
        }
        let (Some(service), Some(format)) = (&stream.service, &mut stream.format) else {
            return Err(gst::FlowError::NotNegotiated);
        };
        if source.size() == 0 && matches!(format.shape, Shape::Packets { .. }) {
            gst::debug!(CAT, imp = self, "ignoring an empty packet");
            return Ok(Outcome::Shared(None));
        }
        let lost = match (source.offset(), stream.sequence) {
            (offset, Some(last))
                if matches!(format.shape, Shape::Raw { .. })
                    && offset > last
                    && offset - last <= MOST_LOST =>
            {
                offset - last - 1
            }
            _ => 0,
        };
        let sequence = match stream.sequence {
            Some(last) => last + 1 + lost,
            None => Some(source.offset())
                .filter(|offset| *offset < u64::from(u32::MAX))
                .unwrap_or(0),
        };
        let mut frame = FrameDescriptor {
            sequence,
            ..format.template
        };
        frame.expires_ns = expires_ns;
        let taken_ns = self.taken_ns(source, &mut stream.clock);
        Self::complete(&mut frame, source, taken_ns);
        let keep = match describe(source, &mut frame, format, service) {
            Ok(keep) => keep,
            // Clients hold all buffers of the pool.
            Err(Unshared::Full) => {
                stream.dropped += 1;
                service
                    .publisher()
                    .host_mut()
                    .ipc_mut()
                    .count_drops(1, DropCause::NoBuffer);
                return Ok(Outcome::Dropped {
                    sequence,
                    dropped: stream.dropped,
                    room: None,
                });
            }
            Err(Unshared::Wrong(why)) => {
                return Ok(Outcome::Failed(gst::error_msg!(
                    gst::StreamError::Format,
                    ("A buffer does not match its caps: {why}: check the element before \
                      vslsink"),
                    ["{source:?}"]
                )));
            }
            Err(Unshared::NoMemory(error)) => {
                return Ok(Outcome::Failed(gst::error_msg!(
                    gst::ResourceError::NoSpaceLeft,
                    ("Could not allocate memory that other processes can map"),
                    ["{source:?}: {error}"]
                )));
            }
        };
        stream.sequence = Some(sequence);
        let mut publisher = service.publisher();
        if lost > 0 {
            publisher.count_lost(lost);
        }
        let mut is_dropped = false;
        match publisher.publish(&frame, keep) {
            Ok(_) => {}
            Err(Refused { error, keep }) => {
                gst::debug!(CAT, imp = self, "frame {sequence}: {error}");
                freed.push(keep);
                is_dropped = true;
            }
        }
        publisher.take_back(|buffer| freed.push(buffer));
        let is_full = publisher.host().outstanding() > publisher.max_outstanding();
        drop(publisher);
        service.expects(frame.expires_ns);
        let room = (is_full && waits).then(|| service.room());
        if !is_dropped {
            return Ok(Outcome::Shared(room));
        }
        stream.dropped += 1;
        Ok(Outcome::Dropped {
            sequence,
            dropped: stream.dropped,
            room,
        })
    }

    /// Sets times and flags of a frame.
    fn complete(frame: &mut FrameDescriptor, source: &gst::BufferRef, taken_ns: Option<u64>) {
        let now = now_ns();
        let time = |time: Option<gst::ClockTime>| {
            let ns = time.and_then(|time| i64::try_from(time.nseconds()).ok());
            ns.unwrap_or(NO_TIME)
        };
        frame.timestamp_ns = taken_ns.unwrap_or(now);
        frame.dequeued_ns = now;
        frame.published_ns = now;
        frame.pts_ns = time(source.pts());
        frame.dts_ns = time(source.dts());
        if let Some(duration) = source.duration() {
            frame.duration_ns = duration.nseconds();
        }
        let flags = [
            (
                !source.flags().contains(gst::BufferFlags::DELTA_UNIT),
                Flags::KEY_FRAME,
            ),
            (
                source.flags().contains(gst::BufferFlags::CORRUPTED),
                Flags::CORRUPTED,
            ),
            (
                source.flags().contains(gst::BufferFlags::DISCONT),
                Flags::DISCONTINUITY,
            ),
        ];
        let set = flags.into_iter().filter(|(is_set, _)| *is_set);
        frame.flags = set.map(|(_, flag)| flag.bits()).sum();
    }
}

/// Describes a buffer in place, or a copy of it. Returns the buffer that holds the frame.
fn describe(
    source: &gst::Buffer,
    frame: &mut FrameDescriptor,
    format: &mut Format,
    service: &Service,
) -> Result<gst::Buffer, Unshared> {
    if let (Shape::Raw { info, .. }, Some(tight)) = (&format.shape, &format.tight) {
        describe::fit(source, info, tight).map_err(Unshared::Wrong)?;
    }
    let shape = &format.shape;
    let lies = |buffer: &gst::BufferRef, frame: &mut FrameDescriptor| {
        let mut publisher = service.publisher();
        match shape {
            Shape::Raw { info, .. } => describe::picture(buffer, info, publisher.host_mut(), frame),
            Shape::Packets { .. } => describe::packet(buffer, publisher.host_mut(), frame),
        }
    };
    let mut packet = None;
    if let Shape::Packets { .. } = shape {
        let bytes = source.map_readable().map_err(|_| gst::FlowError::Error)?;
        if let Some(sets) = &mut format.sets
            && frame.flags & Flags::KEY_FRAME.bits() != 0
            && sets.add_all(&bytes)
            && sets.is_complete()
        {
            keep_sets(sets, service);
        }
        packet = Some(bytes);
    }
    frame.bytes_used = u32::try_from(source.size()).map_err(|_| gst::FlowError::Error)?;
    if lies(source, frame).is_some() {
        return Ok(source.clone());
    }
    let copy = match (shape, packet) {
        (Shape::Raw { info, .. }, _) => format.copies.picture(source, info)?,
        (_, Some(bytes)) => format.copies.packet(&bytes)?,
        _ => return Err(gst::FlowError::Error.into()),
    };
    frame.bytes_used = u32::try_from(copy.size()).map_err(|_| gst::FlowError::Error)?;
    lies(&copy, frame).ok_or(gst::FlowError::Error)?;
    Ok(copy)
}
