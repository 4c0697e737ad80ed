//! Frames that go downstream as copies.

use gst::prelude::*;
use gst_video::VideoInfo;

/// Memory that copies of pictures of one format come back to.
#[derive(Debug)]
pub(super) struct Copies(gst::BufferPool);

impl Copies {
    fn new(info: &VideoInfo) -> Result<Self, gst::glib::BoolError> {
        let pool = gst::BufferPool::new();
        let caps = info.to_caps()?;
        let size = u32::try_from(info.size());
        let size = size.map_err(|_| gst::glib::bool_error!("{} bytes a frame", info.size()))?;
        let mut config = pool.config();
        config.set_params(Some(&caps), size, 0, 0);
        pool.set_config(config)?;
        pool.set_active(true)?;
        Ok(Self(pool))
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // Buffers that are out are freed when they come back.
        let _ = self.0.set_active(false);
    }
}

/// A copy of a picture, with lines and planes where they usually lie.
pub(super) fn picture(
    buffer: &gst::Buffer,
    info: &VideoInfo,
    copies: &mut Option<Copies>,
) -> Result<gst::Buffer, String> {
    let copies = match copies {
        Some(copies) => copies,
        none => none.insert(Copies::new(info).map_err(|error| error.to_string())?),
    };
    let mut copy = copies
        .0
        .acquire_buffer(None)
        .map_err(|error| format!("no memory for a copy: {error}"))?;
    crate::copies::picture(buffer, info, copy.make_mut()).map_err(|error| error.to_string())?;
    Ok(copy)
}

/// A copy of a packet.
pub(super) fn packet(buffer: &gst::Buffer) -> Result<gst::Buffer, String> {
    let bytes = buffer.map_readable().map_err(|error| error.to_string())?;
    Ok(gst::Buffer::from_slice(bytes.to_vec()))
}
