//! Typed settings that most cameras have, in physical units where possible.

use std::time::Duration;

use videostream_hal::v4l2::control::{ExposureMode, SettingError};

use super::{ControlError, Controls};
use crate::camera::CameraError;

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty)?) -> $out:ty;)*) => {
        /// # Errors
        /// [`CameraError::Control`] with [`ControlError::Setting`], which names the alternatives,
        /// the valid values, or the automatic control to switch off first.
        impl Controls<'_> {
            $(
                $(#[$doc])*
                #[doc = ""]
                #[doc = concat!(
                    "See [`Settings::", stringify!($name),
                    "`](videostream_hal::v4l2::control::Settings::", stringify!($name), ")."
                )]
                pub fn $name(&self $(, $arg: $ty)?) -> Result<$out, CameraError> {
                    let done = self.device.node().settings().$name($($arg)?);
                    done.map_err(|error| self.setting(error))
                }
            )*
        }
    };
}

settings! {
    /// Returns what the camera adjusts automatically for exposure.
    exposure_mode() -> ExposureMode;
    /// Sets what the camera adjusts automatically for exposure.
    set_exposure_mode(mode: ExposureMode) -> ();
    /// Returns whether the exposure time is automatic.
    auto_exposure() -> bool;
    /// Sets whether the exposure time is automatic.
    set_auto_exposure(on: bool) -> ();
    /// Returns the exposure time.
    exposure_time() -> Duration;
    /// Sets the exposure time, rounded to 100 µs and to the camera's steps; returns the result.
    set_exposure_time(time: Duration) -> Duration;
    /// Returns whether the gain is automatic.
    auto_gain() -> bool;
    /// Sets whether the gain is automatic.
    set_auto_gain(on: bool) -> ();
    /// Returns the gain in the driver's units.
    gain() -> i64;
    /// Sets the gain in the driver's units; returns the rounded value.
    set_gain(gain: i64) -> i64;
    /// Returns whether the white balance is automatic.
    auto_white_balance() -> bool;
    /// Sets whether the white balance is automatic.
    set_auto_white_balance(on: bool) -> ();
    /// Returns the colour temperature of white, in kelvin.
    white_balance() -> u32;
    /// Sets the colour temperature of white, in kelvin; returns the rounded value.
    set_white_balance(kelvin: u32) -> u32;
    /// Returns whether the focus is automatic.
    auto_focus() -> bool;
    /// Sets whether the camera focuses continuously.
    set_auto_focus(on: bool) -> ();
    /// Returns the position of the lens in the driver's units; larger is nearer.
    focus() -> i64;
    /// Moves the lens; returns the rounded position.
    set_focus(position: i64) -> i64;
    /// Returns whether the picture is mirrored horizontally.
    hflip() -> bool;
    /// Sets whether the picture is mirrored horizontally.
    set_hflip(on: bool) -> ();
    /// Returns whether the picture is flipped vertically.
    vflip() -> bool;
    /// Sets whether the picture is flipped vertically.
    set_vflip(on: bool) -> ();
    /// Returns the rotation of the picture, in degrees clockwise.
    rotation() -> u32;
    /// Sets the rotation of the picture, in degrees clockwise; never rounded.
    set_rotation(degrees: u32) -> ();
}

impl Controls<'_> {
    fn setting(&self, error: SettingError) -> CameraError {
        match error {
            SettingError::Device(error) => self.failed(error),
            error => self.error(ControlError::Setting(error)),
        }
    }

    /// Returns the names of the camera's test patterns; with most sensors the first one means no
    /// pattern.
    ///
    /// # Errors
    /// As for the other settings.
    pub fn test_patterns(&self) -> Result<Vec<String>, CameraError> {
        let patterns = self.device.node().settings().test_patterns();
        let patterns = patterns.map_err(|error| self.setting(error))?;
        patterns
            .map(|item| Ok(item.map_err(|error| self.failed(error))?.name().to_owned()))
            .collect()
    }

    /// Returns the name of the current test pattern.
    ///
    /// # Errors
    /// As for the other settings.
    pub fn test_pattern(&self) -> Result<String, CameraError> {
        let shown = self.device.node().settings().test_pattern();
        let shown = shown.map_err(|error| self.setting(error))?;
        Ok(shown.name().to_owned())
    }

    /// Selects a test pattern by its name, in the driver's spelling or as users type it
    /// (`color_bars`).
    ///
    /// # Errors
    /// [`ControlError::NoPattern`] with the names of all patterns, and those of the other settings.
    pub fn set_test_pattern(&self, name: &str) -> Result<(), CameraError> {
        match self.device.node().settings().set_test_pattern(name) {
            Ok(()) => Ok(()),
            Err(SettingError::NoItem { .. }) => Err(self.error(ControlError::NoPattern {
                name: name.to_owned(),
                patterns: self.test_patterns()?,
            })),
            Err(error) => Err(self.setting(error)),
        }
    }
}
