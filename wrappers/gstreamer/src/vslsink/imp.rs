//! The element class of `vslsink`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use gst::glib;
use gst::glib::subclass::Signal;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::subclass::prelude::*;
use videostream::ipc::Error as IpcError;
use videostream::share::ClientStatus;

use super::service::{News, Room, Service};
use super::settings::{PROPERTIES, Settings};
use super::sharing::{Outcome, Stream};
use crate::lock;
use crate::pool::SharedPool;
use crate::shape::{self, Shape};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "vslsink",
        gst::DebugColorFlags::empty(),
        Some("Sink that shares frames"),
    )
});

/// The element.
#[derive(Debug, Default)]
pub struct VslSink {
    pub(super) settings: Mutex<Settings>,
    /// Path of the host, while there is one.
    pub(super) bound: Mutex<Option<String>>,
    pub(super) stream: Mutex<Stream>,
    /// Waits for room are to end.
    flushing: AtomicBool,
    waiting: Mutex<Option<Room>>,
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
            "num-clients" => {
                let stream = lock(&self.stream);
                let service = stream.service.as_ref();
                let count =
                    service.map_or(0, |service| service.publisher().host().clients().count());
                u32::try_from(count).unwrap_or(u32::MAX).to_value()
            }
            "path" => {
                let bound = lock(&self.bound).clone();
                bound
                    .or_else(|| lock(&self.settings).path.clone())
                    .to_value()
            }
            name => {
                let value = lock(&self.settings).get(name);
                value.unwrap_or_else(|| self.stats().to_value())
            }
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
        *lock(&self.stream) = Stream::of(service);
        self.obj().notify("path");
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let stream = std::mem::take(&mut *lock(&self.stream));
        *lock(&self.waiting) = None;
        *lock(&self.bound) = None;
        // Without the lock: this returns buffers to their pools and joins the thread.
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
        let most = lock(&self.settings).lend() + 2;
        lock(&self.stream).set_format(caps, shape, most);
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
        // Besides the shared ones: one being filled, and the last one, which the base class keeps.
        let min = lock(&self.settings).lend() + 2;
        let size = match Shape::of(&caps) {
            Ok(Shape::Raw { info, modifier: 0 }) => u32::try_from(info.size()).unwrap_or(0),
            _ => 0,
        };
        let pool = match need_pool && size > 0 {
            true => SharedPool::new(&caps, size, 0),
            false => None,
        };
        // Also without a pool: sources take `min` as the number of buffers to allocate.
        query.add_allocation_pool(pool.as_ref(), size, min, 0);
        Ok(())
    }

    fn event(&self, event: gst::Event) -> bool {
        let is_end = event.type_() == gst::EventType::Eos;
        let is_handled = self.parent_event(event);
        if is_end && is_handled {
            lock(&self.stream).end();
        }
        is_handled
    }

    fn render(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let room = self.publish(buffer)?;
        if let Some(room) = room {
            *lock(&self.waiting) = Some(room.clone());
            // After `unlock` the base class waits until it may continue.
            room.wait(|| self.flushing.load(Ordering::SeqCst));
            *lock(&self.waiting) = None;
        }
        Ok(gst::FlowSuccess::Ok)
    }
}

impl VideoSinkImpl for VslSink {
    /// Called for the preroll frame, which is shared when it is rendered.
    fn show_frame(&self, _: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        Ok(gst::FlowSuccess::Ok)
    }
}

impl VslSink {
    /// Binds a host at this path, and starts its thread.
    pub(super) fn bind(&self, path: &str) -> Result<Service, gst::ErrorMessage> {
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
        Service::start(host, tell).map_err(|error| {
            let (kind, advice) = match error.share() {
                Some(IpcError::AddressInUse) => (
                    gst::ResourceError::Busy,
                    "end the other host, or set path to another name",
                ),
                Some(
                    IpcError::AddressInvalid
                    | IpcError::AddressTooLong { .. }
                    | IpcError::NotASocket,
                ) => (gst::ResourceError::Settings, "set path to another name"),
                Some(IpcError::Os {
                    errno: rustix::io::Errno::NOENT,
                    ..
                }) => (
                    gst::ResourceError::NotFound,
                    "create the folder, or use a name without a leading '/', which needs none",
                ),
                _ => (
                    gst::ResourceError::OpenReadWrite,
                    "set path to a folder where this user may create files",
                ),
            };
            gst::error_msg!(kind, ("{error}: {advice}"))
        })
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
                    ("No more clients can connect: {error}")
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

    /// Asks upstream for a key frame, at which a new client of a compressed stream can begin.
    fn ask_for_key_frame(&self) {
        if lock(&self.stream).needs_key_frames() {
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
        let service = stream.service.as_ref();
        let status = service.map_or_else(Default::default, |service| {
            service.publisher().host().status()
        });
        let counted = stream.counted();
        all.set("published", counted.published);
        all.set("copied", stream.copied());
        all.set("no-room", stream.dropped);
        all.set("source-drops", counted.source_drops);
        all.set("lent", status.lent);
        all.set("clients", status.clients);
        all.set("clients-left", counted.left);
        all.set("clients-refused", counted.refused);
        all.set("clients-evicted", counted.evicted);
        all
    }

    /// Publishes a buffer. Returns what to wait for if the policy blocks and there is no room for
    /// another frame.
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

    /// Posts a QoS message for a dropped frame.
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

/// Describes a client in a signal.
fn about(client: &ClientStatus) -> gst::Structure {
    gst::Structure::builder("videostream-client")
        .field("client", client.client)
        .field("pid", client.pid)
        .field("uid", client.uid)
        .field("hold", client.hold)
        .build()
}
