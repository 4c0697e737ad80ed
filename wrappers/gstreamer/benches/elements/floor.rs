//! The least that elements can do: a sink that copies the picture's stamp into memory that readers
//! map, and wakes them by a bare futex; a source that waits for that, and gives out a buffer of
//! this memory. Nothing prevents a picture from being overwritten while it is read, and there are
//! no connections.

#![expect(unsafe_code, reason = "a view of shared memory as atomics")]

use std::fs::File;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use gst::glib;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;
use rustix::thread::futex;
use videostream::hal::memory::{Access, Mapping};

use super::{SIZE, memory_of, stamp, templates};

glib::wrapper! {
    /// Shows others a picture.
    pub struct FloorSink(ObjectSubclass<sink::FloorSink>)
        @extends gst_base::BaseSink, gst::Element, gst::Object;
}

glib::wrapper! {
    /// Waits for a picture of another process.
    pub struct FloorSrc(ObjectSubclass<src::FloorSrc>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object;
}

/// Where the picture would begin.
#[derive(Debug)]
#[repr(C)]
struct Board {
    time_ns: AtomicU64,
    count: AtomicU64,
    /// Changes with each picture.
    wake: AtomicU32,
}

impl Board {
    fn map(file: &File) -> &'static Self {
        let mapping = Mapping::new(file, size_of::<Self>(), Access::ReadWrite).unwrap();
        let board = mapping.as_ptr().cast::<Self>();
        // For as long as the process lives.
        std::mem::forget(mapping);
        // SAFETY: mapped for good, page aligned and of this size; every field is an atomic, for
        // which any bytes are valid.
        unsafe { &*board }
    }
}

/// A specification belongs to one class.
fn path_property() -> Vec<glib::ParamSpec> {
    vec![glib::ParamSpecString::builder("path").build()]
}

mod sink {
    use super::*;

    #[derive(Debug, Default)]
    pub struct FloorSink {
        path: Mutex<String>,
        board: Mutex<Option<&'static Board>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for FloorSink {
        const NAME: &'static str = "BenchFloorSink";
        type Type = super::FloorSink;
        type ParentType = gst_base::BaseSink;
    }

    impl ObjectImpl for FloorSink {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(path_property);
            &PROPERTIES
        }

        fn set_property(&self, _: usize, value: &glib::Value, _: &glib::ParamSpec) {
            *self.path.lock().unwrap() = value.get().unwrap();
        }
    }
    impl GstObjectImpl for FloorSink {}

    impl ElementImpl for FloorSink {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            type Metadata = gst::subclass::ElementMetadata;
            static METADATA: LazyLock<Metadata> =
                LazyLock::new(|| Metadata::new("Floor", "Sink/Video", "Wakes readers", "bench"));
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                LazyLock::new(|| templates("sink", gst::PadDirection::Sink));
            &TEMPLATES
        }
    }

    impl BaseSinkImpl for FloorSink {
        fn start(&self) -> Result<(), gst::ErrorMessage> {
            let path = self.path.lock().unwrap().clone();
            let mut file = File::options();
            let file = file.read(true).write(true).create(true).truncate(true);
            let file = file.open(path).unwrap();
            file.set_len(SIZE as u64).unwrap();
            *self.board.lock().unwrap() = Some(Board::map(&file));
            Ok(())
        }

        fn render(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
            let board = self.board.lock().unwrap().unwrap();
            let [time_ns, count] = stamp(buffer);
            board.time_ns.store(time_ns, Ordering::Relaxed);
            board.count.store(count, Ordering::Relaxed);
            board.wake.fetch_add(1, Ordering::Release);
            futex::wake(&board.wake, futex::Flags::empty(), i32::MAX as u32).unwrap();
            Ok(gst::FlowSuccess::Ok)
        }
    }
}

mod src {
    use super::*;

    #[derive(Debug, Default)]
    pub struct FloorSrc {
        path: Mutex<String>,
        state: Mutex<Option<State>>,
    }

    #[derive(Debug)]
    struct State {
        board: &'static Board,
        memory: gst::Memory,
        seen: u32,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for FloorSrc {
        const NAME: &'static str = "BenchFloorSrc";
        type Type = super::FloorSrc;
        type ParentType = gst_base::PushSrc;
    }

    impl ObjectImpl for FloorSrc {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(path_property);
            &PROPERTIES
        }

        fn set_property(&self, _: usize, value: &glib::Value, _: &glib::ParamSpec) {
            *self.path.lock().unwrap() = value.get().unwrap();
        }

        fn constructed(&self) {
            self.parent_constructed();
            self.obj().set_live(true);
            self.obj().set_format(gst::Format::Time);
        }
    }
    impl GstObjectImpl for FloorSrc {}

    impl ElementImpl for FloorSrc {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            type Metadata = gst::subclass::ElementMetadata;
            static METADATA: LazyLock<Metadata> =
                LazyLock::new(|| Metadata::new("Floor", "Source/Video", "Is woken", "bench"));
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                LazyLock::new(|| templates("src", gst::PadDirection::Src));
            &TEMPLATES
        }
    }

    impl BaseSrcImpl for FloorSrc {
        fn start(&self) -> Result<(), gst::ErrorMessage> {
            let path = self.path.lock().unwrap().clone();
            let file = File::options().read(true).write(true).open(path).unwrap();
            let board = Board::map(&file);
            *self.state.lock().unwrap() = Some(State {
                seen: board.wake.load(Ordering::Acquire),
                board,
                memory: memory_of(file.into()),
            });
            Ok(())
        }
    }

    impl PushSrcImpl for FloorSrc {
        fn create(&self, _: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
            let mut state = self.state.lock().unwrap();
            let state = state.as_mut().unwrap();
            let wake = &state.board.wake;
            while wake.load(Ordering::Acquire) == state.seen {
                let _ = futex::wait(wake, futex::Flags::empty(), state.seen, None);
            }
            state.seen = wake.load(Ordering::Acquire);
            let mut buffer = gst::Buffer::new();
            let change = buffer.get_mut().unwrap();
            change.append_memory(state.memory.clone());
            Ok(CreateSuccess::NewBuffer(buffer))
        }
    }
}
