//! The class of `vslsink`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use gst::glib;
use gst::glib::subclass::Signal;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::subclass::prelude::*;
use videostream::encode::{Codec, ParameterSets};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::ring::{Flags, FrameDescriptor};
use videostream::hal::time::now_ns;
use videostream::ipc::Error as IpcError;
use videostream::share::{ClientStatus, DropCause, Refused};

use super::copies::Copies;
use super::describe;
use super::service::{News, Room, Service};
use super::settings::{PROPERTIES, Settings};
use crate::lock;
use crate::pool::SharedPool;
use crate::shape::{self, Shape};
use crate::times::{self, ClockOffset};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "vslsink",
        gst::DebugColorFlags::empty(),
        Some("Sink that shares frames"),
    )
});

/// Frames that a source can lose at once; more than that is another way of counting.
const MOST_LOST: u64 = 1000;

/// The element.
#[derive(Debug, Default)]
pub struct VslSink {
    settings: Mutex<Settings>,
    /// Where the host is, while there is one.
    bound: Mutex<Option<String>>,
    stream: Mutex<Stream>,
    /// Those who wait for room give up.
    flushing: AtomicBool,
    waiting: Mutex<Option<Room>>,
}

#[derive(Debug, Default)]
struct Stream {
    service: Option<Service>,
    /// Hosts of streams that have ended, for as long as clients hold frames.
    ended: Vec<Service>,
    format: Option<Format>,
    /// The source's count of the last frame.
    sequence: Option<u64>,
    dropped: u64,
    copied: u64,
    clock: ClockOffset,
}

/// What has become of a buffer. It is told when nothing is locked: who is told may ask for the statistics.
enum Outcome {
    /// It is shared, or nothing is in it; and what to wait for.
    Shared(Option<Room>),
    Dropped {
        sequence: u64,
        /// So many in all.
        dropped: u64,
        room: Option<Room>,
    },
    Failed(gst::ErrorMessage),
}

/// Why a buffer is not shared.
enum Unshared {
    /// All buffers of the pool are out.
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

/// What the caps say, and what depends on them.
#[derive(Debug)]
struct Format {
    shape: Shape,
    /// The least that a picture takes; `None` for packets and tiled pictures.
    tight: Option<Layout>,
    template: FrameDescriptor,
    copies: Copies,
    sets: Option<ParameterSets>,
}

#[glib::object_subclass]
impl ObjectSubclass for VslSink {
    const NAME: &'static str = "VslSink";
    type Type = super::VslSink;
    type ParentType = gst_video::VideoSink;
}

impl ObjectImpl for VslSink {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn signals() -> &'static [Signal] {
        static SIGNALS: LazyLock<Vec<Signal>> = LazyLock::new(|| {
            ["client-connected", "client-disconnected"]
                .into_iter()
                .map(|name| {
                    Signal::builder(name)
                        .param_types([gst::Structure::static_type()])
                        .build()
                })
                .collect()
        });
        &SIGNALS
    }

    fn set_property(&self, _: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if lock(&self.bound).is_some() && pspec.name() != "lifespan" {
            gst::warning!(
                CAT,
                imp = self,
                "{} can't be changed while frames are shared: set the element to READY first",
                pspec.name()
            );
            return;
        }
        lock(&self.settings).set(pspec.name(), value);
    }

    fn property(&self, _: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.stats().to_value(),
            "num-clients" => {
                let stream = lock(&self.stream);
                let service = stream.service.as_ref();
                let count = service.map_or(0, |service| service.lender().host().clients().count());
                u32::try_from(count).unwrap_or(u32::MAX).to_value()
            }
            "path" => {
                let bound = lock(&self.bound).clone();
                bound
                    .or_else(|| lock(&self.settings).path.clone())
                    .to_value()
            }
            name => lock(&self.settings).get(name),
        }
    }
}

impl GstObjectImpl for VslSink {}

impl ElementImpl for VslSink {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "VideoStream Sink",
                "Sink/Video",
                "Shares frames with other processes without a copy",
                "The videostream developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let pad = gst::PadTemplate::new(
                "sink",
                gst::PadDirection::Sink,
                gst::PadPresence::Always,
                &shape::CAPS,
            );
            pad.into_iter().collect()
        });
        &TEMPLATES
    }
}

impl BaseSinkImpl for VslSink {
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let path = lock(&self.settings).path.clone().unwrap_or_else(|| {
            let thread = rustix::thread::gettid();
            format!("/tmp/{}.{thread}", self.obj().name())
        });
        let service = self.bind(&path)?;
        gst::info!(CAT, imp = self, "sharing frames at {path}");
        *lock(&self.bound) = Some(path);
        *lock(&self.stream) = Stream {
            service: Some(service),
            ..Stream::default()
        };
        self.obj().notify("path");
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let stream = std::mem::take(&mut *lock(&self.stream));
        *lock(&self.waiting) = None;
        *lock(&self.bound) = None;
        // Without the lock: its buffers go back to their pools, its thread ends.
        drop(stream);
        self.obj().notify("num-clients");
        Ok(())
    }

    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        self.flushing.store(true, Ordering::SeqCst);
        if let Some(room) = &*lock(&self.waiting) {
            room.ask();
        }
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        self.flushing.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn set_caps(&self, caps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let shape = Shape::of(caps).map_err(|why| {
            gst::element_imp_error!(self, gst::StreamError::Format, ("{why}"));
            gst::loggable_error!(CAT, "{why}")
        })?;
        let codec = match &shape {
            Shape::Packets { fourcc, .. } => match *fourcc {
                FourCc::H264 => Some(Codec::H264),
                FourCc::HEVC => Some(Codec::H265),
                _ => None,
            },
            Shape::Raw { .. } => None,
        };
        let most = lock(&self.settings).lend() + 2;
        let mut stream = lock(&self.stream);
        let sets = stream.format.take().and_then(|before| before.sets);
        // Parsers send caps again that say more of the same stream: its sets stay.
        let sets = sets.filter(|sets| Some(sets.codec()) == codec);
        stream.format = Some(Format {
            template: shape.template(),
            tight: shape.tight(),
            shape,
            copies: Copies::new(caps, most),
            sets: sets.or_else(|| codec.map(ParameterSets::new)),
        });
        drop(stream);
        self.parent_set_caps(caps)
    }

    fn propose_allocation(
        &self,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        query.add_allocation_meta::<gst_video::VideoMeta>(None);
        let (caps, need_pool) = query.get_owned();
        let Some(caps) = caps else {
            return Ok(());
        };
        // Beside those that are out, one that is filled and the last one, which the base class keeps.
        let min = lock(&self.settings).lend() + 2;
        let size = match Shape::of(&caps) {
            Ok(Shape::Raw { info, modifier: 0 }) => u32::try_from(info.size()).unwrap_or(0),
            _ => 0,
        };
        let pool = match need_pool && size > 0 {
            true => SharedPool::new(&caps, size, 0),
            false => None,
        };
        // Also without a pool: sources take it as the number of buffers that they need.
        query.add_allocation_pool(pool.as_ref(), size, min, 0);
        Ok(())
    }

    fn event(&self, event: gst::Event) -> bool {
        let is_end = event.type_() == gst::EventType::Eos;
        let is_handled = self.parent_event(event);
        if is_end && is_handled {
            self.end();
        }
        is_handled
    }

    fn render(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let room = self.publish(buffer)?;
        if let Some(room) = room {
            *lock(&self.waiting) = Some(room.clone());
            // After an unlock the base class waits until it goes on.
            room.wait(|| self.flushing.load(Ordering::SeqCst));
            *lock(&self.waiting) = None;
        }
        Ok(gst::FlowSuccess::Ok)
    }
}

impl VideoSinkImpl for VslSink {
    /// Called for the first frame before the pipeline plays: that one is shared when it is due.
    fn show_frame(&self, _: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        Ok(gst::FlowSuccess::Ok)
    }
}

impl VslSink {
    fn bind(&self, path: &str) -> Result<Service, gst::ErrorMessage> {
        let settings = lock(&self.settings).clone();
        let host = settings
            .host(path)
            .map_err(|why| gst::error_msg!(gst::ResourceError::Settings, ("{why}")))?;
        let element = self.obj().downgrade();
        let tell = move |news| {
            if let Some(element) = element.upgrade() {
                element.imp().tell(news);
            }
        };
        Service::start(host, settings.lend(), tell).map_err(|error| {
            let kind = match error.share() {
                Some(IpcError::AddressInUse) => gst::ResourceError::Busy,
                Some(
                    IpcError::AddressInvalid | IpcError::AddressTooLong(..) | IpcError::NotASocket,
                ) => gst::ResourceError::Settings,
                _ => gst::ResourceError::OpenReadWrite,
            };
            gst::error_msg!(kind, ("{error}"))
        })
    }

    /// Clients are told of the end; those who read slowly have their frames still.
    fn end(&self) {
        let mut stream = lock(&self.stream);
        if let Some(service) = stream.service.take() {
            service.close();
            stream.ended.push(service);
        }
        stream.sequence = None;
    }

    fn tell(&self, news: News) {
        let element = self.obj();
        let client = match news {
            News::Joined(client) => {
                self.ask_for_key_frame();
                element.emit_by_name::<()>("client-connected", &[&about(&client)]);
                client
            }
            News::Left(client) => {
                element.emit_by_name::<()>("client-disconnected", &[&about(&client)]);
                client
            }
            News::Failed(error) => {
                gst::element_imp_error!(
                    self,
                    gst::ResourceError::Read,
                    ("Nobody else can connect: {error}")
                );
                return;
            }
        };
        gst::debug!(
            CAT,
            imp = self,
            "client {} of process {}",
            client.client,
            client.pid
        );
        element.notify("num-clients");
    }

    /// A client of a compressed stream can begin at a key frame only.
    fn ask_for_key_frame(&self) {
        let is_compressed = {
            let stream = lock(&self.stream);
            let format = stream.format.as_ref();
            format.is_some_and(|format| format.sets.is_some())
        };
        if is_compressed {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder()
                .all_headers(true)
                .build();
            self.obj().sink_pad().push_event(event);
        }
    }

    fn stats(&self) -> gst::Structure {
        let mut all = self.obj().stats();
        all.set_name("vslsink-stats");
        let stream = lock(&self.stream);
        let (status, counted) = match &stream.service {
            Some(service) => {
                let lender = service.lender();
                (lender.host().status(), lender.host().stats())
            }
            None => Default::default(),
        };
        let copied = stream
            .format
            .as_ref()
            .map_or(0, |format| format.copies.count);
        all.set("published", counted.published);
        all.set("copied", stream.copied + copied);
        all.set("no-room", stream.dropped);
        all.set("source-drops", counted.sensor_drops);
        all.set("lent", status.lent);
        all.set("clients", status.clients);
        all.set("clients-left", counted.left);
        all.set("clients-refused", counted.refused);
        all.set("clients-evicted", counted.evicted);
        all
    }

    /// When a buffer was taken, by `CLOCK_MONOTONIC`.
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

    /// Publishes a buffer. Gives what to wait for, where the policy says so and there is no room
    /// for another.
    fn publish(&self, source: &gst::Buffer) -> Result<Option<Room>, gst::FlowError> {
        match self.share(source)? {
            Outcome::Shared(room) => Ok(room),
            Outcome::Dropped {
                sequence,
                dropped,
                room,
            } => {
                self.tell_of_drop(source, sequence, dropped);
                Ok(room)
            }
            Outcome::Failed(message) => {
                self.post_error_message(message);
                Err(gst::FlowError::Error)
            }
        }
    }

    fn share(&self, source: &gst::Buffer) -> Result<Outcome, gst::FlowError> {
        let (expires_ns, waits) = {
            let settings = lock(&self.settings);
            (settings.expires_ns(now_ns()), settings.waits())
        };
        let mut freed = Vec::new();
        let mut stream = lock(&self.stream);
        let stream = &mut *stream;
        if stream.service.is_none() {
            // Behind the end of a stream another one begins.
            stream.ended.retain(|ended| !ended.is_done());
            let path = lock(&self.bound).clone().ok_or(gst::FlowError::Flushing)?;
            match self.bind(&path) {
                Ok(service) => stream.service = Some(service),
                Err(message) => return Ok(Outcome::Failed(message)),
            }
        }
        let (Some(service), Some(format)) = (&stream.service, &mut stream.format) else {
            return Err(gst::FlowError::NotNegotiated);
        };
        if source.size() == 0 && matches!(format.shape, Shape::Packets { .. }) {
            gst::debug!(CAT, imp = self, "a packet without bytes is left out");
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
            // Only a client that holds on to them is to blame.
            Err(Unshared::Full) => {
                stream.dropped += 1;
                service
                    .lender()
                    .host_mut()
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
                    ("A buffer is not what its caps say: {why}: see what is in front of vslsink"),
                    ["{source:?}"]
                )));
            }
            Err(Unshared::NoMemory(error)) => {
                return Ok(Outcome::Failed(gst::error_msg!(
                    gst::ResourceError::NoSpaceLeft,
                    ("No memory for frames that other processes can map"),
                    ["{source:?}: {error}"]
                )));
            }
        };
        stream.sequence = Some(sequence);
        let mut lender = service.lender();
        if lost > 0 {
            lender.count_lost(lost);
        }
        let mut is_dropped = false;
        match lender.publish(&frame, keep) {
            Ok(_) => {}
            Err(Refused { error, keep }) => {
                gst::debug!(CAT, imp = self, "frame {sequence}: {error}");
                freed.push(keep);
                is_dropped = true;
            }
        }
        lender.take_back(|buffer| freed.push(buffer));
        let is_full = lender.host().lent() > lender.lend();
        drop(lender);
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

    /// Times and flags of a frame.
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

    /// Says that a frame was not shared, as elements do.
    fn tell_of_drop(&self, source: &gst::BufferRef, processed: u64, dropped: u64) {
        let element = self.obj();
        let segment = element.segment();
        let segment = segment.downcast_ref::<gst::ClockTime>();
        let running = segment.and_then(|s| s.to_running_time(source.pts()?));
        let message = gst::message::Qos::builder(true)
            .src(&*element)
            .running_time(running)
            .timestamp(source.pts())
            .duration(source.duration())
            .stats(
                gst::format::Buffers::from_u64(processed),
                gst::format::Buffers::from_u64(dropped),
            )
            .build();
        let _ = element.post_message(message);
    }
}

/// Describes a buffer where it lies, or a copy of it. Gives what the frame lies in.
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
        let mut lender = service.lender();
        match shape {
            Shape::Raw { info, .. } => describe::picture(buffer, info, lender.host_mut(), frame),
            Shape::Packets { .. } => describe::packet(buffer, lender.host_mut(), frame),
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
            // Those that are too long to be kept are in the stream still.
            let _ = service.lender().host_mut().set_parameters(&sets.to_bytes());
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

/// A client, as signals tell of it.
fn about(client: &ClientStatus) -> gst::Structure {
    gst::Structure::builder("videostream-client")
        .field("client", client.client)
        .field("pid", client.pid)
        .field("uid", client.uid)
        .field("hold", client.hold)
        .build()
}
