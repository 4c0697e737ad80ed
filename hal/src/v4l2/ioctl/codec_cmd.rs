//! `VIDIOC_ENCODER_CMD` and `VIDIOC_DECODER_CMD`.

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{DecoderCmd, EncoderCmd, call};
use crate::Error;

/// `V4L2_ENC_CMD_*` and `V4L2_DEC_CMD_*`, which have the same numbers: those for memory-to-memory
/// codecs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum CodecCommand {
    /// Resumes after a drain.
    Start = sys::V4L2_ENC_CMD_START,
    /// Finishes what is queued, flags the last buffer, then stops.
    Stop = sys::V4L2_ENC_CMD_STOP,
}

const _: () = assert!(sys::V4L2_ENC_CMD_START == sys::V4L2_DEC_CMD_START);
const _: () = assert!(sys::V4L2_ENC_CMD_STOP == sys::V4L2_DEC_CMD_STOP);

/// `VIDIOC_ENCODER_CMD`: starts or ends a drain of an encoder.
///
/// A driver accepts [`CodecCommand::Stop`] but ignores it while one of its queues is not streaming.
///
/// # Errors
/// - `EBUSY`: a drain is in progress.
/// - `EINVAL`: the driver does not know the command; with some drivers, a queue is not streaming.
/// - `ENOTTY`: the node is not an encoder.
pub fn encoder_cmd(fd: BorrowedFd<'_>, command: CodecCommand) -> Result<(), Error> {
    let mut raw = sys::v4l2_encoder_cmd {
        cmd: command as u32,
        ..Default::default()
    };
    call::<EncoderCmd>(fd, &mut raw)
}

/// `VIDIOC_DECODER_CMD`: starts or ends a drain of a decoder.
///
/// # Errors
/// Those of [`encoder_cmd`].
pub fn decoder_cmd(fd: BorrowedFd<'_>, command: CodecCommand) -> Result<(), Error> {
    let mut raw = sys::v4l2_decoder_cmd {
        cmd: command as u32,
        ..Default::default()
    };
    call::<DecoderCmd>(fd, &mut raw)
}
