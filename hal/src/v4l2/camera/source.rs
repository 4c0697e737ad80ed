//! Following the signal at the input of a grabber.

use super::{Device, Error, ErrorKind};

/// Makes the driver take the signal that is at the selected input: digital timings or analogue
/// standard. Devices without either are left alone. The format has the signal's size then.
/// The result tells whether anything was set.
///
/// # Errors
/// - [`ErrorKind::NoSignal`]: there is none, or none that the device can lock to.
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
            // What is found may be a set, of which one is in force already.
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
