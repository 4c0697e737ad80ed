//! Recording of packets or raw pictures to a file, in the format of its name.
//!
//! | name | format | needs |
//! |---|---|---|
//! | `.mp4` | fragmented MP4 (ISO/IEC 14496-12), to a file only | cargo feature `record` |
//! | `.h264`, `.264`; `.h265`, `.265`, `.hevc` | Annex B byte stream, without times | |
//! | `.mjpeg`, `.mjpg` | JPEG images of a camera one after the other, without times | |
//! | `.y4m` | raw pictures, by `RawRecorder` | cargo feature `record` |
//!
//! # Durability
//! An existing file of the same name stays until the new one is playable. The new file takes the
//! name with its first complete fragment or picture, or when it is finished ([`Track::whole`]).
//!
//! An MP4 file grows by complete fragments, each at most a second or one group of pictures long,
//! and each is on the medium before the next one starts (see [`Track::durable`]). Readers skip a
//! fragment until it is complete: its `moof` is a `free` box before. After a crash, a power loss or
//! a full disk the file plays up to its last complete fragment, without repair and without
//! [`Recorder::finish`]. An Annex B file plays up to its last complete picture.
//!
//! [`Recorder::finish`] writes the index of all samples into space reserved at the start. The file
//! is then an ordinary MP4, which players open and seek at once and which plays up to the end of a
//! truncated copy. The reserved space is 128 KiB, enough for 15 minutes at 30 frames a second,
//! followed by a hole for a day (or for [`Track::expected_frames`]). The hole takes no space on the
//! medium, and is removed from a file that does not need it if the file system can do that (ext4,
//! XFS, F2FS). On FAT, which fills holes, there is space for two hours. A recording that outgrows
//! the reserved space stays fragmented.
//!
//! # Parameter sets
//! The sets of the first key frame are in an MP4's header (`avc1`, `hvc1`), not among the samples,
//! even if the stream repeats them. Different sets that arrive later are among the samples, and the
//! header says so (`avc3`, `hev1`), as ISO/IEC 14496-15 requires: players that read sets only from
//! the header, such as some of Apple's, then refuse the file instead of showing it wrongly.
//!
//! # Times
//! Times of packets are kept, relative to the first. The unit of time is chosen so that the
//! duration of a frame is exact: pictures with times of
//! [`FrameRate::time_ns`](crate::FrameRate::time_ns) make a file of exactly that rate. A
//! [`Timeline`] computes such times from a source's timestamps.
//!
//! A `Recording` combines all of this: it accepts pictures, packets or JPEG of any source and
//! records them in the format of the file's name (cargo features `record` and `jpeg`).
//!
//! A recording starts with the first key frame; packets before it are skipped and counted. A
//! [`PacketRecorder`] records the packets that a host shares, and continues with the next key frame
//! after a loss.

mod error;
mod file;
#[cfg(feature = "record")]
mod mp4;
mod name;
mod packets;
#[cfg(feature = "record")]
mod raw;
mod recorder;
#[cfg(all(feature = "record", feature = "jpeg"))]
mod recording;
mod reorder;
mod timeline;
mod track;

use crate::frame_rate::FrameRate;

pub use self::error::RecordError;
pub use self::name::{annex_b, check_path, is_mjpeg, is_raw};
pub use self::packets::{Outcome, PacketRecorder};
#[cfg(feature = "record")]
pub use self::raw::RawRecorder;
pub use self::recorder::{Recorded, Recorder};
#[cfg(all(feature = "record", feature = "jpeg"))]
pub use self::recording::{FrameTime, Recordable, Recording, RecordingConfig};
pub use self::timeline::Timeline;
pub use self::track::Track;

/// The rate written if the source has none; times are exact anyway.
const NOMINAL: FrameRate = match FrameRate::fps(30) {
    Ok(rate) => rate,
    Err(_) => unreachable!(),
};
