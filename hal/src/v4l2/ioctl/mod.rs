//! The lower layer: one function per ioctl, named after it.
//!
//! Each function takes and returns types of this library, checks the driver's answer as far as
//! memory safety needs it, and restarts the call when a signal interrupts it. Programs normally use
//! the types above it ([`Device`](super::Device), [`Queue`](super::queue::Queue)).

mod buffer;
mod codec_cmd;
mod create_bufs;
mod cropcap;
mod dqbuf;
mod dqevent;
mod dv_timings;
mod enum_fmt;
mod enum_frameintervals;
mod enum_framesizes;
mod expbuf;
mod ext_ctrls;
mod fmt;
mod input;
mod output;
mod parm;
mod qbuf;
mod query_ext_ctrl;
mod querybuf;
mod querycap;
mod querymenu;
mod reqbufs;
mod request;
mod selection;
mod standard;
mod stream;
mod subscribe_event;

pub use buffer::{Buffer, BufferFlags, BufferPlane, PlaneMemory, TimestampClock, TimestampSource};
pub use codec_cmd::{CodecCommand, decoder_cmd, encoder_cmd};
pub use create_bufs::{Created, create_bufs};
pub use cropcap::sample_aspect;
pub use dqbuf::dqbuf;
pub use dqevent::{Event, EventKind, dqevent};
pub use dv_timings::{
    DvStandards, DvTimings, enum_dv_timings, g_dv_timings, query_dv_timings, s_dv_timings,
};
pub use enum_fmt::{FormatDescription, FormatFlags, enum_fmt, enum_fmt_of};
pub use enum_frameintervals::{FrameInterval, enum_frameintervals};
pub use enum_framesizes::{FrameSize, enum_framesizes};
pub use expbuf::{ExportAccess, expbuf};
pub use ext_ctrls::{
    ControlValue, ExtControl, ExtControlsError, MAX_CONTROLS, Which, g_ext_ctrls, s_ext_ctrls,
    try_ext_ctrls,
};
pub use fmt::{g_fmt, s_fmt, try_fmt};
pub use input::{Input, InputKind, InputStatus, enuminput, g_input, s_input};
pub use output::{Output, enumoutput, g_output, s_output};
pub use parm::{StreamParameters, g_parm, s_parm};
pub use qbuf::{QueueBuffer, QueuePlane, qbuf};
pub use query_ext_ctrl::{ControlFlags, ControlInfo, ControlType, NEXT, query_ext_ctrl};
pub use querybuf::querybuf;
pub use querycap::{Capabilities, Caps, querycap};
pub use querymenu::{MenuItem, querymenu};
pub use reqbufs::{BufferCapabilities, Reqbufs, reqbufs};
pub use selection::{Rounding, SelectionRect, SelectionTarget, g_selection, s_selection};
pub use standard::{Standard, Standards, enumstd, g_std, querystd, s_std};
pub use stream::{streamoff, streamon};
pub use subscribe_event::{EventSelector, subscribe_event, unsubscribe_event};

/// Returns the text of a NUL-padded field, up to the first NUL or the first byte that is not UTF-8.
pub(crate) fn text(bytes: &[u8]) -> &str {
    let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    match core::str::from_utf8(&bytes[..len]) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
    }
}
