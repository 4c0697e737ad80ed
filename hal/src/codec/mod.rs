//! Memory-to-memory codecs and converters (V4L2 M2M).
//!
//! Such a device has two queues on one handle: **Output** feeds the hardware, **Capture** returns
//! its results. [`M2m`] has both. [`Encoder`], [`Decoder`], and [`Converter`] are built on it and
//! follow the kernel's state machines. They support any codec, single- and multi-planar nodes, and
//! driver or imported memory ([`Buffers`]) on both queues.
//!
//! ```no_run
//! use videostream_hal::codec::{Buffers, Encoder, EncoderRequest, find};
//! use videostream_hal::format::FourCc;
//! use videostream_hal::v4l2::queue::Content;
//! use videostream_hal::v4l2::{Fraction, NodeKind, PixFormat};
//! use videostream_hal::{Error, ErrorKind};
//!
//! # fn main() -> Result<(), Error> {
//! let Some(device) = find(NodeKind::Encoder, FourCc::H264, &mut |_| true)? else {
//!     return Ok(());
//! };
//! let request = EncoderRequest {
//!     coded: FourCc::H264,
//!     packet_size: 0,
//!     raw: PixFormat::new(FourCc::NV12, 1280, 720),
//!     interval: Some(Fraction::from_fps(30)),
//!     crop: None,
//! };
//! let mut encoder = Encoder::new(device, &request)?;
//! encoder.allocate(Buffers::driver(4), Buffers::driver(4))?;
//! encoder.start()?;
//! for number in 0..30 {
//!     let index = encoder.m2m().next_input(None)?;
//!     // Fill the buffer, through encoder.m2m().output().map() or export().
//!     let bytes_used = [1280 * 720 * 3 / 2];
//!     let content = Content {
//!         bytes_used: &bytes_used,
//!         timestamp_ns: number * 33_333_000,
//!         ..Content::default()
//!     };
//!     encoder.m2m().submit(index, &content)?;
//! }
//! encoder.drain()?;
//! loop {
//!     match encoder.next_packet(None) {
//!         Ok(packet) => assert!(packet.planes()[0].bytes_used > 0),
//!         Err(error) if error.kind() == ErrorKind::EndOfStream => break,
//!         Err(error) => return Err(error),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Importing pictures
//! [`fit`] checks whether a picture's layout matches the device, and [`M2m::import_for`] gives its
//! memory to a buffer. A copy is needed only if one of them refuses.
//!
//! # End of a stream
//! The end is the flag on the last buffer ([`FinishedBuffer::is_last`]), not the event. After it
//! nothing arrives until the codec is resumed; buffers returned meanwhile are parked and queued
//! then.

mod converter;
mod decoder;
mod encoder;
mod find;
mod finished;
mod imported_memory;
mod m2m;
mod misfit;
mod queue;
mod quirks;
mod setup;
mod tuning;

pub use converter::{Converter, ConverterRequest};
pub use decoder::{Decoder, DecoderRequest, DecoderState, PictureFormat};
pub use encoder::{Encoder, EncoderRequest, EncoderState};
pub use find::{find, is_codec};
pub use finished::FinishedBuffer;
pub use m2m::M2m;
pub use misfit::{Misfit, fit};
pub use queue::{Buffers, CodecQueue};
pub use quirks::{Quirks, Row, TABLE};
pub use tuning::{RateControl, Tuned, Tuning, TuningError};
