#![expect(
    unsafe_code,
    reason = "OpenH264 is a C++ library behind a table of C functions; this file is all that touches its decoder"
)]
//! OpenH264's decoder object.
//!
//! Source: `codec/api/wels/codec_api.h` and `codec_app_def.h` of OpenH264.

use std::ffi::{c_int, c_long, c_void};
use std::ptr::{self, NonNull};

use openh264_sys2 as sys;
use openh264_sys2::source::APILoader;

use super::shown::Shown;
use crate::decode::DecodeError;
use crate::picture::Picture;

/// The time of pictures that are not shown.
const HIDDEN: u64 = u64::MAX;

/// An initialised decoder.
///
/// # Invariants
/// `object` is a decoder that `WelsCreateDecoder` made and nobody else knows; `calls` is its table, whose
/// functions may be called with `object` for as long as it lives. `generation` changes at every call that
/// may change the decoder's pictures.
#[derive(Debug)]
pub(super) struct OpenH264 {
    object: NonNull<sys::ISVCDecoder>,
    calls: sys::ISVCDecoderVtbl,
    generation: u64,
}

// SAFETY: the object is owned, not bound to the thread that made it, and shares nothing that
// changes with other decoders (its worker threads, of which we ask for none, would be its own).
unsafe impl Send for OpenH264 {}

impl OpenH264 {
    pub(super) fn new() -> Result<Self, DecodeError> {
        let mut object: *mut sys::ISVCDecoder = ptr::null_mut();
        // SAFETY: the argument is a valid place for one pointer.
        let code = unsafe { APILoader::WelsCreateDecoder(&raw mut object) };
        done("WelsCreateDecoder", code)?;
        let object = NonNull::new(object).ok_or_else(|| failed("WelsCreateDecoder", 0))?;
        // SAFETY: the object begins with a pointer to its table, as every C++ object of this interface.
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

    fn initialize(&mut self) -> Result<(), DecodeError> {
        self.set_option(
            sys::DECODER_OPTION_TRACE_LEVEL,
            &mut (sys::WELS_LOG_QUIET as c_int),
        )?;
        let mut params = sys::SDecodingParam {
            uiTargetDqLayer: u8::MAX,
            // Damage is told, not painted over.
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

    /// Decodes one picture, which may be one that is not shown; gives the next one in the order of showing with its time,
    /// if there is one.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        pts_ns: u64,
        is_shown: bool,
    ) -> Result<Option<(Shown, u64)>, DecodeError> {
        let time = if is_shown {
            pts_ns.min(HIDDEN - 1)
        } else {
            HIDDEN
        };
        match self.call(bytes, time)? {
            (sys::dsErrorFree, shown) => Ok(shown.filter(|(_, time)| *time != HIDDEN)),
            (state, _) => Err(DecodeError::Corrupt {
                pts_ns,
                code: state.into(),
            }),
        }
    }

    /// Decodes a picture that is not shown, however little is there of what comes before it.
    pub(super) fn conceal(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let option = sys::DECODER_OPTION_ERROR_CON_IDC;
        self.set_option(option, &mut (sys::ERROR_CON_SLICE_COPY as c_int))?;
        let called = self.call(bytes, HIDDEN);
        self.set_option(option, &mut (sys::ERROR_CON_DISABLE as c_int))?;
        called.map(drop)
    }

    /// What the library says of one picture, and the next one that it shows.
    fn call(
        &mut self,
        bytes: &[u8],
        time: u64,
    ) -> Result<(sys::DECODING_STATE, Option<(Shown, u64)>), DecodeError> {
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
        // SAFETY: `object` lives (type invariant) and is initialised; `bytes` has `len` bytes, which are only
        // read; `planes` and `info` are valid places for the answer.
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

    /// The next picture that was held back, if there is one.
    pub(super) fn flush(&mut self) -> Result<Option<(Shown, u64)>, DecodeError> {
        loop {
            match self.flush_one()? {
                Some((_, HIDDEN)) => {}
                shown => return Ok(shown),
            }
        }
    }

    fn flush_one(&mut self) -> Result<Option<(Shown, u64)>, DecodeError> {
        let call = self
            .calls
            .FlushFrame
            .ok_or_else(|| failed("FlushFrame", 0))?;
        let mut planes: [*mut u8; 3] = [ptr::null_mut(); 3];
        let mut info = sys::SBufferInfo::default();
        self.generation += 1;
        // SAFETY: `object` lives (type invariant) and is initialised; `planes` and `info` are valid places.
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
    ) -> Result<Option<(Shown, u64)>, DecodeError> {
        if info.iBufferStatus != 1 {
            return Ok(None);
        }
        // SAFETY: the union has this one member, plain numbers, for pictures in the system's memory.
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
        // INVARIANT: the library says so of a picture that is ready, until the next call.
        let shown = Shown {
            planes: [y, u, v],
            strides: [luma, chroma, chroma].map(|stride| stride as usize),
            width,
            height,
            generation: self.generation,
        };
        Ok(Some((shown, info.uiOutYuvTimeStamp)))
    }

    /// The pixels of a picture that was shown by the last call.
    pub(super) fn picture(&self, shown: &Shown) -> Result<Picture<'_>, DecodeError> {
        // SAFETY: the generation is this decoder's, and every call that changes it needs `&mut self`.
        unsafe { shown.look(self.generation) }
    }

    /// `value` must be of the type that the header gives for `option`.
    fn set_option<T>(
        &mut self,
        option: sys::DECODER_OPTION,
        value: &mut T,
    ) -> Result<(), DecodeError> {
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
            // SAFETY: `object` lives (type invariant); uninitialising twice or too early is allowed.
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
fn done(call: &'static str, code: c_long) -> Result<(), DecodeError> {
    match code {
        0 => Ok(()),
        code => Err(DecodeError::Backend {
            call,
            code: code as i64,
        }),
    }
}

fn failed(call: &'static str, code: c_int) -> DecodeError {
    DecodeError::Backend {
        call,
        code: code.into(),
    }
}
