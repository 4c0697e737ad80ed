// Generated from vendor-headers/media.h (Linux 6.12, lp64). Do not edit.

pub const MEDIA_ENT_F_BASE: u32 = 0;
pub const MEDIA_ENT_F_OLD_BASE: u32 = 65536;
pub const MEDIA_ENT_F_OLD_SUBDEV_BASE: u32 = 131072;
pub const MEDIA_ENT_F_UNKNOWN: u32 = 0;
pub const MEDIA_ENT_F_V4L2_SUBDEV_UNKNOWN: u32 = 131072;
pub const MEDIA_ENT_F_DTV_DEMOD: u32 = 1;
pub const MEDIA_ENT_F_TS_DEMUX: u32 = 2;
pub const MEDIA_ENT_F_DTV_CA: u32 = 3;
pub const MEDIA_ENT_F_DTV_NET_DECAP: u32 = 4;
pub const MEDIA_ENT_F_IO_V4L: u32 = 65537;
pub const MEDIA_ENT_F_IO_DTV: u32 = 4097;
pub const MEDIA_ENT_F_IO_VBI: u32 = 4098;
pub const MEDIA_ENT_F_IO_SWRADIO: u32 = 4099;
pub const MEDIA_ENT_F_CAM_SENSOR: u32 = 131073;
pub const MEDIA_ENT_F_FLASH: u32 = 131074;
pub const MEDIA_ENT_F_LENS: u32 = 131075;
pub const MEDIA_ENT_F_TUNER: u32 = 131077;
pub const MEDIA_ENT_F_IF_VID_DECODER: u32 = 8193;
pub const MEDIA_ENT_F_IF_AUD_DECODER: u32 = 8194;
pub const MEDIA_ENT_F_AUDIO_CAPTURE: u32 = 12289;
pub const MEDIA_ENT_F_AUDIO_PLAYBACK: u32 = 12290;
pub const MEDIA_ENT_F_AUDIO_MIXER: u32 = 12291;
pub const MEDIA_ENT_F_PROC_VIDEO_COMPOSER: u32 = 16385;
pub const MEDIA_ENT_F_PROC_VIDEO_PIXEL_FORMATTER: u32 = 16386;
pub const MEDIA_ENT_F_PROC_VIDEO_PIXEL_ENC_CONV: u32 = 16387;
pub const MEDIA_ENT_F_PROC_VIDEO_LUT: u32 = 16388;
pub const MEDIA_ENT_F_PROC_VIDEO_SCALER: u32 = 16389;
pub const MEDIA_ENT_F_PROC_VIDEO_STATISTICS: u32 = 16390;
pub const MEDIA_ENT_F_PROC_VIDEO_ENCODER: u32 = 16391;
pub const MEDIA_ENT_F_PROC_VIDEO_DECODER: u32 = 16392;
pub const MEDIA_ENT_F_PROC_VIDEO_ISP: u32 = 16393;
pub const MEDIA_ENT_F_VID_MUX: u32 = 20481;
pub const MEDIA_ENT_F_VID_IF_BRIDGE: u32 = 20482;
pub const MEDIA_ENT_F_ATV_DECODER: u32 = 131076;
pub const MEDIA_ENT_F_DV_DECODER: u32 = 24577;
pub const MEDIA_ENT_F_DV_ENCODER: u32 = 24578;
pub const MEDIA_ENT_FL_DEFAULT: u32 = 1;
pub const MEDIA_ENT_FL_CONNECTOR: u32 = 2;
pub const MEDIA_ENT_ID_FLAG_NEXT: u32 = 2147483648;
pub const MEDIA_PAD_FL_SINK: u32 = 1;
pub const MEDIA_PAD_FL_SOURCE: u32 = 2;
pub const MEDIA_PAD_FL_MUST_CONNECT: u32 = 4;
pub const MEDIA_LNK_FL_ENABLED: u32 = 1;
pub const MEDIA_LNK_FL_IMMUTABLE: u32 = 2;
pub const MEDIA_LNK_FL_DYNAMIC: u32 = 4;
pub const MEDIA_LNK_FL_LINK_TYPE: u32 = 4026531840;
pub const MEDIA_LNK_FL_DATA_LINK: u32 = 0;
pub const MEDIA_LNK_FL_INTERFACE_LINK: u32 = 268435456;
pub const MEDIA_LNK_FL_ANCILLARY_LINK: u32 = 536870912;
pub const MEDIA_INTF_T_DVB_BASE: u32 = 256;
pub const MEDIA_INTF_T_V4L_BASE: u32 = 512;
pub const MEDIA_INTF_T_DVB_FE: u32 = 256;
pub const MEDIA_INTF_T_DVB_DEMUX: u32 = 257;
pub const MEDIA_INTF_T_DVB_DVR: u32 = 258;
pub const MEDIA_INTF_T_DVB_CA: u32 = 259;
pub const MEDIA_INTF_T_DVB_NET: u32 = 260;
pub const MEDIA_INTF_T_V4L_VIDEO: u32 = 512;
pub const MEDIA_INTF_T_V4L_VBI: u32 = 513;
pub const MEDIA_INTF_T_V4L_RADIO: u32 = 514;
pub const MEDIA_INTF_T_V4L_SUBDEV: u32 = 515;
pub const MEDIA_INTF_T_V4L_SWRADIO: u32 = 516;
pub const MEDIA_INTF_T_V4L_TOUCH: u32 = 517;
pub const MEDIA_INTF_T_ALSA_BASE: u32 = 768;
pub const MEDIA_INTF_T_ALSA_PCM_CAPTURE: u32 = 768;
pub const MEDIA_INTF_T_ALSA_PCM_PLAYBACK: u32 = 769;
pub const MEDIA_INTF_T_ALSA_CONTROL: u32 = 770;
pub const MEDIA_ENT_TYPE_SHIFT: u32 = 16;
pub const MEDIA_ENT_TYPE_MASK: u32 = 16711680;
pub const MEDIA_ENT_SUBTYPE_MASK: u32 = 65535;
pub const MEDIA_ENT_T_DEVNODE_UNKNOWN: u32 = 131071;
pub const MEDIA_ENT_T_DEVNODE: u32 = 65536;
pub const MEDIA_ENT_T_DEVNODE_V4L: u32 = 65537;
pub const MEDIA_ENT_T_DEVNODE_FB: u32 = 65538;
pub const MEDIA_ENT_T_DEVNODE_ALSA: u32 = 65539;
pub const MEDIA_ENT_T_DEVNODE_DVB: u32 = 65540;
pub const MEDIA_ENT_T_UNKNOWN: u32 = 0;
pub const MEDIA_ENT_T_V4L2_VIDEO: u32 = 65537;
pub const MEDIA_ENT_T_V4L2_SUBDEV: u32 = 131072;
pub const MEDIA_ENT_T_V4L2_SUBDEV_SENSOR: u32 = 131073;
pub const MEDIA_ENT_T_V4L2_SUBDEV_FLASH: u32 = 131074;
pub const MEDIA_ENT_T_V4L2_SUBDEV_LENS: u32 = 131075;
pub const MEDIA_ENT_T_V4L2_SUBDEV_DECODER: u32 = 131076;
pub const MEDIA_ENT_T_V4L2_SUBDEV_TUNER: u32 = 131077;
pub const MEDIA_ENT_F_DTV_DECODER: u32 = 24577;
pub const MEDIA_INTF_T_ALSA_COMPRESS: u32 = 771;
pub const MEDIA_INTF_T_ALSA_RAWMIDI: u32 = 772;
pub const MEDIA_INTF_T_ALSA_HWDEP: u32 = 773;
pub const MEDIA_INTF_T_ALSA_SEQUENCER: u32 = 774;
pub const MEDIA_INTF_T_ALSA_TIMER: u32 = 775;
pub const MEDIA_API_VERSION: u32 = 256;
pub type __u8 = core::ffi::c_uchar;
pub type __u16 = core::ffi::c_ushort;
pub type __u32 = core::ffi::c_uint;
pub type __u64 = core::ffi::c_ulonglong;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct media_device_info {
    pub driver: [core::ffi::c_char; 16usize],
    pub model: [core::ffi::c_char; 32usize],
    pub serial: [core::ffi::c_char; 40usize],
    pub bus_info: [core::ffi::c_char; 32usize],
    pub media_version: __u32,
    pub hw_revision: __u32,
    pub driver_version: __u32,
    pub reserved: [__u32; 31usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_device_info"][::core::mem::size_of::<media_device_info>() - 256usize];
    ["Alignment of media_device_info"][::core::mem::align_of::<media_device_info>() - 4usize];
    ["Offset of field: media_device_info::driver"]
        [::core::mem::offset_of!(media_device_info, driver) - 0usize];
    ["Offset of field: media_device_info::model"]
        [::core::mem::offset_of!(media_device_info, model) - 16usize];
    ["Offset of field: media_device_info::serial"]
        [::core::mem::offset_of!(media_device_info, serial) - 48usize];
    ["Offset of field: media_device_info::bus_info"]
        [::core::mem::offset_of!(media_device_info, bus_info) - 88usize];
    ["Offset of field: media_device_info::media_version"]
        [::core::mem::offset_of!(media_device_info, media_version) - 120usize];
    ["Offset of field: media_device_info::hw_revision"]
        [::core::mem::offset_of!(media_device_info, hw_revision) - 124usize];
    ["Offset of field: media_device_info::driver_version"]
        [::core::mem::offset_of!(media_device_info, driver_version) - 128usize];
    ["Offset of field: media_device_info::reserved"]
        [::core::mem::offset_of!(media_device_info, reserved) - 132usize];
};
impl Default for media_device_info {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct media_entity_desc {
    pub id: __u32,
    pub name: [core::ffi::c_char; 32usize],
    pub type_: __u32,
    pub revision: __u32,
    pub flags: __u32,
    pub group_id: __u32,
    pub pads: __u16,
    pub links: __u16,
    pub reserved: [__u32; 4usize],
    pub __bindgen_anon_1: media_entity_desc__bindgen_ty_1,
}
#[repr(C)]
#[derive(Copy, Clone)]
pub union media_entity_desc__bindgen_ty_1 {
    pub dev: media_entity_desc__bindgen_ty_1__bindgen_ty_1,
    pub alsa: media_entity_desc__bindgen_ty_1__bindgen_ty_2,
    pub v4l: media_entity_desc__bindgen_ty_1__bindgen_ty_3,
    pub fb: media_entity_desc__bindgen_ty_1__bindgen_ty_4,
    pub dvb: core::ffi::c_int,
    pub raw: [__u8; 184usize],
}
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_entity_desc__bindgen_ty_1__bindgen_ty_1 {
    pub major: __u32,
    pub minor: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_entity_desc__bindgen_ty_1__bindgen_ty_1"]
        [::core::mem::size_of::<media_entity_desc__bindgen_ty_1__bindgen_ty_1>() - 8usize];
    ["Alignment of media_entity_desc__bindgen_ty_1__bindgen_ty_1"]
        [::core::mem::align_of::<media_entity_desc__bindgen_ty_1__bindgen_ty_1>() - 4usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_1::major"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1__bindgen_ty_1, major) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_1::minor"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1__bindgen_ty_1, minor) - 4usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_entity_desc__bindgen_ty_1__bindgen_ty_2 {
    pub card: __u32,
    pub device: __u32,
    pub subdevice: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_entity_desc__bindgen_ty_1__bindgen_ty_2"]
        [::core::mem::size_of::<media_entity_desc__bindgen_ty_1__bindgen_ty_2>() - 12usize];
    ["Alignment of media_entity_desc__bindgen_ty_1__bindgen_ty_2"]
        [::core::mem::align_of::<media_entity_desc__bindgen_ty_1__bindgen_ty_2>() - 4usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_2::card"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1__bindgen_ty_2, card) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_2::device"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1__bindgen_ty_2, device) - 4usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_2::subdevice"][::core::mem::offset_of!(
        media_entity_desc__bindgen_ty_1__bindgen_ty_2,
        subdevice
    ) - 8usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_entity_desc__bindgen_ty_1__bindgen_ty_3 {
    pub major: __u32,
    pub minor: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_entity_desc__bindgen_ty_1__bindgen_ty_3"]
        [::core::mem::size_of::<media_entity_desc__bindgen_ty_1__bindgen_ty_3>() - 8usize];
    ["Alignment of media_entity_desc__bindgen_ty_1__bindgen_ty_3"]
        [::core::mem::align_of::<media_entity_desc__bindgen_ty_1__bindgen_ty_3>() - 4usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_3::major"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1__bindgen_ty_3, major) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_3::minor"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1__bindgen_ty_3, minor) - 4usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_entity_desc__bindgen_ty_1__bindgen_ty_4 {
    pub major: __u32,
    pub minor: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_entity_desc__bindgen_ty_1__bindgen_ty_4"]
        [::core::mem::size_of::<media_entity_desc__bindgen_ty_1__bindgen_ty_4>() - 8usize];
    ["Alignment of media_entity_desc__bindgen_ty_1__bindgen_ty_4"]
        [::core::mem::align_of::<media_entity_desc__bindgen_ty_1__bindgen_ty_4>() - 4usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_4::major"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1__bindgen_ty_4, major) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1__bindgen_ty_4::minor"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1__bindgen_ty_4, minor) - 4usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_entity_desc__bindgen_ty_1"]
        [::core::mem::size_of::<media_entity_desc__bindgen_ty_1>() - 184usize];
    ["Alignment of media_entity_desc__bindgen_ty_1"]
        [::core::mem::align_of::<media_entity_desc__bindgen_ty_1>() - 4usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1::dev"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1, dev) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1::alsa"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1, alsa) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1::v4l"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1, v4l) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1::fb"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1, fb) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1::dvb"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1, dvb) - 0usize];
    ["Offset of field: media_entity_desc__bindgen_ty_1::raw"]
        [::core::mem::offset_of!(media_entity_desc__bindgen_ty_1, raw) - 0usize];
};
impl Default for media_entity_desc__bindgen_ty_1 {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_entity_desc"][::core::mem::size_of::<media_entity_desc>() - 256usize];
    ["Alignment of media_entity_desc"][::core::mem::align_of::<media_entity_desc>() - 4usize];
    ["Offset of field: media_entity_desc::id"]
        [::core::mem::offset_of!(media_entity_desc, id) - 0usize];
    ["Offset of field: media_entity_desc::name"]
        [::core::mem::offset_of!(media_entity_desc, name) - 4usize];
    ["Offset of field: media_entity_desc::type_"]
        [::core::mem::offset_of!(media_entity_desc, type_) - 36usize];
    ["Offset of field: media_entity_desc::revision"]
        [::core::mem::offset_of!(media_entity_desc, revision) - 40usize];
    ["Offset of field: media_entity_desc::flags"]
        [::core::mem::offset_of!(media_entity_desc, flags) - 44usize];
    ["Offset of field: media_entity_desc::group_id"]
        [::core::mem::offset_of!(media_entity_desc, group_id) - 48usize];
    ["Offset of field: media_entity_desc::pads"]
        [::core::mem::offset_of!(media_entity_desc, pads) - 52usize];
    ["Offset of field: media_entity_desc::links"]
        [::core::mem::offset_of!(media_entity_desc, links) - 54usize];
    ["Offset of field: media_entity_desc::reserved"]
        [::core::mem::offset_of!(media_entity_desc, reserved) - 56usize];
};
impl Default for media_entity_desc {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_pad_desc {
    pub entity: __u32,
    pub index: __u16,
    pub flags: __u32,
    pub reserved: [__u32; 2usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_pad_desc"][::core::mem::size_of::<media_pad_desc>() - 20usize];
    ["Alignment of media_pad_desc"][::core::mem::align_of::<media_pad_desc>() - 4usize];
    ["Offset of field: media_pad_desc::entity"]
        [::core::mem::offset_of!(media_pad_desc, entity) - 0usize];
    ["Offset of field: media_pad_desc::index"]
        [::core::mem::offset_of!(media_pad_desc, index) - 4usize];
    ["Offset of field: media_pad_desc::flags"]
        [::core::mem::offset_of!(media_pad_desc, flags) - 8usize];
    ["Offset of field: media_pad_desc::reserved"]
        [::core::mem::offset_of!(media_pad_desc, reserved) - 12usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_link_desc {
    pub source: media_pad_desc,
    pub sink: media_pad_desc,
    pub flags: __u32,
    pub reserved: [__u32; 2usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_link_desc"][::core::mem::size_of::<media_link_desc>() - 52usize];
    ["Alignment of media_link_desc"][::core::mem::align_of::<media_link_desc>() - 4usize];
    ["Offset of field: media_link_desc::source"]
        [::core::mem::offset_of!(media_link_desc, source) - 0usize];
    ["Offset of field: media_link_desc::sink"]
        [::core::mem::offset_of!(media_link_desc, sink) - 20usize];
    ["Offset of field: media_link_desc::flags"]
        [::core::mem::offset_of!(media_link_desc, flags) - 40usize];
    ["Offset of field: media_link_desc::reserved"]
        [::core::mem::offset_of!(media_link_desc, reserved) - 44usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct media_links_enum {
    pub entity: __u32,
    pub pads: *mut media_pad_desc,
    pub links: *mut media_link_desc,
    pub reserved: [__u32; 4usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_links_enum"][::core::mem::size_of::<media_links_enum>() - 40usize];
    ["Alignment of media_links_enum"][::core::mem::align_of::<media_links_enum>() - 8usize];
    ["Offset of field: media_links_enum::entity"]
        [::core::mem::offset_of!(media_links_enum, entity) - 0usize];
    ["Offset of field: media_links_enum::pads"]
        [::core::mem::offset_of!(media_links_enum, pads) - 8usize];
    ["Offset of field: media_links_enum::links"]
        [::core::mem::offset_of!(media_links_enum, links) - 16usize];
    ["Offset of field: media_links_enum::reserved"]
        [::core::mem::offset_of!(media_links_enum, reserved) - 24usize];
};
impl Default for media_links_enum {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[repr(C, packed)]
#[derive(Debug, Copy, Clone)]
pub struct media_v2_entity {
    pub id: __u32,
    pub name: [core::ffi::c_char; 64usize],
    pub function: __u32,
    pub flags: __u32,
    pub reserved: [__u32; 5usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_v2_entity"][::core::mem::size_of::<media_v2_entity>() - 96usize];
    ["Alignment of media_v2_entity"][::core::mem::align_of::<media_v2_entity>() - 1usize];
    ["Offset of field: media_v2_entity::id"][::core::mem::offset_of!(media_v2_entity, id) - 0usize];
    ["Offset of field: media_v2_entity::name"]
        [::core::mem::offset_of!(media_v2_entity, name) - 4usize];
    ["Offset of field: media_v2_entity::function"]
        [::core::mem::offset_of!(media_v2_entity, function) - 68usize];
    ["Offset of field: media_v2_entity::flags"]
        [::core::mem::offset_of!(media_v2_entity, flags) - 72usize];
    ["Offset of field: media_v2_entity::reserved"]
        [::core::mem::offset_of!(media_v2_entity, reserved) - 76usize];
};
impl Default for media_v2_entity {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[repr(C, packed)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_v2_intf_devnode {
    pub major: __u32,
    pub minor: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_v2_intf_devnode"][::core::mem::size_of::<media_v2_intf_devnode>() - 8usize];
    ["Alignment of media_v2_intf_devnode"]
        [::core::mem::align_of::<media_v2_intf_devnode>() - 1usize];
    ["Offset of field: media_v2_intf_devnode::major"]
        [::core::mem::offset_of!(media_v2_intf_devnode, major) - 0usize];
    ["Offset of field: media_v2_intf_devnode::minor"]
        [::core::mem::offset_of!(media_v2_intf_devnode, minor) - 4usize];
};
#[repr(C, packed)]
#[derive(Copy, Clone)]
pub struct media_v2_interface {
    pub id: __u32,
    pub intf_type: __u32,
    pub flags: __u32,
    pub reserved: [__u32; 9usize],
    pub __bindgen_anon_1: media_v2_interface__bindgen_ty_1,
}
#[repr(C)]
#[derive(Copy, Clone)]
pub union media_v2_interface__bindgen_ty_1 {
    pub devnode: media_v2_intf_devnode,
    pub raw: [__u32; 16usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_v2_interface__bindgen_ty_1"]
        [::core::mem::size_of::<media_v2_interface__bindgen_ty_1>() - 64usize];
    ["Alignment of media_v2_interface__bindgen_ty_1"]
        [::core::mem::align_of::<media_v2_interface__bindgen_ty_1>() - 4usize];
    ["Offset of field: media_v2_interface__bindgen_ty_1::devnode"]
        [::core::mem::offset_of!(media_v2_interface__bindgen_ty_1, devnode) - 0usize];
    ["Offset of field: media_v2_interface__bindgen_ty_1::raw"]
        [::core::mem::offset_of!(media_v2_interface__bindgen_ty_1, raw) - 0usize];
};
impl Default for media_v2_interface__bindgen_ty_1 {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_v2_interface"][::core::mem::size_of::<media_v2_interface>() - 112usize];
    ["Alignment of media_v2_interface"][::core::mem::align_of::<media_v2_interface>() - 1usize];
    ["Offset of field: media_v2_interface::id"]
        [::core::mem::offset_of!(media_v2_interface, id) - 0usize];
    ["Offset of field: media_v2_interface::intf_type"]
        [::core::mem::offset_of!(media_v2_interface, intf_type) - 4usize];
    ["Offset of field: media_v2_interface::flags"]
        [::core::mem::offset_of!(media_v2_interface, flags) - 8usize];
    ["Offset of field: media_v2_interface::reserved"]
        [::core::mem::offset_of!(media_v2_interface, reserved) - 12usize];
};
impl Default for media_v2_interface {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[repr(C, packed)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_v2_pad {
    pub id: __u32,
    pub entity_id: __u32,
    pub flags: __u32,
    pub index: __u32,
    pub reserved: [__u32; 4usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_v2_pad"][::core::mem::size_of::<media_v2_pad>() - 32usize];
    ["Alignment of media_v2_pad"][::core::mem::align_of::<media_v2_pad>() - 1usize];
    ["Offset of field: media_v2_pad::id"][::core::mem::offset_of!(media_v2_pad, id) - 0usize];
    ["Offset of field: media_v2_pad::entity_id"]
        [::core::mem::offset_of!(media_v2_pad, entity_id) - 4usize];
    ["Offset of field: media_v2_pad::flags"][::core::mem::offset_of!(media_v2_pad, flags) - 8usize];
    ["Offset of field: media_v2_pad::index"]
        [::core::mem::offset_of!(media_v2_pad, index) - 12usize];
    ["Offset of field: media_v2_pad::reserved"]
        [::core::mem::offset_of!(media_v2_pad, reserved) - 16usize];
};
#[repr(C, packed)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_v2_link {
    pub id: __u32,
    pub source_id: __u32,
    pub sink_id: __u32,
    pub flags: __u32,
    pub reserved: [__u32; 6usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_v2_link"][::core::mem::size_of::<media_v2_link>() - 40usize];
    ["Alignment of media_v2_link"][::core::mem::align_of::<media_v2_link>() - 1usize];
    ["Offset of field: media_v2_link::id"][::core::mem::offset_of!(media_v2_link, id) - 0usize];
    ["Offset of field: media_v2_link::source_id"]
        [::core::mem::offset_of!(media_v2_link, source_id) - 4usize];
    ["Offset of field: media_v2_link::sink_id"]
        [::core::mem::offset_of!(media_v2_link, sink_id) - 8usize];
    ["Offset of field: media_v2_link::flags"]
        [::core::mem::offset_of!(media_v2_link, flags) - 12usize];
    ["Offset of field: media_v2_link::reserved"]
        [::core::mem::offset_of!(media_v2_link, reserved) - 16usize];
};
#[repr(C, packed)]
#[derive(Debug, Default, Copy, Clone)]
pub struct media_v2_topology {
    pub topology_version: __u64,
    pub num_entities: __u32,
    pub reserved1: __u32,
    pub ptr_entities: __u64,
    pub num_interfaces: __u32,
    pub reserved2: __u32,
    pub ptr_interfaces: __u64,
    pub num_pads: __u32,
    pub reserved3: __u32,
    pub ptr_pads: __u64,
    pub num_links: __u32,
    pub reserved4: __u32,
    pub ptr_links: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of media_v2_topology"][::core::mem::size_of::<media_v2_topology>() - 72usize];
    ["Alignment of media_v2_topology"][::core::mem::align_of::<media_v2_topology>() - 1usize];
    ["Offset of field: media_v2_topology::topology_version"]
        [::core::mem::offset_of!(media_v2_topology, topology_version) - 0usize];
    ["Offset of field: media_v2_topology::num_entities"]
        [::core::mem::offset_of!(media_v2_topology, num_entities) - 8usize];
    ["Offset of field: media_v2_topology::reserved1"]
        [::core::mem::offset_of!(media_v2_topology, reserved1) - 12usize];
    ["Offset of field: media_v2_topology::ptr_entities"]
        [::core::mem::offset_of!(media_v2_topology, ptr_entities) - 16usize];
    ["Offset of field: media_v2_topology::num_interfaces"]
        [::core::mem::offset_of!(media_v2_topology, num_interfaces) - 24usize];
    ["Offset of field: media_v2_topology::reserved2"]
        [::core::mem::offset_of!(media_v2_topology, reserved2) - 28usize];
    ["Offset of field: media_v2_topology::ptr_interfaces"]
        [::core::mem::offset_of!(media_v2_topology, ptr_interfaces) - 32usize];
    ["Offset of field: media_v2_topology::num_pads"]
        [::core::mem::offset_of!(media_v2_topology, num_pads) - 40usize];
    ["Offset of field: media_v2_topology::reserved3"]
        [::core::mem::offset_of!(media_v2_topology, reserved3) - 44usize];
    ["Offset of field: media_v2_topology::ptr_pads"]
        [::core::mem::offset_of!(media_v2_topology, ptr_pads) - 48usize];
    ["Offset of field: media_v2_topology::num_links"]
        [::core::mem::offset_of!(media_v2_topology, num_links) - 56usize];
    ["Offset of field: media_v2_topology::reserved4"]
        [::core::mem::offset_of!(media_v2_topology, reserved4) - 60usize];
    ["Offset of field: media_v2_topology::ptr_links"]
        [::core::mem::offset_of!(media_v2_topology, ptr_links) - 64usize];
};
