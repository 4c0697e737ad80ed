#![expect(
    unsafe_code,
    reason = "OpenH264 is a C++ library behind a table of functions, called by this file only"
)]
//! OpenH264's decoder object.
//!
//! Source: `codec/api/wels/codec_api.h` and `codec_app_def.h` of OpenH264.

use std::ffi::{c_int, c_long, c_void};
use std::ptr::{self, NonNull};

use openh264_sys2 as sys;
use openh264_sys2::source::APILoader;

use super::library_picture::LibraryPicture;
use crate::codec::CodecError;
use crate::picture::Picture;

/// The time given to pictures that are not displayed.
const HIDDEN: u64 = u64::MAX;

/// An initialised decoder.
///
/// # Invariants
/// `object` is a decoder that `WelsCreateDecoder` made and nothing else refers to; `calls` is its
/// table, whose functions may be called with `object` for as long as it lives. `generation` changes
/// with every call that may change the decoder's pictures.
#[derive(Debug)]
pub(super) struct OpenH264 {
    object: NonNull<sys::ISVCDecoder>,
    calls: sys::ISVCDecoderVtbl,
    generation: u64,
}

// SAFETY: the object is owned, not bound to the thread that made it, and shares nothing mutable
// with other decoders (it is configured without worker threads).
unsafe impl Send for OpenH264 {}

impl OpenH264 {
    pub(super) fn new() -> Result<Self, CodecError> {
        let mut object: *mut sys::ISVCDecoder = ptr::null_mut();
        // SAFETY: the argument is valid for writing one pointer.
        let code = unsafe { APILoader::WelsCreateDecoder(&raw mut object) };
        done("WelsCreateDecoder", code)?;
        let object = NonNull::new(object).ok_or_else(|| failed("WelsCreateDecoder", 0))?;
        // SAFETY: the object begins with a pointer to its table, as every C++ object of this
        // interface.
        let table = unsafe { object.read() };
        // SAFETY: the table is static data of the library.
        let calls = unsafe { *table };
        // INVARIANT: made above, and moved into the only owner.
        let mut decoder = Self {
            object,
            calls,
            generation: 0,
        };
        decoder.initialize()?;
        Ok(decoder)
    }

    fn initialize(&mut self) -> Result<(), CodecError> {
        self.set_option(
            sys::DECODER_OPTION_TRACE_LEVEL,
            &mut (sys::WELS_LOG_QUIET as c_int),
        )?;
        let mut params = sys::SDecodingParam {
            uiTargetDqLayer: u8::MAX,
            // Damage is reported, not concealed.
            eEcActiveIdc: sys::ERROR_CON_DISABLE,
            ..Default::default()
        };
        params.sVideoProperty.size = size_of::<sys::SVideoProperty>() as u32;
        params.sVideoProperty.eVideoBsType = sys::VIDEO_BITSTREAM_AVC;
        let call = self
            .calls
            .Initialize
            .ok_or_else(|| failed("Initialize", 0))?;
        // SAFETY: `object` lives (type invariant); the parameters are only read during the call.
        let code = unsafe { call(self.object.as_ptr(), &raw const params) };
        done("Initialize", code)
    }

    /// Decodes one picture. Returns the next picture in display order with its time, if one is
    /// ready.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        pts_ns: u64,
        is_shown: bool,
    ) -> Result<Option<(LibraryPicture, u64)>, CodecError> {
        let time = if is_shown {
            pts_ns.min(HIDDEN - 1)
        } else {
            HIDDEN
        };
        match self.call(bytes, time)? {
            (sys::dsErrorFree, shown) => Ok(shown.filter(|(_, time)| *time != HIDDEN)),
            (state, _) => Err(CodecError::Corrupt {
                pts_ns,
                code: state.into(),
            }),
        }
    }

    /// Decodes a picture that is not displayed, even if earlier pictures are missing.
    pub(super) fn conceal(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        let option = sys::DECODER_OPTION_ERROR_CON_IDC;
        self.set_option(option, &mut (sys::ERROR_CON_SLICE_COPY as c_int))?;
        let called = self.call(bytes, HIDDEN);
        self.set_option(option, &mut (sys::ERROR_CON_DISABLE as c_int))?;
        called.map(drop)
    }

    /// Returns the library's state after one picture, and the next picture to display.
    fn call(
        &mut self,
        bytes: &[u8],
        time: u64,
    ) -> Result<(sys::DECODING_STATE, Option<(LibraryPicture, u64)>), CodecError> {
        let len = c_int::try_from(bytes.len()).map_err(|_| failed("packet of 2 GiB", 0))?;
        let call = self
            .calls
            .DecodeFrameNoDelay
            .ok_or_else(|| failed("DecodeFrameNoDelay", 0))?;
        let mut planes: [*mut u8; 3] = [ptr::null_mut(); 3];
        let mut info = sys::SBufferInfo {
            uiInBsTimeStamp: time,
            ..Default::default()
        };
        self.generation += 1;
        // SAFETY: `object` lives (type invariant) and is initialised; `bytes` has `len` bytes,
        // which are only read; `planes` and `info` are valid for writes.
        let state = unsafe {
            call(
                self.object.as_ptr(),
                bytes.as_ptr(),
                len,
                planes.as_mut_ptr(),
                &raw mut info,
            )
        };
        let shown = match state {
            sys::dsErrorFree => self.shown(planes, &info)?,
            _ => None,
        };
        Ok((state, shown))
    }

    /// Returns the next picture that was held back, if there is one.
    pub(super) fn flush(&mut self) -> Result<Option<(LibraryPicture, u64)>, CodecError> {
        loop {
            match self.flush_one()? {
                Some((_, HIDDEN)) => {}
                shown => return Ok(shown),
            }
        }
    }

    fn flush_one(&mut self) -> Result<Option<(LibraryPicture, u64)>, CodecError> {
        let call = self
            .calls
            .FlushFrame
            .ok_or_else(|| failed("FlushFrame", 0))?;
        let mut planes: [*mut u8; 3] = [ptr::null_mut(); 3];
        let mut info = sys::SBufferInfo::default();
        self.generation += 1;
        // SAFETY: `object` lives (type invariant) and is initialised; `planes` and `info` are valid
        // for writes.
        let state = unsafe { call(self.object.as_ptr(), planes.as_mut_ptr(), &raw mut info) };
        if state != sys::dsErrorFree {
            return Err(failed("FlushFrame", state));
        }
        self.shown(planes, &info)
    }

    fn shown(
        &self,
        planes: [*mut u8; 3],
        info: &sys::SBufferInfo,
    ) -> Result<Option<(LibraryPicture, u64)>, CodecError> {
        if info.iBufferStatus != 1 {
            return Ok(None);
        }
        // SAFETY: the union has this one member, plain numbers, for pictures in the system's
        // memory.
        let buffer = unsafe { info.UsrData.sSystemBuffer };
        let number = |what, value: c_int| {
            let number = u32::try_from(value).ok().filter(|number| *number > 0);
            number.ok_or_else(|| failed(what, value))
        };
        let width = number("width", buffer.iWidth)?;
        let height = number("height", buffer.iHeight)?;
        let luma = number("stride", buffer.iStride[0])?;
        let chroma = number("chroma stride", buffer.iStride[1])?;
        let even = width.is_multiple_of(2) && height.is_multiple_of(2);
        if buffer.iFormat != sys::videoFormatI420 || !even || luma < width || chroma < width / 2 {
            return Err(failed("picture format", buffer.iFormat));
        }
        let [Some(y), Some(u), Some(v)] = planes.map(NonNull::new) else {
            return Err(failed("plane", 0));
        };
        // INVARIANT: the library promises this for a ready picture, until the next call.
        let shown = LibraryPicture {
            planes: [y, u, v],
            strides: [luma, chroma, chroma].map(|stride| stride as usize),
            width,
            height,
            generation: self.generation,
        };
        Ok(Some((shown, info.uiOutYuvTimeStamp)))
    }

    /// Returns the pixels of the picture that the last call returned.
    pub(super) fn picture(&self, shown: &LibraryPicture) -> Result<Picture<'_>, CodecError> {
        // SAFETY: the generation is this decoder's, and every call that changes it needs `&mut
        // self`.
        unsafe { shown.look(self.generation) }
    }

    /// `value` must be of the type that the header gives for `option`.
    fn set_option<T>(
        &mut self,
        option: sys::DECODER_OPTION,
        value: &mut T,
    ) -> Result<(), CodecError> {
        let call = self
            .calls
            .SetOption
            .ok_or_else(|| failed("SetOption", option))?;
        let value: *mut c_void = ptr::from_mut(value).cast();
        // SAFETY: `object` lives (type invariant); the callers in this file pass the option's type,
        // and the value is read during the call only.
        done("SetOption", unsafe {
            call(self.object.as_ptr(), option, value)
        })
    }
}

impl Drop for OpenH264 {
    fn drop(&mut self) {
        if let Some(call) = self.calls.Uninitialize {
            // SAFETY: `object` lives (type invariant); uninitialising twice or too early is
            // allowed.
            unsafe { call(self.object.as_ptr()) };
        }
        // SAFETY: `object` came from WelsCreateDecoder and is not used again.
        unsafe { APILoader::WelsDestroyDecoder(self.object.as_ptr()) };
    }
}

#[allow(
    clippy::unnecessary_cast,
    reason = "a long has 32 bits on some systems"
)]
fn done(call: &'static str, code: c_long) -> Result<(), CodecError> {
    match code {
        0 => Ok(()),
        code => Err(CodecError::Backend {
            call,
            code: code as i64,
        }),
    }
}

fn failed(call: &'static str, code: c_int) -> CodecError {
    CodecError::Backend {
        call,
        code: code.into(),
    }
}
