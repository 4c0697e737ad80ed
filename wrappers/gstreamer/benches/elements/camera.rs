//! A camera: frames in memory of its own, one every sixtieth of a second.

use std::sync::{LazyLock, Mutex};

use gst::glib;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;
use rustix::thread::ClockId;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::memory::memfd;
use videostream::hal::time::{now_ns, timespec};

use super::{PERIOD_NS, SIZE, memory_of, templates};

glib::wrapper! {
    /// A camera.
    pub struct Camera(ObjectSubclass<imp::Camera>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object;
}

mod imp {
    use super::*;

    #[derive(Debug, Default)]
    pub struct Camera {
        state: Mutex<State>,
    }

    #[derive(Debug, Default)]
    struct State {
        memories: Vec<gst::Memory>,
        due_ns: u64,
        count: u64,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Camera {
        const NAME: &'static str = "BenchCamera";
        type Type = super::Camera;
        type ParentType = gst_base::PushSrc;
    }

    impl ObjectImpl for Camera {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().set_live(true);
            self.obj().set_format(gst::Format::Time);
        }
    }
    impl GstObjectImpl for Camera {}

    impl ElementImpl for Camera {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            type Metadata = gst::subclass::ElementMetadata;
            static METADATA: LazyLock<Metadata> =
                LazyLock::new(|| Metadata::new("Camera", "Source/Video", "Captures", "bench"));
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                LazyLock::new(|| templates("src", gst::PadDirection::Src));
            &TEMPLATES
        }
    }

    impl BaseSrcImpl for Camera {
        fn start(&self) -> Result<(), gst::ErrorMessage> {
            let mut state = self.state.lock().unwrap();
            state.memories = (0..32).map(|_| memory()).collect();
            state.due_ns = now_ns();
            Ok(())
        }
    }

    impl PushSrcImpl for Camera {
        fn create(&self, _: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
            let mut state = self.state.lock().unwrap();
            let (free, count) = loop {
                state.due_ns += PERIOD_NS;
                state.count += 1;
                let time = timespec(state.due_ns);
                let _ = rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &time);
                // A camera without a free buffer loses the frame.
                if let Some(free) = state.memories.iter().position(is_free) {
                    break (free, state.count);
                }
            };
            let memory = state.memories.swap_remove(free);
            let mut memory = memory.into_mapped_memory_writable().unwrap();
            memory[..8].copy_from_slice(&now_ns().to_ne_bytes());
            memory[8..16].copy_from_slice(&count.to_ne_bytes());
            let memory = memory.into_memory();
            state.memories.push(memory.clone());
            let mut buffer = gst::Buffer::new();
            let change = buffer.get_mut().unwrap();
            change.append_memory(memory);
            change.set_pts(gst::ClockTime::from_nseconds(count * PERIOD_NS));
            change.set_offset(count);
            Ok(CreateSuccess::NewBuffer(buffer))
        }
    }
}

fn memory() -> gst::Memory {
    let fd = Allocator::memfd_only().allocate(SIZE as u64).unwrap().fd;
    memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
    memory_of(fd)
}

/// Whether no buffer has it.
#[allow(unsafe_code, reason = "the bindings have no count of references")]
fn is_free(memory: &gst::Memory) -> bool {
    let object = memory.as_ptr().cast::<gst::ffi::GstMiniObject>();
    // SAFETY: the memory lives; a count that is read too high only means another turn.
    let count = unsafe { &raw const (*object).refcount };
    // SAFETY: as above; it is aligned, and written as an atomic of the same size.
    let count = unsafe { std::sync::atomic::AtomicI32::from_ptr(count.cast_mut()) };
    count.load(std::sync::atomic::Ordering::SeqCst) == 1
}
