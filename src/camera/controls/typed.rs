//! The settings that most cameras have, in units that mean something.

use std::time::Duration;

use videostream_hal::v4l2::control::{ExposureMode, SettingError};

use super::{ControlError, Controls};
use crate::camera::CameraError;

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty)?) -> $out:ty;)*) => {
        /// # Errors
        /// Those of all calls: [`CameraError::Control`] with [`ControlError::Setting`], which says
        /// what the camera has instead, which values it takes, or what has to be switched off
        /// first.
        impl Controls<'_> {
            $(
                $(#[$doc])*
                #[doc = ""]
                #[doc = concat!(
                    "See [`Settings::", stringify!($name), "`](videostream_hal::v4l2::control::Settings::",
                    stringify!($name), ")."
                )]
                pub fn $name(&self $(, $arg: $ty)?) -> Result<$out, CameraError> {
                    let done = self.device.settings().$name($($arg)?);
                    done.map_err(|error| self.setting(error))
                }
            )*
        }
    };
}

settings! {
    /// What the camera changes by itself to expose well.
    exposure_mode() -> ExposureMode;
    /// Says what the camera may change by itself to expose well.
    set_exposure_mode(mode: ExposureMode) -> ();
    /// Whether the camera chooses the exposure time.
    auto_exposure() -> bool;
    /// Lets the camera choose the exposure time, or not.
    set_auto_exposure(on: bool) -> ();
    /// For how long the sensor is exposed.
    exposure_time() -> Duration;
    /// Exposes for a time, rounded to 100 µs and to what the camera has; returns that.
    set_exposure_time(time: Duration) -> Duration;
    /// Whether the camera sets its gain.
    auto_gain() -> bool;
    /// Lets the camera set its gain, or not.
    set_auto_gain(on: bool) -> ();
    /// The gain, in units of the driver's own.
    gain() -> i64;
    /// Sets the gain; returns what the driver rounded it to.
    set_gain(gain: i64) -> i64;
    /// Whether the camera balances white.
    auto_white_balance() -> bool;
    /// Lets the camera balance white, or not.
    set_auto_white_balance(on: bool) -> ();
    /// The colour temperature of what is white, in kelvin.
    white_balance() -> u32;
    /// Sets the colour temperature of what shall be white, in kelvin; returns what the driver
    /// rounded it to.
    set_white_balance(kelvin: u32) -> u32;
    /// Whether the camera focuses.
    auto_focus() -> bool;
    /// Lets the camera focus all the time, or not.
    set_auto_focus(on: bool) -> ();
    /// The position of the lens in units of the driver's own; larger is nearer.
    focus() -> i64;
    /// Moves the lens; returns what the driver rounded the position to.
    set_focus(position: i64) -> i64;
    /// Whether left and right are exchanged.
    hflip() -> bool;
    /// Exchanges left and right, or not.
    set_hflip(on: bool) -> ();
    /// Whether top and bottom are exchanged.
    vflip() -> bool;
    /// Exchanges top and bottom, or not.
    set_vflip(on: bool) -> ();
    /// How far the picture is turned, in degrees clockwise.
    rotation() -> u32;
    /// Turns the picture, in degrees clockwise; never rounded.
    set_rotation(degrees: u32) -> ();
}

impl Controls<'_> {
    fn setting(&self, error: SettingError) -> CameraError {
        match error {
            SettingError::Device(error) => self.failed(error),
            error => self.error(ControlError::Setting(error)),
        }
    }

    /// The names of the test patterns that the camera has; with most sensors the first is none.
    ///
    /// # Errors
    /// As for the other settings.
    pub fn test_patterns(&self) -> Result<Vec<String>, CameraError> {
        let patterns = self.device.settings().test_patterns();
        let patterns = patterns.map_err(|error| self.setting(error))?;
        patterns
            .map(|item| Ok(item.map_err(|error| self.failed(error))?.name().to_owned()))
            .collect()
    }

    /// The name of the test pattern that is shown.
    ///
    /// # Errors
    /// As for the other settings.
    pub fn test_pattern(&self) -> Result<String, CameraError> {
        let shown = self.device.settings().test_pattern();
        let shown = shown.map_err(|error| self.setting(error))?;
        Ok(shown.name().to_owned())
    }

    /// Shows the test pattern with a name, in the driver's spelling or as it is typed
    /// (`color_bars`).
    ///
    /// # Errors
    /// [`ControlError::NoPattern`] with those that there are; as for the other settings.
    pub fn set_test_pattern(&self, name: &str) -> Result<(), CameraError> {
        match self.device.settings().set_test_pattern(name) {
            Ok(()) => Ok(()),
            Err(SettingError::NoItem { .. }) => Err(self.error(ControlError::NoPattern {
                name: name.to_owned(),
                patterns: self.test_patterns()?,
            })),
            Err(error) => Err(self.setting(error)),
        }
    }
}
