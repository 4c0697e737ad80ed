//! Pixel formats: their codes, their meaning and their layout in memory.
//!
//! A [`FourCc`] is the four-letter code that V4L2 uses. [`FourCc::info`] looks it up in the table
//! of known formats ([`FormatInfo`]: family, planes, subsampling, bits, DRM equivalent). A
//! [`Layout`] holds, for one picture size, each plane's offset, stride and size.
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
mod mbus_code;
mod table;

pub use drm::{DrmFormat, modifier};
pub use error::FormatError;
pub use fourcc::{FourCc, ParseFourCcError};
pub use info::{Family, FormatInfo, PlaneRule, Subsampling};
pub use layout::{Layout, MAX_PLANES, PlaneLayout};
pub use mbus_code::MbusCode;
pub use table::formats;
