//! Where a buffer's planes lie, as the ring names it.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use gst_video::prelude::*;
use gst_video::{VideoInfo, VideoInterlaceMode};
use rustix::io::fcntl_dupfd_cloexec;
use videostream::Host;
use videostream::hal::memory::mapping::file_size;
use videostream::hal::ring::{FrameDescriptor, MAX_PLANES, PlaneDescriptor};
use videostream::hal::v4l2::Field;

use crate::formats;
use crate::memory::part;

/// Buffers of the host by their file, as far as one frame names them.
struct Registered<'a> {
    host: &'a mut Host,
    known: [(RawFd, u32); MAX_PLANES],
    count: usize,
}

impl Registered<'_> {
    fn new(host: &mut Host) -> Registered<'_> {
        Registered {
            host,
            known: [(-1, 0); MAX_PLANES],
            count: 0,
        }
    }

    /// The plane of `size` bytes that begins `offset` bytes into the buffer's memories.
    fn plane(
        &mut self,
        buffer: &gst::BufferRef,
        offset: usize,
        size: usize,
        stride: u32,
    ) -> Option<PlaneDescriptor> {
        let (range, skip) = buffer.find_memory(offset..offset + 1)?;
        let memory = buffer.peek_memory(range.start);
        let part = part(memory)?;
        // The last line may be shorter than the others.
        let left = memory.size().checked_sub(skip)?;
        Some(PlaneDescriptor {
            buffer: self.id(part.fd)?,
            offset: u32::try_from(part.offset + skip).ok()?,
            stride,
            size: u32::try_from(size.min(left)).ok()?,
        })
    }

    fn id(&mut self, fd: std::os::fd::BorrowedFd<'_>) -> Option<u32> {
        let number = fd.as_raw_fd();
        let mut known = self.known[..self.count].iter();
        if let Some((_, id)) = known.find(|(known, _)| *known == number) {
            return Some(*id);
        }
        let size = file_size(fd.as_fd()).ok()?;
        let own = fcntl_dupfd_cloexec(fd, 0).ok()?;
        // Memory that could be cut short under a client's mapping is refused here.
        let id = self.host.register(own, size).ok()?;
        *self.known.get_mut(self.count)? = (number, id);
        self.count += 1;
        Some(id)
    }
}

/// Describes a picture; `None` if it lies in memory that other processes can't map.
pub(super) fn picture(
    buffer: &gst::BufferRef,
    info: &VideoInfo,
    host: &mut Host,
    frame: &mut FrameDescriptor,
) -> Option<()> {
    let mut registered = Registered::new(host);
    let meta = buffer.meta::<gst_video::VideoMeta>();
    let (offsets, strides) = match &meta {
        Some(meta) => (meta.offset(), meta.stride()),
        None => (info.offset(), info.stride()),
    };
    for at in 0..info.n_planes() as usize {
        let stride = u32::try_from(strides[at]).ok()?;
        // Planes of chroma are as high as each other.
        let lines = info.comp_height(u8::from(at > 0)) as usize;
        let size = stride as usize * lines;
        let plane = registered.plane(buffer, offsets[at], size, stride)?;
        let short = size.saturating_sub(plane.size as usize);
        if short >= stride as usize {
            return None;
        }
        frame.planes[at] = plane;
    }
    if registered.count > 1
        && let Some(separate) = formats::separate(info.format())
    {
        frame.fourcc = separate.0;
    }
    frame.field = field(buffer, info.interlace_mode(), frame.field);
    Some(())
}

/// Describes a packet; `None` unless it is one memory that other processes can map.
pub(super) fn packet(
    buffer: &gst::BufferRef,
    host: &mut Host,
    frame: &mut FrameDescriptor,
) -> Option<()> {
    if buffer.n_memory() != 1 {
        return None;
    }
    let mut registered = Registered::new(host);
    frame.planes[0] = registered.plane(buffer, 0, buffer.size(), 0)?;
    Some(())
}

/// V4L2's field order of a buffer.
fn field(buffer: &gst::BufferRef, mode: VideoInterlaceMode, usual: u32) -> u32 {
    let flags = buffer.video_flags();
    let is_interlaced = match mode {
        VideoInterlaceMode::Interleaved => true,
        VideoInterlaceMode::Mixed => flags.contains(gst_video::VideoBufferFlags::INTERLACED),
        _ => return usual,
    };
    let field = match (
        is_interlaced,
        flags.contains(gst_video::VideoBufferFlags::TFF),
    ) {
        (false, _) => Field::None,
        (true, true) => Field::InterlacedTb,
        (true, false) => Field::InterlacedBt,
    };
    field.raw()
}
