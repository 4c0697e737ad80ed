#![expect(
    unsafe_code,
    reason = "OpenH264 is a C++ library behind a table of C functions, called directly here"
)]
//! OpenH264 without this library.

use std::ffi::c_int;
use std::ptr;

use openh264_sys2 as sys;
use openh264_sys2::source::APILoader;
use videostream::Picture;

use crate::codec::{BITRATE, FPS, HEIGHT, PICTURES, WIDTH};

/// An encoder, leaked when dropped: there are only a few.
pub(crate) struct DirectEncoder {
    object: *mut sys::ISVCEncoder,
    calls: sys::ISVCEncoderVtbl,
    info: Box<sys::SFrameBSInfo>,
}

impl DirectEncoder {
    /// Creates an encoder with the settings that the library derives from its configuration.
    pub(crate) fn new() -> Self {
        let mut object: *mut sys::ISVCEncoder = ptr::null_mut();
        // SAFETY: the argument is valid for writing one pointer.
        let code = unsafe { APILoader::WelsCreateSVCEncoder(&raw mut object) };
        assert_eq!(code, 0);
        // SAFETY: made above; the object begins with a pointer to its table.
        let table = unsafe { object.read() };
        // SAFETY: the table is static data of the library.
        let calls = unsafe { *table };
        let mut level = sys::WELS_LOG_QUIET as c_int;
        // SAFETY: the object lives, and the option is a number.
        unsafe {
            calls.SetOption.unwrap()(
                object,
                sys::ENCODER_OPTION_TRACE_LEVEL,
                (&raw mut level).cast(),
            )
        };
        let mut params = sys::SEncParamExt::default();
        // SAFETY: the object lives, and `params` is valid for writes.
        unsafe { calls.GetDefaultParams.unwrap()(object, &raw mut params) };
        params.iUsageType = sys::CAMERA_VIDEO_REAL_TIME;
        params.iPicWidth = WIDTH as c_int;
        params.iPicHeight = HEIGHT as c_int;
        params.fMaxFrameRate = FPS as f32;
        params.iComplexityMode = sys::LOW_COMPLEXITY;
        params.uiIntraPeriod = PICTURES;
        params.eSpsPpsIdStrategy = sys::CONSTANT_ID;
        params.iMultipleThreadIdc = 1;
        params.bEnableFrameSkip = false;
        params.bEnableSceneChangeDetect = false;
        params.iEntropyCodingModeFlag = 0;
        params.iRCMode = sys::RC_BITRATE_MODE;
        params.iTargetBitrate = BITRATE as c_int;
        let layer = &mut params.sSpatialLayers[0];
        layer.iVideoWidth = WIDTH as c_int;
        layer.iVideoHeight = HEIGHT as c_int;
        layer.fFrameRate = FPS as f32;
        layer.iSpatialBitrate = BITRATE as c_int;
        layer.sSliceArgument.uiSliceMode = sys::SM_SINGLE_SLICE;
        layer.sSliceArgument.uiSliceNum = 1;
        layer.uiProfileIdc = sys::PRO_HIGH;
        // SAFETY: the object lives; the parameters are only read.
        let code = unsafe { calls.InitializeExt.unwrap()(object, &raw const params) };
        assert_eq!(code, 0);
        let info = Box::default();
        Self {
            object,
            calls,
            info,
        }
    }

    /// Encodes a picture; returns the bytes of its packet without parameter sets.
    pub(crate) fn encode(&mut self, picture: &Picture<'_>, pts_ns: u64) -> usize {
        let mut source = sys::SSourcePicture {
            iColorFormat: sys::videoFormatI420,
            iPicWidth: WIDTH as c_int,
            iPicHeight: HEIGHT as c_int,
            uiTimeStamp: (pts_ns / 1_000_000) as i64,
            ..Default::default()
        };
        for (at, plane) in picture.planes().iter().enumerate() {
            source.pData[at] = plane.data.as_ptr().cast_mut();
            source.iStride[at] = plane.stride as c_int;
        }
        let call = self.calls.EncodeFrame.unwrap();
        // SAFETY: the object lives; a checked picture of this size holds all rows, which are only
        // read.
        let code = unsafe { call(self.object, &raw const source, &raw mut *self.info) };
        assert_eq!(code, 0);
        // The first layer of a key frame is its parameter sets.
        let last = usize::try_from(self.info.iLayerNum).unwrap() - 1;
        let layer = &self.info.sLayerInfo[last];
        // SAFETY: the library filled as many lengths, which stay until the next call.
        let units = unsafe {
            std::slice::from_raw_parts(
                layer.pNalLengthInByte,
                usize::try_from(layer.iNalCount).unwrap(),
            )
        };
        units.iter().map(|len| usize::try_from(*len).unwrap()).sum()
    }
}

/// A decoder, leaked as well.
pub(crate) struct DirectDecoder {
    object: *mut sys::ISVCDecoder,
    calls: sys::ISVCDecoderVtbl,
}

impl DirectDecoder {
    pub(crate) fn new() -> Self {
        let mut object: *mut sys::ISVCDecoder = ptr::null_mut();
        // SAFETY: the argument is valid for writing one pointer.
        let code = unsafe { APILoader::WelsCreateDecoder(&raw mut object) };
        assert_eq!(code, 0);
        // SAFETY: made above; the object begins with a pointer to its table.
        let table = unsafe { object.read() };
        // SAFETY: the table is static data of the library.
        let calls = unsafe { *table };
        let mut params = sys::SDecodingParam {
            uiTargetDqLayer: u8::MAX,
            eEcActiveIdc: sys::ERROR_CON_DISABLE,
            ..Default::default()
        };
        params.sVideoProperty.size = size_of::<sys::SVideoProperty>() as u32;
        params.sVideoProperty.eVideoBsType = sys::VIDEO_BITSTREAM_AVC;
        // SAFETY: the object lives; the parameters are only read.
        let code = unsafe { calls.Initialize.unwrap()(object, &raw const params) };
        assert_eq!(code, 0);
        Self { object, calls }
    }

    pub(crate) fn decode(&mut self, bytes: &[u8]) {
        let mut planes: [*mut u8; 3] = [ptr::null_mut(); 3];
        let mut info = sys::SBufferInfo::default();
        let call = self.calls.DecodeFrameNoDelay.unwrap();
        // SAFETY: the object lives; `bytes` are only read, and the places for the answer are valid.
        let state = unsafe {
            call(
                self.object,
                bytes.as_ptr(),
                bytes.len() as c_int,
                planes.as_mut_ptr(),
                &raw mut info,
            )
        };
        assert_eq!(state, sys::dsErrorFree);
        std::hint::black_box(planes);
    }
}
