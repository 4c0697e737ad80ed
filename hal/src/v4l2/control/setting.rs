//! What the typed helpers set, and where it is found.

use core::fmt;

use super::{SettingError, id};
use crate::v4l2::ioctl::{ControlFlags, ControlInfo, ControlType};
use crate::v4l2::{Error, Node};

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

    /// Those of the kind of `setting` whose bit is in `present`.
    #[cfg(test)]
    pub(super) fn some(setting: Setting, present: u8) -> Self {
        let kind = setting.kind();
        Self { kind, present }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.present == 0
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

#[cfg(test)]
mod tests {
    use super::*;

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
