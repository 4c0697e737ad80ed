//! Copying pictures.

use gst::glib;
use gst_video::prelude::*;
use gst_video::{VideoBufferFlags, VideoFrameRef, VideoInfo};

/// Copies a picture into another buffer, line by line, with its field flags.
///
/// # Errors
/// Fails if a buffer can't be mapped, or is too small for the picture.
pub(crate) fn picture(
    from: &gst::BufferRef,
    info: &VideoInfo,
    to: &mut gst::BufferRef,
) -> Result<(), glib::BoolError> {
    let fields = VideoBufferFlags::INTERLACED | VideoBufferFlags::TFF;
    to.set_video_flags(from.video_flags() & fields);
    let from = VideoFrameRef::from_buffer_ref_readable(from, info)?;
    let mut to = VideoFrameRef::from_buffer_ref_writable(to, info)?;
    from.copy(&mut to)
}
