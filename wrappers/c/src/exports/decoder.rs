//! Decoders.

#![expect(
    unsafe_code,
    reason = "functions are exported by their C names and get pointers"
)]

use std::ffi::{c_int, c_uint, c_void};
use std::ptr::null_mut;

use rustix::io::Errno;
use videostream::encode::Codec;

use super::rect::Rect;
use crate::boundary::{enter, enter_int, explain};
use crate::codecs::{backend_of, codec_of, no_codec};
use crate::decoder::Decoder;
use crate::frame::Frame;

/// `VSLDecoderRetCode`, a mask.
mod ret_code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const ERR: u32 = 1;
    pub(super) const INIT_INFO: u32 = 2;
    pub(super) const FRAME_DEC: u32 = 4;
}

/// The codec of a number of `VSLDecoderCodec`, which for FWHT is its code.
fn codec_of_number(number: u32) -> Option<Codec> {
    match number {
        0 => Some(Codec::H264),
        1 => Some(Codec::H265),
        _ => codec_of(number).filter(|codec| *codec == Codec::Fwht),
    }
}

fn create(codec: impl FnOnce() -> Result<Codec, Errno>, backend: c_uint) -> *mut Decoder {
    enter(null_mut(), || {
        let decoder = Decoder::new(codec()?, backend_of(backend)?)?;
        Ok(Box::into_raw(Box::new(decoder)))
    })
}

/// `VSLDecoder* vsl_decoder_create(VSLDecoderCodec, int)`: a decoder of the best backend.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_decoder_create(codec: c_uint, _fps: c_int) -> *mut Decoder {
    let words = || format!("codec {codec}: there are 0 (H264), 1 (HEVC) and FWHT");
    let unknown = || explain(Errno::INVAL, words());
    create(|| codec_of_number(codec).ok_or_else(unknown), 0)
}

/// `VSLDecoder* vsl_decoder_create_ex(uint32_t, int, VSLCodecBackend)`: a decoder of a backend; the
/// codec as four-character code or as `VSLDecoderCodec`.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_decoder_create_ex(codec: u32, _fps: c_int, backend: c_uint) -> *mut Decoder {
    let known = || codec_of(codec).or(codec_of_number(codec));
    create(|| known().ok_or_else(|| no_codec(codec)), backend)
}

/// `VSLDecoderRetCode vsl_decode_frame(...)`: bytes in, a frame out.
///
/// # Safety
/// `data` is NULL or has `data_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_decode_frame(
    decoder: Option<&mut Decoder>,
    data: *const c_void,
    data_length: c_uint,
    bytes_used: Option<&mut usize>,
    output_frame: Option<&mut *mut Frame>,
) -> c_uint {
    enter(ret_code::ERR, || {
        let (Some(used), Some(output)) = (bytes_used, output_frame) else {
            return Err(Errno::INVAL);
        };
        *used = 0;
        *output = null_mut();
        let decoder = decoder.ok_or(Errno::INVAL)?;
        let length = usize::try_from(data_length).map_err(|_| Errno::INVAL)?;
        let bytes = match (data.is_null(), length) {
            (_, 0) => &[][..],
            (true, _) => return Err(Errno::INVAL),
            // SAFETY: as many bytes, as the caller says, which nobody writes meanwhile.
            (false, _) => unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) },
        };
        let outcome = decoder.decode(bytes);
        *used = outcome.used;
        let mut code = ret_code::SUCCESS;
        if outcome.new_size {
            code |= ret_code::INIT_INFO;
        }
        if let Some(frame) = outcome.frame {
            *output = frame.hand_out();
            code |= ret_code::FRAME_DEC;
        }
        match outcome.failure {
            // A frame of before comes out all the same.
            Some(_) if code & ret_code::FRAME_DEC != 0 => Ok(code),
            Some(errno) => Err(errno),
            None => Ok(code),
        }
    })
}

fn side(decoder: Option<&Decoder>, of: impl FnOnce((u32, u32)) -> u32) -> c_int {
    enter(0, || {
        let size = decoder.ok_or(Errno::INVAL)?.size();
        c_int::try_from(size.map_or(0, of)).map_err(|_| Errno::OVERFLOW)
    })
}

/// `int vsl_decoder_width(const VSLDecoder*)`: width in pixels.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_decoder_width(decoder: Option<&Decoder>) -> c_int {
    side(decoder, |(width, _)| width)
}

/// `int vsl_decoder_height(const VSLDecoder*)`: height in pixels.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_decoder_height(decoder: Option<&Decoder>) -> c_int {
    side(decoder, |(_, height)| height)
}

/// `VSLRect vsl_decoder_crop(const VSLDecoder*)`: the visible part of the frames.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_decoder_crop(decoder: Option<&Decoder>) -> Rect {
    Rect::of_size(vsl_decoder_width(decoder), vsl_decoder_height(decoder))
}

/// `int vsl_decoder_release(VSLDecoder*)`: releases a decoder; its frames stay.
///
/// # Safety
/// `decoder` is NULL or a decoder of [`vsl_decoder_create`], released once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_decoder_release(decoder: *mut Decoder) -> c_int {
    enter_int(|| {
        if !decoder.is_null() {
            // SAFETY: not NULL, and from `Box::into_raw`, as the caller says.
            drop(unsafe { Box::from_raw(decoder) });
        }
        Ok(())
    })
}
