//! Frames that this process makes: converted, decoded. Their memory is used again.

#![expect(
    unsafe_code,
    reason = "pixels are written into memory that is no frame's"
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
use crate::error::{invalid, to_python};
use crate::fork::Native;
use crate::frame::{About, Drawn, Frame, describe};
use crate::memory::{Access, Memory};

/// Pieces that are kept while no frame has them.
const SPARES: usize = 8;

/// Memory that frames lie in, one after the other.
#[derive(Default)]
pub(crate) struct Pool {
    free: Mutex<Vec<(Layout, Drawn)>>,
}

/// Memory of a frame, which goes back to its pool.
struct Pooled {
    /// There until the drop.
    drawn: Option<Drawn>,
    layout: Layout,
    from: Weak<Pool>,
}

impl Pool {
    /// That of frames which no decoder makes.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Option<Native<Arc<Pool>>>> = Mutex::new(None);
        // Never waits: in a forked child the lock may be held for ever.
        let Some(mut shared) = SHARED.try_lock() else {
            return Arc::default();
        };
        // A child has pools of its own: the memory is also the parent's.
        if let Some(pool) = shared.as_ref().and_then(Native::here) {
            return Arc::clone(pool);
        }
        let pool = Arc::<Self>::default();
        *shared = Some(Native::new(Arc::clone(&pool)));
        pool
    }

    fn take(&self, layout: &Layout) -> PyResult<Drawn> {
        let known = self.free.try_lock().and_then(|mut free| {
            let at = free.iter().rposition(|(known, _)| known == layout)?;
            Some(free.swap_remove(at).1)
        });
        match known {
            Some(drawn) => Ok(drawn),
            None => Drawn::allocate(layout),
        }
    }

    fn put(&self, layout: Layout, drawn: Drawn) {
        if let Some(mut free) = self.free.try_lock() {
            // The oldest go first: pictures of that kind may have ended.
            if free.len() >= SPARES {
                free.remove(0);
            }
            free.push((layout, drawn));
        }
    }

    /// A frame of `layout` that `draw` fills.
    pub(crate) fn frame(
        self: &Arc<Self>,
        layout: &Layout,
        about: About,
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
        Ok(Frame::new(memory, about))
    }
}

/// A frame that holds `bytes` of a compressed format.
pub(crate) fn of_bytes(
    bytes: &[u8],
    fourcc: FourCc,
    (width, height): (u32, u32),
) -> PyResult<Frame> {
    let len = u32::try_from(bytes.len()).ok().filter(|len| *len > 0);
    let (Some(len), true) = (len, fourcc.info().is_some_and(|info| info.is_compressed())) else {
        return Err(invalid(format!(
            "{} bytes of {fourcc}: expected some bytes of a compressed format, such as MJPG or H264",
            bytes.len()
        )));
    };
    let layout = Layout::opaque(fourcc, width, height, 0, len);
    let memory = Drawn::allocate(&layout)?;
    let access = memory.open().map_err(to_python)?;
    // SAFETY: mapped and open as long as `access` lives; no frame has the memory yet.
    let target = unsafe { access.planes[0].bytes_mut() };
    target.copy_from_slice(bytes);
    drop(access);
    let mut about = About::new(describe(&layout));
    let is_key = match Codec::of_packets(fourcc) {
        Some(codec) => Packet::new(codec, bytes, 0, 0).is_key(),
        None => true,
    };
    if is_key {
        about.descriptor.flags |= Flags::KEY_FRAME.bits();
    }
    Ok(Frame::new(memory, about))
}

impl Pooled {
    fn drawn(&self) -> &Drawn {
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
