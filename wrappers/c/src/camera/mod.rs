//! A camera: from an open device to buffers that the driver fills.
//!
//! Three states, as in the interface: open, with buffers, streaming. The lock of the camera is not
//! held during a wait for a frame, so another thread may return buffers meanwhile.

mod buffer;
mod format;
mod open;

use std::ffi::c_int;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use videostream::hal::time::deadline_in;
use videostream::hal::v4l2::control::id;
use videostream::hal::v4l2::queue::{Allocated, Failed, Queue, Streaming};
use videostream::hal::v4l2::{
    BufType, Colorimetry, Device, ErrorKind, PixFormat, Ready, wait as wait_for_device,
};

pub use self::buffer::CameraBuffer;
use self::format::{choose, reset_crop};
pub(crate) use self::open::open;
use crate::boundary::errno_of_device;

/// How long `vsl_camera_get_data` waits.
const FRAME_TIMEOUT_NS: u64 = 2_000_000_000;

/// Default number of buffers.
const BUFFERS: u32 = 4;

/// Requested values, and then those of the driver: `vsl_camera_init_device`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) buffers: u32,
    pub(crate) fourcc: u32,
}

/// `vsl_camera`.
#[derive(Debug)]
pub struct Camera {
    device: Arc<Device>,
    stage: Mutex<Stage>,
    /// Number of queued buffers, for getters.
    queued: AtomicU32,
}

/// State of the camera.
#[derive(Debug)]
enum Stage {
    Open,
    Ready(Buffers, Queue<Arc<Device>, Allocated>),
    Streaming(Buffers, Queue<Arc<Device>, Streaming>),
}

/// The buffers in this process. They are freed before the queue, as drivers require.
#[derive(Clone, Debug)]
struct Buffers {
    list: Arc<[CameraBuffer]>,
    format: PixFormat,
}

impl Camera {
    fn new(device: Device) -> Self {
        Self {
            device: Arc::new(device),
            stage: Mutex::new(Stage::Open),
            queued: AtomicU32::new(0),
        }
    }

    /// A panic that left the lock was caught at the boundary; every call checks the state.
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue that delivers pictures.
    fn queue(&self) -> Result<BufType, Errno> {
        let queue = self.device.capture_type().filter(|queue| !queue.is_meta());
        queue.ok_or(Errno::INVAL)
    }

    /// Sets the format, and allocates, maps and exports the buffers.
    pub(crate) fn init(&self, wanted: Setup) -> Result<Setup, Errno> {
        let mut stage = self.stage();
        if !matches!(*stage, Stage::Open) {
            return Err(Errno::BUSY);
        }
        let queue = self.queue()?;
        reset_crop(&self.device, queue);
        let format = choose(&self.device, queue, wanted)?;
        let count = match wanted.buffers {
            0 => BUFFERS,
            count => count,
        };
        let queue = Queue::new(Arc::clone(&self.device), queue)
            .allocate(count)
            .map_err(|Failed { error, .. }| errno_of_device(error))?;
        let list = (0..queue.count()).map(|index| CameraBuffer::new(&queue, index, &format));
        let list = list.collect::<Result<Arc<[_]>, _>>()?;
        let given = Setup {
            width: format.width,
            height: format.height,
            buffers: queue.count(),
            fourcc: format.fourcc.0,
        };
        *stage = Stage::Ready(Buffers { list, format }, queue);
        Ok(given)
    }

    /// Queues all buffers and starts capturing.
    pub(crate) fn start(&self) -> Result<(), Errno> {
        let mut stage = self.stage();
        let (next, result) = match std::mem::replace(&mut *stage, Stage::Open) {
            Stage::Ready(buffers, queue) => match queue.queue_all_and_stream_on() {
                Ok(queue) => {
                    self.queued.store(queue.queued(), Ordering::Relaxed);
                    (Stage::Streaming(buffers, queue), Ok(()))
                }
                Err(Failed { queue, error }) => {
                    (Stage::Ready(buffers, queue), Err(errno_of_device(error)))
                }
            },
            other => (other, Err(Errno::INVAL)),
        };
        *stage = next;
        result
    }

    /// Stops capturing; all buffers belong to the program again.
    pub(crate) fn stop(&self) -> Result<(), Errno> {
        let mut stage = self.stage();
        let (next, result) = match std::mem::replace(&mut *stage, Stage::Open) {
            Stage::Streaming(buffers, queue) => match queue.stream_off() {
                Ok(queue) => {
                    self.queued.store(0, Ordering::Relaxed);
                    (Stage::Ready(buffers, queue), Ok(()))
                }
                Err(Failed { queue, error }) => (
                    Stage::Streaming(buffers, queue),
                    Err(errno_of_device(error)),
                ),
            },
            ready @ Stage::Ready(..) => (ready, Ok(())),
            Stage::Open => (Stage::Open, Err(Errno::INVAL)),
        };
        *stage = next;
        result
    }

    /// Frees the buffers; the camera is as it was opened.
    pub(crate) fn uninit(&self) -> Result<(), Errno> {
        let mut stage = self.stage();
        self.queued.store(0, Ordering::Relaxed);
        // In the order of the fields: mappings and exported descriptors, then the queue.
        match std::mem::replace(&mut *stage, Stage::Open) {
            Stage::Open => Err(Errno::INVAL),
            Stage::Ready(..) | Stage::Streaming(..) => Ok(()),
        }
    }

    /// Returns the next frame, waiting at most [`FRAME_TIMEOUT_NS`].
    pub(crate) fn next_frame(&self) -> Result<*const CameraBuffer, Errno> {
        let deadline = deadline_in(FRAME_TIMEOUT_NS);
        loop {
            // Before it streams, the kernel would start a stream of its own.
            if !matches!(*self.stage(), Stage::Streaming(..)) {
                return Err(Errno::INVAL);
            }
            let fd = self.device.as_fd();
            let ready =
                wait_for_device(fd, Ready::CAPTURE, Some(deadline)).map_err(errno_of_device)?;
            let stage = self.stage();
            let Stage::Streaming(buffers, queue) = &*stage else {
                return Err(Errno::INVAL);
            };
            match queue.dequeue() {
                Ok(frame) => {
                    let place = &buffers.list[frame.buffer().index as usize];
                    place.fill(frame.buffer());
                    let _ = frame.into_index();
                    self.queued.store(queue.queued(), Ordering::Relaxed);
                    return Ok(std::ptr::from_ref(place));
                }
                // Another thread took it, unless the queue itself has a complaint.
                Err(error) if error.kind() == ErrorKind::NotReady => {
                    if ready.contains(Ready::ERROR) {
                        return Err(Errno::IO);
                    }
                }
                Err(error) => return Err(errno_of_device(error)),
            }
        }
    }

    /// Queues a buffer again. A stopped camera queues all of them when it starts.
    pub(crate) fn release(&self, buffer: *const CameraBuffer) -> Result<(), Errno> {
        let stage = self.stage();
        let (Stage::Ready(buffers, _) | Stage::Streaming(buffers, _)) = &*stage else {
            return Err(Errno::INVAL);
        };
        let mut places = buffers.list.iter();
        let index = places.position(|place| std::ptr::eq(place, buffer));
        let index = index.and_then(|index| u32::try_from(index).ok());
        let index = index.ok_or(Errno::INVAL)?;
        if let Stage::Streaming(_, queue) = &*stage {
            queue.queue(index).map_err(errno_of_device)?;
            self.queued.store(queue.queued(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Number of queued buffers.
    pub(crate) fn queued(&self) -> c_int {
        c_int::try_from(self.queued.load(Ordering::Relaxed)).unwrap_or(c_int::MAX)
    }

    /// Whether the buffers have dma-bufs.
    pub(crate) fn exports(&self) -> bool {
        let buffers = self.buffers();
        let first = buffers.as_ref().and_then(|buffers| buffers.list.first());
        first.is_some_and(|buffer| buffer.dma_buf().is_some())
    }

    /// The driver's colorimetry; zeroes before the format is set.
    pub(crate) fn colorimetry(&self) -> Colorimetry {
        let format = self.buffers().map(|buffers| buffers.format);
        format.map_or(Colorimetry::DEFAULT, |format| format.colorimetry)
    }

    fn buffers(&self) -> Option<Buffers> {
        match &*self.stage() {
            Stage::Open => None,
            Stage::Ready(buffers, _) | Stage::Streaming(buffers, _) => Some(buffers.clone()),
        }
    }

    /// Flips the picture horizontally.
    pub(crate) fn mirror(&self, on: bool) -> Result<(), Errno> {
        self.switch(id::HFLIP, on)
    }

    /// Flips the picture vertically.
    pub(crate) fn mirror_vertically(&self, on: bool) -> Result<(), Errno> {
        self.switch(id::VFLIP, on)
    }

    fn switch(&self, id: u32, on: bool) -> Result<(), Errno> {
        let control = self.device.node().control(id).map_err(errno_of_device)?;
        let control = control.ok_or(Errno::NOTTY)?;
        let set = self.device.node().set_control(&control, on.into());
        set.map(drop).map_err(errno_of_device)
    }

    /// Writes the formats of the capture queue, or of the multi-planar one only, as far as they
    /// fit. Returns their number.
    pub(crate) fn list_formats(
        &self,
        multi_planar_only: bool,
        codes: &mut dyn Iterator<Item = &mut u32>,
    ) -> usize {
        let queue = self.queue().ok();
        let Some(queue) = queue.filter(|queue| queue.is_mplane() || !multi_planar_only) else {
            return 0;
        };
        let formats = self.device.formats(queue).map_while(Result::ok);
        formats
            .zip(codes)
            .map(|(format, code)| *code = format.fourcc.0)
            .count()
    }
}
