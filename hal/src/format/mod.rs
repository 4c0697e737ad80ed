//! Pixel formats: codes, what they mean, and where their bytes lie.
//!
//! A [`FourCc`] is the four-letter code that V4L2 uses. [`FourCc::info`] looks it up in the
//! table of known formats ([`FormatInfo`]: family, planes, subsampling, bits, DRM equivalent).
//! A [`Layout`] says for one picture size where each plane starts, how far apart its lines
//! are and how many bytes it takes.
//!
//! Nothing here makes a system call: the module builds and works without an operating system.
//!
//! ```
//! use videostream_hal::format::{FourCc, Layout};
//!
//! let layout = Layout::new(FourCc::NV12, 1280, 720)?;
//! assert_eq!(layout.plane_count, 2);
//! assert_eq!(layout.planes[1].offset, 1280 * 720);
//! assert_eq!(layout.size, 1280 * 720 * 3 / 2);
//! # Ok::<(), videostream_hal::format::FormatError>(())
//! ```

mod drm;
mod error;
mod fourcc;
mod info;
mod layout;
mod table;

pub use drm::{DrmFormat, modifier};
pub use error::FormatError;
pub use fourcc::{FourCc, ParseFourCcError};
pub use info::{Family, FormatInfo, PlaneRule, Subsampling};
pub use layout::{Layout, MAX_PLANES, PlaneLayout};
pub use table::formats;
