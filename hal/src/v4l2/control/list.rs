//! Lists of controls and of the items of menus.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use super::simple_name;
use crate::v4l2::ioctl::{self, ControlInfo, ControlType, MenuItem};
use crate::v4l2::{Error, Node};

/// The controls of a device; see [`Node::controls`].
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

/// The items of a menu, holes left out; see [`Node::menu`].
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

impl Node {
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
    /// [`ErrorKind::Disconnected`](crate::v4l2::ErrorKind): unplugged.
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
}
