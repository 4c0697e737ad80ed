//! Which codec, and who does the work.

use rustix::io::Errno;
use videostream::encode::{BACKEND_VARIABLE, Backend, Codec, DevicePath};
use videostream::hal::format::FourCc;

/// `VSL_CODEC_BACKEND_*`.
const AUTO: u32 = 0;
const HANTRO: u32 = 1;
const V4L2: u32 = 2;
const SOFTWARE: u32 = 3;

/// The codec of a four-character code.
pub(crate) fn codec_of(fourcc: u32) -> Option<Codec> {
    Codec::of_packets(FourCc(fourcc))
}

/// The backend of a number of the interface. The VPUs that `HANTRO` means are driven through V4L2.
///
/// # Errors
/// ENOTSUP: no backend.
pub(crate) fn backend_of(number: u32) -> Result<Backend, Errno> {
    match number {
        AUTO => Ok(Backend::Auto),
        HANTRO | V4L2 => Ok(Backend::V4l2),
        SOFTWARE => Ok(Backend::Software),
        _ => Err(Errno::NOTSUP),
    }
}

/// The backends to try, one after the other. A name in the environment that is no backend leaves
/// the choice open, as it always has.
pub(crate) fn backends_of(backend: Backend) -> &'static [Backend] {
    let name = std::env::var(BACKEND_VARIABLE).unwrap_or_default();
    match backend {
        Backend::Auto if Backend::from_name(&name).is_some() => &[Backend::Auto],
        Backend::Auto => &[Backend::V4l2, Backend::Software],
        Backend::V4l2 => &[Backend::V4l2],
        _ => &[Backend::Software],
    }
}

/// The device that the environment names for hardware.
pub(crate) fn device_of(variable: &str, backend: Backend) -> Option<DevicePath> {
    // An empty variable counts as unset.
    let path = std::env::var_os(variable).filter(|path| !path.is_empty())?;
    (backend == Backend::V4l2)
        .then(|| DevicePath::new(path))
        .flatten()
}
