//! Everything that can be set on a device: brightness, exposure, test patterns, codec settings.
//!
//! [`Device::controls`] lists them, with ranges; [`Device::control_value`] and
//! [`Device::set_control`] read and set one number; [`Device::set_controls`] sets several at
//! once. Strings, arrays and structs travel as bytes ([`Device::control_payload`]).
//!
//! ```no_run
//! use videostream_hal::v4l2::{Device, Error};
//! use videostream_hal::v4l2::control::id;
//!
//! # fn main() -> Result<(), Error> {
//! let device = Device::open("/dev/video0")?;
//! if let Some(gain) = device.control(id::GAIN)? {
//!     let middle = (gain.minimum + gain.maximum) / 2;
//!     let set = device.set_control(&gain, middle)?;
//!     assert!((gain.minimum..=gain.maximum).contains(&set));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Source: kernel page `userspace-api/media/v4l/extended-controls.html`.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use super::ioctl::{self, ControlInfo, ControlType, MenuItem};
use super::{Device, Error};

pub use super::ioctl::{ControlValue, ExtControl, ExtControlsError, MAX_CONTROLS, Which};

/// Ids of common controls, as the kernel numbers them.
pub mod id {
    use videostream_sys::v4l2 as sys;

    macro_rules! ids {
        ($($name:ident = $cid:ident, $doc:literal;)*) => {
            $(
                #[doc = concat!("`", stringify!($cid), "`: ", $doc)]
                pub const $name: u32 = sys::$cid;
            )*
        };
    }

    ids! {
        BRIGHTNESS = V4L2_CID_BRIGHTNESS, "Black level of the picture.";
        CONTRAST = V4L2_CID_CONTRAST, "Luma gain.";
        SATURATION = V4L2_CID_SATURATION, "Colour gain.";
        HUE = V4L2_CID_HUE, "Colour rotation.";
        SHARPNESS = V4L2_CID_SHARPNESS, "Sharpness filter.";
        GAMMA = V4L2_CID_GAMMA, "Gamma.";
        GAIN = V4L2_CID_GAIN, "Gain of the whole chain.";
        AUTOGAIN = V4L2_CID_AUTOGAIN, "Whether the device sets the gain.";
        ANALOGUE_GAIN = V4L2_CID_ANALOGUE_GAIN, "Gain of the sensor before conversion.";
        DIGITAL_GAIN = V4L2_CID_DIGITAL_GAIN, "Gain after conversion.";
        EXPOSURE = V4L2_CID_EXPOSURE, "Exposure of a sensor, usually in lines.";
        EXPOSURE_AUTO = V4L2_CID_EXPOSURE_AUTO, "Menu: automatic, manual, shutter or aperture priority.";
        EXPOSURE_ABSOLUTE = V4L2_CID_EXPOSURE_ABSOLUTE, "Exposure time in units of 100 µs.";
        AUTO_WHITE_BALANCE = V4L2_CID_AUTO_WHITE_BALANCE, "Whether the device sets the white balance.";
        WHITE_BALANCE_TEMPERATURE = V4L2_CID_WHITE_BALANCE_TEMPERATURE, "White balance in kelvin.";
        FOCUS_AUTO = V4L2_CID_FOCUS_AUTO, "Whether the device focuses.";
        FOCUS_ABSOLUTE = V4L2_CID_FOCUS_ABSOLUTE, "Focus position, larger is nearer.";
        ZOOM_ABSOLUTE = V4L2_CID_ZOOM_ABSOLUTE, "Focal length of the lens.";
        HFLIP = V4L2_CID_HFLIP, "Mirror left and right.";
        VFLIP = V4L2_CID_VFLIP, "Mirror top and bottom.";
        ROTATE = V4L2_CID_ROTATE, "Rotation in degrees clockwise.";
        POWER_LINE_FREQUENCY = V4L2_CID_POWER_LINE_FREQUENCY, "Menu: flicker filter off, 50 Hz, 60 Hz, automatic.";
        TEST_PATTERN = V4L2_CID_TEST_PATTERN, "Menu: picture that the sensor makes up.";
        VBLANK = V4L2_CID_VBLANK, "Lines between pictures of a sensor.";
        HBLANK = V4L2_CID_HBLANK, "Pixels between lines of a sensor.";
        PIXEL_RATE = V4L2_CID_PIXEL_RATE, "Pixels per second of a sensor.";
        MIN_BUFFERS_FOR_CAPTURE = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE, "Capture buffers that the driver keeps for itself.";
        MIN_BUFFERS_FOR_OUTPUT = V4L2_CID_MIN_BUFFERS_FOR_OUTPUT, "Output buffers that the driver keeps for itself.";
    }
}

/// The controls of a device; see [`Device::controls`].
#[derive(Debug)]
pub struct Controls<'a> {
    fd: BorrowedFd<'a>,
    last: Option<u32>,
}

impl Iterator for Controls<'_> {
    type Item = Result<ControlInfo, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let last = self.last.take()?;
        match ioctl::query_ext_ctrl(self.fd, last | ioctl::NEXT) {
            // Ids must grow, or a driver could keep us here.
            Ok(info) if info.id > last => {
                self.last = Some(info.id);
                Some(Ok(info))
            }
            Ok(info) => Some(Err(Error::Answer {
                call: "VIDIOC_QUERY_EXT_CTRL",
                field: "id",
                value: info.id.into(),
            })),
            Err(error) if is_end(error) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// The items of a menu, holes left out; see [`Device::menu`].
#[derive(Debug)]
pub struct Menu<'a> {
    fd: BorrowedFd<'a>,
    id: u32,
    integer: bool,
    next: u32,
    end: u32,
}

impl Iterator for Menu<'_> {
    type Item = Result<MenuItem, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.end {
            let index = self.next;
            self.next += 1;
            match ioctl::querymenu(self.fd, self.id, index, self.integer) {
                Err(error) if is_end(error) => {}
                Err(error) => {
                    self.next = self.end;
                    return Some(Err(error));
                }
                item => return Some(item),
            }
        }
        None
    }
}

/// Most items of a menu: settable items are bits of a 64-bit mask in the kernel.
const MAX_MENU_ITEMS: u32 = 1024;

fn is_end(error: Error) -> bool {
    matches!(error.errno(), Some(Errno::INVAL | Errno::NOTTY))
}

impl Device {
    /// All controls in the order of their ids, headings of classes
    /// ([`ControlType::Class`]), compound and array controls included.
    #[must_use]
    #[doc(alias = "VIDIOC_QUERY_EXT_CTRL")]
    pub fn controls(&self) -> Controls<'_> {
        Controls {
            fd: self.as_fd(),
            last: Some(0),
        }
    }

    /// The control with an id; `None` if the device has none.
    ///
    /// # Errors
    /// [`ErrorKind::Disconnected`](super::ErrorKind): unplugged.
    pub fn control(&self, id: u32) -> Result<Option<ControlInfo>, Error> {
        match ioctl::query_ext_ctrl(self.as_fd(), id) {
            Ok(info) => Ok(Some(info)),
            Err(error) if is_end(error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first control whose name is `name`, in the driver's spelling or in lower case with `_`
    /// for every run of other characters (`white_balance_automatic`).
    ///
    /// # Errors
    /// What the list answers.
    pub fn control_by_name(&self, name: &str) -> Result<Option<ControlInfo>, Error> {
        for info in self.controls() {
            let info = info?;
            if info.control_type != ControlType::Class
                && (info.name() == name || simple_name(info.name()).eq(name.bytes()))
            {
                return Ok(Some(info));
            }
        }
        Ok(None)
    }

    /// The items of a menu or integer menu; nothing for other controls.
    #[must_use]
    #[doc(alias = "VIDIOC_QUERYMENU")]
    pub fn menu(&self, control: &ControlInfo) -> Menu<'_> {
        let integer = control.control_type == ControlType::IntegerMenu;
        let start = u32::try_from(control.minimum).unwrap_or(0);
        let end = if integer || control.control_type == ControlType::Menu {
            u32::try_from(control.maximum.saturating_add(1)).unwrap_or(u32::MAX)
        } else {
            start
        };
        Menu {
            fd: self.as_fd(),
            id: control.id,
            integer,
            next: start,
            end: end.min(start.saturating_add(MAX_MENU_ITEMS)),
        }
    }

    /// The value of a control that is a number.
    ///
    /// # Errors
    /// - `EACCES`: it cannot be read (buttons).
    /// - [`Error::Argument`]: it has a payload.
    pub fn control_value(&self, control: &ControlInfo) -> Result<i64, Error> {
        let mut list = [number(control, 0)?];
        ioctl::g_ext_ctrls(self.as_fd(), Which::Current, &mut list).map_err(|e| e.error)?;
        Ok(as_number(&list[0].value))
    }

    /// Sets a control that is a number; returns what the driver rounded it to.
    ///
    /// # Errors
    /// - `ERANGE`, `EINVAL`: the value cannot be rounded into the range.
    /// - `EACCES`: it is read-only.
    /// - `EBUSY`: not at the moment, such as while streaming.
    /// - [`Error::Argument`]: it has a payload, or the value does not fit 32 bits.
    pub fn set_control(&self, control: &ControlInfo, value: i64) -> Result<i64, Error> {
        let mut list = [number(control, value)?];
        ioctl::s_ext_ctrls(self.as_fd(), &mut list).map_err(|e| e.error)?;
        Ok(as_number(&list[0].value))
    }

    /// Fetches a string, array or struct; `bytes` has at least
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

    /// Sets a string (with its NUL), array or struct; `bytes` comes back as the driver rounded it.
    ///
    /// # Errors
    /// - `ERANGE`, `EINVAL`: a value is out of range.
    /// - `EFAULT`: `bytes` is too short.
    /// - `EACCES`, `EBUSY`: as for [`Device::set_control`].
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

    /// Sets up to [`MAX_CONTROLS`] controls at once; none is changed when the list is refused.
    ///
    /// # Errors
    /// See [`ioctl::s_ext_ctrls`]; the error names the position of the control that failed.
    pub fn set_controls(&self, list: &mut [ExtControl<'_>]) -> Result<(), ExtControlsError> {
        // `VIDIOC_S_EXT_CTRLS` hides which one failed validation; trying tells.
        ioctl::try_ext_ctrls(self.as_fd(), list)?;
        ioctl::s_ext_ctrls(self.as_fd(), list)
    }
}

/// An entry for a control whose value is a number.
fn number(control: &ControlInfo, value: i64) -> Result<ExtControl<'static>, Error> {
    if control.flags.contains(ioctl::ControlFlags::HAS_PAYLOAD) {
        return Err(Error::Argument {
            name: "control with a payload",
            value: control.id.into(),
        });
    }
    let value = match control.control_type {
        ControlType::Integer64 => ControlValue::Integer64(value),
        // All 32 bits are settable, so that the numbers above `i32` are meant as bits.
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

fn as_number(value: &ControlValue<'_>) -> i64 {
    match value {
        ControlValue::Integer(value) => i64::from(*value),
        ControlValue::Integer64(value) => *value,
        ControlValue::Payload(_) => 0,
    }
}

/// A name in lower case, runs of characters other than letters and digits as one `_`.
pub(crate) fn simple_name(name: &str) -> impl Iterator<Item = u8> {
    let mut bytes = name.bytes().peekable();
    let mut started = false;
    core::iter::from_fn(move || {
        let mut gap = false;
        while bytes
            .next_if(|byte| !byte.is_ascii_alphanumeric())
            .is_some()
        {
            gap = true;
        }
        bytes.peek()?;
        if gap && started {
            return Some(b'_');
        }
        started = true;
        bytes.next().map(|byte| byte.to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;

    use super::*;

    #[test]
    fn names_are_simplified_for_typing() {
        let simple = |name| String::from_utf8(simple_name(name).collect()).unwrap();
        assert_eq!(
            simple("White Balance, Automatic"),
            "white_balance_automatic"
        );
        assert_eq!(simple("Y'CbCr Encoding"), "y_cbcr_encoding");
        assert_eq!(simple("  Gain (dB)  "), "gain_db");
    }
}
