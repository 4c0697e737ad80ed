//! Describing a buffer's planes for the ring.

use gst_video::prelude::*;
use gst_video::{VideoBufferFlags, VideoFieldOrder, VideoInfo, VideoInterlaceMode, VideoMeta};
use rustix::io::fcntl_dupfd_cloexec;
use videostream::Host;
use videostream::hal::format::Layout;
use videostream::hal::memory::mapping::file_size;
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::hal::v4l2::Field;

use crate::formats::{self, plane_needs};
use crate::memory::{note_number, number, part};

/// Describes the plane of `size` bytes at `offset` in the buffer.
fn plane(
    buffer: &gst::BufferRef,
    (offset, size): (usize, usize),
    stride: u32,
    host: &mut Host,
) -> Option<PlaneDescriptor> {
    let (memory, skip) = memory_from(buffer, offset)?;
    let place = part(memory)?.offset.checked_add(skip)?;
    // The last line may lack its padding.
    let left = memory.size().checked_sub(skip)?;
    Some(PlaneDescriptor {
        buffer: id(memory, host)?,
        offset: u32::try_from(place).ok()?,
        stride,
        size: u32::try_from(size.min(left)).ok()?,
    })
}

/// Returns the buffer id of a memory's file, registering it if need be.
fn id(memory: &gst::MemoryRef, host: &mut Host) -> Option<u32> {
    let epoch = host.ipc().epoch();
    if let Some(known) = number(memory, epoch)
        && host.ipc_mut().is_registered(known)
    {
        return Some(known);
    }
    let fd = part(memory)?.fd;
    let size = file_size(fd).ok()?;
    let own = fcntl_dupfd_cloexec(fd, 0).ok()?;
    // Fails for memory that could be truncated under a client's mapping.
    let id = host.register(own, size).ok()?;
    note_number(memory, epoch, id);
    Some(id)
}

/// Returns offsets and strides of the planes.
fn places<'a>(meta: Option<&'a VideoMeta>, info: &'a VideoInfo) -> (&'a [usize], &'a [i32]) {
    match meta {
        Some(meta) => (meta.offset(), meta.stride()),
        None => (info.offset(), info.stride()),
    }
}

/// Checks that a buffer is as large as its caps and `GstVideoMeta` say, since mapping relies on
/// them.
///
/// # Errors
/// Describes what does not fit.
pub(super) fn fit(buffer: &gst::BufferRef, info: &VideoInfo, tight: &Layout) -> Result<(), String> {
    let picture = || {
        format!(
            "{}x{} pixels of {}",
            info.width(),
            info.height(),
            info.name()
        )
    };
    let meta = buffer.meta::<VideoMeta>();
    let (offsets, strides) = places(meta.as_deref(), info);
    for (at, plane) in tight.planes().iter().enumerate() {
        let (Some(offset), Some(stride)) = (offsets.get(at), strides.get(at)) else {
            return Err(format!("GstVideoMeta has no plane {at} of {}", picture()));
        };
        let apart = u64::try_from(*stride).ok();
        let Some(needs) = apart.and_then(|stride| plane_needs(plane, stride)) else {
            return Err(format!(
                "plane {at} has lines of {stride} bytes, but {} need {}",
                picture(),
                plane.stride
            ));
        };
        let left = match &meta {
            // Only the memory that the plane begins in is mapped.
            Some(_) => memory_from(buffer, *offset).map(|(memory, skip)| memory.size() - skip),
            None => buffer.size().checked_sub(*offset),
        };
        let left = left.unwrap_or(0);
        if (left as u64) < needs {
            return Err(format!(
                "plane {at} has {left} bytes, but {} need {needs}",
                picture()
            ));
        }
    }
    Ok(())
}

/// Returns the memory that contains a byte of the buffer, and the offset in it.
fn memory_from(buffer: &gst::BufferRef, offset: usize) -> Option<(&gst::MemoryRef, usize)> {
    let (range, skip) = buffer.find_memory(offset..offset.checked_add(1)?)?;
    let memory = buffer.peek_memory(range.start);
    (skip < memory.size()).then_some((memory, skip))
}

/// Describes a picture; `None` if other processes can't map its memory.
pub(super) fn picture(
    buffer: &gst::BufferRef,
    info: &VideoInfo,
    host: &mut Host,
    frame: &mut FrameDescriptor,
) -> Option<()> {
    let meta = buffer.meta::<VideoMeta>();
    let (offsets, strides) = places(meta.as_deref(), info);
    for at in 0..info.n_planes() as usize {
        let stride = u32::try_from(*strides.get(at)?).ok()?;
        // All chroma planes have the same height.
        let lines = info.comp_height(u8::from(at > 0)) as usize;
        let size = (stride as usize).checked_mul(lines)?;
        let plane = plane(buffer, (*offsets.get(at)?, size), stride, host)?;
        let short = size.saturating_sub(plane.size as usize);
        if short >= stride as usize {
            return None;
        }
        frame.planes[at] = plane;
    }
    let first = frame.planes[0].buffer;
    if frame.planes().iter().any(|plane| plane.buffer != first)
        && let Some(separate) = formats::separate(info.format())
    {
        frame.fourcc = separate.0;
    }
    frame.field = field(buffer, info, frame.field);
    Some(())
}

/// Describes a packet; `None` unless it lies in one memory that other processes can map.
pub(super) fn packet(
    buffer: &gst::BufferRef,
    host: &mut Host,
    frame: &mut FrameDescriptor,
) -> Option<()> {
    if buffer.n_memory() != 1 {
        return None;
    }
    frame.planes[0] = plane(buffer, (0, buffer.size()), 0, host)?;
    Some(())
}

/// Returns V4L2's field order for a buffer. An order in the caps takes precedence, as in other
/// elements.
fn field(buffer: &gst::BufferRef, info: &VideoInfo, usual: u32) -> u32 {
    let flags = buffer.video_flags();
    let is_interlaced = match info.interlace_mode() {
        VideoInterlaceMode::Interleaved => true,
        VideoInterlaceMode::Mixed => flags.contains(VideoBufferFlags::INTERLACED),
        _ => return usual,
    };
    let is_top_first = match info.field_order() {
        VideoFieldOrder::TopFieldFirst => true,
        VideoFieldOrder::BottomFieldFirst => false,
        _ => flags.contains(VideoBufferFlags::TFF),
    };
    let field = match (is_interlaced, is_top_first) {
        (false, _) => Field::None,
        (true, true) => Field::InterlacedTb,
        (true, false) => Field::InterlacedBt,
    };
    field.raw()
}
