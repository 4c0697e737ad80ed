//! Cameras.

#![expect(
    unsafe_code,
    reason = "functions are exported by their C names and get pointers"
)]

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::AsRawFd as _;
use std::ptr::null_mut;

use rustix::io::Errno;
use videostream::hal::v4l2::Colorimetry;

use crate::boundary::{enter, enter_int, text};
use crate::camera::{self, Camera, CameraBuffer, Setup};

/// Returns the value of a getter, or `failed` for NULL.
fn get<C, T>(object: Option<&C>, failed: T, value: impl FnOnce(&C) -> T) -> T {
    enter(failed, || object.map(value).ok_or(Errno::INVAL))
}

/// `vsl_camera* vsl_camera_open_device(const char*)`: opens a camera for this program alone.
///
/// # Safety
/// `filename` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_camera_open_device(filename: *const c_char) -> *mut Camera {
    enter(null_mut(), || {
        // SAFETY: the caller's word.
        let path = unsafe { text(filename) }.ok_or(Errno::INVAL)?;
        Ok(Box::into_raw(Box::new(camera::open(path)?)))
    })
}

/// `int vsl_camera_init_device(...)`: sets the format and allocates the buffers.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_init_device(
    ctx: Option<&Camera>,
    width: Option<&mut c_int>,
    height: Option<&mut c_int>,
    buf_count: Option<&mut c_int>,
    fourcc: Option<&mut u32>,
) -> c_int {
    enter_int(|| {
        let camera = ctx.ok_or(Errno::INVAL)?;
        let numbers = [width, height, buf_count].map(|number| number.ok_or(Errno::INVAL));
        let [width, height, buf_count] = numbers;
        let (width, height, buf_count) = (width?, height?, buf_count?);
        let fourcc = fourcc.ok_or(Errno::INVAL)?;
        let from_c = |number: c_int| u32::try_from(number).map_err(|_| Errno::INVAL);
        let to_c = |number: u32| c_int::try_from(number).map_err(|_| Errno::OVERFLOW);
        let given = camera.init(Setup {
            width: from_c(*width)?,
            height: from_c(*height)?,
            buffers: from_c(*buf_count)?,
            fourcc: *fourcc,
        })?;
        *width = to_c(given.width)?;
        *height = to_c(given.height)?;
        *buf_count = to_c(given.buffers)?;
        *fourcc = given.fourcc;
        Ok(())
    })
}

/// `int vsl_camera_mirror(const vsl_camera*, bool)`: flips the picture horizontally.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_mirror(ctx: Option<&Camera>, mirror: bool) -> c_int {
    enter_int(|| ctx.ok_or(Errno::INVAL)?.mirror(mirror))
}

/// `int vsl_camera_mirror_v(const vsl_camera*, bool)`: flips the picture vertically.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_mirror_v(ctx: Option<&Camera>, mirror: bool) -> c_int {
    enter_int(|| ctx.ok_or(Errno::INVAL)?.mirror_vertically(mirror))
}

/// `int vsl_camera_start_capturing(vsl_camera*)`: starts the stream.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_start_capturing(ctx: Option<&Camera>) -> c_int {
    enter_int(|| ctx.ok_or(Errno::INVAL)?.start())
}

/// `vsl_camera_buffer* vsl_camera_get_data(vsl_camera*)`: the next frame.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_get_data(ctx: Option<&Camera>) -> *mut CameraBuffer {
    enter(null_mut(), || {
        Ok(ctx.ok_or(Errno::INVAL)?.next_frame()?.cast_mut())
    })
}

/// `int vsl_camera_release_buffer(vsl_camera*, const vsl_camera_buffer*)`: queues a buffer again.
///
/// `buffer` is compared, never dereferenced.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_release_buffer(
    ctx: Option<&Camera>,
    buffer: *const CameraBuffer,
) -> c_int {
    enter_int(|| ctx.ok_or(Errno::INVAL)?.release(buffer))
}

/// `int vsl_camera_stop_capturing(const vsl_camera*)`: stops the stream.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_stop_capturing(ctx: Option<&Camera>) -> c_int {
    enter_int(|| ctx.ok_or(Errno::INVAL)?.stop())
}

/// `void vsl_camera_uninit_device(vsl_camera*)`: frees the buffers.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_uninit_device(ctx: Option<&Camera>) {
    enter((), || ctx.ok_or(Errno::INVAL)?.uninit());
}

/// `void vsl_camera_close_device(vsl_camera*)`: closes the camera.
///
/// # Safety
/// `ctx` is NULL or a camera of [`vsl_camera_open_device`], closed once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_camera_close_device(ctx: *mut Camera) {
    enter((), || {
        if ctx.is_null() {
            return Err(Errno::INVAL);
        }
        // SAFETY: not NULL, and from `Box::into_raw`, as the caller says.
        drop(unsafe { Box::from_raw(ctx) });
        Ok(())
    });
}

/// `int vsl_camera_is_dmabuf_supported(const vsl_camera*)`: whether buffers have descriptors.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_is_dmabuf_supported(ctx: Option<&Camera>) -> c_int {
    get(ctx, 0, |camera| camera.exports().into())
}

/// `int vsl_camera_get_queued_buf_count(const vsl_camera*)`: number of queued buffers.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_get_queued_buf_count(ctx: Option<&Camera>) -> c_int {
    get(ctx, -1, Camera::queued)
}

fn colour(ctx: Option<&Camera>, part: impl FnOnce(Colorimetry) -> u32) -> u32 {
    get(ctx, 0, |camera| part(camera.colorimetry()))
}

/// `uint32_t vsl_camera_color_space(const vsl_camera*)`: primaries and white point.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_color_space(ctx: Option<&Camera>) -> u32 {
    colour(ctx, |colours| colours.colorspace)
}

/// `uint32_t vsl_camera_color_transfer(const vsl_camera*)`: transfer function.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_color_transfer(ctx: Option<&Camera>) -> u32 {
    colour(ctx, |colours| colours.xfer_func)
}

/// `uint32_t vsl_camera_color_encoding(const vsl_camera*)`: matrix.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_color_encoding(ctx: Option<&Camera>) -> u32 {
    colour(ctx, |colours| colours.ycbcr_enc)
}

/// `uint32_t vsl_camera_color_range(const vsl_camera*)`: full or limited.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_color_range(ctx: Option<&Camera>) -> u32 {
    colour(ctx, |colours| colours.quantization)
}

/// Writes formats to a C array. Returns their number.
///
/// # Safety
/// `codes` is NULL or has room for `size` numbers.
unsafe fn list(
    ctx: Option<&Camera>,
    codes: *mut u32,
    size: c_int,
    multi_planar_only: bool,
) -> c_int {
    enter(0, || {
        let camera = ctx.ok_or(Errno::INVAL)?;
        let size = usize::try_from(size).map_err(|_| Errno::INVAL)?;
        if codes.is_null() {
            return Err(Errno::INVAL);
        }
        // SAFETY: room for as many numbers, as the caller says; all bits make a number.
        let codes = unsafe { std::slice::from_raw_parts_mut(codes, size) };
        let count = camera.list_formats(multi_planar_only, &mut codes.iter_mut());
        c_int::try_from(count).map_err(|_| Errno::OVERFLOW)
    })
}

/// `int vsl_camera_enum_fmts(const vsl_camera*, uint32_t*, int)`: the camera's formats.
///
/// # Safety
/// `codes` is NULL or has room for `size` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_camera_enum_fmts(
    ctx: Option<&Camera>,
    codes: *mut u32,
    size: c_int,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { list(ctx, codes, size, false) }
}

/// `int vsl_camera_enum_mplane_fmts(const vsl_camera*, uint32_t*, int)`: the formats of
/// the multi-planar queue only.
///
/// # Safety
/// `codes` is NULL or has room for `size` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_camera_enum_mplane_fmts(
    ctx: Option<&Camera>,
    codes: *mut u32,
    size: c_int,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { list(ctx, codes, size, true) }
}

/// `void* vsl_camera_buffer_mmap(vsl_camera_buffer*)`: the buffer's memory.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_mmap(buffer: Option<&CameraBuffer>) -> *mut c_void {
    get(buffer, null_mut(), |buffer| buffer.memory().cast())
}

/// `int vsl_camera_buffer_dma_fd(const vsl_camera_buffer*)`: the buffer's descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_dma_fd(buffer: Option<&CameraBuffer>) -> c_int {
    get(buffer, -1, |buffer| {
        buffer.dma_buf().map_or(-1, |fd| fd.as_raw_fd())
    })
}

/// `uint64_t vsl_camera_buffer_phys_addr(const vsl_camera_buffer*)`: its physical address.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_phys_addr(buffer: Option<&CameraBuffer>) -> u64 {
    get(buffer, 0, CameraBuffer::physical_address)
}

/// `uint32_t vsl_camera_buffer_length(const vsl_camera_buffer*)`: its size in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_length(buffer: Option<&CameraBuffer>) -> u32 {
    get(buffer, 0, CameraBuffer::length)
}

/// `uint32_t vsl_camera_buffer_fourcc(const vsl_camera_buffer*)`: format of the picture.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_fourcc(buffer: Option<&CameraBuffer>) -> u32 {
    get(buffer, 0, CameraBuffer::fourcc)
}

/// `uint32_t vsl_camera_buffer_bytes_per_line(const vsl_camera_buffer*)`: stride.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_bytes_per_line(buffer: Option<&CameraBuffer>) -> u32 {
    get(buffer, 0, CameraBuffer::bytes_per_line)
}

/// `uint32_t vsl_camera_buffer_sequence(const vsl_camera_buffer*)`: number of the frame.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_sequence(buffer: Option<&CameraBuffer>) -> u32 {
    get(buffer, 0, CameraBuffer::sequence)
}

/// `uint32_t vsl_camera_buffer_flags(const vsl_camera_buffer*)`: `v4l2_buffer.flags`.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_flags(buffer: Option<&CameraBuffer>) -> u32 {
    get(buffer, 0, CameraBuffer::flags)
}

/// `void vsl_camera_buffer_timestamp(const vsl_camera_buffer*, int64_t*, int64_t*)`: when the
/// frame was captured.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_camera_buffer_timestamp(
    buffer: Option<&CameraBuffer>,
    seconds: Option<&mut i64>,
    nanoseconds: Option<&mut i64>,
) {
    enter((), || {
        let time = buffer.ok_or(Errno::INVAL)?.timestamp_ns();
        let parts = [time / 1_000_000_000, time % 1_000_000_000];
        for (place, part) in [seconds, nanoseconds].into_iter().zip(parts) {
            if let Some(place) = place {
                *place = i64::try_from(part).map_err(|_| Errno::OVERFLOW)?;
            }
        }
        Ok(())
    });
}
