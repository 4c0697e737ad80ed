//! Media controller: `linux/media.h`, the graph behind video nodes, and its request codes.

use core::ffi::c_int;

pub use crate::generated::media::*;

crate::ioctl::requests! {
    MEDIA_IOC_DEVICE_INFO = _IOWR(b'|', 0, media_device_info);
    MEDIA_IOC_ENUM_ENTITIES = _IOWR(b'|', 1, media_entity_desc);
    MEDIA_IOC_ENUM_LINKS = _IOWR(b'|', 2, media_links_enum);
    MEDIA_IOC_SETUP_LINK = _IOWR(b'|', 3, media_link_desc);
    MEDIA_IOC_G_TOPOLOGY = _IOWR(b'|', 4, media_v2_topology);
    MEDIA_IOC_REQUEST_ALLOC = _IOR(b'|', 5, c_int);
    MEDIA_REQUEST_IOC_QUEUE = _IO(b'|', 128);
    MEDIA_REQUEST_IOC_REINIT = _IO(b'|', 129);
}
