//! `VIDIOC_G_EXT_CTRLS`, `VIDIOC_S_EXT_CTRLS`, and `VIDIOC_TRY_EXT_CTRLS`.
#![expect(
    unsafe_code,
    reason = "the kernel follows a pointer to an array of controls, and pointers to payloads in it"
)]

use core::fmt;

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{GExtCtrls, Request, SExtCtrls, TryExtCtrls, call_with_pointers};
use crate::Error;

/// Maximum number of controls that one call sets or gets.
pub const MAX_CONTROLS: usize = 32;

/// The value of a control.
#[derive(Debug, PartialEq, Eq)]
pub enum ControlValue<'a> {
    /// Integers, booleans, menus, bit masks, and buttons.
    Integer(i32),
    /// 64-bit integers.
    Integer64(i64),
    /// Strings (with their NUL), arrays, and structs: bytes in native order.
    Payload(&'a mut [u8]),
}

/// `struct v4l2_ext_control`: a control and its value.
#[derive(Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_ext_control")]
pub struct ExtControl<'a> {
    /// `V4L2_CID_*`.
    pub id: u32,
    /// Its value to set, or to be filled in; the variant must match the control.
    pub value: ControlValue<'a>,
}

/// Which values [`g_ext_ctrls`] gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The current values.
    Current,
    /// The values when the driver was loaded.
    Default,
}

/// The error of a call with several controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtControlsError {
    /// The error.
    pub error: Error,
    /// Position in the list of the control that failed. `None` if the whole list was refused before
    /// any control was accessed.
    #[doc(alias = "error_idx")]
    pub index: Option<usize>,
}

impl fmt::Display for ExtControlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "control number {index}: {}", self.error),
            None => self.error.fmt(f),
        }
    }
}

impl core::error::Error for ExtControlsError {}

/// `VIDIOC_G_EXT_CTRLS`: gets the values of all controls of the list.
///
/// # Errors
/// - `EINVAL`: no such control.
/// - `ENOSPC`: a payload buffer is too short.
/// - `EACCES`: a control cannot be read.
/// - [`Error::Argument`]: more than [`MAX_CONTROLS`].
pub fn g_ext_ctrls(
    fd: BorrowedFd<'_>,
    which: Which,
    controls: &mut [ExtControl<'_>],
) -> Result<(), ExtControlsError> {
    let which = match which {
        Which::Current => sys::V4L2_CTRL_WHICH_CUR_VAL,
        Which::Default => sys::V4L2_CTRL_WHICH_DEF_VAL,
    };
    exchange::<GExtCtrls>(fd, which, controls)
}

/// `VIDIOC_S_EXT_CTRLS`: sets all controls of the list at once and fills in the values that the
/// driver rounded them to.
///
/// # Errors
/// - `EINVAL`: no such control, or a menu has no such item.
/// - `ERANGE`: a value is out of range and cannot be rounded.
/// - `EACCES`: a control is read-only.
/// - `EBUSY`: a control cannot be changed now, such as while streaming.
/// - [`Error::Argument`]: more than [`MAX_CONTROLS`].
pub fn s_ext_ctrls(
    fd: BorrowedFd<'_>,
    controls: &mut [ExtControl<'_>],
) -> Result<(), ExtControlsError> {
    exchange::<SExtCtrls>(fd, sys::V4L2_CTRL_WHICH_CUR_VAL, controls)
}

/// `VIDIOC_TRY_EXT_CTRLS`: fills in the values that [`s_ext_ctrls`] would set.
///
/// # Errors
/// Those of [`s_ext_ctrls`].
pub fn try_ext_ctrls(
    fd: BorrowedFd<'_>,
    controls: &mut [ExtControl<'_>],
) -> Result<(), ExtControlsError> {
    exchange::<TryExtCtrls>(fd, sys::V4L2_CTRL_WHICH_CUR_VAL, controls)
}

fn exchange<R: Request<Arg = sys::v4l2_ext_controls>>(
    fd: BorrowedFd<'_>,
    which: u32,
    controls: &mut [ExtControl<'_>],
) -> Result<(), ExtControlsError> {
    let count = controls.len();
    let mut list = [sys::v4l2_ext_control::default(); MAX_CONTROLS];
    let Some(list) = list.get_mut(..count) else {
        return Err(ExtControlsError {
            error: Error::Argument {
                name: "number of controls",
                value: count as u64,
            },
            index: None,
        });
    };
    for (raw, control) in list.iter_mut().zip(controls.iter_mut()) {
        raw.id = control.id;
        match &mut control.value {
            ControlValue::Integer(value) => raw.__bindgen_anon_1.value = *value,
            ControlValue::Integer64(value) => raw.__bindgen_anon_1.value64 = *value,
            ControlValue::Payload(bytes) => {
                raw.size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                raw.__bindgen_anon_1.p_u8 = bytes.as_mut_ptr();
            }
        }
    }
    let mut raw = sys::v4l2_ext_controls {
        count: count as u32,
        controls: list.as_mut_ptr(),
        ..Default::default()
    };
    raw.__bindgen_anon_1.which = which;
    // SAFETY: `controls` points to `count` entries of the array above. The kernel follows a
    // payload pointer for at most `size` bytes, which are those of the caller's slice; entries
    // with a number have size 0, so that a control that has a payload after all is refused.
    let result = unsafe { call_with_pointers::<R>(fd, &mut raw) };
    result.map_err(|error| ExtControlsError {
        error,
        index: Some(raw.error_idx as usize).filter(|&index| index < count),
    })?;
    for (raw, control) in list.iter().zip(controls.iter_mut()) {
        match &mut control.value {
            ControlValue::Integer(value) => {
                // SAFETY: every member has 32 initialised bits here, and any bits are an integer.
                *value = unsafe { raw.__bindgen_anon_1.value };
            }
            ControlValue::Integer64(value) => {
                // SAFETY: this entry was filled through the same member, and any bits are an
                // integer.
                *value = unsafe { raw.__bindgen_anon_1.value64 };
            }
            ControlValue::Payload(_) => {}
        }
    }
    Ok(())
}
