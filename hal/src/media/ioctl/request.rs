//! The requests of media devices.
#![expect(
    unsafe_code,
    reason = "each entry of the list promises that the kernel takes that argument for that code"
)]

use videostream_sys::media as sys;

use crate::request::requests;

pub(super) use crate::request::{call, call_with_pointers};

requests! {
    DeviceInfo(sys::media_device_info) = MEDIA_IOC_DEVICE_INFO;
    SetupLink(sys::media_link_desc) = MEDIA_IOC_SETUP_LINK;
    GTopology(sys::media_v2_topology) = MEDIA_IOC_G_TOPOLOGY pointers;
}
