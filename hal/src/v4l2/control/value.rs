//! Values of controls: single values, several at once, and payloads.

use rustix::fd::AsFd;

use super::{ControlValue, ExtControl, ExtControlsError, Which};
use crate::Error;
use crate::v4l2::Node;
use crate::v4l2::ioctl::{self, ControlInfo, ControlType};

impl Node {
    /// Returns the value of a numeric control; bit masks are unsigned.
    ///
    /// # Errors
    /// - `EACCES`: it cannot be read (buttons).
    /// - [`Error::Argument`]: it has a payload.
    pub fn control_value(&self, control: &ControlInfo) -> Result<i64, Error> {
        let mut list = [number(control, 0)?];
        ioctl::g_ext_ctrls(self.as_fd(), Which::Current, &mut list).map_err(|e| e.error)?;
        Ok(as_number(control, &list[0].value))
    }

    /// Sets a numeric control and returns what the driver rounded the value to.
    ///
    /// # Errors
    /// - `ERANGE`, `EINVAL`: the value cannot be rounded into the range.
    /// - `EACCES`: it is read-only.
    /// - `EBUSY`: it cannot be changed now, such as while streaming.
    /// - [`Error::Argument`]: it has a payload, or the value does not fit 32 bits.
    pub fn set_control(&self, control: &ControlInfo, value: i64) -> Result<i64, Error> {
        let mut list = [number(control, value)?];
        ioctl::s_ext_ctrls(self.as_fd(), &mut list).map_err(|e| e.error)?;
        Ok(as_number(control, &list[0].value))
    }

    /// Reads a string, array, or struct into `bytes`, which needs
    /// [`payload_len`](ControlInfo::payload_len) bytes.
    ///
    /// # Errors
    /// - `ENOSPC`: `bytes` is too short.
    /// - `EACCES`: it cannot be read.
    pub fn control_payload(&self, control: &ControlInfo, bytes: &mut [u8]) -> Result<(), Error> {
        let mut list = [ExtControl {
            id: control.id,
            value: ControlValue::Payload(bytes),
        }];
        ioctl::g_ext_ctrls(self.as_fd(), Which::Current, &mut list).map_err(|e| e.error)
    }

    /// Reads the default of a string, array, or struct: its value when the driver was loaded.
    ///
    /// # Errors
    /// Those of [`Node::control_payload`].
    pub fn default_payload(&self, control: &ControlInfo, bytes: &mut [u8]) -> Result<(), Error> {
        let mut list = [ExtControl {
            id: control.id,
            value: ControlValue::Payload(bytes),
        }];
        ioctl::g_ext_ctrls(self.as_fd(), Which::Default, &mut list).map_err(|e| e.error)
    }

    /// Sets a string (with its NUL), array, or struct; `bytes` is updated to what the driver
    /// rounded it to.
    ///
    /// # Errors
    /// - `ERANGE`, `EINVAL`: a value is out of range.
    /// - `EFAULT`: `bytes` is too short.
    /// - `EACCES`, `EBUSY`: as for [`Node::set_control`].
    pub fn set_control_payload(
        &self,
        control: &ControlInfo,
        bytes: &mut [u8],
    ) -> Result<(), Error> {
        let mut list = [ExtControl {
            id: control.id,
            value: ControlValue::Payload(bytes),
        }];
        ioctl::s_ext_ctrls(self.as_fd(), &mut list).map_err(|e| e.error)
    }

    /// Sets up to [`MAX_CONTROLS`](super::MAX_CONTROLS) controls at once; if the list is refused,
    /// no control is changed.
    ///
    /// # Errors
    /// See [`ioctl::s_ext_ctrls`]; the error has the position of the control that failed.
    pub fn set_controls(&self, list: &mut [ExtControl<'_>]) -> Result<(), ExtControlsError> {
        // `VIDIOC_S_EXT_CTRLS` does not report which control failed validation; trying does.
        ioctl::try_ext_ctrls(self.as_fd(), list)?;
        ioctl::s_ext_ctrls(self.as_fd(), list)
    }
}

impl ControlInfo {
    /// Returns an entry for [`Node::set_controls`], for a numeric control.
    ///
    /// # Errors
    /// [`Error::Argument`]: it has a payload, or the value does not fit its 32 bits.
    pub fn entry(&self, value: i64) -> Result<ExtControl<'static>, Error> {
        number(self, value)
    }
}

/// Returns an entry for a numeric control.
fn number(control: &ControlInfo, value: i64) -> Result<ExtControl<'static>, Error> {
    if control.flags.contains(ioctl::ControlFlags::HAS_PAYLOAD) {
        return Err(Error::Argument {
            name: "control with a payload",
            value: control.id.into(),
        });
    }
    let value = match control.control_type {
        ControlType::Integer64 => ControlValue::Integer64(value),
        // All 32 bits are settable, so numbers above `i32::MAX` are bit masks.
        ControlType::Bitmask => {
            ControlValue::Integer(narrow(u32::try_from(value).ok(), value)?.cast_signed())
        }
        _ => ControlValue::Integer(narrow(i32::try_from(value).ok(), value)?),
    };
    Ok(ExtControl {
        id: control.id,
        value,
    })
}

fn narrow<T>(narrowed: Option<T>, value: i64) -> Result<T, Error> {
    narrowed.ok_or(Error::Argument {
        name: "control value",
        value: value.cast_unsigned(),
    })
}

fn as_number(control: &ControlInfo, value: &ControlValue<'_>) -> i64 {
    match value {
        // The highest bit is not a sign.
        ControlValue::Integer(bits) if control.control_type == ControlType::Bitmask => {
            bits.cast_unsigned().into()
        }
        ControlValue::Integer(value) => i64::from(*value),
        ControlValue::Integer64(value) => *value,
        ControlValue::Payload(_) => 0,
    }
}
