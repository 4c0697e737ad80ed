//! Entities, interfaces, pads, and links.
#![expect(
    unsafe_code,
    reason = "the device number of an interface lies in a union of plain integers"
)]

use core::fmt;

use bitflags::bitflags;
use videostream_sys::media as sys;
use zerocopy::IntoBytes;

use super::Function;
use crate::v4l2::ioctl::text;

/// Major and minor number of a device node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    /// The device class: 81 for video nodes and sub-devices.
    pub major: u32,
    /// The node within the class.
    pub minor: u32,
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// `struct media_v2_entity`: a block of the hardware, or a video node.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
#[doc(alias = "media_v2_entity")]
pub struct Entity(pub(super) sys::media_v2_entity);

impl Entity {
    /// Returns the id that the kernel assigned.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.0.id
    }

    /// Returns the name, unique in its device: `imx219 10-0010`.
    #[must_use]
    pub fn name(&self) -> &str {
        text(self.0.name.as_bytes())
    }

    /// Returns the function of the entity.
    #[must_use]
    pub const fn function(&self) -> Function {
        Function(self.0.function)
    }
}

impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entity")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("function", &self.function())
            .finish()
    }
}

/// `MEDIA_INTF_T_*`: the kind of an interface's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceKind {
    /// `/dev/videoN`.
    Video,
    /// `/dev/v4l-subdevN`.
    Subdevice,
    /// `/dev/vbiN`.
    Vbi,
    /// `/dev/radioN`.
    Radio,
    /// `/dev/swradioN`.
    SoftwareRadio,
    /// `/dev/v4l-touchN`.
    Touch,
    /// Digital TV, sound, and others, by the kernel's number.
    Other(u32),
}

/// `struct media_v2_interface`: a device node.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
#[doc(alias = "media_v2_interface")]
pub struct Interface(pub(super) sys::media_v2_interface);

impl Interface {
    /// Returns the id that the kernel assigned.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.0.id
    }

    /// Returns the kind of the node.
    #[must_use]
    pub const fn kind(&self) -> InterfaceKind {
        match self.0.intf_type {
            sys::MEDIA_INTF_T_V4L_VIDEO => InterfaceKind::Video,
            sys::MEDIA_INTF_T_V4L_SUBDEV => InterfaceKind::Subdevice,
            sys::MEDIA_INTF_T_V4L_VBI => InterfaceKind::Vbi,
            sys::MEDIA_INTF_T_V4L_RADIO => InterfaceKind::Radio,
            sys::MEDIA_INTF_T_V4L_SWRADIO => InterfaceKind::SoftwareRadio,
            sys::MEDIA_INTF_T_V4L_TOUCH => InterfaceKind::Touch,
            other => InterfaceKind::Other(other),
        }
    }

    /// Returns the device number of the node.
    #[must_use]
    pub const fn device(&self) -> DeviceNumber {
        let of = self.0.__bindgen_anon_1;
        // SAFETY: both members of the union are plain integers, and all of its bytes are
        // initialised: by `Default` or by the kernel.
        let node = unsafe { of.devnode };
        DeviceNumber {
            major: node.major,
            minor: node.minor,
        }
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interface")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("device", &self.device())
            .finish()
    }
}

bitflags! {
    /// `MEDIA_PAD_FL_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PadFlags: u32 {
        /// Receives data.
        const SINK = sys::MEDIA_PAD_FL_SINK;
        /// Sends data.
        const SOURCE = sys::MEDIA_PAD_FL_SOURCE;
        /// Must be linked for the entity to stream.
        const MUST_CONNECT = sys::MEDIA_PAD_FL_MUST_CONNECT;
        /// Bits unknown to this library.
        const _ = !0;
    }
}

/// `struct media_v2_pad`: where data enters or leaves an entity.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
#[doc(alias = "media_v2_pad")]
pub struct Pad(pub(super) sys::media_v2_pad);

impl Pad {
    /// Returns the id that the kernel assigned.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.0.id
    }

    /// Returns the id of its entity.
    #[must_use]
    pub const fn entity(&self) -> u32 {
        self.0.entity_id
    }

    /// Returns its index at its entity, from 0.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.0.index
    }

    /// Returns the direction and requirements.
    #[must_use]
    pub const fn flags(&self) -> PadFlags {
        PadFlags::from_bits_retain(self.0.flags)
    }

    /// Returns whether data enters here.
    #[must_use]
    pub const fn is_sink(&self) -> bool {
        self.flags().contains(PadFlags::SINK)
    }
}

impl fmt::Debug for Pad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pad")
            .field("id", &self.id())
            .field("entity", &self.entity())
            .field("index", &self.index())
            .field("flags", &self.flags())
            .finish()
    }
}

/// The kinds of elements that a link connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// Two pads: pictures flow from source to sink.
    Data,
    /// An interface (source) and the entity (sink) that it controls.
    Interface,
    /// Two entities that belong together: a sensor (source) and its lens or flash (sink).
    Ancillary,
    /// A kind unknown to this library, by the kernel's number.
    Other(u32),
}

/// `struct media_v2_link`: connects two pads, an interface and an entity, or two entities.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
#[doc(alias = "media_v2_link")]
pub struct Link(pub(super) sys::media_v2_link);

impl Link {
    /// Returns the id that the kernel assigned.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.0.id
    }

    /// Returns what it connects.
    #[must_use]
    pub const fn kind(&self) -> LinkKind {
        match self.0.flags & sys::MEDIA_LNK_FL_LINK_TYPE {
            sys::MEDIA_LNK_FL_DATA_LINK => LinkKind::Data,
            sys::MEDIA_LNK_FL_INTERFACE_LINK => LinkKind::Interface,
            sys::MEDIA_LNK_FL_ANCILLARY_LINK => LinkKind::Ancillary,
            other => LinkKind::Other(other),
        }
    }

    /// Returns the id of the pad, interface, or entity where it begins.
    #[must_use]
    pub const fn source(&self) -> u32 {
        self.0.source_id
    }

    /// Returns the id of the pad or entity where it ends.
    #[must_use]
    pub const fn sink(&self) -> u32 {
        self.0.sink_id
    }

    /// Returns `MEDIA_LNK_FL_*`.
    #[must_use]
    pub const fn raw_flags(&self) -> u32 {
        self.0.flags
    }

    /// Returns whether data flows.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.0.flags & sys::MEDIA_LNK_FL_ENABLED != 0
    }

    /// Returns whether it can never be changed.
    #[must_use]
    pub const fn is_immutable(&self) -> bool {
        self.0.flags & sys::MEDIA_LNK_FL_IMMUTABLE != 0
    }

    /// Returns whether it can be changed while streaming.
    #[must_use]
    pub const fn is_dynamic(&self) -> bool {
        self.0.flags & sys::MEDIA_LNK_FL_DYNAMIC != 0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("source", &self.source())
            .field("sink", &self.sink())
            .field("enabled", &self.is_enabled())
            .field("immutable", &self.is_immutable())
            .finish()
    }
}
