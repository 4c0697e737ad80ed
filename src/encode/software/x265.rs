#![expect(
    unsafe_code,
    reason = "libx265 is a C library loaded at run time; only this file calls it"
)]
//! libx265, loaded at run time.
//!
//! The layout of its parameters differs from build to build, so they are set by name only. Only the
//! first fields of its picture are used; their offsets are checked against what the library itself
//! writes there.
//!
//! Source: `x265.h` of x265 3.5.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;

use libloading::Library;

use crate::codec::CodecError;
use crate::colorimetry::Range;
use crate::encode::{EncoderConfig, RateControl};
use crate::library;
use crate::picture::Plane;

/// Build numbers of the binary interface, the suffix of the library's name: 199 is x265 3.5.
const BUILDS: [u32; 8] = [199, 209, 208, 207, 206, 205, 192, 215];
const PACKAGES: &str = "libx265-199 (Debian 12) or the libx265 package of your distribution";

/// X265_TYPE_AUTO, X265_TYPE_IDR, X265_CSP_I420.
const AUTO: c_int = 0;
const IDR: c_int = 1;
const I420: c_int = 1;

/// The first fields of `x265_picture`.
#[repr(C)]
struct PictureHead {
    pts: i64,
    dts: i64,
    user_data: *mut c_void,
    planes: [*mut c_void; 3],
    stride: [c_int; 3],
    bit_depth: c_int,
    slice_type: c_int,
    poc: c_int,
    color_space: c_int,
}

/// `x265_nal`.
#[repr(C)]
struct Nal {
    kind: u32,
    size_bytes: u32,
    payload: *mut u8,
}

type Param = c_void;
type Encoder = c_void;

/// The functions in use.
///
/// # Invariants
/// They are functions of the library kept with them, of the types in `x265.h`.
#[derive(Debug, Clone, Copy)]
struct Calls {
    param_alloc: unsafe extern "C" fn() -> *mut Param,
    param_free: unsafe extern "C" fn(*mut Param),
    param_default_preset: unsafe extern "C" fn(*mut Param, *const c_char, *const c_char) -> c_int,
    param_parse: unsafe extern "C" fn(*mut Param, *const c_char, *const c_char) -> c_int,
    param_apply_profile: unsafe extern "C" fn(*mut Param, *const c_char) -> c_int,
    picture_alloc: unsafe extern "C" fn() -> *mut PictureHead,
    picture_free: unsafe extern "C" fn(*mut PictureHead),
    picture_init: unsafe extern "C" fn(*mut Param, *mut PictureHead),
    encoder_open: unsafe extern "C" fn(*mut Param) -> *mut Encoder,
    encoder_headers: unsafe extern "C" fn(*mut Encoder, *mut *mut Nal, *mut u32) -> c_int,
    encoder_encode: unsafe extern "C" fn(
        *mut Encoder,
        *mut *mut Nal,
        *mut u32,
        *mut PictureHead,
        *mut PictureHead,
    ) -> c_int,
    encoder_close: unsafe extern "C" fn(*mut Encoder),
}

impl Calls {
    fn new(library: &Library, build: u32) -> Result<Self, CodecError> {
        Ok(Self {
            param_alloc: symbol(library, "x265_param_alloc")?,
            param_free: symbol(library, "x265_param_free")?,
            param_default_preset: symbol(library, "x265_param_default_preset")?,
            param_parse: symbol(library, "x265_param_parse")?,
            param_apply_profile: symbol(library, "x265_param_apply_profile")?,
            picture_alloc: symbol(library, "x265_picture_alloc")?,
            picture_free: symbol(library, "x265_picture_free")?,
            picture_init: symbol(library, "x265_picture_init")?,
            encoder_open: symbol(library, &format!("x265_encoder_open_{build}"))?,
            encoder_headers: symbol(library, "x265_encoder_headers")?,
            encoder_encode: symbol(library, "x265_encoder_encode")?,
            encoder_close: symbol(library, "x265_encoder_close")?,
        })
    }
}

/// `T` must be the type of the function of that name in `x265.h`.
fn symbol<T: Copy>(library: &Library, name: &str) -> Result<T, CodecError> {
    // SAFETY: the callers in this file give the types of the header and keep the library with the
    // functions.
    unsafe { library::symbol(library, "libx265", PACKAGES, name) }.map_err(CodecError::Library)
}

/// An open encoder.
///
/// # Invariants
/// `encoder` and `picture` were made by `calls` and nothing else refers to them; the library stays
/// loaded for as long.
#[derive(Debug)]
pub(super) struct X265 {
    encoder: NonNull<Encoder>,
    picture: NonNull<PictureHead>,
    calls: Calls,
    size: (usize, usize),
    /// Picture counter: the library needs increasing times.
    number: i64,
    _library: Library,
}

// SAFETY: encoder and picture are owned and not bound to the thread that made them; the library's
// threads are its own.
unsafe impl Send for X265 {}

/// Parameters, freed on drop.
///
/// # Invariants
/// `param` was made by `calls`.
struct Params {
    param: NonNull<Param>,
    calls: Calls,
}

impl Drop for Params {
    fn drop(&mut self) {
        // SAFETY: made by `x265_param_alloc` of the same library (type invariant), and not used
        // again.
        unsafe { (self.calls.param_free)(self.param.as_ptr()) };
    }
}

impl Params {
    fn new(calls: Calls, config: &EncoderConfig) -> Result<Self, CodecError> {
        // SAFETY: the function has no arguments.
        let param = unsafe { (calls.param_alloc)() };
        let param = NonNull::new(param).ok_or(failed("x265_param_alloc", 0))?;
        // INVARIANT: made above.
        let params = Self { param, calls };
        let (preset, tune) = (c"superfast", c"zerolatency");
        // SAFETY: `param` lives; the strings end in a zero and are only read.
        let code =
            unsafe { (calls.param_default_preset)(param.as_ptr(), preset.as_ptr(), tune.as_ptr()) };
        if code != 0 {
            return Err(failed("x265_param_default_preset", code));
        }
        params.fill(config)?;
        // SAFETY: as above.
        let code = unsafe { (calls.param_apply_profile)(param.as_ptr(), c"main".as_ptr()) };
        if code != 0 {
            return Err(failed("x265_param_apply_profile", code));
        }
        Ok(params)
    }

    fn set(&self, name: &'static str, value: impl ToString) -> Result<(), CodecError> {
        let text = |text: String| CString::new(text).map_err(|_| failed("CString", 0));
        let (name_z, value_z) = (text(name.to_owned())?, text(value.to_string())?);
        // SAFETY: `param` lives (type invariant); the strings end in a zero and are only read.
        let code = unsafe {
            (self.calls.param_parse)(self.param.as_ptr(), name_z.as_ptr(), value_z.as_ptr())
        };
        if code != 0 {
            return Err(failed(name, code));
        }
        Ok(())
    }

    fn fill(&self, config: &EncoderConfig) -> Result<(), CodecError> {
        let visible = config.visible();
        self.set("log-level", "none")?;
        self.set(
            "input-res",
            format_args!("{}x{}", visible.width, visible.height),
        )?;
        self.set("input-csp", "i420")?;
        self.set("fps", config.rate)?;
        self.set("annexb", 1)?;
        self.set("repeat-headers", 1)?;
        self.set("info", 0)?;
        self.set("bframes", 0)?;
        self.set("rc-lookahead", 0)?;
        self.set("frame-threads", 1)?;
        self.set("scenecut", 0)?;
        self.set("open-gop", 0)?;
        let gop = match config.gop {
            0 => -1,
            frames => i64::from(frames),
        };
        self.set("keyint", gop)?;
        if gop > 0 {
            self.set("min-keyint", gop)?;
        }
        if let Some(level) = config.level {
            self.set("level-idc", level)?;
        }
        if let Some((finest, coarsest)) = config.quantisers {
            self.set("qpmin", finest)?;
            self.set("qpmax", coarsest)?;
        }
        match config.rate_control {
            RateControl::Quantiser(qp) => self.set("qp", qp)?,
            RateControl::Constant(bits) => {
                self.set("bitrate", bits / 1000)?;
                self.set("vbv-maxrate", bits / 1000)?;
                self.set("vbv-bufsize", bits / 1000)?;
            }
            RateControl::Variable { bitrate, peak } => {
                self.set("bitrate", bitrate / 1000)?;
                if let Some(peak) = peak {
                    self.set("vbv-maxrate", peak / 1000)?;
                    self.set("vbv-bufsize", peak / 1000)?;
                }
            }
        }
        let colours = config.coded_colorimetry();
        match colours.range {
            Range::Unspecified => {}
            Range::Limited => self.set("range", "limited")?,
            Range::Full => self.set("range", "full")?,
        }
        // x265 accepts numbers as well as names.
        if let Some([primaries, transfer, matrix]) = colours.codes() {
            self.set("colorprim", primaries)?;
            self.set("transfer", transfer)?;
            self.set("colormatrix", matrix)?;
        }
        if let Some((wide, high)) = config.sample_aspect {
            self.set("sar", format_args!("{wide}:{high}"))?;
        }
        Ok(())
    }
}

impl X265 {
    /// Creates an encoder; `config` has been checked against the limits.
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, CodecError> {
        let names = BUILDS
            .iter()
            .map(|build| format!("libx265.so.{build}").into());
        let (library, at) =
            library::open("libx265", PACKAGES, names).map_err(CodecError::Library)?;
        let calls = Calls::new(&library, BUILDS[at])?;
        let params = Params::new(calls, config)?;
        // SAFETY: the function has no arguments.
        let picture = unsafe { (calls.picture_alloc)() };
        let picture = NonNull::new(picture).ok_or(failed("x265_picture_alloc", 0))?;
        // SAFETY: both live and were made by this library.
        unsafe { (calls.picture_init)(params.param.as_ptr(), picture.as_ptr()) };
        // SAFETY: the library has allocated and written a picture, which is larger than its first
        // fields.
        let head = unsafe { picture.as_ref() };
        let known = (head.bit_depth, head.slice_type, head.color_space) == (8, AUTO, I420);
        // SAFETY: the parameters live, and are only read.
        let encoder = known.then(|| unsafe { (calls.encoder_open)(params.param.as_ptr()) });
        let encoder = NonNull::new(encoder.unwrap_or(ptr::null_mut()));
        let visible = config.visible();
        match encoder {
            // INVARIANT: made above, and moved into the only owner.
            Some(encoder) => Ok(Self {
                encoder,
                picture,
                calls,
                size: (visible.width as usize, visible.height as usize),
                number: 0,
                _library: library,
            }),
            None => {
                // SAFETY: made above and not used again.
                unsafe { (calls.picture_free)(picture.as_ptr()) };
                if !known {
                    return Err(CodecError::Unsupported {
                        what: "H.265 with this build of libx265",
                        can: "with x265 3.x for 8 bits",
                    });
                }
                if config.level.is_some() {
                    return Err(CodecError::Unsupported {
                        what: "this level at this size, rate and bitrate",
                        can: "a higher one, or none to take the lowest that fits",
                    });
                }
                Err(failed("x265_encoder_open", 0))
            }
        }
    }

    /// Appends the parameter sets to `bytes`.
    pub(super) fn parameter_sets(&mut self, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        let (mut nals, mut count) = (ptr::null_mut(), 0);
        // SAFETY: the encoder lives (type invariant); the other pointers are valid for writes.
        let code = unsafe {
            (self.calls.encoder_headers)(self.encoder.as_ptr(), &raw mut nals, &raw mut count)
        };
        if code < 0 {
            return Err(failed("x265_encoder_headers", code));
        }
        take(nals, count, bytes);
        Ok(())
    }

    /// Encodes planes of the configured size (4:2:0) and appends the packet to `bytes`.
    pub(super) fn encode(
        &mut self,
        planes: [Plane<'_>; 3],
        key: bool,
        bytes: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let (width, height) = self.size;
        let extents = [
            (width, height),
            (width / 2, height / 2),
            (width / 2, height / 2),
        ];
        let mut pointers = [ptr::null_mut(); 3];
        let mut strides = [0; 3];
        for (at, (plane, (row, rows))) in planes.iter().zip(extents).enumerate() {
            // Bounds of what the library reads, which the call below relies on.
            let needs = (rows - 1)
                .checked_mul(plane.stride)
                .and_then(|all| all.checked_add(row));
            if plane.stride < row || needs.is_none_or(|needs| plane.data.len() < needs) {
                return Err(failed("plane", at as c_int));
            }
            pointers[at] = plane.data.as_ptr().cast_mut().cast();
            strides[at] = c_int::try_from(plane.stride).map_err(|_| failed("stride", 0))?;
        }
        // SAFETY: the picture lives and belongs to this encoder (type invariant).
        let head = unsafe { self.picture.as_mut() };
        head.planes = pointers;
        head.stride = strides;
        head.slice_type = if key { IDR } else { AUTO };
        head.pts = self.number;
        self.number += 1;
        let (mut nals, mut count) = (ptr::null_mut(), 0);
        // SAFETY: encoder and picture live (type invariant); the picture's planes hold all rows at
        // their strides (loop above) and are copied during the call; the other pointers are
        // valid for writes.
        let code = unsafe {
            (self.calls.encoder_encode)(
                self.encoder.as_ptr(),
                &raw mut nals,
                &raw mut count,
                self.picture.as_ptr(),
                ptr::null_mut(),
            )
        };
        // Without delay, each picture in is one packet out.
        if code != 1 {
            return Err(failed("x265_encoder_encode", code));
        }
        take(nals, count, bytes);
        Ok(())
    }
}

impl Drop for X265 {
    fn drop(&mut self) {
        // SAFETY: made by this library (type invariant) and not used again.
        unsafe { (self.calls.encoder_close)(self.encoder.as_ptr()) };
        // SAFETY: as above.
        unsafe { (self.calls.picture_free)(self.picture.as_ptr()) };
    }
}

/// Appends the output of the last call.
fn take(nals: *mut Nal, count: u32, bytes: &mut Vec<u8>) {
    if nals.is_null() || count == 0 {
        return;
    }
    // SAFETY: the library has filled `count` entries, which stay valid until its next call.
    let nals = unsafe { slice::from_raw_parts(nals, count as usize) };
    for nal in nals.iter().filter(|nal| !nal.payload.is_null()) {
        // SAFETY: the unit has that many bytes, valid as above.
        let payload = unsafe { slice::from_raw_parts(nal.payload, nal.size_bytes as usize) };
        bytes.extend_from_slice(payload);
    }
}

fn failed(call: &'static str, code: c_int) -> CodecError {
    CodecError::Backend {
        call,
        code: code.into(),
    }
}
