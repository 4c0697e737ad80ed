//! Controls of a camera, by name.
//!
//! ```no_run
//! use std::time::Duration;
//! use videostream::Camera;
//!
//! # fn main() -> Result<(), videostream::CameraError> {
//! let camera = Camera::open("/dev/video0")?;
//! let controls = camera.controls();
//! controls.set(&[("brightness", "140"), ("power_line_frequency", "50 Hz")])?;
//! controls.set_auto_exposure(false)?;
//! controls.set_exposure_time(Duration::from_millis(8))?;
//! for control in controls.list()?.controls {
//!     println!("{} {:?}", control.name, control.value);
//! }
//! # Ok(())
//! # }
//! ```

use std::path::Path;

use videostream_hal::v4l2::control::{MAX_CONTROLS, MenuItem, simple_name};
use videostream_hal::v4l2::{ControlFlags, ControlInfo, ControlType, Device, ErrorKind};

use super::{Camera, CameraError, CameraStream, Node};

mod error;
mod reset;
mod set;
mod typed;
mod value;
mod watch;

pub use error::ControlError;
pub use reset::Reset;
pub use value::Value;
pub use watch::{ControlChange, ControlWatch};

/// The controls of a device.
#[derive(Clone, Copy, Debug)]
pub struct Controls<'d> {
    path: &'d Path,
    device: &'d Device,
}

/// A control with its value.
#[derive(Clone, Debug)]
pub struct Control {
    /// Its name, as here and in `v4l2-ctl`: `white_balance_automatic`.
    pub name: String,
    /// The heading of its class: `Camera Controls`.
    pub class: String,
    /// The driver's name, range, step, default and flags.
    pub info: ControlInfo,
    /// Its value; `None` if it cannot be read (buttons, or hardware that does not answer).
    pub value: Option<Value>,
    /// The items of a menu.
    pub items: Vec<MenuItem>,
}

/// The controls of a device, and those that it failed to describe.
#[derive(Debug, Default)]
pub struct ControlList {
    /// Controls in the driver's order.
    pub controls: Vec<Control>,
    /// Controls and items of menus that the driver failed to describe, one per error.
    pub gaps: Vec<ControlError>,
}

impl Camera {
    /// Returns the camera's controls.
    #[must_use]
    pub fn controls(&self) -> Controls<'_> {
        Controls::new(&self.path, &self.device)
    }
}

impl CameraStream {
    /// Returns the camera's controls, to be set while it streams.
    #[must_use]
    pub fn controls(&self) -> Controls<'_> {
        Controls::new(self.path(), self.device())
    }
}

impl Node {
    /// Returns the device's controls.
    #[must_use]
    pub fn controls(&self) -> Controls<'_> {
        Controls::new(self.path(), self.device())
    }
}

impl<'d> Controls<'d> {
    /// Wraps the controls of an open device; the path is for errors.
    #[must_use]
    pub const fn new(path: &'d Path, device: &'d Device) -> Self {
        Self { path, device }
    }

    fn error(&self, error: ControlError) -> CameraError {
        let path = self.path.to_owned();
        CameraError::Control { path, error }
    }

    fn failed(&self, error: videostream_hal::v4l2::Error) -> CameraError {
        CameraError::from_device(self.path, error)
    }

    /// Lists all controls in the driver's order, with their values. Controls that fail, as with the
    /// firmware of some USB cameras, are left out and named in [`ControlList::gaps`].
    ///
    /// # Errors
    /// [`CameraError::Disconnected`].
    pub fn list(&self) -> Result<ControlList, CameraError> {
        let mut class = String::new();
        let mut list = ControlList::default();
        let mut behind = None;
        let mut infos = self.device.node().controls();
        while let Some(info) = infos.next() {
            let info = match info {
                Ok(info) => info,
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    return Err(self.failed(error));
                }
                Err(error) => {
                    let id = infos.failed();
                    let name = gap_name(id, behind.as_deref());
                    let lost = id.is_some();
                    list.gaps.push(ControlError::Gap { name, lost, error });
                    continue;
                }
            };
            behind = Some(typed_name(&info));
            if info.control_type == ControlType::Class {
                info.name().clone_into(&mut class);
                continue;
            }
            if !info.flags.contains(ControlFlags::DISABLED) {
                let class = class.clone();
                list.controls
                    .push(self.describe(info, class, &mut list.gaps)?);
            }
        }
        Ok(list)
    }

    fn describe(
        &self,
        info: ControlInfo,
        class: String,
        gaps: &mut Vec<ControlError>,
    ) -> Result<Control, CameraError> {
        let mut items = Vec::new();
        let mut menu = self.device.node().menu(&info);
        while let Some(item) = menu.next() {
            match item {
                Ok(item) => items.push(item),
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    return Err(self.failed(error));
                }
                Err(error) => gaps.push(ControlError::Gap {
                    name: format!("item {} of {}", menu.index(), typed_name(&info)),
                    lost: true,
                    error,
                }),
            }
        }
        Ok(Control {
            name: typed_name(&info),
            class,
            value: self.read(&info, &items)?,
            items,
            info,
        })
    }

    /// Finds a control by its name, as listed or in the driver's spelling, or by its id in
    /// hexadecimal (`0x00980900`).
    ///
    /// # Errors
    /// [`ControlError::Unknown`], with the most similar name.
    pub fn get(&self, name: &str) -> Result<Control, CameraError> {
        let info = self.find(name)?;
        let mut class = String::new();
        for heading in self.device.node().controls().flatten() {
            if heading.control_type == ControlType::Class && heading.class() == info.class() {
                heading.name().clone_into(&mut class);
            }
        }
        self.describe(info, class, &mut Vec::new())
    }

    fn find(&self, name: &str) -> Result<ControlInfo, CameraError> {
        let id = name.strip_prefix("0x").or(name.strip_prefix("0X"));
        let id = id.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let found = match id {
            // Ids only: the bits above are flags of the request (`V4L2_CTRL_FLAG_NEXT_CTRL`), which
            // would return another control.
            Some(id) if id <= 0x0fff_ffff => self.device.node().control(id),
            _ => self.device.node().control_by_name(name),
        };
        let found = found.map_err(|error| self.failed(error))?;
        if let Some(info) = found
            && info.control_type != ControlType::Class
            && !info.flags.contains(ControlFlags::DISABLED)
        {
            return Ok(info);
        }
        let names = self.device.node().controls().flatten();
        let names = names
            .filter(|info| info.control_type != ControlType::Class)
            .map(|info| typed_name(&info));
        Err(self.error(ControlError::unknown(name, names.collect())))
    }

    /// Reads the value of a control; `None` if it cannot be read.
    fn read(&self, info: &ControlInfo, items: &[MenuItem]) -> Result<Option<Value>, CameraError> {
        if info.flags.contains(ControlFlags::WRITE_ONLY) || info.control_type == ControlType::Button
        {
            return Ok(None);
        }
        let value = if info.flags.contains(ControlFlags::HAS_PAYLOAD) {
            let mut bytes = value::room(info);
            let fetched = self.device.node().control_payload(info, &mut bytes);
            fetched.map(|()| Value::of_payload(info, &bytes))
        } else {
            let number = self.device.node().control_value(info);
            number.map(|number| Value::of_number(info, number, items))
        };
        match value {
            Ok(value) => Ok(Some(value)),
            Err(error) => match CameraError::from_device(self.path, error) {
                // A control that can't be read is listed without a value.
                CameraError::Disconnected { path } => Err(CameraError::Disconnected { path }),
                _ => Ok(None),
            },
        }
    }
}

/// Names a control that failed before its name was known: by its id, or by the control before it.
fn gap_name(id: Option<u32>, behind: Option<&str>) -> String {
    match (id, behind) {
        (Some(id), _) => format!("control {id:#010x}"),
        (None, Some(name)) => format!("the control after {name}"),
        (None, None) => "the first control".to_owned(),
    }
}

/// Most controls in one call of [`Controls::set`].
pub const MAX_AT_ONCE: usize = MAX_CONTROLS;

/// Returns the name of a control as users type it.
fn typed_name(info: &ControlInfo) -> String {
    simple_name(info.name()).map(char::from).collect()
}
