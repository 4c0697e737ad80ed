//! Frames of decoded pictures.

use std::sync::Arc;

use rustix::io::Errno;
use videostream::PictureMut;
use videostream::decode::Decoded;
use videostream::hal::format::{FourCc, Layout};

use crate::frame::{BufferPool, Frame, Shape, convert, errno_of_picture};

/// Makes an NV12 frame with memory of `buffers`; it may outlive the decoder.
pub(super) fn to_frame(decoded: &Decoded<'_>, buffers: &Arc<BufferPool>) -> Result<Frame, Errno> {
    let (picture, colours) = (decoded.picture(), decoded.appearance().colorimetry);
    let (width, height) = (picture.width(), picture.height());
    let layout = Layout::new(FourCc::NV12, width, height).map_err(|_| Errno::INVAL)?;
    let shape = Shape::new(width, height, layout.planes[0].stride, FourCc::NV12.0)?;
    let mut frame = Frame::new(shape, std::ptr::null_mut(), None);
    frame.become_colorimetry(colours);
    frame.take_pooled(buffers, layout.size as usize)?;
    frame.write(|place| {
        let mut target = PictureMut::new(place, &layout).map_err(errno_of_picture)?;
        match picture.copy_to(&mut target) {
            Ok(()) => Ok(()),
            // Another format than NV12 and YU12.
            Err(_) => convert(picture, &mut target, None, (colours, colours)),
        }
    })?;
    Ok(frame)
}
