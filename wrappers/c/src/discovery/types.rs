//! The structs of the interface, as C lays them out.

use std::ffi::c_char;

/// `VSLFrameRate`: an interval in seconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameRate {
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

/// Most intervals of a size (`VSL_V4L2_MAX_FRAMERATES`).
pub(crate) const MAX_FRAME_RATES: usize = 16;

/// `VSLResolution`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Resolution {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frame_rates: [FrameRate; MAX_FRAME_RATES],
    pub(crate) num_frame_rates: usize,
}

/// `VSLFormat`. `resolutions` is always NULL.
#[repr(C)]
#[derive(Debug)]
pub struct Format {
    pub(crate) fourcc: u32,
    pub(crate) description: [c_char; 32],
    pub(crate) flags: u32,
    pub(crate) compressed: bool,
    pub(crate) resolutions: *mut Resolution,
    pub(crate) num_resolutions: usize,
}

/// `VSLDevice`.
#[repr(C)]
#[derive(Debug)]
pub struct Device {
    pub(crate) path: [c_char; 64],
    pub(crate) driver: [c_char; 32],
    pub(crate) card: [c_char; 32],
    pub(crate) bus_info: [c_char; 64],
    pub(crate) caps: u32,
    pub(crate) device_type: u32,
    pub(crate) capture_mem: u32,
    pub(crate) output_mem: u32,
    pub(crate) multiplanar: bool,
    pub(crate) capture_formats: *mut Format,
    pub(crate) num_capture_formats: usize,
    pub(crate) output_formats: *mut Format,
    pub(crate) num_output_formats: usize,
}

/// `VSLDeviceList`.
#[repr(C)]
#[derive(Debug)]
pub struct DeviceList {
    pub(crate) devices: *mut Device,
    pub(crate) count: usize,
}

/// A string as a C array; empty if it does not fit.
pub(crate) fn chars<const N: usize>(text: &str) -> [c_char; N] {
    let mut chars = [0; N];
    if text.len() < N {
        for (to, from) in chars.iter_mut().zip(text.bytes()) {
            *to = c_char::from_ne_bytes([from]);
        }
    }
    chars
}

/// The string in a C array, up to its NUL.
pub(crate) fn text(chars: &[c_char]) -> String {
    let bytes = chars.iter().map(|c| c.to_ne_bytes()[0]);
    let bytes: Vec<u8> = bytes.take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(target_pointer_width = "64")]
mod layout {
    use std::mem::{offset_of, size_of};

    use super::{Device, DeviceList, Format, FrameRate, Resolution};

    const _: () = {
        assert!(size_of::<FrameRate>() == 8);
        assert!(size_of::<Resolution>() == 144);
        assert!(offset_of!(Resolution, num_frame_rates) == 136);
        assert!(size_of::<Format>() == 64);
        assert!(offset_of!(Format, flags) == 36);
        assert!(offset_of!(Format, compressed) == 40);
        assert!(offset_of!(Format, resolutions) == 48);
        assert!(size_of::<Device>() == 248);
        assert!(offset_of!(Device, bus_info) == 128);
        assert!(offset_of!(Device, caps) == 192);
        assert!(offset_of!(Device, multiplanar) == 208);
        assert!(offset_of!(Device, capture_formats) == 216);
        assert!(offset_of!(Device, num_output_formats) == 240);
        assert!(size_of::<DeviceList>() == 16);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_does_not_fit_is_empty() {
        assert_eq!(text(&chars::<4>("abc")), "abc");
        assert_eq!(text(&chars::<4>("abcd")), "");
        assert_eq!(text(&chars::<8>("")), "");
    }
}
