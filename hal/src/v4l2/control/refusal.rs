//! Errors of settings.

use core::fmt;

use super::{Related, Setting, Unit};
use crate::v4l2::ioctl::{ControlFlags, ControlInfo};
use crate::{Error, ErrorKind};

/// Why a setting could not be changed or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The device has no control for the setting.
    #[error(fmt = missing)]
    Missing {
        /// The setting.
        setting: Setting,
        /// Related controls that the device has instead.
        related: Related,
    },
    /// The value is out of range or between two steps.
    #[error(fmt = out_of_range)]
    OutOfRange {
        /// The setting.
        setting: Setting,
        /// The value, in the unit of the control.
        value: i64,
        /// Minimum value.
        minimum: i64,
        /// Maximum value.
        maximum: i64,
        /// Distance between values.
        step: u64,
        /// The unit, if the kernel documents it.
        unit: Option<Unit>,
    },
    /// The menu has no such item.
    #[error("{setting}: the menu has no such item")]
    NoItem {
        /// The setting.
        setting: Setting,
    },
    /// The device only reports it.
    #[error("{setting} is read-only")]
    ReadOnly {
        /// The setting.
        setting: Setting,
    },
    /// It has no effect now, because the camera controls it automatically or another setting
    /// disables it.
    #[error(fmt = inactive)]
    Inactive {
        /// The setting.
        setting: Setting,
    },
    /// It cannot be changed now, such as while streaming.
    #[error("{setting} cannot be changed now: stop the stream first")]
    Grabbed {
        /// The setting.
        setting: Setting,
    },
    /// The device failed.
    #[error(transparent)]
    Device(#[from] Error),
}

impl SettingError {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } | Self::NoItem { .. } | Self::ReadOnly { .. } => {
                ErrorKind::NotSupported
            }
            Self::OutOfRange { .. } | Self::Inactive { .. } => ErrorKind::InvalidArgument,
            Self::Grabbed { .. } => ErrorKind::Busy,
            Self::Device(error) => error.kind(),
        }
    }
}

fn missing(setting: &Setting, related: &Related, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "no control for {setting}")?;
    match related.is_empty() {
        true => f.write_str(" and no related one"),
        false => write!(f, "; related controls: {related}"),
    }
}

fn out_of_range(
    setting: &Setting,
    value: &i64,
    minimum: &i64,
    maximum: &i64,
    step: &u64,
    unit: &Option<Unit>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{setting} {value} is not in {minimum} to {maximum}")?;
    if *step > 1 {
        write!(f, " in steps of {step}")?;
    }
    match unit {
        Some(unit) => write!(f, " (unit: {unit})"),
        None => Ok(()),
    }
}

fn inactive(setting: &Setting, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{setting} has no effect ")?;
    match setting.automatic() {
        Some(automatic) => write!(f, "now: switch {automatic} off first"),
        None => f.write_str("in the current configuration"),
    }
}

/// Checks whether a control accepts a value now; `exact` refuses values between two steps, which
/// drivers would round.
pub(super) fn admit(
    setting: Setting,
    info: &ControlInfo,
    value: i64,
    exact: bool,
) -> Result<(), SettingError> {
    if info.flags.contains(ControlFlags::READ_ONLY) {
        return Err(SettingError::ReadOnly { setting });
    }
    if info.flags.contains(ControlFlags::GRABBED) {
        return Err(SettingError::Grabbed { setting });
    }
    if info.flags.contains(ControlFlags::INACTIVE) {
        return Err(SettingError::Inactive { setting });
    }
    let inside = (info.minimum..=info.maximum).contains(&value);
    let steps = u128::from(info.step.max(1));
    let above = i128::from(value) - i128::from(info.minimum);
    if !inside || (exact && above.unsigned_abs() % steps != 0) {
        return Err(SettingError::OutOfRange {
            setting,
            value,
            minimum: info.minimum,
            maximum: info.maximum,
            step: info.step,
            unit: info.unit(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;
    use crate::v4l2::control::id;

    fn rotate(flags: ControlFlags) -> ControlInfo {
        ControlInfo::of_range(id::ROTATE, 0, 270, 90, flags)
    }

    #[test]
    fn values_outside_the_range_are_refused_with_it() {
        let setting = Setting::Rotation;
        let info = rotate(ControlFlags::empty());
        assert_eq!(admit(setting, &info, 180, true), Ok(()));
        assert_eq!(admit(setting, &info, 45, false), Ok(()));
        for (value, exact) in [(-90, false), (360, false), (45, true), (i64::MIN, true)] {
            let error = admit(setting, &info, value, exact).unwrap_err();
            let expected =
                std::format!("rotation {value} is not in 0 to 270 in steps of 90 (unit: degrees)");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn what_cannot_be_set_now_says_why() {
        let said = |setting, flags| {
            let error = admit(setting, &rotate(flags), 0, false).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            said(Setting::ExposureTime, ControlFlags::INACTIVE),
            "exposure time has no effect now: switch automatic exposure off first"
        );
        assert_eq!(
            said(Setting::Rotation, ControlFlags::GRABBED),
            "rotation cannot be changed now: stop the stream first"
        );
        let locked = ControlFlags::READ_ONLY | ControlFlags::INACTIVE;
        assert_eq!(said(Setting::Gain, locked), "gain is read-only");
    }

    #[test]
    fn what_is_missing_says_what_there_is_instead() {
        let missing = |present| SettingError::Missing {
            setting: Setting::Gain,
            related: Related::some(Setting::Gain, present),
        };
        assert_eq!(
            missing(0b1010).to_string(),
            "no control for gain; related controls: gain_automatic, digital_gain"
        );
        assert_eq!(
            missing(0).to_string(),
            "no control for gain and no related one"
        );
    }
}
