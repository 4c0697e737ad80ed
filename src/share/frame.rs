//! A frame held by a client: the host does not touch its memory until the frame is dropped.

#![expect(
    unsafe_code,
    reason = "views of shared memory while the ring guarantees it"
)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use videostream_hal::format::{FourCc, Layout, PlaneLayout};
use videostream_hal::memory::dmabuf::{self, CpuAccess, SyncAccess};
use videostream_hal::memory::sync_file;
use videostream_hal::ring::cells::SlotId;
use videostream_hal::ring::{Flags, FrameDescriptor, MAX_PLANES};

use super::connection::Connection;
use super::inbox::Buffer;
use crate::picture::Plane;
use crate::{DmaBufPicture, Error, Picture, Result};

/// A frame that this process holds. Dropping it gives it back to the host.
///
/// Holding is cheap but not free: a client holds at most as many frames as it asked for,
/// since each is a buffer that the producer can't fill.
#[derive(Debug)]
pub struct Frame {
    connection: Arc<Connection>,
    slot: SlotId,
    descriptor: FrameDescriptor,
    since: Since,
    /// Of each plane; planes in the same buffer as the first leave theirs out.
    buffers: [Option<Arc<Buffer>>; MAX_PLANES],
    fence: Option<Arc<OwnedFd>>,
}

/// What has happened since the frame before, as its reader has seen it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since {
    pub(super) missed: u64,
    pub(super) restarted: bool,
    pub(super) new_format: bool,
}

impl Frame {
    /// Puts a frame into `place`, without moving it; on errors `place` stays empty.
    pub(super) fn put(
        place: &mut Option<Self>,
        connection: Arc<Connection>,
        (slot, descriptor): (SlotId, FrameDescriptor),
        since: Since,
    ) -> Result<()> {
        // From here on, dropping it releases the slot.
        let frame = place.insert(Self {
            connection,
            slot,
            descriptor,
            since,
            buffers: [const { None }; MAX_PLANES],
            fence: None,
        });
        let result = frame.complete();
        if result.is_err() {
            *place = None;
        }
        result
    }

    /// Finds buffers and fence, and that the planes lie in them.
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

    /// Everything the host says about it.
    #[must_use]
    pub fn descriptor(&self) -> &FrameDescriptor {
        &self.descriptor
    }

    /// The host's number of this frame, from 1 and without a hole.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.descriptor.serial
    }

    /// The source's own count, including frames that it dropped.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.descriptor.sequence
    }

    /// When the sensor or driver took it, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn timestamp_ns(&self) -> u64 {
        self.descriptor.timestamp_ns
    }

    /// When the host published it, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn published_ns(&self) -> u64 {
        self.descriptor.published_ns
    }

    /// The pixel format.
    #[must_use]
    pub fn fourcc(&self) -> FourCc {
        FourCc(self.descriptor.fourcc)
    }

    /// Visible pixels of a line.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.descriptor.width
    }

    /// Visible lines.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.descriptor.height
    }

    /// Key frame, corrupted, discontinuity.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.descriptor.flags()
    }

    /// Frames between the last one that this client got and this one.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.since.missed
    }

    /// Whether this is the first frame of a host that was restarted.
    #[must_use]
    pub fn is_after_restart(&self) -> bool {
        self.since.restarted
    }

    /// Whether format or size are others than those of the frame before that this reader got.
    #[must_use]
    pub fn has_new_format(&self) -> bool {
        self.since.new_format
    }

    /// The descriptor of the memory that plane `plane` lies in, to be imported elsewhere: a
    /// GPU, a display, an encoder. The plane starts at its offset in
    /// [`Frame::descriptor`], not at the start of the buffer.
    #[must_use]
    pub fn plane_fd(&self, plane: usize) -> Option<BorrowedFd<'_>> {
        if plane >= self.descriptor.planes().len() {
            return None;
        }
        Some(self.buffer(plane)?.as_fd())
    }

    /// All its memory, to be read by an encoder where it lies ([`Encoder::submit_dmabuf`]).
    ///
    /// # Errors
    /// [`Error::Picture`] for planes that make no picture.
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

    /// The frame's fence, if it has one: a sync file, to be handed to a GPU or display, or
    /// waited for with [`Frame::wait_fence`]. Until it has signalled the contents are not
    /// complete. It may fail, or never signal.
    #[must_use]
    pub fn fence(&self) -> Option<BorrowedFd<'_>> {
        self.fence.as_ref().map(|fence| fence.as_fd())
    }

    /// Waits until the contents are complete: the frame's fence has signalled, or it has none.
    /// At most until `deadline_ns` of `CLOCK_MONOTONIC`; 0 looks, `u64::MAX` is for ever.
    /// [`Frame::pixels`] does not wait for it, [`Frame::pixels_until`] does.
    ///
    /// # Errors
    /// [`Error::Share`]: a timeout ([`Error::is_timeout`]); `FenceFailed` when the work behind
    /// the fence ended with an error: the contents are not what they should be.
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

    /// The parameter sets of the compressed stream that it is of; see [`Client::parameters`](super::Client::parameters).
    ///
    /// # Errors
    /// A host that is gone or lies.
    pub fn parameters(&self) -> Result<Option<Arc<[u8]>>> {
        self.connection.parameters()
    }

    /// Whether the memory is still this frame's. Only a client that was thrown out, or whose
    /// host restarted, can see `false`.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.connection.ipc().is_intact(self.slot, self.serial())
    }

    /// The planes for reading with the CPU. Maps each buffer at its first use and keeps the
    /// mapping ([`ClientBuilder::keep_mapped`](super::ClientBuilder::keep_mapped)); brackets the access as dma-bufs ask for (no system call for a memfd).
    ///
    /// Of a dma-buf that a device still writes to, the kernel waits for the device: without a
    /// deadline, and for ever if the device's fence never signals. [`Frame::pixels_until`] has one.
    ///
    /// # Errors
    /// [`Error::Map`] or [`Error::DmaBuf`] if the memory does not allow it.
    pub fn pixels(&self) -> Result<Pixels<'_>> {
        self.open(None)
    }

    /// [`Frame::pixels`], once the contents are complete: the frame's fence has signalled
    /// ([`Frame::wait_fence`]), and no device that has a fence in its dma-bufs writes to them any
    /// more. At most until `deadline_ns` of `CLOCK_MONOTONIC`; 0 looks, `u64::MAX` is for ever.
    ///
    /// # Errors
    /// A timeout ([`Error::is_timeout`]), and those of [`Frame::wait_fence`] and
    /// [`Frame::pixels`]. A host that adds a fence behind the last look makes this wait for it as
    /// [`Frame::pixels`] does.
    pub fn pixels_until(&self, deadline_ns: u64) -> Result<Pixels<'_>> {
        self.wait_fence(deadline_ns)?;
        self.open(Some(deadline_ns))
    }

    /// The planes for reading; with a deadline also for devices to be done.
    fn open(&self, deadline_ns: Option<u64>) -> Result<Pixels<'_>> {
        let mut pixels = Pixels {
            frame: self,
            planes: [&[]; MAX_PLANES],
            _access: [const { None }; MAX_PLANES],
        };
        for at in 0..self.descriptor.planes().len() {
            let Some(buffer) = self.buffer(at) else {
                continue;
            };
            if buffer.is_dma_buf() && self.buffers[at].is_some() {
                if let Some(deadline) = deadline_ns
                    && !dmabuf::wait(buffer.as_fd(), SyncAccess::Read, deadline)?
                {
                    return Err(self.connection.error(videostream_ipc::Error::TimedOut));
                }
                let access = CpuAccess::begin(buffer.as_fd(), SyncAccess::Read)?;
                pixels._access[at] = Some(access);
            }
            let range = self.descriptor.plane_range(at, buffer.size());
            let range = range.map_err(|e| self.connection.error(e.into()))?;
            let mapping = self.connection.mapping(buffer)?;
            // SAFETY: the buffer can't shrink (checked when it came), and by the protocol of
            // the ring nobody writes it while this frame is held, which `pixels` borrows. A
            // host that breaks the protocol changes bytes that have no invalid values.
            let bytes = unsafe { mapping.bytes() };
            pixels.planes[at] = &bytes[range];
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
    planes: [&'a [u8]; MAX_PLANES],
    // Ends the access when dropped.
    _access: [Option<CpuAccess<'a>>; MAX_PLANES],
}

impl Pixels<'_> {
    /// The bytes of plane `at`, from its first line on; empty if there is no such plane.
    #[must_use]
    pub fn plane(&self, at: usize) -> &[u8] {
        self.planes.get(at).copied().unwrap_or_default()
    }

    /// The frame as a picture; a compressed one is a picture of one plane, its bytes.
    ///
    /// # Errors
    /// [`Error::Picture`] for planes too small for the size.
    pub fn picture(&self) -> Result<Picture<'_>> {
        let d = &self.frame.descriptor;
        let count = d.planes().len();
        let mut planes = [Plane::default(); MAX_PLANES];
        for (at, plane) in planes.iter_mut().enumerate().take(count) {
            plane.data = self.planes[at];
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
