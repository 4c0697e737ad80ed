//! Which codec, and who does the work.

use rustix::io::Errno;
use videostream::encode::{Backend, Codec};

/// `VSL_CODEC_BACKEND_*`.
const AUTO: u32 = 0;
const HANTRO: u32 = 1;
const V4L2: u32 = 2;
const SOFTWARE: u32 = 3;

/// The codec of a four-character code.
pub(crate) fn codec_of(fourcc: u32) -> Option<Codec> {
    let mut codecs = [Codec::H264, Codec::H265].into_iter();
    codecs.find(|codec| codec.fourcc().0 == fourcc)
}

/// The backend of a number of the interface.
///
/// # Errors
/// ENOTSUP: none of this build.
pub(crate) fn backend_of(number: u32) -> Result<Backend, Errno> {
    match number {
        AUTO => Ok(Backend::Auto),
        SOFTWARE => Ok(Backend::Software),
        HANTRO | V4L2 => Err(Errno::NOTSUP),
        _ => Err(Errno::NOTSUP),
    }
}

/// What becomes of a name in the environment that the Rust library does not know: the two of the
/// interface cannot be had, any other leaves the choice open.
pub(crate) fn unknown_backend(name: &str) -> Result<Backend, Errno> {
    let of_the_interface = ["hantro", "v4l2"];
    if of_the_interface.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Errno::NOTSUP);
    }
    Ok(Backend::Software)
}
