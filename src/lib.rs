//! Capture, share and encode video frames on embedded Linux without a copy.
//!
//! One process shares the frames of a camera; any number of others read the same memory:
//!
//! ```no_run
//! use std::time::Duration;
//! use videostream::{Camera, CameraSource, Client, Host, Stream};
//!
//! fn host() -> videostream::Result<()> {
//!     let camera = Camera::first()?.size(1280, 720).fps(30).buffers(8).start()?;
//!     let mut stream = Stream::new(Host::builder("/tmp/camera"), CameraSource::new(camera))?;
//!     loop {
//!         stream.step(u64::MAX)?; // waits for a frame and publishes it
//!     }
//! }
//!
//! fn client() -> videostream::Result<()> {
//!     let mut client = Client::connect("/tmp/camera")?;
//!     loop {
//!         let frame = client.next(Duration::from_secs(1))?; // held until dropped
//!         println!("{} {:?}", frame.sequence(), &frame.pixels()?.plane(0)[..8]);
//!     }
//! }
//! ```
//!
//! In `Cargo.toml`: `videostream = { path = "../videostream" }`, with the features below as needed.
//!
//! | task | start with |
//! |---|---|
//! | find, open and negotiate V4L2 cameras | [`Camera`], [`devices`]; [`TestPattern`] without one |
//! | set up the media controller behind a CSI-2 camera | [`media`] |
//! | share frames | [`Host`] and [`Stream`], the loop from a [`Source`] to a host |
//! | share frames in your own memory | [`share::FramePublisher`] |
//! | read shared frames | [`Client`] |
//! | crop, scale and convert pictures | `convert` (cargo feature `convert`) |
//! | encode and decode H.264, H.265 and FWHT (hardware only) | [`encode`], [`decode`] |
//! | decode JPEG images of cameras | [`jpeg`] (cargo feature `jpeg`) |
//! | write and read MP4, byte streams and Y4M | [`record`], `mp4`, `y4m` (cargo feature `record`) |
//! | save a picture as PNG or JPEG | [`snapshot`] (cargo feature `snapshot`) |
//!
//! | cargo feature | adds |
//! |---|---|
//! | `software` | H.264 by OpenH264 (needs a C++ compiler), H.265 by libx265 and libde265 |
//! | `convert` | colour conversion and scaling |
//! | `record` | MP4 and Y4M; byte streams need no feature |
//! | `jpeg`, `snapshot` | JPEG images as pictures; PNG and JPEG files |
//!
//! The crates below, [`hal`] and [`ipc`], need neither std nor allocation. The library needs Linux
//! 5.1 or later, 5.6 on 32-bit machines and for dma-heaps, on x86_64, aarch64, arm, riscv or
//! loongarch64. Its licence is Apache-2.0.

mod back_off;
mod bitstream;
pub mod build;
pub mod camera;
mod codec;
pub mod colorimetry;
#[cfg(feature = "convert")]
pub mod convert;
pub mod decode;
pub mod encode;
mod error;
pub mod frame_rate;
mod fresh;
mod joined;
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
pub use codec::CodecError;
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

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
