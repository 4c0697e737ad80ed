//! The element's class.

use std::os::fd::AsFd;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::subclass::prelude::*;
use rustix::io::fcntl_dupfd_cloexec;
use videostream::Host;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::hal::ring::{Flags, FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;
use videostream::share::Refused;

use super::service::{Changes, Service};
use crate::memory::part;
use crate::pool::SharedPool;
use crate::shape::{self, Shape};
use crate::times;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "vslsink",
        gst::DebugColorFlags::empty(),
        Some("sink that shares frames"),
    )
});

#[derive(Debug, Clone)]
struct Settings {
    path: Option<String>,
    lifespan_ms: i64,
    pool_size: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            lifespan_ms: 100,
            pool_size: 8,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    service: Option<Service>,
    shape: Option<Shape>,
    caps: Option<gst::Caps>,
    /// For frames in memory that can't be shared.
    copies: Option<SharedPool>,
    sequence: u64,
}

/// The element.
#[derive(Debug, Default)]
pub struct VslSink {
    settings: Mutex<Settings>,
    state: Mutex<State>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[glib::object_subclass]
impl ObjectSubclass for VslSink {
    const NAME: &'static str = "VslSink";
    type Type = super::VslSink;
    type ParentType = gst_video::VideoSink;
}

impl ObjectImpl for VslSink {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            vec![
                glib::ParamSpecString::builder("path")
                    .nick("Path")
                    .blurb("Socket that clients connect to: a file if it begins with '/', else an abstract name")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecInt64::builder("lifespan")
                    .nick("Lifespan")
                    .blurb("Milliseconds for which a frame that nobody holds stays")
                    .minimum(0)
                    .default_value(100)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt::builder("pool-size")
                    .nick("Pool size")
                    .blurb("Buffers of the pool that is proposed upstream")
                    .minimum(1)
                    .maximum(64)
                    .default_value(8)
                    .mutable_ready()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = lock(&self.settings);
        match pspec.name() {
            "path" => settings.path = value.get().unwrap_or_default(),
            "lifespan" => settings.lifespan_ms = value.get().unwrap_or(100),
            "pool-size" => settings.pool_size = value.get().unwrap_or(8),
            _ => {}
        }
    }

    fn property(&self, _: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = lock(&self.settings);
        match pspec.name() {
            "path" => settings.path.to_value(),
            "lifespan" => settings.lifespan_ms.to_value(),
            _ => settings.pool_size.to_value(),
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
                "videostream",
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
        let settings = lock(&self.settings).clone();
        let path = settings
            .path
            .unwrap_or_else(|| format!("/tmp/{}", self.obj().name()));
        lock(&self.settings).path = Some(path.clone());
        let element = self.obj().downgrade();
        let tell = move |changes| {
            if let Some(element) = element.upgrade() {
                element.imp().tell(changes);
            }
        };
        let service = Service::start(Host::builder(&path), settings.pool_size.max(2), tell)
            .map_err(|error| gst::error_msg!(gst::ResourceError::OpenReadWrite, ["{error}"]))?;
        lock(&self.state).service = Some(service);
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let state = std::mem::take(&mut *lock(&self.state));
        // Its buffers go back without the lock.
        drop(state);
        Ok(())
    }

    fn set_caps(&self, caps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let shape = Shape::of(caps);
        let shape = shape.ok_or_else(|| gst::loggable_error!(CAT, "{caps} can't be shared"))?;
        let mut state = lock(&self.state);
        state.shape = Some(shape);
        state.caps = Some(caps.clone());
        let before = state.copies.take();
        drop(state);
        drop(before);
        self.parent_set_caps(caps)
    }

    fn propose_allocation(
        &self,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        query.add_allocation_meta::<gst_video::VideoMeta>(None);
        let min = lock(&self.settings).pool_size + 1;
        let (caps, need_pool) = query.get_owned();
        let shape = caps.as_deref().and_then(Shape::of);
        let size = match &shape {
            Some(Shape::Raw(info, _)) => info.size() as u32,
            _ => 0,
        };
        let pool = match (need_pool, &caps, shape) {
            (true, Some(caps), Some(Shape::Raw(..))) => SharedPool::new(caps, size, 0),
            _ => None,
        };
        query.add_allocation_pool(pool.as_ref(), size, min, 0);
        Ok(())
    }

    fn render(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut freed = Vec::new();
        let result = self.publish(buffer, &mut freed);
        drop(freed);
        result
    }
}

impl VideoSinkImpl for VslSink {
    /// Called for the first frame before the pipeline plays; that one is shared when its time has come.
    fn show_frame(&self, _: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        Ok(gst::FlowSuccess::Ok)
    }
}

impl VslSink {
    fn tell(&self, changes: Changes) {
        for client in changes.joined {
            gst::info!(CAT, imp = self, "client {} joined", client.pid);
        }
        for client in changes.left {
            gst::info!(CAT, imp = self, "client {} left", client.pid);
        }
    }

    /// When a buffer was taken, by `CLOCK_MONOTONIC`.
    fn taken_ns(&self, buffer: &gst::BufferRef) -> Option<u64> {
        times::taken_ns(buffer).or_else(|| {
            let element = self.obj();
            let segment = element.segment();
            let segment = segment.downcast_ref::<gst::ClockTime>()?;
            let running = segment.to_running_time(buffer.pts()?)?;
            let time = running.checked_add(element.base_time()?)?;
            let ahead = times::ahead_ns(&element.clock()?);
            time.nseconds().checked_add_signed(ahead)
        })
    }

    fn publish(
        &self,
        buffer: &gst::Buffer,
        freed: &mut Vec<gst::Buffer>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let lifespan = lock(&self.settings).lifespan_ms;
        let mut state = lock(&self.state);
        let State {
            service,
            shape,
            caps,
            copies,
            sequence,
        } = &mut *state;
        let (Some(service), Some(shape)) = (service, shape) else {
            return Err(gst::FlowError::NotNegotiated);
        };
        let copied;
        let source = buffer;
        let buffer = match shape {
            Shape::Raw(info, _) if !is_shareable(buffer) => {
                let caps = caps.as_ref().ok_or(gst::FlowError::NotNegotiated)?;
                let most = lock(&self.settings).pool_size + 2;
                copied = copy(buffer, info, caps, copies, most)?;
                &copied
            }
            _ => buffer,
        };
        let now = now_ns();
        let time = |time: Option<gst::ClockTime>| {
            time.and_then(|time| i64::try_from(time.nseconds()).ok())
                .unwrap_or(NO_TIME)
        };
        let mut frame = FrameDescriptor {
            sequence: *sequence,
            timestamp_ns: self.taken_ns(source).unwrap_or(now),
            dequeued_ns: now,
            published_ns: now,
            expires_ns: now.saturating_add(lifespan.unsigned_abs().saturating_mul(1_000_000)),
            duration_ns: source.duration().map_or(0, gst::ClockTime::nseconds),
            pts_ns: time(source.pts()),
            dts_ns: time(source.dts()),
            bytes_used: buffer.size() as u32,
            ..FrameDescriptor::default()
        };
        if !source.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            frame.flags |= Flags::KEY_FRAME.bits();
        }
        let mut lender = service.lender();
        let described = match shape {
            Shape::Raw(info, fourcc) => {
                frame.fourcc = fourcc.0;
                frame.width = info.width();
                frame.height = info.height();
                let (offsets, strides) = match buffer.meta::<gst_video::VideoMeta>() {
                    Some(meta) => (meta.offset().to_vec(), meta.stride().to_vec()),
                    None => (info.offset().to_vec(), info.stride().to_vec()),
                };
                frame.plane_count = info.n_planes();
                (0..info.n_planes() as usize).try_fold((), |(), at| {
                    let height = info.comp_height(at.min(1) as u8);
                    let stride = u32::try_from(strides[at]).ok()?;
                    let size = stride as usize * height as usize;
                    let (range, skip) = buffer.find_memory(offsets[at]..offsets[at] + 1)?;
                    let part = part(buffer.peek_memory(range.start))?;
                    let fd = fcntl_dupfd_cloexec(part.fd, 0).ok()?;
                    let whole =
                        videostream::hal::memory::mapping::file_size(part.fd.as_fd()).ok()?;
                    let id = lender.host_mut().register(fd, whole).ok()?;
                    frame.planes[at] = PlaneDescriptor {
                        buffer: id,
                        offset: u32::try_from(part.offset + skip).ok()?,
                        stride,
                        size: u32::try_from(size).ok()?,
                    };
                    Some(())
                })
            }
            Shape::Packets { .. } => None,
        };
        if described.is_none() {
            gst::warning!(CAT, imp = self, "memory that can't be shared");
            return Ok(gst::FlowSuccess::Ok);
        }
        *sequence += 1;
        match lender.publish(&frame, buffer.clone()) {
            Ok(_) => {}
            Err(Refused { error, keep }) => {
                gst::debug!(CAT, imp = self, "{error}");
                freed.push(keep);
            }
        }
        lender.take_back(|buffer| freed.push(buffer));
        drop(lender);
        service.expects(frame.expires_ns);
        Ok(gst::FlowSuccess::Ok)
    }
}

/// Whether all memory of a buffer is a part of a file.
fn is_shareable(buffer: &gst::BufferRef) -> bool {
    buffer.iter_memories().all(|memory| part(memory).is_some())
}

/// Copies a picture into memory that can be shared.
fn copy(
    buffer: &gst::Buffer,
    info: &gst_video::VideoInfo,
    caps: &gst::Caps,
    pool: &mut Option<SharedPool>,
    most: u32,
) -> Result<gst::Buffer, gst::FlowError> {
    let pool = match pool {
        Some(pool) => pool,
        none => {
            let made = SharedPool::active(caps, info.size() as u32, most);
            none.insert(made.ok_or(gst::FlowError::Error)?)
        }
    };
    let params = gst::BufferPoolAcquireParams::with_flags(gst::BufferPoolAcquireFlags::DONTWAIT);
    let mut copied = pool.acquire_buffer(Some(&params))?;
    {
        let from = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info);
        let from = from.map_err(|_| gst::FlowError::Error)?;
        let to = copied.get_mut().ok_or(gst::FlowError::Error)?;
        let to = gst_video::VideoFrameRef::from_buffer_ref_writable(to, info);
        let mut to = to.map_err(|_| gst::FlowError::Error)?;
        from.copy(&mut to).map_err(|_| gst::FlowError::Error)?;
    }
    Ok(copied)
}
