//! Recording packets, or raw pictures, to a file in the format that its name says.
//!
//! | name | format | needs |
//! |---|---|---|
//! | `.mp4` | fragmented MP4 (ISO/IEC 14496-12), playable everywhere; to a file, not to a pipe | cargo feature `record` |
//! | `.h264`, `.264`; `.h265`, `.265`, `.hevc` | Annex B byte stream, which has no times | |
//! | `.mjpeg`, `.mjpg` | JPEG images one behind the other, of a camera that gives them ([`Codec::Mjpeg`](crate::encode::Codec)); no times | |
//! | `.y4m` | raw pictures, by `RawRecorder` | cargo feature `record` |
//!
//! # What survives
//! What has the name of the file stays until the new one plays: it takes the name with its first complete fragment
//! or picture, or when it is finished ([`Track::whole`]).
//!
//! An MP4 file grows by complete fragments, each at most a second long or one group of pictures, and each is
//! on the medium before the next is begun (unless [`Track::durable`] says otherwise). Readers skip a fragment
//! until it is complete: its `moof` is a `free` box before. After a crash, a
//! power loss or a full disk the file plays up to its last complete fragment; nothing has to be repaired
//! and [`Recorder::finish`] need not have run. An Annex B file plays up to its last complete picture.
//!
//! [`Recorder::finish`] puts the index of all samples into room that was kept for it in front. The file is an ordinary
//! MP4 then, which players open and seek at once, and which plays up to where a broken copy ends. The room is
//! 128 KiB, enough for 15 minutes at 30 frames a second, and a hole behind it for a day
//! ([`Track::expected_frames`] says better): it takes no space on the medium, and is taken out of a file that does
//! not need it where the file system can do that (ext4, XFS, F2FS). On FAT, which fills holes, there is
//! room for two hours. A recording that outgrows its room stays in fragments.
//!
//! # Parameter sets
//! Those of the first key frame are in an MP4's header (`avc1`, `hvc1`), and not among the samples, though the stream repeat
//! them. Where others come later, they are among the samples, and the header says that some are (`avc3`, `hev1`), as ISO/IEC
//! 14496-15 wants it: players that read sets in the header only, such as some of Apple's, then refuse the file, which they
//! would show wrongly.
//!
//! # Times
//! Times of the packets are kept, relative to the first. The unit of time is chosen so that the duration of
//! a frame is exact: pictures stamped with [`FrameRate::time_ns`](crate::FrameRate::time_ns) make a file of
//! exactly that rate.
//! A [`Timeline`] makes such stamps of the numbers and times that a source gives its frames.
//!
//! A `Recording` composes all that: it takes whatever a source gives, pictures, packets or JPEG, and does with it what the
//! name of the file says (cargo features `record` and `jpeg`).
//!
//! Recording begins with the first key frame; packets before it are left out and counted. A
//! [`PacketRecorder`] takes the packets that a host shares, and goes on with the next key frame after a loss.

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

pub use self::error::RecordError;
pub use self::name::{annex_b, check_path, is_mjpeg, is_raw};
pub use self::packets::{Outcome, PacketRecorder};
#[cfg(feature = "record")]
pub use self::raw::RawRecorder;
pub use self::recorder::{Recorded, Recorder};
#[cfg(all(feature = "record", feature = "jpeg"))]
pub use self::recording::{Moment, Recording, RecordingConfig, Shot};
pub use self::timeline::Timeline;
pub use self::track::Track;
