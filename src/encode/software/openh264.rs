#![expect(
    unsafe_code,
    reason = "OpenH264 is a C++ library behind a table of C functions; only this file calls it"
)]
//! OpenH264's encoder object.
//!
//! Source: `codec/api/wels/codec_api.h` and `codec_app_def.h` of OpenH264. The wrapper in the
//! bindings is not used because it sets up the encoder only at the first picture, so that errors
//! and parameter sets come late, and because it has no constant quantiser.

use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

use openh264_sys2 as sys;
use openh264_sys2::source::APILoader;

use crate::codec::CodecError;
use crate::colorimetry::Range;
use crate::encode::{EncoderConfig, Profile, RateControl};
use crate::picture::Plane;

/// An initialised encoder.
///
/// # Invariants
/// `object` is an encoder that `WelsCreateSVCEncoder` made and nothing else refers to; `calls` is
/// its table, whose functions may be called with `object` for as long as it lives.
#[derive(Debug)]
pub(super) struct OpenH264 {
    object: NonNull<sys::ISVCEncoder>,
    calls: sys::ISVCEncoderVtbl,
    /// Large, and written by each call.
    info: Box<sys::SFrameBSInfo>,
    width: c_int,
    height: c_int,
    force_key: bool,
}

// SAFETY: the object is owned, not bound to the thread that made it, and shares nothing mutable
// with other encoders (it is configured without worker threads).
unsafe impl Send for OpenH264 {}

impl OpenH264 {
    /// Creates an encoder; `config` has been checked against the limits.
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, CodecError> {
        let mut object: *mut sys::ISVCEncoder = ptr::null_mut();
        // SAFETY: the argument is valid for writing one pointer.
        let code = unsafe { APILoader::WelsCreateSVCEncoder(&raw mut object) };
        done("WelsCreateSVCEncoder", code)?;
        let object = NonNull::new(object).ok_or_else(|| failed("WelsCreateSVCEncoder", 0))?;
        // SAFETY: the object begins with a pointer to its table, as every C++ object of this
        // interface.
        let table = unsafe { object.read() };
        // SAFETY: the table is static data of the library.
        let calls = unsafe { *table };
        let visible = config.visible();
        // INVARIANT: made above, and moved into the only owner.
        let mut encoder = Self {
            object,
            calls,
            info: Box::default(),
            width: visible.width as c_int,
            height: visible.height as c_int,
            force_key: false,
        };
        encoder.initialize(config)?;
        Ok(encoder)
    }

    fn initialize(&mut self, config: &EncoderConfig) -> Result<(), CodecError> {
        self.set_option(
            sys::ENCODER_OPTION_TRACE_LEVEL,
            &mut (sys::WELS_LOG_QUIET as c_int),
        )?;
        let mut params = sys::SEncParamExt::default();
        let call = self
            .calls
            .GetDefaultParams
            .ok_or_else(|| failed("GetDefaultParams", 0))?;
        // SAFETY: `object` lives (type invariant), and `params` is valid for writing the
        // parameters.
        let code = unsafe { call(self.object.as_ptr(), &raw mut params) };
        done("GetDefaultParams", code)?;
        fill(&mut params, config, self.width, self.height);
        let call = self
            .calls
            .InitializeExt
            .ok_or_else(|| failed("InitializeExt", 0))?;
        // SAFETY: `object` lives (type invariant); the parameters are only read during the call.
        let code = unsafe { call(self.object.as_ptr(), &raw const params) };
        done("InitializeExt", code)?;
        self.set_option(
            sys::ENCODER_OPTION_DATAFORMAT,
            &mut (sys::videoFormatI420 as c_int),
        )
    }

    /// Appends the parameter sets to `bytes`.
    pub(super) fn parameter_sets(&mut self, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        let call = self
            .calls
            .EncodeParameterSets
            .ok_or_else(|| failed("EncodeParameterSets", 0))?;
        // SAFETY: `object` lives (type invariant), `info` is valid for writes.
        let code = unsafe { call(self.object.as_ptr(), &raw mut *self.info) };
        done("EncodeParameterSets", code)?;
        self.take(bytes);
        Ok(())
    }

    /// Encodes planes of the configured size (4:2:0) and appends the packet to `bytes`.
    pub(super) fn encode(
        &mut self,
        planes: [Plane<'_>; 3],
        pts_ns: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        if self.force_key {
            let call = self
                .calls
                .ForceIntraFrame
                .ok_or_else(|| failed("ForceIntraFrame", 0))?;
            // SAFETY: `object` lives (type invariant) and is initialised.
            done("ForceIntraFrame", unsafe {
                call(self.object.as_ptr(), true)
            })?;
            self.force_key = false;
        }
        let mut source = sys::SSourcePicture {
            iColorFormat: sys::videoFormatI420,
            iPicWidth: self.width,
            iPicHeight: self.height,
            uiTimeStamp: (pts_ns / 1_000_000) as i64,
            ..Default::default()
        };
        let (width, height) = (self.width as usize, self.height as usize);
        let extents = [
            (width, height),
            (width / 2, height / 2),
            (width / 2, height / 2),
        ];
        for (index, (plane, (row, rows))) in planes.iter().zip(extents).enumerate() {
            // Bounds of what the library reads, which the call below relies on.
            let needs = (rows - 1)
                .checked_mul(plane.stride)
                .and_then(|all| all.checked_add(row));
            if plane.stride < row || needs.is_none_or(|needs| plane.data.len() < needs) {
                return Err(failed("plane", index as c_int));
            }
            source.pData[index] = plane.data.as_ptr().cast_mut();
            source.iStride[index] =
                c_int::try_from(plane.stride).map_err(|_| failed("stride", index as c_int))?;
        }
        let call = self
            .calls
            .EncodeFrame
            .ok_or_else(|| failed("EncodeFrame", 0))?;
        // SAFETY: `object` lives (type invariant) and is initialised for this size; the planes hold
        // all rows of it at their strides (loop above) and are only read; `info` is valid for
        // writes.
        let code = unsafe { call(self.object.as_ptr(), &raw const source, &raw mut *self.info) };
        if code == sys::cmMallocMemeError as c_int {
            // Returned when the bitstream outgrows its buffer, which is about as large as the raw
            // picture.
            return Err(CodecError::TooDetailed { pts_ns });
        }
        done("EncodeFrame", code)?;
        if !matches!(
            self.info.eFrameType,
            sys::videoFrameTypeIDR | sys::videoFrameTypeI | sys::videoFrameTypeP
        ) {
            return Err(failed(
                "EncodeFrame: frame type",
                self.info.eFrameType as c_int,
            ));
        }
        self.take(bytes);
        Ok(())
    }

    pub(super) fn force_key_frame(&mut self) {
        self.force_key = true;
    }

    pub(super) fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError> {
        let mut bitrate = sys::SBitrateInfo {
            iLayer: sys::SPATIAL_LAYER_ALL,
            iBitrate: bits_per_second as c_int,
        };
        self.set_option(sys::ENCODER_OPTION_BITRATE, &mut bitrate)
    }

    /// `value` must be of the type that the header gives for `option`.
    fn set_option<T>(
        &mut self,
        option: sys::ENCODER_OPTION,
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

    /// Appends the output of the last call.
    fn take(&self, bytes: &mut Vec<u8>) {
        let layers = usize::try_from(self.info.iLayerNum).unwrap_or(0);
        for layer in self.info.sLayerInfo.iter().take(layers) {
            let units = usize::try_from(layer.iNalCount).unwrap_or(0);
            if units == 0 || layer.pNalLengthInByte.is_null() || layer.pBsBuf.is_null() {
                continue;
            }
            // SAFETY: the library filled `iNalCount` lengths, which stay valid until the next call,
            // and that needs `&mut self`.
            let lengths = unsafe { std::slice::from_raw_parts(layer.pNalLengthInByte, units) };
            let len = lengths
                .iter()
                .map(|len| usize::try_from(*len).unwrap_or(0))
                .sum();
            // SAFETY: the units of a layer lie one after the other from `pBsBuf` on, valid as
            // above.
            bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(layer.pBsBuf, len) });
        }
    }
}

impl Drop for OpenH264 {
    fn drop(&mut self) {
        if let Some(call) = self.calls.Uninitialize {
            // SAFETY: `object` lives (type invariant); uninitialising twice or too early is
            // allowed.
            unsafe { call(self.object.as_ptr()) };
        }
        // SAFETY: `object` came from WelsCreateSVCEncoder and is not used again.
        unsafe { APILoader::WelsDestroySVCEncoder(self.object.as_ptr()) };
    }
}

fn fill(params: &mut sys::SEncParamExt, config: &EncoderConfig, width: c_int, height: c_int) {
    let fps = config.rate.as_f64() as f32;
    params.iUsageType = sys::CAMERA_VIDEO_REAL_TIME;
    params.iPicWidth = width;
    params.iPicHeight = height;
    params.fMaxFrameRate = fps;
    params.iTemporalLayerNum = 1;
    params.iSpatialLayerNum = 1;
    params.iComplexityMode = sys::LOW_COMPLEXITY;
    params.uiIntraPeriod = config.gop;
    params.eSpsPpsIdStrategy = sys::CONSTANT_ID;
    params.iMultipleThreadIdc = 1;
    params.bEnableFrameCroppingFlag = true;
    // Every picture in is a packet out, and key frames come only on request.
    params.bEnableFrameSkip = false;
    params.bEnableSceneChangeDetect = false;

    let layer = &mut params.sSpatialLayers[0];
    layer.iVideoWidth = width;
    layer.iVideoHeight = height;
    layer.fFrameRate = fps;
    layer.sSliceArgument.uiSliceMode = sys::SM_SINGLE_SLICE;
    layer.sSliceArgument.uiSliceNum = 1;
    layer.uiProfileIdc = match config.profile {
        Profile::Baseline => sys::PRO_BASELINE,
        Profile::Main => sys::PRO_MAIN,
        Profile::High => sys::PRO_HIGH,
    };
    // CAVLC in every profile: only there does the library check each macroblock against the end of
    // its buffer. With CABAC it writes past the end for a noisy picture at a fine quantiser.
    params.iEntropyCodingModeFlag = 0;
    if let Some(level) = config.level {
        layer.uiLevelIdc =
            sys::ELevelIdc::from(level.major) * 10 + sys::ELevelIdc::from(level.minor);
    }
    if let Some((finest, coarsest)) = config.quantisers {
        params.iMinQp = finest.into();
        params.iMaxQp = coarsest.into();
    }
    if let Some(bits) = config.rate_control.bitrate() {
        params.iTargetBitrate = bits as c_int;
        layer.iSpatialBitrate = bits as c_int;
    }
    match config.rate_control {
        RateControl::Constant(_) => params.iRCMode = sys::RC_BITRATE_MODE,
        RateControl::Variable { .. } => params.iRCMode = sys::RC_QUALITY_MODE,
        RateControl::Quantiser(qp) => {
            params.iRCMode = sys::RC_OFF_MODE;
            params.bEnableAdaptiveQuant = false;
            layer.iDLayerQp = c_int::from(qp);
        }
    }
    let colours = config.coded_colorimetry();
    layer.bVideoSignalTypePresent =
        colours.range != Range::Unspecified || colours.codes().is_some();
    layer.uiVideoFormat = sys::VF_UNDEF as u8;
    layer.bFullRange = colours.range == Range::Full;
    if let Some([primaries, transfer, matrix]) = colours.codes() {
        layer.bColorDescriptionPresent = true;
        layer.uiColorPrimaries = primaries;
        layer.uiTransferCharacteristics = transfer;
        layer.uiColorMatrix = matrix;
    }
    if let Some((wide, high)) = config.sample_aspect {
        layer.bAspectRatioPresent = true;
        layer.eAspectRatio = sys::ASP_EXT_SAR;
        layer.sAspectRatioExtWidth = wide;
        layer.sAspectRatioExtHeight = high;
    }
}

fn done(call: &'static str, code: c_int) -> Result<(), CodecError> {
    if code == sys::cmResultSuccess as c_int {
        Ok(())
    } else {
        Err(failed(call, code))
    }
}

fn failed(call: &'static str, code: c_int) -> CodecError {
    CodecError::Backend {
        call,
        code: code.into(),
    }
}
