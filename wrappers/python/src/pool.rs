//! Memory for converted and decoded frames, reused when they are gone.

#![expect(
    unsafe_code,
    reason = "pixels are written into memory that no frame uses"
)]

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use pyo3::prelude::*;
use videostream::encode::{Codec, Packet};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::Flags;
use videostream::{Error, PictureMut};

use crate::array::draw_planes;
use crate::descriptor::describe;
use crate::error::{invalid, to_python};
use crate::fork::ProcessLocal;
use crate::frame::{Frame, FrameInfo};
use crate::memory::{Access, Memory, OwnMemory};

/// Maximum number of free buffers that are kept.
const MAX_SPARE_BUFFERS: usize = 8;

/// Reusable memory of frames.
#[derive(Default)]
pub(crate) struct Pool {
    free: Mutex<Vec<(Layout, OwnMemory)>>,
}

/// Memory of a frame, which returns to its pool.
struct Pooled {
    /// Present until the drop.
    drawn: Option<OwnMemory>,
    layout: Layout,
    from: Weak<Pool>,
}

impl Pool {
    /// Returns the pool of converted frames.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Option<ProcessLocal<Arc<Pool>>>> = Mutex::new(None);
        // Never blocks: in a forked child the lock may stay locked for ever.
        let Some(mut shared) = SHARED.try_lock() else {
            return Arc::default();
        };
        // A child has its own pool: the memory belongs to the parent, too.
        if let Some(pool) = shared.as_ref().and_then(ProcessLocal::here) {
            return Arc::clone(pool);
        }
        let pool = Arc::<Self>::default();
        *shared = Some(ProcessLocal::new(Arc::clone(&pool)));
        pool
    }

    fn take(&self, layout: &Layout) -> PyResult<OwnMemory> {
        let known = self.free.try_lock().and_then(|mut free| {
            let at = free.iter().rposition(|(known, _)| known == layout)?;
            Some(free.swap_remove(at).1)
        });
        match known {
            Some(drawn) => Ok(drawn),
            None => OwnMemory::allocate(layout),
        }
    }

    fn put(&self, layout: Layout, drawn: OwnMemory) {
        if let Some(mut free) = self.free.try_lock() {
            // The oldest goes first: its size may no longer be in use.
            if free.len() >= MAX_SPARE_BUFFERS {
                free.remove(0);
            }
            free.push((layout, drawn));
        }
    }

    /// Makes a frame of `layout`, filled by `draw`.
    pub(crate) fn frame(
        self: &Arc<Self>,
        layout: &Layout,
        info: FrameInfo,
        draw: impl FnOnce(&mut PictureMut<'_>) -> PyResult<()>,
    ) -> PyResult<Frame> {
        let memory = Pooled {
            drawn: Some(self.take(layout)?),
            layout: *layout,
            from: Arc::downgrade(self),
        };
        let access = memory.open().map_err(to_python)?;
        // SAFETY: mapped and open as long as `access` lives; no frame has the memory yet.
        unsafe { draw_planes(&access.planes, layout, draw) }?;
        drop(access);
        Ok(Frame::new(memory, info))
    }
}

/// Makes a frame of `bytes` in a compressed format.
pub(crate) fn compressed_frame(
    bytes: &[u8],
    fourcc: FourCc,
    (width, height): (u32, u32),
) -> PyResult<Frame> {
    let len = u32::try_from(bytes.len()).ok().filter(|len| *len > 0);
    let (Some(len), true) = (len, fourcc.info().is_some_and(|info| info.is_compressed())) else {
        return Err(invalid(format!(
            "{} bytes of {fourcc}: expected at least one byte of a compressed format, such as \
             MJPG or H264",
            bytes.len()
        )));
    };
    let layout = Layout::opaque(fourcc, width, height, 0, len);
    let memory = OwnMemory::allocate(&layout)?;
    let access = memory.open().map_err(to_python)?;
    // SAFETY: mapped and open as long as `access` lives; no frame has the memory yet.
    let target = unsafe { access.planes[0].bytes_mut() };
    target.copy_from_slice(bytes);
    drop(access);
    let mut info = FrameInfo::new(describe(&layout));
    let is_key = match Codec::of_packets(fourcc) {
        Some(codec) => Packet::new(codec, bytes, 0, 0).is_key(),
        None => true,
    };
    if is_key {
        info.descriptor.flags |= Flags::KEY_FRAME.bits();
    }
    Ok(Frame::new(memory, info))
}

impl Pooled {
    fn drawn(&self) -> &OwnMemory {
        match &self.drawn {
            Some(drawn) => drawn,
            None => unreachable!("taken by the drop only"),
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let (Some(drawn), Some(pool)) = (self.drawn.take(), self.from.upgrade()) {
            pool.put(self.layout, drawn);
        }
    }
}

impl Memory for Pooled {
    fn open(&self) -> Result<Access<'_>, Error> {
        self.drawn().open()
    }

    fn plane_fd(&self, plane: usize) -> Option<(BorrowedFd<'_>, u32)> {
        self.drawn().plane_fd(plane)
    }

    fn is_writable(&self) -> bool {
        self.drawn().is_writable()
    }
}
