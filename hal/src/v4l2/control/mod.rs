//! Controls of a device: brightness, exposure, test patterns, codec settings.
//!
//! [`Node::controls`] lists them, with ranges. [`Node::control_value`] and [`Node::set_control`]
//! read and set one number; [`Node::set_controls`] sets several at once. Strings, arrays, and
//! structs are passed as bytes ([`Node::control_payload`]). [`Node::settings`] has the controls of
//! most cameras (exposure, gain, white balance, focus, orientation, test pattern) in physical
//! units. Changes are reported as events ([`EventSelector::Control`](super::EventSelector)).
//!
//! ```no_run
//! use videostream_hal::Error;
//! use videostream_hal::v4l2::Device;
//! use videostream_hal::v4l2::control::id;
//!
//! # fn main() -> Result<(), Error> {
//! let device = Device::open("/dev/video0")?;
//! if let Some(gain) = device.node().control(id::GAIN)? {
//!     let middle = (gain.minimum + gain.maximum) / 2;
//!     let set = device.node().set_control(&gain, middle)?;
//!     assert!((gain.minimum..=gain.maximum).contains(&set));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Source: kernel page `userspace-api/media/v4l/extended-controls.html`.

#[cfg(doc)]
use super::Node;

mod list;
mod refusal;
mod setting;
mod typed;
mod unit;
mod value;
mod walk;

pub mod id;

pub use list::{Controls, Menu};
pub use refusal::SettingError;
pub use setting::{Related, Setting};
pub use typed::{ExposureMode, Settings};
pub use unit::Unit;

pub use super::ioctl::{ControlValue, ExtControl, ExtControlsError, MAX_CONTROLS, MenuItem, Which};

/// Returns a name as users type it, also in `v4l2-ctl`: in lower case, with each run of characters
/// other than letters and digits as one `_` (`white_balance_automatic`). Its bytes are ASCII.
pub fn simple_name(name: &str) -> impl Iterator<Item = u8> {
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

/// Returns whether two names denote the same control or item, in either spelling.
fn is_same_name(name: &str, typed: &str) -> bool {
    name == typed || simple_name(name).eq(simple_name(typed))
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
