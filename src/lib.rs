//! Capture, share and encode video frames on embedded Linux without a copy.

pub mod camera;
pub mod colorimetry;
pub mod encode;
pub mod frame_rate;
pub mod pattern;
pub mod picture;
pub mod record;
pub mod snapshot;

pub use camera::{Camera, CameraError, CameraFrame, CameraStream, devices};
pub use colorimetry::Colorimetry;
pub use frame_rate::{FrameRate, InvalidFrameRate};
pub use pattern::TestPattern;
pub use picture::{Picture, PictureError, PictureMut, Rect};
pub use videostream_hal as hal;
