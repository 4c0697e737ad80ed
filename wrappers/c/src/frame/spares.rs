//! Memory that makers of frames use again: allocated and mapped for the first frames, then handed
//! from each that is over to the next.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::io::Errno;
use videostream::hal::memory::dmabuf::{Identity, identity};

use super::buffer::Buffer;
use super::{Frame, View};

/// Most pieces that are kept while no frame has them.
const MOST: usize = 16;

/// Memory with its mapping.
#[derive(Debug)]
struct Piece {
    // Unmapped before the buffer goes.
    view: View,
    buffer: Buffer,
    identity: Identity,
    /// Bytes of the frame that it was made for.
    size: usize,
}

/// Those that no frame has. In boxes, which go from frame to frame without an allocation.
type Pieces = Vec<Box<Piece>>;

/// Memory for the frames of one maker, such as a decoder. What is out when it goes is freed with
/// its frame.
#[derive(Debug)]
pub(crate) struct Spares(Mutex<Pieces>);

/// A piece that a frame has. On drop it goes back to where it is from, if that is there.
#[derive(Debug)]
pub(super) struct Lent {
    /// There until the drop.
    piece: Option<Box<Piece>>,
    from: Weak<Spares>,
}

impl Spares {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Vec::with_capacity(MOST))))
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        // A push or a pop is whole or has not happened.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of `size` bytes. Pieces of another size are of no use any more.
    fn piece(&self, size: usize) -> Result<Box<Piece>, Errno> {
        let mut pieces = self.pieces();
        while let Some(piece) = pieces.pop() {
            if piece.size == size {
                return Ok(piece);
            }
        }
        drop(pieces);
        let buffer = Buffer::allocate(None, size)?;
        Ok(Box::new(Piece {
            view: View::new(buffer.fd(), 0, size)?,
            identity: identity(buffer.fd()).map_err(|error| error.errno())?,
            buffer,
            size,
        }))
    }
}

impl Lent {
    /// Always, but while it is dropped.
    fn piece(&self) -> &Piece {
        match &self.piece {
            Some(piece) => piece,
            None => unreachable!("taken by the drop only"),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.piece().buffer.fd()
    }

    pub(super) fn view(&self) -> &View {
        &self.piece().view
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(piece), Some(from)) = (self.piece.take(), self.from.upgrade()) else {
            return;
        };
        let mut pieces = from.pieces();
        if pieces.len() < MOST {
            pieces.push(piece);
        }
    }
}

impl Frame {
    /// `size` bytes of `spares` as memory in place of what the frame had. What is in them is not
    /// defined.
    pub(crate) fn borrow_memory(&mut self, spares: &Arc<Spares>, size: usize) -> Result<(), Errno> {
        self.discard();
        let piece = spares.piece(size)?;
        self.identity = Some(piece.identity);
        self.buffer = Some(Buffer::Lent(Lent {
            piece: Some(piece),
            from: Arc::downgrade(spares),
        }));
        (self.size, self.capacity) = (size, size);
        Ok(())
    }

    /// The memory is nobody's after this frame: a client may still look at it.
    pub(crate) fn keep_memory_out(&mut self) {
        if let Some(Buffer::Lent(lent)) = &mut self.buffer {
            lent.from = Weak::new();
        }
    }
}
