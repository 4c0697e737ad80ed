//! Lists of controls and of menu items.

use rustix::fd::{AsFd, BorrowedFd};

use super::simple_name;
use super::walk::{Walk, is_end};
use crate::v4l2::Node;
use crate::v4l2::ioctl::{self, ControlInfo, ControlType, MenuItem};
use crate::v4l2::list::MAX_FAILED;
use crate::{Error, ErrorKind};

/// The controls of a device; see [`Node::controls`].
///
/// A control that the driver fails to describe is an error in its place; later ones follow.
#[derive(Debug)]
pub struct Controls<'a> {
    fd: BorrowedFd<'a>,
    walk: Walk,
}

impl Controls<'_> {
    /// Returns the id of the control that the last error is about. `None` if that is unknown: the
    /// control after the previous one failed once but is listed all the same, or the list ends
    /// there.
    #[must_use]
    pub const fn failed(&self) -> Option<u32> {
        self.walk.failed()
    }
}

impl Iterator for Controls<'_> {
    type Item = Result<ControlInfo, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let fd = self.fd;
        let ask = |id| ioctl::query_ext_ctrl(fd, id);
        self.walk.step(ask, |info| info.id)
    }
}

/// The items of a menu, without gaps; see [`Node::menu`].
///
/// An item that the driver fails to describe is an error in its place; later ones follow.
#[derive(Debug)]
pub struct Menu<'a> {
    fd: BorrowedFd<'a>,
    id: u32,
    integer: bool,
    next: u32,
    end: u32,
    /// Consecutive failures.
    failed: u32,
}

impl Menu<'_> {
    /// Returns the index of the last item, or of the item that the last error is about.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.next.saturating_sub(1)
    }
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
                    self.failed += 1;
                    if self.failed == MAX_FAILED || error.kind() == ErrorKind::Disconnected {
                        self.end = self.next;
                    }
                    return Some(Err(error));
                }
                item => {
                    self.failed = 0;
                    return Some(item);
                }
            }
        }
        None
    }
}

/// Maximum number of items of a menu. Settable items are bits of a 64-bit mask in the kernel.
const MAX_MENU_ITEMS: u32 = 1024;

impl Node {
    /// Lists all controls in the order of their ids, including class headings
    /// ([`ControlType::Class`]), compound controls, and arrays.
    #[must_use]
    #[doc(alias = "VIDIOC_QUERY_EXT_CTRL")]
    pub fn controls(&self) -> Controls<'_> {
        Controls {
            fd: self.as_fd(),
            walk: Walk::new(),
        }
    }

    /// Returns the control with an id; `None` if the device does not have it.
    ///
    /// # Errors
    /// [`ErrorKind::Disconnected`](crate::v4l2::ErrorKind): the device was unplugged.
    pub fn control(&self, id: u32) -> Result<Option<ControlInfo>, Error> {
        match ioctl::query_ext_ctrl(self.as_fd(), id) {
            Ok(info) => Ok(Some(info)),
            Err(error) if is_end(error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the first control with a name, given in the driver's spelling or in lower case with
    /// `_` for every run of other characters (`white_balance_automatic`). Controls that the driver
    /// fails to describe are skipped.
    ///
    /// # Errors
    /// [`ErrorKind::Disconnected`]: the device was unplugged.
    pub fn control_by_name(&self, name: &str) -> Result<Option<ControlInfo>, Error> {
        for info in self.controls() {
            let info = match info {
                Ok(info) => info,
                Err(error) if error.kind() == ErrorKind::Disconnected => return Err(error),
                Err(_) => continue,
            };
            if info.control_type != ControlType::Class
                && (info.name() == name || simple_name(info.name()).eq(name.bytes()))
            {
                return Ok(Some(info));
            }
        }
        Ok(None)
    }

    /// Lists the items of a menu or integer menu; empty for other controls.
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
            failed: 0,
            end: end.min(start.saturating_add(MAX_MENU_ITEMS)),
        }
    }
}
