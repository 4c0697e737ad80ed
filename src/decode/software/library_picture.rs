//! Pictures in memory of a decoder library.

#![expect(unsafe_code, reason = "views of memory that a library has lent")]

use std::ptr::NonNull;
use std::slice;

use videostream_hal::format::FourCc;

use crate::codec::CodecError;
use crate::picture::{Picture, Plane};

/// A picture in memory of a decoder library.
///
/// # Invariants
/// `planes` are the rows of a 4:2:0 picture of 8 bits and of `width` x `height`, both even,
/// readable while the decoder is of `generation`.
#[derive(Debug)]
pub(super) struct LibraryPicture {
    pub(super) planes: [NonNull<u8>; 3],
    pub(super) strides: [usize; 3],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) generation: u64,
}

// SAFETY: it is of use only together with its decoder, whose owner also owns it.
unsafe impl Send for LibraryPicture {}

impl LibraryPicture {
    /// Returns the pixels, valid as long as the decoder is of `generation`.
    ///
    /// # Errors
    /// [`CodecError::Backend`] for a picture of another generation.
    ///
    /// # Safety
    /// The decoder that returned the picture is of `generation`, and stays so for `'a`.
    pub(super) unsafe fn look<'a>(&self, generation: u64) -> Result<Picture<'a>, CodecError> {
        if self.generation != generation {
            return Err(CodecError::Backend {
                call: "picture of an earlier call",
                code: 0,
            });
        }
        let (width, height) = (self.width as usize, self.height as usize);
        let chroma = (width / 2, height / 2);
        let mut planes = [Plane::default(); 3];
        for (at, (row, rows)) in [(width, height), chroma, chroma].into_iter().enumerate() {
            let len = self.strides[at] * (rows - 1) + row;
            // SAFETY: type invariant; the generation is that of the picture (checked above), and
            // the caller vouches for the decoder's.
            let data = unsafe { slice::from_raw_parts(self.planes[at].as_ptr(), len) };
            planes[at] = Plane {
                data,
                stride: self.strides[at],
            };
        }
        Picture::from_planes(FourCc::YU12, self.width, self.height, &planes)
            .map_err(CodecError::Picture)
    }
}
