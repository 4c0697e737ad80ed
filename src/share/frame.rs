//! Frames held by a client: the host does not reuse their memory until they are dropped.

#![expect(
    unsafe_code,
    reason = "views of shared memory while the ring guarantees it"
)]

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use videostream_hal::format::{FourCc, Layout, PlaneLayout};
use videostream_hal::memory::dmabuf::{self, SyncAccess};
use videostream_hal::memory::{ReadGuard, sync_file};
use videostream_hal::ring::cells::SlotId;
use videostream_hal::ring::{Flags, FrameDescriptor, MAX_PLANES};

use super::buffer::Buffer;
use super::connection::Connection;
use crate::picture::Plane;
use crate::{DmaBufPicture, Error, Picture, Result};

/// A frame that this process holds. Dropping it releases it.
///
/// Each held frame is a buffer that the producer can't fill, so a client can hold only as many
/// frames as it requested.
#[derive(Debug)]
pub struct Frame {
    connection: Arc<Connection>,
    slot: SlotId,
    descriptor: FrameDescriptor,
    changes: Changes,
    /// Buffer of each plane; `None` for planes in the same buffer as the first.
    buffers: [Option<Arc<Buffer>>; MAX_PLANES],
    fence: Option<Arc<OwnedFd>>,
}

/// Changes since the reader's previous frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changes {
    pub(super) missed: u64,
    pub(super) restarted: bool,
    pub(super) new_format: bool,
}

impl Frame {
    /// Makes a frame in `target`, so that it is not moved; on errors `target` stays empty.
    pub(super) fn put(
        target: &mut Option<Self>,
        connection: Arc<Connection>,
        (slot, descriptor): (SlotId, FrameDescriptor),
        changes: Changes,
    ) -> Result<()> {
        // From here on, dropping the frame releases the slot, also on errors below.
        let frame = target.insert(Self {
            connection,
            slot,
            descriptor,
            changes,
            buffers: [const { None }; MAX_PLANES],
            fence: None,
        });
        let result = frame.complete();
        if result.is_err() {
            *target = None;
        }
        result
    }

    /// Finds buffers and fence, and checks that the planes lie in the buffers.
    fn complete(&mut self) -> Result<()> {
        for at in 0..self.descriptor.planes().len() {
            let id = self.descriptor.planes[at].buffer;
            if at > 0 && id == self.descriptor.planes[0].buffer {
                continue;
            }
            self.buffers[at] = Some(self.connection.buffer(id)?);
        }
        if self.descriptor.fence != 0 {
            self.fence = Some(self.connection.fence(self.descriptor.fence)?);
        }
        for at in 0..self.descriptor.planes().len() {
            let size = self.buffer(at).map_or(0, |b| b.size());
            let range = self.descriptor.plane_range(at, size);
            range.map_err(|e| self.connection.error(e.into()))?;
        }
        Ok(())
    }

    fn buffer(&self, plane: usize) -> Option<&Arc<Buffer>> {
        let own = self.buffers.get(plane)?;
        own.as_ref().or(self.buffers[0].as_ref())
    }

    /// Returns the host's description of the frame.
    #[must_use]
    pub fn descriptor(&self) -> &FrameDescriptor {
        &self.descriptor
    }

    /// Returns the host's number of this frame, from 1 and without gaps.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.descriptor.serial
    }

    /// Returns the source's number of this frame, which counts dropped frames, too.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.descriptor.sequence
    }

    /// Returns the time of capture, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn timestamp_ns(&self) -> u64 {
        self.descriptor.timestamp_ns
    }

    /// Returns the time of publication, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn published_ns(&self) -> u64 {
        self.descriptor.published_ns
    }

    /// Returns the pixel format.
    #[must_use]
    pub fn fourcc(&self) -> FourCc {
        FourCc(self.descriptor.fourcc)
    }

    /// Returns the visible width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.descriptor.width
    }

    /// Returns the visible height in lines.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.descriptor.height
    }

    /// Returns the flags: key frame, corrupted, discontinuity.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.descriptor.flags()
    }

    /// Returns the number of frames missed between the client's previous frame and this one.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.changes.missed
    }

    /// Returns whether this is the first frame of a restarted host.
    #[must_use]
    pub fn is_after_restart(&self) -> bool {
        self.changes.restarted
    }

    /// Returns whether format or size differ from those of the reader's previous frame.
    #[must_use]
    pub fn has_new_format(&self) -> bool {
        self.changes.new_format
    }

    /// Returns the file descriptor of the buffer of plane `plane`, for import into a GPU, a display
    /// or an encoder. The plane starts at its offset in [`Frame::descriptor`], not at the start of
    /// the buffer.
    #[must_use]
    pub fn plane_fd(&self, plane: usize) -> Option<BorrowedFd<'_>> {
        if plane >= self.descriptor.planes().len() {
            return None;
        }
        Some(self.buffer(plane)?.as_fd())
    }

    /// Returns the frame's memory, for an encoder that reads it in place
    /// ([`Encoder::submit_dmabuf`]).
    ///
    /// # Errors
    /// [`Error::Picture`] if the planes do not form a picture.
    ///
    /// [`Encoder::submit_dmabuf`]: crate::encode::Encoder::submit_dmabuf
    pub fn memory(&self) -> Result<DmaBufPicture<'_>> {
        let d = &self.descriptor;
        let mut layout = Layout::opaque(self.fourcc(), d.width, d.height, 0, d.bytes_used);
        layout.plane_count = d.planes().len();
        let mut ids = [0; MAX_PLANES];
        let mut parts = Vec::with_capacity(MAX_PLANES);
        for (at, (to, plane)) in layout.planes.iter_mut().zip(d.planes()).enumerate() {
            let known = ids[..parts.len()].iter().position(|id| *id == plane.buffer);
            let memory = match (known, self.plane_fd(at)) {
                (None, Some(fd)) => {
                    ids[parts.len()] = plane.buffer;
                    parts.push(fd);
                    parts.len() - 1
                }
                (known, _) => known.unwrap_or(0),
            };
            *to = PlaneLayout {
                offset: plane.offset,
                stride: plane.stride,
                size: plane.size,
                memory: memory as u32,
            };
        }
        Ok(DmaBufPicture::new(&layout, &parts)?)
    }

    /// Returns the frame's fence, if it has one: a sync file, to be passed to a GPU or display, or
    /// waited for with [`Frame::wait_fence`]. The contents are incomplete until it signals. It may
    /// fail, or never signal.
    #[must_use]
    pub fn fence(&self) -> Option<BorrowedFd<'_>> {
        self.fence.as_ref().map(|fence| fence.as_fd())
    }

    /// Waits until the contents are complete: the frame's fence has signalled, or it has none. The
    /// deadline is `deadline_ns` of `CLOCK_MONOTONIC`; 0 does not wait, `u64::MAX` waits forever.
    /// [`Frame::pixels`] does not wait for the fence, [`Frame::pixels_until`] does.
    ///
    /// # Errors
    /// [`Error::Share`]: a time-out ([`Error::is_timeout`]); `FenceFailed` if the work behind the
    /// fence ended with an error, so the contents are invalid.
    pub fn wait_fence(&self, deadline_ns: u64) -> Result<()> {
        let Some(fence) = self.fence() else {
            return Ok(());
        };
        let id = self.descriptor.fence;
        let wrong = |e| {
            self.connection
                .error(videostream_ipc::Error::of_fence(e, id))
        };
        sync_file::wait(fence, deadline_ns).map_err(wrong)
    }

    /// Returns the parameter sets of the frame's compressed stream; see
    /// [`Client::parameters`](super::Client::parameters).
    ///
    /// # Errors
    /// The host is gone or breaks the protocol.
    pub fn parameters(&self) -> Result<Option<Arc<[u8]>>> {
        self.connection.parameters()
    }

    /// Returns whether the memory still belongs to this frame. `false` only after the client was
    /// evicted or its host restarted.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.connection.ipc().is_intact(self.slot, self.serial())
    }

    /// Opens the planes for reading with the CPU. Maps each buffer at its first use and keeps the
    /// mapping ([`ClientBuilder::keep_mapped`](super::ClientBuilder::keep_mapped)); brackets the
    /// access of dma-bufs with `DMA_BUF_IOCTL_SYNC` (no system call for a memfd).
    ///
    /// If a device still writes to a dma-buf, the kernel waits for its fence without a deadline,
    /// which can be forever. [`Frame::pixels_until`] has a deadline.
    ///
    /// # Errors
    /// [`Error::Access`] if the memory does not allow it.
    pub fn pixels(&self) -> Result<Pixels<'_>> {
        self.open(None)
    }

    /// Opens the planes as [`Frame::pixels`], once the contents are complete: the frame's fence
    /// ([`Frame::wait_fence`]) and the write fences of its dma-bufs have signalled. The deadline is
    /// `deadline_ns` of `CLOCK_MONOTONIC`; 0 does not wait, `u64::MAX` waits forever.
    ///
    /// # Errors
    /// A time-out ([`Error::is_timeout`]), and those of [`Frame::wait_fence`] and
    /// [`Frame::pixels`]. A fence that is added after the last check is waited for without a
    /// deadline, as by [`Frame::pixels`].
    pub fn pixels_until(&self, deadline_ns: u64) -> Result<Pixels<'_>> {
        self.wait_fence(deadline_ns)?;
        self.open(Some(deadline_ns))
    }

    /// Opens the planes for reading; with a deadline, first waits for the write fences of devices.
    fn open(&self, deadline_ns: Option<u64>) -> Result<Pixels<'_>> {
        let mut pixels = Pixels {
            frame: self,
            access: [const { None }; MAX_PLANES],
            ranges: [const { 0..0 }; MAX_PLANES],
        };
        for at in 0..self.descriptor.planes().len() {
            let Some(buffer) = self.buffer(at) else {
                continue;
            };
            if self.buffers[at].is_some() {
                let mapped = self.connection.mapped(buffer)?;
                if let Some(deadline) = deadline_ns
                    && mapped.is_bracketed()
                    && !dmabuf::wait(buffer.as_fd(), SyncAccess::Read, deadline)?
                {
                    return Err(self.connection.error(videostream_ipc::Error::TimedOut));
                }
                pixels.access[at] = Some(mapped.read(buffer.as_fd())?);
            }
            let range = self.descriptor.plane_range(at, buffer.size());
            pixels.ranges[at] = range.map_err(|e| self.connection.error(e.into()))?;
        }
        Ok(pixels)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.connection.ipc().release(self.slot);
    }
}

/// A frame's planes, open for reading.
#[derive(Debug)]
pub struct Pixels<'a> {
    frame: &'a Frame,
    /// The memory of each plane; `None` for planes in the same buffer as the first.
    access: [Option<ReadGuard<'a>>; MAX_PLANES],
    /// Location of each plane in its memory.
    ranges: [Range<usize>; MAX_PLANES],
}

impl Pixels<'_> {
    /// Returns the bytes of plane `at` from its first line; empty if there is no such plane.
    #[must_use]
    pub fn plane(&self, at: usize) -> &[u8] {
        let (Some(own), Some(range)) = (self.access.get(at), self.ranges.get(at)) else {
            return &[];
        };
        let Some(access) = own.as_ref().or(self.access[0].as_ref()) else {
            return &[];
        };
        // SAFETY: the buffer can't shrink (checked when it was received), and by the protocol of
        // the ring nobody writes it while the frame is held, which this value borrows. A host that
        // breaks the protocol changes bytes that have no invalid values.
        let bytes = unsafe { access.bytes() };
        bytes.get(range.clone()).unwrap_or_default()
    }

    /// Returns the frame as a picture; a compressed frame becomes a picture of one plane, its
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Picture`] if a plane is too small for the size.
    pub fn picture(&self) -> Result<Picture<'_>> {
        let d = &self.frame.descriptor;
        let count = d.planes().len();
        let mut planes = [Plane::default(); MAX_PLANES];
        for (at, plane) in planes.iter_mut().enumerate().take(count) {
            plane.data = self.plane(at);
            plane.stride = d.planes[at].stride as usize;
        }
        let fourcc = self.frame.fourcc();
        if fourcc.info().is_some_and(|info| info.is_compressed()) {
            let used = planes[0].data.len().min(d.bytes_used as usize);
            planes[0].data = &planes[0].data[..used];
        }
        Picture::from_planes(fourcc, d.width, d.height, &planes[..count]).map_err(Error::Picture)
    }
}
