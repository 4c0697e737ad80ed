//! The settings that most cameras have, in units that mean something.

use core::time::Duration;

use videostream_sys::v4l2 as sys;

use super::refusal::admit;
use super::{Menu, MenuItem, Setting, SettingError, is_same_name};
use crate::v4l2::Node;
use crate::v4l2::ioctl::{ControlInfo, ControlType};

/// `V4L2_EXPOSURE_*`: what the camera changes by itself to expose a picture well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_exposure_auto_type")]
pub enum ExposureMode {
    /// Exposure time and iris.
    Auto,
    /// Nothing.
    Manual,
    /// The iris; the exposure time is the program's.
    ShutterPriority,
    /// The exposure time; the iris is the program's. What USB cameras mean by automatic.
    AperturePriority,
    /// A mode that this library has no name for: its index in the menu.
    Other(u32),
}

impl ExposureMode {
    fn from_raw(raw: u32) -> Self {
        match raw {
            sys::V4L2_EXPOSURE_AUTO => Self::Auto,
            sys::V4L2_EXPOSURE_MANUAL => Self::Manual,
            sys::V4L2_EXPOSURE_SHUTTER_PRIORITY => Self::ShutterPriority,
            sys::V4L2_EXPOSURE_APERTURE_PRIORITY => Self::AperturePriority,
            other => Self::Other(other),
        }
    }

    const fn raw(self) -> u32 {
        match self {
            Self::Auto => sys::V4L2_EXPOSURE_AUTO,
            Self::Manual => sys::V4L2_EXPOSURE_MANUAL,
            Self::ShutterPriority => sys::V4L2_EXPOSURE_SHUTTER_PRIORITY,
            Self::AperturePriority => sys::V4L2_EXPOSURE_APERTURE_PRIORITY,
            Self::Other(raw) => raw,
        }
    }

    /// Whether the camera chooses the exposure time.
    #[must_use]
    pub const fn chooses_time(self) -> bool {
        !matches!(self, Self::Manual | Self::ShutterPriority)
    }
}

/// The settings that most cameras have; see [`Node::settings`].
///
/// Setting answers with what the driver made of the value. A value out of range, or without
/// effect because the camera chooses it by itself, is refused here instead of being rounded or
/// kept for later, as drivers do.
///
/// Behind a media pipeline these controls are those of the sensor's own node.
///
/// # Errors
/// Those of all its calls:
/// - [`SettingError::Missing`]: the camera has no such control, and which it has of the kind.
/// - [`SettingError::OutOfRange`], [`SettingError::NoItem`]: the camera has no such value.
/// - [`SettingError::Inactive`]: the automatic has to be switched off first.
/// - [`SettingError::ReadOnly`], [`SettingError::Grabbed`]: not to be changed, or not now.
/// - [`SettingError::Device`]: the driver refused or the camera was unplugged.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'d> {
    device: &'d Node,
}

impl Node {
    /// The settings that most cameras have, in units that mean something.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use core::time::Duration;
    /// use videostream_hal::v4l2::Device;
    ///
    /// let device = Device::open("/dev/video0")?;
    /// let settings = device.settings();
    /// settings.set_auto_exposure(false)?;
    /// settings.set_exposure_time(Duration::from_millis(8))?;
    /// settings.set_hflip(true)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn settings(&self) -> Settings<'_> {
        Settings { device: self }
    }
}

/// Nanoseconds of [`Unit::HundredMicroseconds`](super::Unit).
const HUNDRED_MICROSECONDS: u128 = 100_000;

/// The nearest number of 100 µs.
fn to_hundred_microseconds(time: Duration) -> i64 {
    let units = (time.as_nanos() + HUNDRED_MICROSECONDS / 2) / HUNDRED_MICROSECONDS;
    i64::try_from(units).unwrap_or(i64::MAX)
}

fn from_hundred_microseconds(units: i64) -> Duration {
    let units = u64::try_from(units).unwrap_or(0);
    Duration::from_micros(units.saturating_mul(100))
}

impl<'d> Settings<'d> {
    /// The control behind a setting, with its range.
    pub fn control(&self, setting: Setting) -> Result<ControlInfo, SettingError> {
        setting.find(self.device)
    }

    fn read(&self, setting: Setting) -> Result<i64, SettingError> {
        Ok(self.device.control_value(&self.control(setting)?)?)
    }

    fn write(&self, setting: Setting, value: i64) -> Result<i64, SettingError> {
        let info = self.control(setting)?;
        admit(setting, &info, value, setting == Setting::Rotation)?;
        Ok(self.device.set_control(&info, value)?)
    }

    fn read_switch(&self, setting: Setting) -> Result<bool, SettingError> {
        Ok(self.read(setting)? != 0)
    }

    fn write_switch(&self, setting: Setting, on: bool) -> Result<(), SettingError> {
        self.write(setting, on.into()).map(drop)
    }

    /// What the camera changes by itself to expose well.
    #[doc(alias = "V4L2_CID_EXPOSURE_AUTO")]
    pub fn exposure_mode(&self) -> Result<ExposureMode, SettingError> {
        let raw = self.read(Setting::AutoExposure)?;
        Ok(ExposureMode::from_raw(
            u32::try_from(raw).unwrap_or(u32::MAX),
        ))
    }

    /// Says what the camera may change by itself.
    pub fn set_exposure_mode(&self, mode: ExposureMode) -> Result<(), SettingError> {
        let setting = Setting::AutoExposure;
        let info = self.control(setting)?;
        if !self.has_item(&info, mode.raw())? {
            return Err(SettingError::NoItem { setting });
        }
        self.write(setting, mode.raw().into()).map(drop)
    }

    /// Whether the camera chooses the exposure time.
    pub fn auto_exposure(&self) -> Result<bool, SettingError> {
        Ok(self.exposure_mode()?.chooses_time())
    }

    /// Lets the camera choose the exposure time, or not, in the mode that it has for that.
    pub fn set_auto_exposure(&self, on: bool) -> Result<(), SettingError> {
        let (first, second) = if on {
            (ExposureMode::Auto, ExposureMode::AperturePriority)
        } else {
            (ExposureMode::Manual, ExposureMode::ShutterPriority)
        };
        let info = self.control(Setting::AutoExposure)?;
        let has_first = self.has_item(&info, first.raw())?;
        self.set_exposure_mode(if has_first { first } else { second })
    }

    fn has_item(&self, info: &ControlInfo, index: u32) -> Result<bool, SettingError> {
        for item in self.device.menu(info) {
            if item?.index == index {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// For how long the sensor is exposed, in steps of 100 µs.
    #[doc(alias = "V4L2_CID_EXPOSURE_ABSOLUTE")]
    pub fn exposure_time(&self) -> Result<Duration, SettingError> {
        self.read(Setting::ExposureTime)
            .map(from_hundred_microseconds)
    }

    /// Exposes for a time, rounded to 100 µs and to what the camera has; returns that.
    pub fn set_exposure_time(&self, time: Duration) -> Result<Duration, SettingError> {
        self.write(Setting::ExposureTime, to_hundred_microseconds(time))
            .map(from_hundred_microseconds)
    }

    /// Whether the camera sets its gain.
    #[doc(alias = "V4L2_CID_AUTOGAIN")]
    pub fn auto_gain(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::AutoGain)
    }

    /// Lets the camera set its gain, or not.
    pub fn set_auto_gain(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::AutoGain, on)
    }

    /// The gain, in units of the driver's own.
    #[doc(alias = "V4L2_CID_GAIN")]
    #[doc(alias = "V4L2_CID_ANALOGUE_GAIN")]
    pub fn gain(&self) -> Result<i64, SettingError> {
        self.read(Setting::Gain)
    }

    /// Sets the gain, in units of the driver's own; returns what the driver rounded it to.
    pub fn set_gain(&self, gain: i64) -> Result<i64, SettingError> {
        self.write(Setting::Gain, gain)
    }

    /// Whether the camera balances white.
    #[doc(alias = "V4L2_CID_AUTO_WHITE_BALANCE")]
    pub fn auto_white_balance(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::AutoWhiteBalance)
    }

    /// Lets the camera balance white, or not.
    pub fn set_auto_white_balance(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::AutoWhiteBalance, on)
    }

    /// The colour temperature of what is white, in kelvin.
    #[doc(alias = "V4L2_CID_WHITE_BALANCE_TEMPERATURE")]
    pub fn white_balance(&self) -> Result<u32, SettingError> {
        let kelvin = self.read(Setting::WhiteBalance)?;
        Ok(u32::try_from(kelvin).unwrap_or(0))
    }

    /// Sets the colour temperature of what shall be white, in kelvin (2800 lamp, 6500 daylight);
    /// returns what the driver rounded it to.
    pub fn set_white_balance(&self, kelvin: u32) -> Result<u32, SettingError> {
        let kelvin = self.write(Setting::WhiteBalance, kelvin.into())?;
        Ok(u32::try_from(kelvin).unwrap_or(0))
    }

    /// Whether the camera focuses.
    #[doc(alias = "V4L2_CID_FOCUS_AUTO")]
    pub fn auto_focus(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::AutoFocus)
    }

    /// Lets the camera focus all the time, or not.
    pub fn set_auto_focus(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::AutoFocus, on)
    }

    /// The position of the lens in units of the driver's own; larger is nearer.
    #[doc(alias = "V4L2_CID_FOCUS_ABSOLUTE")]
    pub fn focus(&self) -> Result<i64, SettingError> {
        self.read(Setting::Focus)
    }

    /// Moves the lens; returns what the driver rounded the position to.
    pub fn set_focus(&self, position: i64) -> Result<i64, SettingError> {
        self.write(Setting::Focus, position)
    }

    /// Whether left and right are exchanged.
    #[doc(alias = "V4L2_CID_HFLIP")]
    #[doc(alias = "mirror")]
    pub fn hflip(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::HFlip)
    }

    /// Exchanges left and right, or not.
    #[doc(alias = "mirror")]
    pub fn set_hflip(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::HFlip, on)
    }

    /// Whether top and bottom are exchanged.
    #[doc(alias = "V4L2_CID_VFLIP")]
    pub fn vflip(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::VFlip)
    }

    /// Exchanges top and bottom, or not.
    pub fn set_vflip(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::VFlip, on)
    }

    /// How far the picture is turned, in degrees clockwise.
    #[doc(alias = "V4L2_CID_ROTATE")]
    pub fn rotation(&self) -> Result<u32, SettingError> {
        let degrees = self.read(Setting::Rotation)?;
        Ok(u32::try_from(degrees).unwrap_or(0))
    }

    /// Turns the picture, in degrees clockwise; never rounded. A quarter turn exchanges
    /// width and height of the format: set it before the format.
    pub fn set_rotation(&self, degrees: u32) -> Result<(), SettingError> {
        self.write(Setting::Rotation, degrees.into()).map(drop)
    }

    /// The test pattern that is shown; with most sensors item 0 is none.
    #[doc(alias = "V4L2_CID_TEST_PATTERN")]
    pub fn test_pattern(&self) -> Result<MenuItem, SettingError> {
        let setting = Setting::TestPattern;
        let info = self.control(setting)?;
        let index = self.device.control_value(&info)?;
        for item in self.device.menu(&info) {
            let item = item?;
            if i64::from(item.index) == index {
                return Ok(item);
            }
        }
        Err(SettingError::NoItem { setting })
    }

    /// The test patterns that the camera has.
    pub fn test_patterns(&self) -> Result<Menu<'d>, SettingError> {
        Ok(self.device.menu(&self.control(Setting::TestPattern)?))
    }

    /// Shows the test pattern with a name, in the driver's spelling or as it is typed
    /// (`color_bars`).
    pub fn set_test_pattern(&self, name: &str) -> Result<(), SettingError> {
        let setting = Setting::TestPattern;
        let info = self.control(setting)?;
        match self.device.menu_item(&info, name)? {
            Some(item) => self.write(setting, item.index.into()).map(drop),
            None => Err(SettingError::NoItem { setting }),
        }
    }
}

impl Node {
    /// The item of a menu with a name, in the driver's spelling or as it is typed; in menus of
    /// numbers the item with that number. Otherwise the item with that index. Items that the driver does not answer for
    /// are passed over.
    ///
    /// # Errors
    /// [`ErrorKind::Disconnected`](crate::v4l2::ErrorKind::Disconnected): unplugged.
    pub fn menu_item(
        &self,
        control: &ControlInfo,
        name: &str,
    ) -> Result<Option<MenuItem>, crate::v4l2::Error> {
        let number = name.parse::<i64>().ok();
        let mut indexed = None;
        for item in self.menu(control) {
            let item = match item {
                Ok(item) => item,
                Err(error) if error.kind() == crate::v4l2::ErrorKind::Disconnected => {
                    return Err(error);
                }
                Err(_) => continue,
            };
            let named = match control.control_type {
                ControlType::IntegerMenu => number == Some(item.value),
                _ => is_same_name(item.name(), name),
            };
            if named {
                return Ok(Some(item));
            }
            if number == Some(item.index.into()) {
                indexed = Some(item);
            }
        }
        Ok(indexed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposure_is_counted_in_100_microseconds() {
        let units = |nanos| to_hundred_microseconds(Duration::from_nanos(nanos));
        assert_eq!(units(8_000_000), 80);
        assert_eq!((units(149_999), units(150_000)), (1, 2));
        assert_eq!(units(0), 0);
        assert_eq!(to_hundred_microseconds(Duration::MAX), i64::MAX);
        assert_eq!(from_hundred_microseconds(80), Duration::from_millis(8));
        assert_eq!(from_hundred_microseconds(-1), Duration::ZERO);
        assert_eq!(
            from_hundred_microseconds(i64::MAX),
            Duration::from_micros(u64::MAX)
        );
    }

    #[test]
    fn modes_are_numbered_as_the_kernel_does() {
        for raw in 0..6 {
            assert_eq!(ExposureMode::from_raw(raw).raw(), raw);
        }
        assert!(ExposureMode::AperturePriority.chooses_time());
        assert!(!ExposureMode::ShutterPriority.chooses_time());
    }
}
