//! Codecs and converters that work from memory to memory (V4L2 M2M).
//!
//! Such a device has two queues over one handle: **Output** feeds the hardware, **Capture** takes
//! from it. [`M2m`] is both; on it stand [`Encoder`], [`Decoder`] and [`Converter`], which keep
//! to the kernel's state machines. They are generic over the codec, take single- and multi-planar
//! nodes, and memory of either side ([`Buffers`]) on both queues.
//!
//! ```no_run
//! use videostream_hal::codec::{Buffers, Encoder, EncoderWishes, find};
//! use videostream_hal::format::FourCc;
//! use videostream_hal::v4l2::queue::Content;
//! use videostream_hal::v4l2::{Error, ErrorKind, Fraction, NodeKind, PixFormat};
//!
//! # fn main() -> Result<(), Error> {
//! let Some(device) = find(NodeKind::Encoder, FourCc::H264, &mut |_| true)? else {
//!     return Ok(());
//! };
//! let wishes = EncoderWishes {
//!     coded: FourCc::H264,
//!     packet_size: 0,
//!     raw: PixFormat::wish(FourCc::NV12, 1280, 720),
//!     interval: Some(Fraction::from_fps(30)),
//!     crop: None,
//! };
//! let mut encoder = Encoder::new(device, &wishes)?;
//! encoder.allocate(Buffers::driver(4), Buffers::driver(4))?;
//! encoder.start()?;
//! for number in 0..30 {
//!     let index = encoder.next_input(None)?;
//!     // Fill the buffer, through encoder.output().map() or export().
//!     let bytes_used = [1280 * 720 * 3 / 2];
//!     let timestamp_ns = number * 33_333_000;
//!     encoder.submit(index, &Content { bytes_used: &bytes_used, timestamp_ns, ..Content::default() })?;
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
//! # Pictures from elsewhere
//! [`fit`] tells whether a picture lies in its memory as the device wants it, [`M2m::place`] gives its
//! memory to a buffer; only where either refuses, a copy is needed.
//!
//! # End of a stream
//! The mark on the last buffer is the contract ([`Done::is_last`]), not the event. After it
//! nothing comes until the codec goes on; buffers that are given back meanwhile are kept here, and
//! queued then.

mod converter;
mod decoder;
mod done;
mod encoder;
mod find;
mod fit;
mod m2m;
mod places;
mod quirks;
mod setup;
mod side;
mod tuning;

pub use converter::{Converter, ConverterWishes};
pub use decoder::{Decoder, DecoderState, DecoderWishes, PictureFormat};
pub use done::Done;
pub use encoder::{Encoder, EncoderState, EncoderWishes};
pub use find::{find, is_codec};
pub use fit::{Misfit, fit};
pub use m2m::M2m;
pub use quirks::{Quirks, Row, TABLE};
pub use side::{Buffers, Side};
pub use tuning::{RateControl, Tuned, Tuning, TuningError};
