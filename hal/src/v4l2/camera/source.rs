//! Following the signal at the input of a capture device.

use super::Device;
use crate::{Error, ErrorKind};

/// Sets the digital timings or the analogue standard of the signal at the selected input.
///
/// The driver then resets the format to the size of the signal. Devices with neither timings nor
/// standards are left unchanged. Returns whether anything was changed.
///
/// # Errors
/// - [`ErrorKind::NoSignal`]: there is no signal, or the device cannot lock to it.
/// - [`ErrorKind::Busy`]: buffers are allocated.
pub fn follow_source(device: &Device) -> Result<bool, Error> {
    match device.detect_dv_timings() {
        Ok(found) => {
            let differs = device.dv_timings()? != found;
            if differs {
                device.set_dv_timings(&found)?;
            }
            return Ok(differs);
        }
        Err(error) if error.kind() == ErrorKind::NotSupported => {}
        Err(error) => return Err(error),
    }
    match device.detect_standard() {
        Ok(found) if found.is_empty() => Err(Error::NoSignal),
        Ok(found) => {
            // The detected standards may be a set that includes the current one.
            let differs = !found.contains(device.standard()?);
            if differs {
                device.set_standard(found)?;
            }
            Ok(differs)
        }
        Err(error) if error.kind() == ErrorKind::NotSupported => Ok(false),
        Err(error) => Err(error),
    }
}
