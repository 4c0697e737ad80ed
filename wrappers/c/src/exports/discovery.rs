//! Discovery of video devices.

#![expect(
    unsafe_code,
    reason = "functions are exported by their C names and get pointers"
)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{null, null_mut};

use rustix::io::Errno;

use crate::boundary::{enter, enter_int};
use crate::discovery::{self, Device, DeviceList, Resolution, Wanted, device_type};

thread_local! {
    /// The path that this thread found last.
    static FOUND: RefCell<CString> = RefCell::default();
}

/// A path for C, valid until the next one of this thread.
fn found(wanted: Wanted) -> *const c_char {
    enter(null(), || {
        let path = discovery::find(wanted)?;
        let mut path = Some(path);
        let kept = FOUND.try_with(|place| {
            *place.borrow_mut() = path.take().unwrap_or_default();
            place.borrow().as_ptr()
        });
        // At the thread's end nothing is kept any more: this one path stays.
        Ok(kept.unwrap_or_else(|_| path.unwrap_or_default().into_raw()))
    })
}

/// `VSLDeviceList* vsl_v4l2_enumerate(void)`: all devices.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_enumerate() -> *mut DeviceList {
    vsl_v4l2_enumerate_type(device_type::ANY)
}

/// `VSLDeviceList* vsl_v4l2_enumerate_type(VSLDeviceType)`: the devices of some types.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_enumerate_type(type_mask: c_uint) -> *mut DeviceList {
    enter(null_mut(), || {
        Ok(Box::into_raw(Box::new(discovery::enumerate(type_mask)?)))
    })
}

/// `void vsl_v4l2_device_list_free(VSLDeviceList*)`: frees a list.
///
/// # Safety
/// `list` is NULL or a list of [`vsl_v4l2_enumerate`], freed once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_v4l2_device_list_free(list: *mut DeviceList) {
    enter((), || {
        if !list.is_null() {
            // SAFETY: not NULL, and from `Box::into_raw`, as the caller says.
            let mut list = unsafe { Box::from_raw(list) };
            discovery::free_list(&mut list);
        }
        Ok(())
    });
}

/// `const char* vsl_v4l2_find_encoder(uint32_t)`: a device that encodes to a format.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_find_encoder(codec_fourcc: u32) -> *const c_char {
    found(Wanted::Encoder(codec_fourcc))
}

/// `const char* vsl_v4l2_find_decoder(uint32_t)`: a device that decodes a format.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_find_decoder(codec_fourcc: u32) -> *const c_char {
    found(Wanted::Decoder(codec_fourcc))
}

/// `const char* vsl_v4l2_find_camera(uint32_t)`: a camera with a format.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_find_camera(format_fourcc: u32) -> *const c_char {
    found(Wanted::Camera(format_fourcc, None))
}

/// `const char* vsl_v4l2_find_camera_with_resolution(...)`: a camera with a format and size.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_find_camera_with_resolution(
    format_fourcc: u32,
    width: u32,
    height: u32,
) -> *const c_char {
    found(Wanted::Camera(format_fourcc, Some((width, height))))
}

/// `int vsl_v4l2_device_enum_formats(VSLDevice*)`: queries the formats again.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_device_enum_formats(device: Option<&mut Device>) -> c_int {
    enter_int(|| discovery::refresh(device.ok_or(Errno::INVAL)?))
}

/// `VSLResolution* vsl_v4l2_enum_resolutions(...)`: a format's sizes, to be freed by `free`.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_enum_resolutions(
    device: Option<&Device>,
    fourcc: u32,
    count: Option<&mut usize>,
) -> *mut Resolution {
    enter(null_mut(), || {
        let count = count.ok_or(Errno::INVAL)?;
        *count = 0;
        let sizes = discovery::resolutions(device.ok_or(Errno::INVAL)?, fourcc)?;
        let array = discovery::for_free(&sizes)?;
        *count = sizes.len();
        Ok(array)
    })
}

/// `bool vsl_v4l2_device_supports_format(...)`: whether a device lists a format.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_device_supports_format(
    device: Option<&Device>,
    fourcc: u32,
    capture: bool,
) -> bool {
    enter(false, || {
        let device = device.ok_or(Errno::INVAL)?;
        Ok(discovery::supports(device, fourcc, capture))
    })
}

/// `void* vsl_v4l2_alloc_userptr(size_t, int*)`: memory of a dma-heap, mapped.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_alloc_userptr(size: usize, dma_fd: Option<&mut c_int>) -> *mut c_void {
    enter(null_mut(), || {
        let dma_fd = dma_fd.ok_or(Errno::INVAL)?;
        *dma_fd = -1;
        if size == 0 {
            return Err(Errno::INVAL);
        }
        let (start, fd) = discovery::allocate(size)?;
        *dma_fd = fd;
        Ok(start.cast())
    })
}

/// `void vsl_v4l2_free_userptr(void*, size_t, int)`: frees that memory.
///
/// # Safety
/// The arguments are NULL and -1, or of [`vsl_v4l2_alloc_userptr`], freed once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_v4l2_free_userptr(ptr: *mut c_void, size: usize, dma_fd: c_int) {
    enter((), || {
        // SAFETY: the caller's word.
        unsafe { discovery::free(ptr, size, dma_fd) }
    });
}

/// `const char* vsl_v4l2_device_type_name(VSLDeviceType)`: a type's name.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_device_type_name(device_type: c_uint) -> *const c_char {
    let name: &CStr = match device_type {
        device_type::CAMERA => c"Camera",
        device_type::OUTPUT => c"Output",
        device_type::ENCODER => c"Encoder",
        device_type::DECODER => c"Decoder",
        device_type::ISP => c"ISP",
        device_type::M2M => c"M2M",
        _ => c"Unknown",
    };
    name.as_ptr()
}

/// `bool vsl_v4l2_is_compressed_format(uint32_t)`: whether a format is compressed.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_is_compressed_format(fourcc: u32) -> bool {
    discovery::is_compressed(fourcc)
}

/// `char* vsl_v4l2_fourcc_to_string(uint32_t, char[5])`: the four bytes as text.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_v4l2_fourcc_to_string(
    fourcc: u32,
    buf: Option<&mut [c_char; 5]>,
) -> *mut c_char {
    enter(null_mut(), || {
        let buf = buf.ok_or(Errno::INVAL)?;
        let [a, b, c, d] = fourcc.to_le_bytes();
        *buf = [a, b, c, d, 0].map(|byte| c_char::from_ne_bytes([byte]));
        Ok(buf.as_mut_ptr())
    })
}
