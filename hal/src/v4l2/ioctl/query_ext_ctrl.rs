//! `VIDIOC_QUERY_EXT_CTRL`.

use core::fmt;

use bitflags::bitflags;
use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{QueryExtCtrl, call};
use super::text;
use crate::Error;

bitflags! {
    /// `V4L2_CTRL_FLAG_*`: properties and current state of a control.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ControlFlags: u32 {
        /// Permanently unavailable; to be ignored.
        const DISABLED = sys::V4L2_CTRL_FLAG_DISABLED;
        /// Cannot be changed now.
        const GRABBED = sys::V4L2_CTRL_FLAG_GRABBED;
        /// Can never be changed.
        const READ_ONLY = sys::V4L2_CTRL_FLAG_READ_ONLY;
        /// Changing it may change other controls.
        const UPDATE = sys::V4L2_CTRL_FLAG_UPDATE;
        /// Has no effect in the current configuration.
        const INACTIVE = sys::V4L2_CTRL_FLAG_INACTIVE;
        /// Best shown as a slider.
        const SLIDER = sys::V4L2_CTRL_FLAG_SLIDER;
        /// Cannot be read.
        const WRITE_ONLY = sys::V4L2_CTRL_FLAG_WRITE_ONLY;
        /// The hardware changes it.
        const VOLATILE = sys::V4L2_CTRL_FLAG_VOLATILE;
        /// The value is behind a pointer: a string, an array, or a struct.
        const HAS_PAYLOAD = sys::V4L2_CTRL_FLAG_HAS_PAYLOAD;
        /// Setting it has an effect even if the value stays the same.
        const EXECUTE_ON_WRITE = sys::V4L2_CTRL_FLAG_EXECUTE_ON_WRITE;
        /// Changing it may change buffer sizes.
        const MODIFY_LAYOUT = sys::V4L2_CTRL_FLAG_MODIFY_LAYOUT;
        /// An array of variable length.
        const DYNAMIC_ARRAY = sys::V4L2_CTRL_FLAG_DYNAMIC_ARRAY;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// `enum v4l2_ctrl_type`: the type of a control's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_ctrl_type")]
pub enum ControlType {
    /// A number in a range.
    Integer,
    /// 0 or 1.
    Boolean,
    /// One of several named items.
    Menu,
    /// An action without a value.
    Button,
    /// A 64-bit number in a range.
    Integer64,
    /// The heading of a class of controls.
    Class,
    /// Text.
    String,
    /// A set of bits.
    Bitmask,
    /// One of several numbers.
    IntegerMenu,
    /// 8-bit numbers in an array.
    U8,
    /// 16-bit numbers in an array.
    U16,
    /// 32-bit numbers in an array.
    U32,
    /// A width and a height.
    Area,
    /// A struct or a type unknown to this library.
    Other(u32),
}

impl ControlType {
    const fn from_raw(raw: u32) -> Self {
        match raw {
            sys::V4L2_CTRL_TYPE_INTEGER => Self::Integer,
            sys::V4L2_CTRL_TYPE_BOOLEAN => Self::Boolean,
            sys::V4L2_CTRL_TYPE_MENU => Self::Menu,
            sys::V4L2_CTRL_TYPE_BUTTON => Self::Button,
            sys::V4L2_CTRL_TYPE_INTEGER64 => Self::Integer64,
            sys::V4L2_CTRL_TYPE_CTRL_CLASS => Self::Class,
            sys::V4L2_CTRL_TYPE_STRING => Self::String,
            sys::V4L2_CTRL_TYPE_BITMASK => Self::Bitmask,
            sys::V4L2_CTRL_TYPE_INTEGER_MENU => Self::IntegerMenu,
            sys::V4L2_CTRL_TYPE_U8 => Self::U8,
            sys::V4L2_CTRL_TYPE_U16 => Self::U16,
            sys::V4L2_CTRL_TYPE_U32 => Self::U32,
            sys::V4L2_CTRL_TYPE_AREA => Self::Area,
            other => Self::Other(other),
        }
    }
}

/// `struct v4l2_query_ext_ctrl`: a control and its range.
#[derive(Clone, Copy)]
#[doc(alias = "v4l2_query_ext_ctrl")]
pub struct ControlInfo {
    /// `V4L2_CID_*`.
    pub id: u32,
    /// Type of its values.
    pub control_type: ControlType,
    /// Minimum value; for strings, minimum length.
    pub minimum: i64,
    /// Maximum value; for strings, maximum length; for bit masks, all settable bits.
    pub maximum: i64,
    /// Distance between values.
    pub step: u64,
    /// Value after the driver was loaded.
    pub default_value: i64,
    /// Properties and current state.
    pub flags: ControlFlags,
    /// Size of one element in bytes.
    pub elem_size: u32,
    /// Number of elements; 1 unless an array.
    pub elems: u32,
    /// Length in each dimension; entries past `dim_count` are 0.
    pub dims: [u32; 4],
    /// Number of dimensions; 0 unless an array.
    pub dim_count: u32,
    name: [u8; 32],
}

impl ControlInfo {
    /// Returns the driver's human-readable name.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.name)
    }

    /// Makes a control as a driver might describe it.
    #[cfg(test)]
    pub(crate) fn of_range(
        id: u32,
        minimum: i64,
        maximum: i64,
        step: u64,
        flags: ControlFlags,
    ) -> Self {
        Self {
            id,
            control_type: ControlType::Integer,
            minimum,
            maximum,
            step,
            default_value: minimum,
            flags,
            elem_size: 4,
            elems: 1,
            dims: [0; 4],
            dim_count: 0,
            name: [0; 32],
        }
    }

    /// Returns the bytes of the whole value, for controls with a payload.
    #[must_use]
    pub const fn payload_len(&self) -> u64 {
        self.elem_size as u64 * self.elems as u64
    }

    /// `V4L2_CTRL_ID2WHICH`: returns the id of the class it belongs to, without the heading's low
    /// bits.
    #[must_use]
    pub const fn class(&self) -> u32 {
        self.id & 0x0fff_0000
    }
}

impl fmt::Debug for ControlInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlInfo")
            .field("id", &format_args!("{:#010x}", self.id))
            .field("name", &self.name())
            .field("control_type", &self.control_type)
            .field("minimum", &self.minimum)
            .field("maximum", &self.maximum)
            .field("step", &self.step)
            .field("default_value", &self.default_value)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// `VIDIOC_QUERY_EXT_CTRL`: returns a control by id, or with [`NEXT`] added to an id, the next one.
///
/// # Errors
/// - `EINVAL`: no such control, or no next one.
/// - `ENOTTY`: the device has no controls.
pub fn query_ext_ctrl(fd: BorrowedFd<'_>, id: u32) -> Result<ControlInfo, Error> {
    let mut raw = sys::v4l2_query_ext_ctrl {
        id,
        ..Default::default()
    };
    call::<QueryExtCtrl>(fd, &mut raw)?;
    Ok(ControlInfo {
        id: raw.id,
        control_type: ControlType::from_raw(raw.type_),
        minimum: raw.minimum,
        maximum: raw.maximum,
        step: raw.step,
        default_value: raw.default_value,
        flags: ControlFlags::from_bits_retain(raw.flags),
        elem_size: raw.elem_size,
        elems: raw.elems,
        dims: raw.dims,
        dim_count: raw.nr_of_dims.min(4),
        name: raw.name.map(|c| c as u8),
    })
}

/// Added to an id: selects the next control, of any kind.
pub const NEXT: u32 = sys::V4L2_CTRL_FLAG_NEXT_CTRL | sys::V4L2_CTRL_FLAG_NEXT_COMPOUND;
