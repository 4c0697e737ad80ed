//! `VIDIOC_QUERYMENU`.
#![expect(
    unsafe_code,
    reason = "an item is a union of a name and a number, selected by the control's type"
)]

use core::fmt;

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{QueryMenu, call};
use super::text;
use crate::Error;

/// `struct v4l2_querymenu`: one item of a menu.
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(alias = "v4l2_querymenu")]
pub struct MenuItem {
    /// The value that selects the item.
    pub index: u32,
    /// The number of an integer menu's item, such as a bit rate; 0 in menus of names.
    pub value: i64,
    name: [u8; 32],
}

impl MenuItem {
    /// Returns the item's human-readable name; empty in integer menus.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.name)
    }
}

impl fmt::Debug for MenuItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MenuItem")
            .field("index", &self.index)
            .field("name", &self.name())
            .field("value", &self.value)
            .finish()
    }
}

/// `VIDIOC_QUERYMENU`: returns item `index` of the menu control `id`.
///
/// `integer` selects between integer menus and menus of names.
///
/// # Errors
/// - `EINVAL`: no such item. Menus may have gaps: continue with the next index.
pub fn querymenu(
    fd: BorrowedFd<'_>,
    id: u32,
    index: u32,
    integer: bool,
) -> Result<MenuItem, Error> {
    let mut raw = sys::v4l2_querymenu {
        id,
        index,
        ..Default::default()
    };
    call::<QueryMenu>(fd, &mut raw)?;
    let mut item = MenuItem {
        index,
        value: 0,
        name: [0; 32],
    };
    if integer {
        // SAFETY: both members are made of plain integers, and all bytes are initialised.
        item.value = unsafe { raw.__bindgen_anon_1.value };
    } else {
        // SAFETY: both members are made of plain integers, and all bytes are initialised.
        item.name = unsafe { raw.__bindgen_anon_1.name };
    }
    Ok(item)
}
