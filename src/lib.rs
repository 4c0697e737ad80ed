//! Capture, share and encode video frames on embedded Linux without a copy.
//!
//! - [`Camera`] finds, opens and negotiates V4L2 cameras; [`TestPattern`] needs none.
//! - [`media`] sets up what is behind the node of a CSI-2 camera.
//! - [`Host`] shares frames, [`Client`] reads them in other processes, [`Stream`] is the loop
//!   from a [`Source`] to a host, [`share::Lender`] for frames that come in memory of others.
//! - `convert` crops, scales and converts pictures (cargo feature `convert`).
//! - [`encode`] makes H.264 of them, [`decode`] the other way, [`record`] files, [`snapshot`] pictures.
//!
//! [`hal`] and [`ipc`], underneath, work without std and without allocation.

mod bitstream;
pub mod build;
pub mod camera;
pub mod colorimetry;
#[cfg(feature = "convert")]
pub mod convert;
pub mod decode;
pub mod encode;
mod error;
pub mod frame_rate;
mod fresh;
mod hardware;
pub mod jpeg;
mod library;
pub mod media;
#[cfg(feature = "record")]
pub mod mp4;
pub mod pattern;
pub mod picture;
pub mod record;
pub mod share;
pub mod snapshot;
pub mod source;
mod stream;
pub mod v2;
#[cfg(feature = "record")]
pub mod y4m;

pub use camera::{Camera, CameraError, CameraFrame, CameraId, CameraStream, devices};
pub use colorimetry::{Appearance, Colorimetry};
pub use error::{Error, Result};
pub use frame_rate::{FrameRate, InvalidFrameRate};
pub use pattern::TestPattern;
pub use picture::{DmaBufPicture, Picture, PictureError, PictureMut, Rect};
pub use share::{Client, Frame, Host, Mode};
#[cfg(feature = "convert")]
pub use source::ConvertedSource;
#[cfg(feature = "jpeg")]
pub use source::DecodedSource;
pub use source::{CameraSource, EncodedSource, PatternSource, Source};
pub use stream::Stream;
pub use videostream_hal as hal;
pub use videostream_ipc as ipc;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
