//! What the typed helpers set, where it is found, and why it cannot be set.

use core::fmt;

use super::{Unit, id, simple_name};
use crate::v4l2::ioctl::{ControlFlags, ControlInfo, ControlType};
use crate::v4l2::{Error, ErrorKind, Node};

/// Something that many cameras let a program set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// Whether the camera exposes by itself, and what it may change for it.
    AutoExposure,
    /// For how long the sensor is exposed.
    ExposureTime,
    /// Whether the camera sets its gain.
    AutoGain,
    /// How much the signal is amplified.
    Gain,
    /// Whether the camera balances white.
    AutoWhiteBalance,
    /// Colour temperature of what shall be white.
    WhiteBalance,
    /// Whether the camera focuses.
    AutoFocus,
    /// Position of the lens.
    Focus,
    /// Left and right exchanged.
    HFlip,
    /// Top and bottom exchanged.
    VFlip,
    /// Rotation of the picture.
    Rotation,
    /// A picture that the sensor makes up.
    TestPattern,
}

/// Controls of one kind, with the names that drivers of today give them.
type Kind = &'static [(u32, &'static str)];

const EXPOSURE: Kind = &[
    (id::EXPOSURE_AUTO, "auto_exposure"),
    (id::EXPOSURE_ABSOLUTE, "exposure_time_absolute"),
    (id::EXPOSURE, "exposure"),
    (id::EXPOSURE_AUTO_PRIORITY, "exposure_dynamic_framerate"),
    (id::AUTO_EXPOSURE_BIAS, "auto_exposure_bias"),
    (id::EXPOSURE_METERING, "exposure_metering_mode"),
    (id::ISO_SENSITIVITY, "iso_sensitivity"),
];
const GAIN: Kind = &[
    (id::GAIN, "gain"),
    (id::AUTOGAIN, "gain_automatic"),
    (id::ANALOGUE_GAIN, "analogue_gain"),
    (id::DIGITAL_GAIN, "digital_gain"),
    (id::ISO_SENSITIVITY, "iso_sensitivity"),
];
const WHITE_BALANCE: Kind = &[
    (id::AUTO_WHITE_BALANCE, "white_balance_automatic"),
    (id::WHITE_BALANCE_TEMPERATURE, "white_balance_temperature"),
    (id::AUTO_N_PRESET_WHITE_BALANCE, "white_balance_auto_preset"),
    (id::DO_WHITE_BALANCE, "do_white_balance"),
    (id::RED_BALANCE, "red_balance"),
    (id::BLUE_BALANCE, "blue_balance"),
];
const FOCUS: Kind = &[
    (id::FOCUS_ABSOLUTE, "focus_absolute"),
    (id::FOCUS_AUTO, "focus_automatic_continuous"),
    (id::FOCUS_RELATIVE, "focus_relative"),
    (id::AUTO_FOCUS_START, "auto_focus_start"),
];
const ORIENTATION: Kind = &[
    (id::HFLIP, "horizontal_flip"),
    (id::VFLIP, "vertical_flip"),
    (id::ROTATE, "rotate"),
    (id::CAMERA_ORIENTATION, "camera_orientation"),
    (id::CAMERA_SENSOR_ROTATION, "camera_sensor_rotation"),
];
const PATTERN: Kind = &[(id::TEST_PATTERN, "test_pattern")];

impl Setting {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::AutoExposure,
        Self::ExposureTime,
        Self::AutoGain,
        Self::Gain,
        Self::AutoWhiteBalance,
        Self::WhiteBalance,
        Self::AutoFocus,
        Self::Focus,
        Self::HFlip,
        Self::VFlip,
        Self::Rotation,
        Self::TestPattern,
    ];

    /// The controls that set it, the best first.
    #[must_use]
    pub const fn ids(self) -> &'static [u32] {
        match self {
            Self::AutoExposure => &[id::EXPOSURE_AUTO],
            Self::ExposureTime => &[id::EXPOSURE_ABSOLUTE],
            Self::AutoGain => &[id::AUTOGAIN],
            Self::Gain => &[id::GAIN, id::ANALOGUE_GAIN],
            Self::AutoWhiteBalance => &[id::AUTO_WHITE_BALANCE],
            Self::WhiteBalance => &[id::WHITE_BALANCE_TEMPERATURE],
            Self::AutoFocus => &[id::FOCUS_AUTO],
            Self::Focus => &[id::FOCUS_ABSOLUTE],
            Self::HFlip => &[id::HFLIP],
            Self::VFlip => &[id::VFLIP],
            Self::Rotation => &[id::ROTATE],
            Self::TestPattern => &[id::TEST_PATTERN],
        }
    }

    /// The setting that makes this one the camera's own business.
    #[must_use]
    pub const fn automatic(self) -> Option<Self> {
        match self {
            Self::ExposureTime => Some(Self::AutoExposure),
            Self::Gain => Some(Self::AutoGain),
            Self::WhiteBalance => Some(Self::AutoWhiteBalance),
            Self::Focus => Some(Self::AutoFocus),
            _ => None,
        }
    }

    /// Its name in English.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AutoExposure => "automatic exposure",
            Self::ExposureTime => "exposure time",
            Self::AutoGain => "automatic gain",
            Self::Gain => "gain",
            Self::AutoWhiteBalance => "automatic white balance",
            Self::WhiteBalance => "white balance temperature",
            Self::AutoFocus => "automatic focus",
            Self::Focus => "focus",
            Self::HFlip => "horizontal flip",
            Self::VFlip => "vertical flip",
            Self::Rotation => "rotation",
            Self::TestPattern => "test pattern",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::AutoExposure | Self::ExposureTime => EXPOSURE,
            Self::AutoGain | Self::Gain => GAIN,
            Self::AutoWhiteBalance | Self::WhiteBalance => WHITE_BALANCE,
            Self::AutoFocus | Self::Focus => FOCUS,
            Self::HFlip | Self::VFlip | Self::Rotation => ORIENTATION,
            Self::TestPattern => PATTERN,
        }
    }

    /// The control of a device that sets it.
    ///
    /// Some drivers have a test pattern under a number of their own: it is found by its name.
    pub(super) fn find(self, device: &Node) -> Result<ControlInfo, SettingError> {
        for &id in self.ids() {
            if let Some(info) = device.control(id)?
                && !info.flags.contains(ControlFlags::DISABLED)
            {
                return Ok(info);
            }
        }
        if self == Self::TestPattern
            && let Some(info) = device.control_by_name("test_pattern")?
            && info.control_type == ControlType::Menu
        {
            return Ok(info);
        }
        Err(SettingError::Missing {
            setting: self,
            related: Related::of(device, self)?,
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The controls of a kind that a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Related {
    kind: Kind,
    /// A bit for each of `kind`.
    present: u8,
}

impl Related {
    fn of(device: &Node, setting: Setting) -> Result<Self, Error> {
        let kind = setting.kind();
        let mut present = 0;
        for (bit, &(id, _)) in kind.iter().enumerate() {
            if device.control(id)?.is_some() {
                present |= 1 << bit;
            }
        }
        Ok(Self { kind, present })
    }

    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.iter().map(|(id, _)| id)
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &'static str)> {
        let (kind, present) = (self.kind, self.present);
        let bits = kind.iter().enumerate();
        bits.filter(move |(bit, _)| present & (1 << bit) != 0)
            .map(|(_, &control)| control)
    }
}

/// Their names, with commas between them.
impl fmt::Display for Related {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (_, name)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

/// Why something could not be set or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// The device has no control for it.
    Missing {
        /// What was to be set.
        setting: Setting,
        /// What the device has of the kind instead.
        related: Related,
    },
    /// The value is not one of those that the device takes.
    OutOfRange {
        /// What was to be set.
        setting: Setting,
        /// The value, in the unit of the control.
        value: i64,
        /// Smallest value.
        minimum: i64,
        /// Largest value.
        maximum: i64,
        /// Distance between values.
        step: u64,
        /// What it counts, if the kernel states it.
        unit: Option<Unit>,
    },
    /// The menu has no such item.
    NoItem {
        /// What was to be set.
        setting: Setting,
    },
    /// The device only tells it.
    ReadOnly {
        /// What was to be set.
        setting: Setting,
    },
    /// It has no effect now, because the camera sets it by itself or for want of another setting.
    Inactive {
        /// What was to be set.
        setting: Setting,
    },
    /// It cannot be changed at the moment, such as while streaming.
    Grabbed {
        /// What was to be set.
        setting: Setting,
    },
    /// The device failed.
    Device(Error),
}

impl SettingError {
    /// What can be done about it.
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

impl From<Error> for SettingError {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { setting, related } if related.present == 0 => {
                write!(f, "no control for {setting}, nor any other of its kind")
            }
            Self::Missing { setting, related } => {
                write!(
                    f,
                    "no control for {setting}; of its kind there is {related}"
                )
            }
            Self::OutOfRange {
                setting,
                value,
                minimum,
                maximum,
                step,
                unit,
            } => {
                write!(f, "{setting} {value} is not in {minimum} to {maximum}")?;
                if *step > 1 {
                    write!(f, " in steps of {step}")?;
                }
                match unit {
                    Some(unit) => write!(f, " (unit: {unit})"),
                    None => Ok(()),
                }
            }
            Self::NoItem { setting } => write!(f, "{setting}: the menu has no such item"),
            Self::ReadOnly { setting } => write!(f, "{setting} is read-only"),
            Self::Inactive { setting } => match setting.automatic() {
                Some(automatic) => write!(
                    f,
                    "{setting} has no effect now: switch {automatic} off first"
                ),
                None => write!(f, "{setting} has no effect in the present configuration"),
            },
            Self::Grabbed { setting } => {
                write!(f, "{setting} cannot be changed now: stop the stream first")
            }
            Self::Device(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SettingError {}

/// Whether a control takes a value now; `exact` refuses what lies between two steps, which drivers
/// round otherwise.
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

/// Whether two names mean the same control or item: as they are, or as they are typed.
pub(super) fn is_same_name(name: &str, typed: &str) -> bool {
    name == typed || simple_name(name).eq(simple_name(typed))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

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
            related: Related {
                kind: GAIN,
                present,
            },
        };
        assert_eq!(
            missing(0b1010).to_string(),
            "no control for gain; of its kind there is gain_automatic, digital_gain"
        );
        assert_eq!(
            missing(0).to_string(),
            "no control for gain, nor any other of its kind"
        );
    }

    #[test]
    fn every_setting_is_among_its_kind() {
        for setting in Setting::ALL {
            for id in setting.ids() {
                let kind = setting.kind();
                assert!(kind.iter().any(|(other, _)| other == id), "{setting}");
                assert!(kind.len() <= 8, "{setting}");
            }
        }
    }
}
