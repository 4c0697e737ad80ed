//! Resetting controls to their defaults.

use videostream_hal::v4l2::{ControlFlags, ControlInfo, ControlType, ErrorKind};

use super::{Controls, typed_name, value};
use crate::camera::CameraError;

/// The outcome of [`Controls::reset`].
#[derive(Debug, Default)]
pub struct Reset {
    /// Names of controls that were reset.
    pub done: Vec<String>,
    /// Names of inactive controls, which keep their values.
    pub inactive: Vec<String>,
    /// Errors of controls that could not be set.
    pub refused: Vec<CameraError>,
}

impl Controls<'_> {
    /// Sets every writable control to its default: first ordinary controls, then those that others
    /// depend on (automatics), then controls that became active thereby. Buttons are not pressed,
    /// and controls that the driver fails to describe are left alone.
    ///
    /// # Errors
    /// [`CameraError::Disconnected`]. Other failures are in [`Reset::refused`].
    pub fn reset(&self) -> Result<Reset, CameraError> {
        let mut reset = Reset::default();
        let mut left = self.resettable()?;
        let has = |flag| move |info: &ControlInfo| info.flags.contains(flag);
        let (inactive, update) = (has(ControlFlags::INACTIVE), has(ControlFlags::UPDATE));
        let ordinary = left.extract_if(.., |info| !inactive(info) && !update(info));
        let ordinary: Vec<_> = ordinary.collect();
        let governing: Vec<_> = left.extract_if(.., |info| update(info)).collect();
        for info in ordinary.iter().chain(&governing) {
            self.put_back(info, &mut reset)?;
        }
        // Inactive so far, but the automatics above may have made them active.
        for info in left {
            match self.device.node().control(info.id) {
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
        for info in self.device.node().controls() {
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
            let fetched = self.device.node().default_payload(info, &mut bytes);
            fetched.and_then(|()| self.device.node().set_control_payload(info, &mut bytes))
        } else {
            let set = self.device.node().set_control(info, info.default_value);
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
