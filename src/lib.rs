//! Capture, share and encode video frames on embedded Linux without a copy.

pub mod frame_rate;
pub mod pattern;
pub mod picture;

pub use frame_rate::{FrameRate, InvalidFrameRate};
pub use pattern::TestPattern;
pub use picture::{Picture, PictureError, PictureMut, Rect};
pub use videostream_hal as hal;
