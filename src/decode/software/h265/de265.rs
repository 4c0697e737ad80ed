#![expect(
    unsafe_code,
    reason = "libde265 is a C library loaded at run time; only this file calls it"
)]
//! libde265, loaded at run time.
//!
//! Source: `de265.h` of libde265 1.0.

use std::ffi::{OsString, c_int, c_void};
use std::ptr::{self, NonNull};

use libloading::Library;

use super::{corrupt, failed};
use crate::codec::CodecError;
use crate::decode::software::library_picture::LibraryPicture;
use crate::library::{self, LibraryMissing};
use crate::picture::Picture;

const NAME: &str = "libde265";
/// The same for every 1.x.
const FILE: &str = "libde265.so.0";
const PACKAGES: &str = "libde265-0 (Debian) or the libde265 package of your distribution";
/// The most significant byte of the version.
const MAJOR: u32 = 1;

/// DE265_OK, DE265_ERROR_WAITING_FOR_INPUT_DATA, de265_chroma_420.
const OK: c_int = 0;
const WAITING: c_int = 13;
const CHROMA_420: c_int = 1;
/// DE265_DECODER_PARAM_SUPPRESS_FAULTY_PICTURES.
const SUPPRESS_FAULTY: c_int = 6;
/// Reported for a picture without output: DE265_ERROR_UNSPECIFIED_DECODING_ERROR.
const NO_PICTURE: c_int = 18;
/// Limit of steps after the last NAL unit; two are needed.
const LAST_STEPS: usize = 16;

type Context = c_void;
type Image = c_void;

/// The functions in use.
///
/// # Invariants
/// They are functions of the library kept with them, of the types in `de265.h`.
#[derive(Debug, Clone, Copy)]
struct Calls {
    get_version_number: unsafe extern "C" fn() -> u32,
    new_decoder: unsafe extern "C" fn() -> *mut Context,
    free_decoder: unsafe extern "C" fn(*mut Context) -> c_int,
    set_parameter_bool: unsafe extern "C" fn(*mut Context, c_int, c_int),
    push_nal: unsafe extern "C" fn(*mut Context, *const c_void, c_int, i64, *mut c_void) -> c_int,
    push_end_of_frame: unsafe extern "C" fn(*mut Context),
    get_number_of_nal_units_pending: unsafe extern "C" fn(*mut Context) -> c_int,
    decode: unsafe extern "C" fn(*mut Context, *mut c_int) -> c_int,
    get_warning: unsafe extern "C" fn(*mut Context) -> c_int,
    peek_next_picture: unsafe extern "C" fn(*mut Context) -> *const Image,
    release_next_picture: unsafe extern "C" fn(*mut Context),
    get_image_width: unsafe extern "C" fn(*const Image, c_int) -> c_int,
    get_image_height: unsafe extern "C" fn(*const Image, c_int) -> c_int,
    get_chroma_format: unsafe extern "C" fn(*const Image) -> c_int,
    get_bits_per_pixel: unsafe extern "C" fn(*const Image, c_int) -> c_int,
    get_image_plane: unsafe extern "C" fn(*const Image, c_int, *mut c_int) -> *const u8,
    get_image_pts: unsafe extern "C" fn(*const Image) -> i64,
}

impl Calls {
    fn new(library: &Library) -> Result<Self, CodecError> {
        Ok(Self {
            get_version_number: symbol(library, "de265_get_version_number")?,
            new_decoder: symbol(library, "de265_new_decoder")?,
            free_decoder: symbol(library, "de265_free_decoder")?,
            set_parameter_bool: symbol(library, "de265_set_parameter_bool")?,
            push_nal: symbol(library, "de265_push_NAL")?,
            push_end_of_frame: symbol(library, "de265_push_end_of_frame")?,
            get_number_of_nal_units_pending: symbol(
                library,
                "de265_get_number_of_NAL_units_pending",
            )?,
            decode: symbol(library, "de265_decode")?,
            get_warning: symbol(library, "de265_get_warning")?,
            peek_next_picture: symbol(library, "de265_peek_next_picture")?,
            release_next_picture: symbol(library, "de265_release_next_picture")?,
            get_image_width: symbol(library, "de265_get_image_width")?,
            get_image_height: symbol(library, "de265_get_image_height")?,
            get_chroma_format: symbol(library, "de265_get_chroma_format")?,
            get_bits_per_pixel: symbol(library, "de265_get_bits_per_pixel")?,
            get_image_plane: symbol(library, "de265_get_image_plane")?,
            get_image_pts: symbol(library, "de265_get_image_PTS")?,
        })
    }
}

/// `T` must be the type of the function of that name in `de265.h`.
fn symbol<T: Copy>(library: &Library, name: &str) -> Result<T, CodecError> {
    // SAFETY: the callers in this file give the types of the header and keep the library with the
    // functions.
    unsafe { library::symbol(library, NAME, PACKAGES, name) }.map_err(CodecError::Library)
}

/// A decoder that decodes each picture at once, in the calling thread.
///
/// # Invariants
/// `context` was made by `calls` and nothing else refers to it; the library stays loaded for as
/// long. `generation` changes before every call that may change the decoder's pictures.
#[derive(Debug)]
pub(super) struct De265 {
    context: NonNull<Context>,
    calls: Calls,
    /// Picture counter.
    number: i64,
    generation: u64,
    _library: Library,
}

// SAFETY: the context is owned and not bound to the thread that made it; it has no threads, since
// none were requested.
unsafe impl Send for De265 {}

impl De265 {
    pub(super) fn new() -> Result<Self, CodecError> {
        Self::open(FILE.into())
    }

    fn open(file: OsString) -> Result<Self, CodecError> {
        let (library, _) =
            library::open(NAME, PACKAGES, [file].into_iter()).map_err(CodecError::Library)?;
        let calls = Calls::new(&library)?;
        // SAFETY: the function has no arguments.
        let version = unsafe { (calls.get_version_number)() };
        if version >> 24 != MAJOR {
            return Err(CodecError::Library(LibraryMissing {
                library: NAME,
                packages: PACKAGES,
                why: format!("its version is {version:#010x}, not 1.x"),
            }));
        }
        // SAFETY: the function has no arguments.
        let context = unsafe { (calls.new_decoder)() };
        let context = NonNull::new(context).ok_or(failed("de265_new_decoder", 0))?;
        // Damage is reported, not displayed.
        // SAFETY: the context lives; the parameter takes a truth value.
        unsafe { (calls.set_parameter_bool)(context.as_ptr(), SUPPRESS_FAULTY, 1) };
        // INVARIANT: made above, and moved into the only owner.
        Ok(Self {
            context,
            calls,
            number: 0,
            generation: 0,
            _library: library,
        })
    }

    /// Returns whether it has decoded nothing yet.
    pub(super) fn is_new(&self) -> bool {
        self.generation == 0
    }

    /// Decodes NAL units without a picture.
    pub(super) fn prepare(&mut self, units: &[&[u8]], pts_ns: u64) -> Result<(), CodecError> {
        self.push(units)?;
        while self.pending() {
            self.step(pts_ns)?;
        }
        self.check_warnings(pts_ns)
    }

    /// Decodes the NAL units of one picture. Returns it if it is `shown`.
    pub(super) fn decode(
        &mut self,
        units: &[&[u8]],
        pts_ns: u64,
        shown: bool,
    ) -> Result<Option<LibraryPicture>, CodecError> {
        self.number += 1;
        self.push(units)?;
        // SAFETY: the context lives (type invariant).
        unsafe { (self.calls.push_end_of_frame)(self.context.as_ptr()) };
        for _ in 0..units.len() + LAST_STEPS {
            let more = self.step(pts_ns)?;
            if !self.pending() && (!more || self.peek().is_some()) {
                break;
            }
        }
        self.check_warnings(pts_ns)?;
        match self.peek() {
            Some(image) if shown && self.number_of(image) == self.number => {
                self.shown(image).map(Some)
            }
            None if !shown => Ok(None),
            _ => Err(corrupt(pts_ns, NO_PICTURE.into())),
        }
    }

    /// Gives NAL units to the library, which copies them. Releases the pictures returned before.
    fn push(&mut self, units: &[&[u8]]) -> Result<(), CodecError> {
        self.generation += 1;
        while self.peek().is_some() {
            // SAFETY: the context lives (type invariant) and has a picture to release, which
            // nothing reads any more (`generation`).
            unsafe { (self.calls.release_next_picture)(self.context.as_ptr()) };
        }
        for unit in units {
            let len = c_int::try_from(unit.len()).map_err(|_| failed("packet of 2 GiB", 0))?;
            // SAFETY: the context lives (type invariant); `unit` has `len` bytes, which are only
            // read and copied.
            let code = unsafe {
                (self.calls.push_nal)(
                    self.context.as_ptr(),
                    unit.as_ptr().cast(),
                    len,
                    self.number,
                    ptr::null_mut(),
                )
            };
            if code != OK {
                return Err(failed("de265_push_NAL", code.into()));
            }
        }
        Ok(())
    }

    fn pending(&self) -> bool {
        // SAFETY: the context lives (type invariant) and is only read.
        unsafe { (self.calls.get_number_of_nal_units_pending)(self.context.as_ptr()) > 0 }
    }

    /// Runs one step of decoding. Returns whether there is another.
    fn step(&mut self, pts_ns: u64) -> Result<bool, CodecError> {
        let mut more = 0;
        // SAFETY: the context lives (type invariant); `more` is valid for writes.
        let code = unsafe { (self.calls.decode)(self.context.as_ptr(), &raw mut more) };
        match code {
            OK => Ok(more != 0),
            WAITING => Ok(false),
            code => Err(corrupt(pts_ns, code.into())),
        }
    }

    /// Reports damage that the library only warned of.
    fn check_warnings(&mut self, pts_ns: u64) -> Result<(), CodecError> {
        // SAFETY: the context lives (type invariant).
        match unsafe { (self.calls.get_warning)(self.context.as_ptr()) } {
            OK => Ok(()),
            code => Err(corrupt(pts_ns, code.into())),
        }
    }

    fn peek(&self) -> Option<NonNull<Image>> {
        // SAFETY: the context lives (type invariant) and is only read.
        let image = unsafe { (self.calls.peek_next_picture)(self.context.as_ptr()) };
        NonNull::new(image.cast_mut())
    }

    /// Reads the number of the picture; `image` is the last result of `peek`.
    fn number_of(&self, image: NonNull<Image>) -> i64 {
        // SAFETY: the image lives until it is released, which needs `&mut self`.
        unsafe { (self.calls.get_image_pts)(image.as_ptr()) }
    }

    /// Describes the picture; `image` is the last result of `peek`.
    fn shown(&self, image: NonNull<Image>) -> Result<LibraryPicture, CodecError> {
        let calls = &self.calls;
        // SAFETY: the image lives until it is released, which needs `&mut self`.
        let chroma = unsafe { (calls.get_chroma_format)(image.as_ptr()) };
        if chroma != CHROMA_420 {
            return Err(failed("de265_get_chroma_format", chroma.into()));
        }
        let mut planes = [NonNull::dangling(); 3];
        let mut strides = [0; 3];
        let mut sides = [(0, 0); 3];
        for (at, channel) in (0..3).enumerate() {
            // SAFETY: as above.
            let bits = unsafe { (calls.get_bits_per_pixel)(image.as_ptr(), channel) };
            // SAFETY: as above.
            let width = unsafe { (calls.get_image_width)(image.as_ptr(), channel) };
            // SAFETY: as above.
            let height = unsafe { (calls.get_image_height)(image.as_ptr(), channel) };
            let mut stride = 0;
            // SAFETY: as above; `stride` is valid for writes.
            let plane =
                unsafe { (calls.get_image_plane)(image.as_ptr(), channel, &raw mut stride) };
            let number = |value: c_int| u32::try_from(value).ok().filter(|value| *value > 0);
            let plane = NonNull::new(plane.cast_mut());
            let (Some(plane), Some(width), Some(height), Some(stride), 8) =
                (plane, number(width), number(height), number(stride), bits)
            else {
                return Err(failed("de265_get_image_plane", channel.into()));
            };
            if stride < width {
                return Err(failed("stride", stride.into()));
            }
            planes[at] = plane;
            strides[at] = stride as usize;
            sides[at] = (width, height);
        }
        let (width, height) = sides[0];
        let even = width.is_multiple_of(2) && height.is_multiple_of(2);
        if !even || sides[1..] != [(width / 2, height / 2); 2] {
            return Err(failed("picture size", width.into()));
        }
        // INVARIANT: the library promises this for a picture until it is released.
        Ok(LibraryPicture {
            planes,
            strides,
            width,
            height,
            generation: self.generation,
        })
    }

    /// Returns the pixels of the picture that the last call returned.
    pub(super) fn picture(&self, shown: &LibraryPicture) -> Result<Picture<'_>, CodecError> {
        // SAFETY: the generation is this decoder's, and every call that changes it needs `&mut
        // self`.
        unsafe { shown.look(self.generation) }
    }
}

impl Drop for De265 {
    fn drop(&mut self) {
        // SAFETY: made by this library (type invariant) and not used again.
        unsafe { (self.calls.free_decoder)(self.context.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_library_the_error_names_its_package() {
        let error = De265::open("libde265.so.none".into()).unwrap_err();
        assert!(matches!(error, CodecError::Library(_)), "{error:?}");
        let text = error.to_string();
        for word in ["libde265-0", "libde265.so.none"] {
            assert!(text.contains(word), "{text}");
        }
    }
}
