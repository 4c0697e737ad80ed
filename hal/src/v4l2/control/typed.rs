//! The settings of most cameras, in physical units.

use core::time::Duration;

use videostream_sys::v4l2 as sys;

use super::refusal::admit;
use super::{Menu, MenuItem, Setting, SettingError, is_same_name};
use crate::v4l2::Node;
use crate::v4l2::ioctl::{ControlInfo, ControlType};

/// `V4L2_EXPOSURE_*`: what automatic exposure changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_exposure_auto_type")]
pub enum ExposureMode {
    /// Exposure time and iris.
    Auto,
    /// Nothing.
    Manual,
    /// The iris; the program sets the exposure time.
    ShutterPriority,
    /// The exposure time; the program sets the iris. Automatic exposure of USB cameras is this
    /// mode.
    AperturePriority,
    /// A mode unknown to this library: its index in the menu.
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

    /// Returns whether the camera chooses the exposure time.
    #[must_use]
    pub const fn chooses_time(self) -> bool {
        !matches!(self, Self::Manual | Self::ShutterPriority)
    }
}

/// The settings of most cameras; see [`Node::settings`].
///
/// Setters return the value that the driver chose. A value that is out of range, or without effect
/// because the camera controls it automatically, is refused; drivers would round it or keep it for
/// later.
///
/// Behind a media pipeline these controls are on the sensor's own node.
///
/// # Errors
/// All methods may return:
/// - [`SettingError::Missing`]: the camera has no such control; names related ones that it has.
/// - [`SettingError::OutOfRange`], [`SettingError::NoItem`]: the camera has no such value.
/// - [`SettingError::Inactive`]: the automatic mode must be switched off first.
/// - [`SettingError::ReadOnly`], [`SettingError::Grabbed`]: it cannot be changed, or not now.
/// - [`SettingError::Device`]: the driver refused, or the camera was unplugged.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'d> {
    node: &'d Node,
}

impl Node {
    /// Returns the settings of most cameras, in physical units.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use core::time::Duration;
    /// use videostream_hal::v4l2::Device;
    ///
    /// let device = Device::open("/dev/video0")?;
    /// let settings = device.node().settings();
    /// settings.set_auto_exposure(false)?;
    /// settings.set_exposure_time(Duration::from_millis(8))?;
    /// settings.set_hflip(true)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn settings(&self) -> Settings<'_> {
        Settings { node: self }
    }
}

/// Nanoseconds in one [`Unit::HundredMicroseconds`](super::Unit).
const HUNDRED_MICROSECONDS: u128 = 100_000;

/// Rounds to the nearest multiple of 100 µs.
fn to_hundred_microseconds(time: Duration) -> i64 {
    let units = (time.as_nanos() + HUNDRED_MICROSECONDS / 2) / HUNDRED_MICROSECONDS;
    i64::try_from(units).unwrap_or(i64::MAX)
}

fn from_hundred_microseconds(units: i64) -> Duration {
    let units = u64::try_from(units).unwrap_or(0);
    Duration::from_micros(units.saturating_mul(100))
}

impl<'d> Settings<'d> {
    /// Returns the control behind a setting, with its range.
    pub fn control(&self, setting: Setting) -> Result<ControlInfo, SettingError> {
        setting.find(self.node)
    }

    fn read(&self, setting: Setting) -> Result<i64, SettingError> {
        Ok(self.node.control_value(&self.control(setting)?)?)
    }

    fn write(&self, setting: Setting, value: i64) -> Result<i64, SettingError> {
        let info = self.control(setting)?;
        admit(setting, &info, value, setting == Setting::Rotation)?;
        Ok(self.node.set_control(&info, value)?)
    }

    fn read_switch(&self, setting: Setting) -> Result<bool, SettingError> {
        Ok(self.read(setting)? != 0)
    }

    fn write_switch(&self, setting: Setting, on: bool) -> Result<(), SettingError> {
        self.write(setting, on.into()).map(drop)
    }

    /// Returns what automatic exposure changes.
    #[doc(alias = "V4L2_CID_EXPOSURE_AUTO")]
    pub fn exposure_mode(&self) -> Result<ExposureMode, SettingError> {
        let raw = self.read(Setting::AutoExposure)?;
        Ok(ExposureMode::from_raw(
            u32::try_from(raw).unwrap_or(u32::MAX),
        ))
    }

    /// Sets what automatic exposure may change.
    pub fn set_exposure_mode(&self, mode: ExposureMode) -> Result<(), SettingError> {
        let setting = Setting::AutoExposure;
        let info = self.control(setting)?;
        if !self.has_item(&info, mode.raw())? {
            return Err(SettingError::NoItem { setting });
        }
        self.write(setting, mode.raw().into()).map(drop)
    }

    /// Returns whether the camera chooses the exposure time.
    pub fn auto_exposure(&self) -> Result<bool, SettingError> {
        Ok(self.exposure_mode()?.chooses_time())
    }

    /// Enables or disables automatic exposure time, with the menu item that the camera has for it.
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
        for item in self.node.menu(info) {
            if item?.index == index {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the exposure time, in steps of 100 µs.
    #[doc(alias = "V4L2_CID_EXPOSURE_ABSOLUTE")]
    pub fn exposure_time(&self) -> Result<Duration, SettingError> {
        self.read(Setting::ExposureTime)
            .map(from_hundred_microseconds)
    }

    /// Sets the exposure time, rounded to 100 µs and to the camera's steps; returns the rounded
    /// time.
    pub fn set_exposure_time(&self, time: Duration) -> Result<Duration, SettingError> {
        self.write(Setting::ExposureTime, to_hundred_microseconds(time))
            .map(from_hundred_microseconds)
    }

    /// Returns whether the camera controls its gain.
    #[doc(alias = "V4L2_CID_AUTOGAIN")]
    pub fn auto_gain(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::AutoGain)
    }

    /// Enables or disables automatic gain.
    pub fn set_auto_gain(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::AutoGain, on)
    }

    /// Returns the gain, in driver-specific units.
    #[doc(alias = "V4L2_CID_GAIN")]
    #[doc(alias = "V4L2_CID_ANALOGUE_GAIN")]
    pub fn gain(&self) -> Result<i64, SettingError> {
        self.read(Setting::Gain)
    }

    /// Sets the gain, in driver-specific units; returns what the driver rounded it to.
    pub fn set_gain(&self, gain: i64) -> Result<i64, SettingError> {
        self.write(Setting::Gain, gain)
    }

    /// Returns whether the camera controls its white balance.
    #[doc(alias = "V4L2_CID_AUTO_WHITE_BALANCE")]
    pub fn auto_white_balance(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::AutoWhiteBalance)
    }

    /// Enables or disables automatic white balance.
    pub fn set_auto_white_balance(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::AutoWhiteBalance, on)
    }

    /// Returns the colour temperature of white, in kelvin.
    #[doc(alias = "V4L2_CID_WHITE_BALANCE_TEMPERATURE")]
    pub fn white_balance(&self) -> Result<u32, SettingError> {
        let kelvin = self.read(Setting::WhiteBalance)?;
        Ok(u32::try_from(kelvin).unwrap_or(0))
    }

    /// Sets the colour temperature of white, in kelvin (2800 lamp, 6500 daylight); returns what the
    /// driver rounded it to.
    pub fn set_white_balance(&self, kelvin: u32) -> Result<u32, SettingError> {
        let kelvin = self.write(Setting::WhiteBalance, kelvin.into())?;
        Ok(u32::try_from(kelvin).unwrap_or(0))
    }

    /// Returns whether the camera focuses automatically.
    #[doc(alias = "V4L2_CID_FOCUS_AUTO")]
    pub fn auto_focus(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::AutoFocus)
    }

    /// Enables or disables continuous automatic focus.
    pub fn set_auto_focus(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::AutoFocus, on)
    }

    /// Returns the position of the lens in driver-specific units; larger is nearer.
    #[doc(alias = "V4L2_CID_FOCUS_ABSOLUTE")]
    pub fn focus(&self) -> Result<i64, SettingError> {
        self.read(Setting::Focus)
    }

    /// Moves the lens; returns what the driver rounded the position to.
    pub fn set_focus(&self, position: i64) -> Result<i64, SettingError> {
        self.write(Setting::Focus, position)
    }

    /// Returns whether left and right are exchanged.
    #[doc(alias = "V4L2_CID_HFLIP")]
    #[doc(alias = "mirror")]
    pub fn hflip(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::HFlip)
    }

    /// Sets whether left and right are exchanged.
    #[doc(alias = "mirror")]
    pub fn set_hflip(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::HFlip, on)
    }

    /// Returns whether top and bottom are exchanged.
    #[doc(alias = "V4L2_CID_VFLIP")]
    pub fn vflip(&self) -> Result<bool, SettingError> {
        self.read_switch(Setting::VFlip)
    }

    /// Sets whether top and bottom are exchanged.
    pub fn set_vflip(&self, on: bool) -> Result<(), SettingError> {
        self.write_switch(Setting::VFlip, on)
    }

    /// Returns the rotation of the picture, in degrees clockwise.
    #[doc(alias = "V4L2_CID_ROTATE")]
    pub fn rotation(&self) -> Result<u32, SettingError> {
        let degrees = self.read(Setting::Rotation)?;
        Ok(u32::try_from(degrees).unwrap_or(0))
    }

    /// Rotates the picture, in degrees clockwise; never rounded. A quarter turn exchanges width and
    /// height of the format: set it before the format.
    pub fn set_rotation(&self, degrees: u32) -> Result<(), SettingError> {
        self.write(Setting::Rotation, degrees.into()).map(drop)
    }

    /// Returns the current test pattern; item 0 of most sensors is "off".
    #[doc(alias = "V4L2_CID_TEST_PATTERN")]
    pub fn test_pattern(&self) -> Result<MenuItem, SettingError> {
        let setting = Setting::TestPattern;
        let info = self.control(setting)?;
        let index = self.node.control_value(&info)?;
        for item in self.node.menu(&info) {
            let item = item?;
            if i64::from(item.index) == index {
                return Ok(item);
            }
        }
        Err(SettingError::NoItem { setting })
    }

    /// Lists the test patterns of the camera.
    pub fn test_patterns(&self) -> Result<Menu<'d>, SettingError> {
        Ok(self.node.menu(&self.control(Setting::TestPattern)?))
    }

    /// Selects a test pattern by name, in the driver's spelling or as users type it (`color_bars`).
    pub fn set_test_pattern(&self, name: &str) -> Result<(), SettingError> {
        let setting = Setting::TestPattern;
        let info = self.control(setting)?;
        match self.node.menu_item(&info, name)? {
            Some(item) => self.write(setting, item.index.into()).map(drop),
            None => Err(SettingError::NoItem { setting }),
        }
    }
}

impl Node {
    /// Returns the item of a menu with a name, in the driver's spelling or as users type it; in
    /// menus of numbers, the item with that number. Otherwise the item with that index. Items that
    /// the driver fails to describe are skipped.
    ///
    /// # Errors
    /// [`ErrorKind::Disconnected`](crate::v4l2::ErrorKind::Disconnected): the device was unplugged.
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
