//! Lists of video devices that belong to the C program.

#![expect(unsafe_code, reason = "arrays of C are freed")]

mod find;
mod memory;
mod probe;
mod sizes;
mod types;

use std::ptr::null_mut;

use rustix::io::Errno;
use videostream::hal::v4l2::nodes;

pub(crate) use self::find::{Wanted, find};
pub(crate) use self::memory::{allocate, free};
pub(crate) use self::probe::{probe, refresh};
pub(crate) use self::sizes::resolutions;
pub use self::types::{Device, DeviceList, Format, FrameRate, Resolution};
use crate::boundary::errno_of_device;

/// `VSLDeviceType`, a mask.
pub(crate) mod device_type {
    pub(crate) const CAMERA: u32 = 1;
    pub(crate) const OUTPUT: u32 = 2;
    pub(crate) const ENCODER: u32 = 4;
    pub(crate) const DECODER: u32 = 8;
    pub(crate) const ISP: u32 = 16;
    pub(crate) const M2M: u32 = 32;
    pub(crate) const ANY: u32 = 0xff;
}

/// `VSLMemoryType`, a mask.
pub(crate) mod memory_type {
    pub(crate) const MMAP: u32 = 1;
    pub(crate) const USERPTR: u32 = 2;
    pub(crate) const DMABUF: u32 = 4;
}

/// Compressed formats of the interface; others are known by the driver's flag alone.
const COMPRESSED: [&[u8; 4]; 11] = [
    b"MJPG", b"JPEG", b"H264", b"AVC1", b"M264", b"HEVC", b"VP80", b"VP90", b"MPG1", b"MPG2",
    b"MPG4",
];

/// Whether a format is one of the compressed ones of the interface.
pub(crate) fn is_compressed(fourcc: u32) -> bool {
    COMPRESSED.contains(&&fourcc.to_le_bytes())
}

/// The devices whose type is in `mask`, sorted by path as text: 10 comes before 2.
pub(crate) fn enumerate(mask: u32) -> Result<DeviceList, Errno> {
    let nodes = nodes().map_err(errno_of_device)?;
    let mut paths: Vec<_> = nodes.map(|node| node.as_str().to_owned()).collect();
    paths.sort_unstable();
    let mut devices = Vec::new();
    for path in &paths {
        let Ok(device) = probe(path) else { continue };
        let is_wanted = device.device_type & mask != 0 || mask == device_type::ANY;
        if is_wanted {
            devices.push(device);
        } else {
            let mut device = device;
            free_formats(&mut device);
        }
    }
    let (devices, count) = into_raw(devices);
    Ok(DeviceList { devices, count })
}

/// Frees a list's arrays.
pub(crate) fn free_list(list: &mut DeviceList) {
    // SAFETY: from `into_raw` in `enumerate`, given up here.
    let mut devices = unsafe { from_raw(list.devices, list.count) };
    for device in &mut devices {
        free_formats(device);
    }
    list.devices = null_mut();
    list.count = 0;
}

/// Frees a device's arrays.
fn free_formats(device: &mut Device) {
    for (formats, count) in [
        (&mut device.capture_formats, &mut device.num_capture_formats),
        (&mut device.output_formats, &mut device.num_output_formats),
    ] {
        // SAFETY: from `into_raw` in `probe`, given up here.
        drop(unsafe { from_raw(*formats, *count) });
        *formats = null_mut();
        *count = 0;
    }
}

/// An array for C; NULL for an empty one.
fn into_raw<T>(items: Vec<T>) -> (*mut T, usize) {
    let count = items.len();
    if count == 0 {
        return (null_mut(), 0);
    }
    (Box::into_raw(items.into_boxed_slice()).cast(), count)
}

/// Takes an array back.
///
/// # Safety
/// `items` and `count` come from [`into_raw`], and this is the only call with them.
unsafe fn from_raw<T>(items: *mut T, count: usize) -> Vec<T> {
    if items.is_null() {
        return Vec::new();
    }
    let slice = std::ptr::slice_from_raw_parts_mut(items, count);
    // SAFETY: a boxed slice of this length, as the caller says.
    unsafe { Box::from_raw(slice) }.into_vec()
}

/// A copy of the sizes for the C library's `free`; NULL for none.
pub(crate) fn for_free(sizes: &[Resolution]) -> Result<*mut Resolution, Errno> {
    if sizes.is_empty() {
        return Ok(null_mut());
    }
    // SAFETY: any two numbers may be asked for; the product is checked by the callee.
    let array = unsafe { libc::calloc(sizes.len(), size_of::<Resolution>()) };
    if array.is_null() {
        return Err(Errno::NOMEM);
    }
    let array = array.cast::<Resolution>();
    // SAFETY: new memory for as many, aligned for anything, that nothing else points into.
    unsafe { array.copy_from_nonoverlapping(sizes.as_ptr(), sizes.len()) };
    Ok(array)
}

impl DeviceList {
    /// The devices.
    fn as_slice(&self) -> &[Device] {
        if self.devices.is_null() {
            return &[];
        }
        // SAFETY: from `into_raw` in `enumerate`, and freed together with the list.
        unsafe { std::slice::from_raw_parts(self.devices, self.count) }
    }
}

/// The formats of an array of C.
///
/// # Safety
/// `formats` and `count` come from [`into_raw`] and are not freed for `'a`.
unsafe fn formats<'a>(formats: *const Format, count: usize) -> &'a [Format] {
    if formats.is_null() {
        return &[];
    }
    // SAFETY: that many formats, as the caller says.
    unsafe { std::slice::from_raw_parts(formats, count) }
}

/// Whether a device lists a format on one of its sides.
pub(crate) fn supports(device: &Device, fourcc: u32, capture: bool) -> bool {
    let (list, count) = if capture {
        (device.capture_formats, device.num_capture_formats)
    } else {
        (device.output_formats, device.num_output_formats)
    };
    // SAFETY: a device of a list that is not freed, as the header asks of the program.
    let formats = unsafe { formats(list, count) };
    formats.iter().any(|format| format.fourcc == fourcc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compressed_formats_are_those_of_the_interface() {
        for fourcc in COMPRESSED {
            assert!(is_compressed(u32::from_le_bytes(*fourcc)));
        }
        for fourcc in [b"H263", b"AV1F", b"FWHT", b"NV12", b"h264"] {
            assert!(!is_compressed(u32::from_le_bytes(*fourcc)));
        }
        assert!(!is_compressed(0));
    }

    #[test]
    fn arrays_come_back_as_they_went() {
        let (items, count) = into_raw(vec![1, 2, 3]);
        // SAFETY: from the line above.
        assert_eq!(unsafe { from_raw(items, count) }, [1, 2, 3]);
        let (items, count) = into_raw(Vec::<u8>::new());
        assert!(items.is_null() && count == 0);
        // SAFETY: from the lines above.
        assert!(unsafe { from_raw(items, count) }.is_empty());
    }
}
