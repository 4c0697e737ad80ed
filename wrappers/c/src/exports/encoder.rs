//! Encoders.

#![expect(
    unsafe_code,
    reason = "functions are exported by their C names and get pointers"
)]

use std::ffi::{c_int, c_uint};
use std::ptr::null_mut;

use rustix::io::Errno;
use videostream::encode::RateControl;

use super::rect::Rect;
use crate::boundary::{enter, enter_int, explain};
use crate::codecs::{backend_of, codec_of, no_codec};
use crate::encoder::{Config, Encoder, EncoderCopies, profile};
use crate::frame::Frame;

/// `VSLEncoderConfig`.
#[repr(C)]
#[derive(Debug)]
pub struct EncoderConfig {
    size: usize,
    fourcc: u32,
    backend: c_uint,
    frames: u32,
    seconds: u32,
    bitrate: u32,
    peak_bitrate: u32,
    quantiser: c_int,
    gop: c_int,
}

/// `VSLEncoder* vsl_encoder_create(...)`: an encoder of the best backend.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_encoder_create(
    encode_profile: c_uint,
    output_fourcc: u32,
    fps: c_int,
) -> *mut Encoder {
    vsl_encoder_create_ex(encode_profile, output_fourcc, fps, 0)
}

/// `VSLEncoder* vsl_encoder_create_ex(...)`: an encoder of a backend.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_encoder_create_ex(
    encode_profile: c_uint,
    output_fourcc: u32,
    fps: c_int,
    backend: c_uint,
) -> *mut Encoder {
    create(|| {
        let codec = codec_of(output_fourcc).ok_or_else(|| no_codec(output_fourcc))?;
        let rate_control = profile(encode_profile, codec)?;
        Config::new(codec, backend_of(backend)?, fps, rate_control)
    })
}

/// `VSLEncoder* vsl_x_encoder_create_config(const VSLEncoderConfig*)`: an encoder with every
/// option.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_x_encoder_create_config(config: Option<&EncoderConfig>) -> *mut Encoder {
    create(|| {
        let config = config.ok_or(Errno::INVAL)?;
        if config.size != size_of::<EncoderConfig>() {
            let (size, known) = (config.size, size_of::<EncoderConfig>());
            let words = format!("VSLEncoderConfig of {size} bytes: this library has {known}");
            return Err(explain(Errno::INVAL, words));
        }
        let codec = codec_of(config.fourcc).ok_or_else(|| no_codec(config.fourcc))?;
        let rate_control = match (config.quantiser, config.bitrate, config.peak_bitrate) {
            (0, 0, 0) => profile(0, codec)?,
            (0, bitrate, 0) => RateControl::Constant(bitrate),
            (0, bitrate, peak) => RateControl::Variable {
                bitrate,
                peak: Some(peak),
            },
            (quantiser, 0, 0) => {
                let words = || format!("quantiser {quantiser}: from 1 on, 0 for none");
                let quantiser = u8::try_from(quantiser);
                let quantiser = quantiser.map_err(|_| explain(Errno::INVAL, words()))?;
                RateControl::Quantiser(quantiser)
            }
            (quantiser, bitrate, peak) => {
                let words =
                    format!("quantiser {quantiser} and bitrate {bitrate}, peak {peak}: choose one");
                return Err(explain(Errno::INVAL, words));
            }
        };
        let rate = videostream::FrameRate::new(config.frames, config.seconds);
        Ok(Config {
            codec,
            backend: backend_of(config.backend)?,
            rate: rate.map_err(|error| explain(Errno::INVAL, error.to_string()))?,
            rate_control,
            gop: u32::try_from(config.gop).ok().filter(|&gop| gop > 0),
        })
    })
}

fn create(config: impl FnOnce() -> Result<Config, Errno>) -> *mut Encoder {
    enter(null_mut(), || {
        Ok(Box::into_raw(Box::new(Encoder::new(config()?)?)))
    })
}

/// `void vsl_encoder_release(VSLEncoder*)`: releases an encoder.
///
/// # Safety
/// `encoder` is NULL or an encoder of [`vsl_encoder_create`], released once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_encoder_release(encoder: *mut Encoder) {
    enter((), || {
        if !encoder.is_null() {
            // SAFETY: not NULL, and from `Box::into_raw`, as the caller says.
            drop(unsafe { Box::from_raw(encoder) });
        }
        Ok(())
    });
}

/// `int vsl_encode_frame(...)`: a picture in, a packet out. 0 for success.
///
/// # Safety
/// Both frames are NULL or frames of the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_encode_frame(
    encoder: Option<&mut Encoder>,
    source: *const Frame,
    destination: *mut Frame,
    crop_region: Option<&Rect>,
    keyframe: Option<&mut c_int>,
) -> c_int {
    enter_int(|| {
        let encoder = encoder.ok_or(Errno::INVAL)?;
        // One frame as both would be read while it is written.
        if std::ptr::eq(source, destination) {
            return Err(Errno::INVAL);
        }
        // SAFETY: NULL or a frame, as the caller says, and not the one below.
        let source = unsafe { source.as_ref() }.ok_or(Errno::INVAL)?;
        // SAFETY: NULL or a frame, which nothing else borrows.
        let destination = unsafe { destination.as_mut() }.ok_or(Errno::INVAL)?;
        let crop = crop_region.map(Rect::checked).transpose()?;
        let is_key = encoder.encode(source, destination, crop)?;
        if let Some(keyframe) = keyframe {
            *keyframe = is_key.into();
        }
        Ok(())
    })
}

/// `int vsl_x_encoder_copies(const VSLEncoder*, VSLXEncoderCopies*, size_t)`: what was copied.
///
/// # Safety
/// `copies` is NULL or has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_x_encoder_copies(
    encoder: Option<&Encoder>,
    copies: *mut EncoderCopies,
    size: usize,
) -> c_int {
    enter_int(|| {
        let encoder = encoder.filter(|_| !copies.is_null()).ok_or(Errno::INVAL)?;
        let all = encoder.copies();
        let known = size.min(size_of::<EncoderCopies>());
        // SAFETY: as many bytes as both have; not the same, and of plain numbers.
        unsafe {
            (&raw const all)
                .cast::<u8>()
                .copy_to_nonoverlapping(copies.cast(), known)
        };
        Ok(())
    })
}

/// `VSLFrame* vsl_encoder_new_output_frame(...)`: a frame for packets.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_encoder_new_output_frame(
    encoder: Option<&Encoder>,
    width: c_int,
    height: c_int,
    duration: i64,
    pts: i64,
    dts: i64,
) -> *mut Frame {
    enter(null_mut(), || {
        let encoder = encoder.ok_or(Errno::INVAL)?;
        let [width, height] = [width, height].map(u32::try_from);
        let mut frame = encoder.new_output(
            width.map_err(|_| Errno::INVAL)?,
            height.map_err(|_| Errno::INVAL)?,
        )?;
        frame.times.duration = duration;
        frame.times.pts = pts;
        frame.times.dts = dts;
        Ok(frame.hand_out())
    })
}
