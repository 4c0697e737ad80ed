//! `VIDIOC_ENCODER_CMD` and `VIDIOC_DECODER_CMD`.

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{DecoderCmd, EncoderCmd, call};
use crate::v4l2::Error;

/// `V4L2_ENC_CMD_*` and `V4L2_DEC_CMD_*`, which share their numbers, as far as codecs that work from memory
/// to memory know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum CodecCommand {
    /// Go on after a drain.
    Start = sys::V4L2_ENC_CMD_START,
    /// Finish what was queued so far, mark the last buffer, then stop.
    Stop = sys::V4L2_ENC_CMD_STOP,
}

const _: () = assert!(sys::V4L2_ENC_CMD_START == sys::V4L2_DEC_CMD_START);
const _: () = assert!(sys::V4L2_ENC_CMD_STOP == sys::V4L2_DEC_CMD_STOP);

/// `VIDIOC_ENCODER_CMD`: starts or ends a drain of an encoder.
///
/// A driver accepts [`CodecCommand::Stop`] and does nothing while one of its queues does not
/// stream.
///
/// # Errors
/// - `EBUSY`: a drain is going on.
/// - `EINVAL`: the driver does not know the command; with some drivers, a queue does not stream.
/// - `ENOTTY`: the node is no encoder.
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
/// As for [`encoder_cmd`].
pub fn decoder_cmd(fd: BorrowedFd<'_>, command: CodecCommand) -> Result<(), Error> {
    let mut raw = sys::v4l2_decoder_cmd {
        cmd: command as u32,
        ..Default::default()
    };
    call::<DecoderCmd>(fd, &mut raw)
}
