//! Setting controls by name and text.

use videostream_hal::v4l2::control::{ControlValue, ExtControl, Setting};
use videostream_hal::v4l2::{ControlFlags, ControlInfo, ControlType};

use super::value::{item_name, number, switch, to_payload};
use super::{Control, ControlError, Controls, MAX_AT_ONCE, typed_name};
use crate::camera::CameraError;

/// A value in the form in which it is written to a control.
enum Written {
    Number(i64),
    Payload(Vec<u8>),
}

impl Controls<'_> {
    /// Sets controls in one call, each by its name and the text of a value. If one is refused, none
    /// is changed. Returns the values that the driver chose.
    ///
    /// # Values
    /// | kind | text |
    /// |---|---|
    /// | number, bit mask | `12`, `-3`, `0x1f` |
    /// | switch | `on`, `off`, `true`, `false`, `yes`, `no`, `1`, `0` |
    /// | menu | item's name (`Aperture Priority Mode`, `aperture_priority_mode`) or index |
    /// | menu of numbers | the number (400000000), or else the index of the item |
    /// | button | anything |
    /// | array | one number for all elements, or a comma-separated list |
    /// | area | `640x480` |
    ///
    /// # Errors
    /// [`CameraError::Control`] with the control that failed: [`ControlError::Unknown`],
    /// [`ControlError::Value`], [`ControlError::ReadOnly`], [`ControlError::Inactive`],
    /// [`ControlError::Busy`], [`ControlError::Refused`]; [`ControlError::TooMany`].
    pub fn set<N: AsRef<str>, V: AsRef<str>>(
        &self,
        wanted: &[(N, V)],
    ) -> Result<Vec<Control>, CameraError> {
        if wanted.len() > MAX_AT_ONCE {
            let count = wanted.len();
            return Err(self.error(ControlError::TooMany { count }));
        }
        let mut infos = Vec::with_capacity(wanted.len());
        for (name, _) in wanted {
            infos.push(self.find(name.as_ref())?);
        }
        let mut values = Vec::with_capacity(wanted.len());
        for (info, (_, text)) in infos.iter().zip(wanted) {
            let others = infos.iter().filter(|other| other.id != info.id);
            self.check(info, others)?;
            values.push(self.parse(info, text.as_ref())?);
        }
        self.write(&infos, &mut values)?;
        infos
            .iter()
            .map(|info| self.get(&format!("{:#010x}", info.id)))
            .collect()
    }

    /// Checks that a control can be set now; `others` are set in the same call.
    fn check<'a>(
        &self,
        info: &ControlInfo,
        mut others: impl Iterator<Item = &'a ControlInfo>,
    ) -> Result<(), CameraError> {
        let name = typed_name(info);
        let error = if info.flags.contains(ControlFlags::READ_ONLY) {
            ControlError::ReadOnly { name }
        } else if info.flags.contains(ControlFlags::GRABBED) {
            ControlError::Busy { name }
        } else if info.flags.contains(ControlFlags::INACTIVE)
            // An automatic in the same call may make it active.
            && !others.any(|other| other.flags.contains(ControlFlags::UPDATE))
        {
            let automatic = self.automatic(info);
            ControlError::Inactive { name, automatic }
        } else {
            return Ok(());
        };
        Err(self.error(error))
    }

    /// Returns the name of the automatic control that overrides this one.
    fn automatic(&self, info: &ControlInfo) -> Option<String> {
        let setting = Setting::ALL.into_iter();
        let setting = setting.filter(|setting| setting.ids().contains(&info.id));
        let automatic = setting.filter_map(Setting::automatic).next()?;
        let control = self.device.node().settings().control(automatic).ok()?;
        Some(typed_name(&control))
    }

    fn parse(&self, info: &ControlInfo, text: &str) -> Result<Written, CameraError> {
        let refused = |expected: String| {
            self.error(ControlError::Value {
                name: typed_name(info),
                text: text.to_owned(),
                expected,
            })
        };
        if info.flags.contains(ControlFlags::HAS_PAYLOAD) {
            return to_payload(info, text)
                .map(Written::Payload)
                .map_err(refused);
        }
        let (minimum, maximum, step) = (info.minimum, info.maximum, info.step);
        let value = match info.control_type {
            ControlType::Button => Some(0),
            ControlType::Boolean => {
                let on = switch(text);
                on.map(i64::from)
                    .ok_or_else(|| refused("on or off".to_owned()))
                    .map(Some)?
            }
            ControlType::Menu | ControlType::IntegerMenu => {
                let item = self.device.node().menu_item(info, text);
                let item = item.map_err(|error| self.failed(error))?;
                let item = item.ok_or_else(|| refused(self.choices(info)))?;
                Some(item.index.into())
            }
            ControlType::Bitmask => number(text)
                .filter(|bits| (0..=u32::MAX.into()).contains(bits) && bits & !maximum == 0),
            _ => number(text).filter(|number| (minimum..=maximum).contains(number)),
        };
        value.map(Written::Number).ok_or_else(|| {
            refused(match info.control_type {
                ControlType::Bitmask => format!("bits of {maximum:#x}"),
                _ if step > 1 => format!("{minimum} to {maximum} in steps of {step}"),
                _ => format!("{minimum} to {maximum}"),
            })
        })
    }

    fn choices(&self, info: &ControlInfo) -> String {
        let items = self.device.node().menu(info).flatten();
        let items: Vec<_> = items
            .map(|item| format!("{} ({})", item_name(info, &item), item.index))
            .collect();
        format!("one of {}", items.join(", "))
    }

    fn write(&self, infos: &[ControlInfo], values: &mut [Written]) -> Result<(), CameraError> {
        let mut list = Vec::with_capacity(infos.len());
        for (info, value) in infos.iter().zip(values) {
            list.push(match value {
                Written::Number(number) => {
                    let entry = info.entry(*number);
                    entry.map_err(|error| self.failed(error))?
                }
                Written::Payload(bytes) => ExtControl {
                    id: info.id,
                    value: ControlValue::Payload(bytes),
                },
            });
        }
        self.device
            .node()
            .set_controls(&mut list)
            .map_err(|failed| {
                let of_one = (infos.len() == 1).then_some(0);
                let at = failed.index.or(of_one);
                let name = at.and_then(|at| infos.get(at)).map(typed_name);
                self.refused(name, failed.error)
            })
    }

    /// Converts the error of a driver that refused a control.
    pub(super) fn refused(
        &self,
        name: Option<String>,
        error: videostream_hal::v4l2::Error,
    ) -> CameraError {
        use videostream_hal::v4l2::ErrorKind;
        match (error.kind(), name) {
            (ErrorKind::Disconnected, _) => self.failed(error),
            (ErrorKind::Busy, Some(name)) => self.error(ControlError::Busy { name }),
            (_, name) => self.error(ControlError::Refused { name, error }),
        }
    }
}
