//! Back to the values that the driver began with.

use videostream_hal::v4l2::{ControlFlags, ControlInfo, ControlType, ErrorKind};

use super::{Controls, typed_name, value};
use crate::camera::CameraError;

/// What was and was not put back.
#[derive(Debug, Default)]
pub struct Reset {
    /// Names of controls that have their default now.
    pub done: Vec<String>,
    /// Those that are inactive, and keep what they have until they are active.
    pub inactive: Vec<String>,
    /// Those that could not be set, and why.
    pub refused: Vec<CameraError>,
}

impl Controls<'_> {
    /// Sets every control that can be written to its default: first the ordinary ones, then those
    /// that others depend on (automatics), then what became active by that. Buttons are not
    /// pressed, and controls that the driver does not tell of are left as they are.
    ///
    /// # Errors
    /// [`CameraError::Disconnected`]; those that could not be set are in the result.
    pub fn reset(&self) -> Result<Reset, CameraError> {
        let mut reset = Reset::default();
        let mut left = self.resettable()?;
        let is = |flag| move |info: &ControlInfo| info.flags.contains(flag);
        let (inactive, update) = (is(ControlFlags::INACTIVE), is(ControlFlags::UPDATE));
        let ordinary = left.extract_if(.., |info| !inactive(info) && !update(info));
        let ordinary: Vec<_> = ordinary.collect();
        let governing: Vec<_> = left.extract_if(.., |info| update(info)).collect();
        for info in ordinary.iter().chain(&governing) {
            self.put_back(info, &mut reset)?;
        }
        for info in left {
            match self.device.control(info.id) {
                Ok(Some(now)) if !inactive(&now) => self.put_back(&now, &mut reset)?,
                Ok(_) => reset.inactive.push(typed_name(&info)),
                Err(error) => match self.refused(Some(typed_name(&info)), error) {
                    gone @ CameraError::Disconnected { .. } => return Err(gone),
                    refused => reset.refused.push(refused),
                },
            }
        }
        Ok(reset)
    }

    fn resettable(&self) -> Result<Vec<ControlInfo>, CameraError> {
        const NOT: ControlFlags = ControlFlags::READ_ONLY
            .union(ControlFlags::WRITE_ONLY)
            .union(ControlFlags::DISABLED);
        let mut all = Vec::new();
        for info in self.device.controls() {
            match info {
                Ok(info) => all.push(info),
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    return Err(self.failed(error));
                }
                Err(_) => {}
            }
        }
        all.retain(|info| {
            let has_value = !matches!(info.control_type, ControlType::Class | ControlType::Button);
            has_value && !info.flags.intersects(NOT)
        });
        Ok(all)
    }

    fn put_back(&self, info: &ControlInfo, reset: &mut Reset) -> Result<(), CameraError> {
        let set = if info.flags.contains(ControlFlags::HAS_PAYLOAD) {
            let mut bytes = value::room(info);
            let fetched = self.device.default_payload(info, &mut bytes);
            fetched.and_then(|()| self.device.set_control_payload(info, &mut bytes))
        } else {
            let set = self.device.set_control(info, info.default_value);
            set.map(drop)
        };
        match set {
            Ok(()) => reset.done.push(typed_name(info)),
            Err(error) => match self.refused(Some(typed_name(info)), error) {
                gone @ CameraError::Disconnected { .. } => return Err(gone),
                refused => reset.refused.push(refused),
            },
        }
        Ok(())
    }
}
