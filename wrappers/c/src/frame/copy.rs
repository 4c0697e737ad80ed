//! Copying a picture from frame to frame, cropped, scaled and converted.

#[cfg(feature = "convert")]
use std::cell::RefCell;

use rustix::io::Errno;
#[cfg(feature = "convert")]
use videostream::convert::{Convert, Options};
use videostream::{Colorimetry, Picture, PictureError, PictureMut, Rect};

use super::Frame;

#[cfg(feature = "convert")]
thread_local! {
    /// Cached memory and tables of this thread's conversions.
    static CONVERT: RefCell<Convert> = RefCell::default();
}

/// Copies a part of `source`, or all of it, into `target`. Returns the number of bytes written.
///
/// # Errors
/// EINVAL: a frame without pixels, a part that is not inside, both in the same memory. ENOTSUP:
/// a format that can't be converted. EBADF: a frame without memory.
pub(crate) fn copy(target: &mut Frame, source: &Frame, part: Option<Rect>) -> Result<usize, Errno> {
    if target.shares_memory_with(source) {
        return Err(Errno::INVAL);
    }
    let from = source.shape().layout()?;
    let to = target.shape().layout()?;
    let written = to.size as usize;
    let colours = source.colorimetry();
    target.become_colorimetry(colours.converted(from.fourcc, to.fourcc));
    let becomes = target.colorimetry();
    source.read(|pixels| {
        let source = Picture::new(pixels, &from).map_err(errno_of_picture)?;
        target.write(|place| {
            let mut target = PictureMut::new(place, &to).map_err(errno_of_picture)?;
            convert(&source, &mut target, part, (colours, becomes))
        })
    })?;
    Ok(written)
}

/// Converts any picture to any other.
#[cfg(feature = "convert")]
pub(crate) fn convert(
    source: &Picture<'_>,
    target: &mut PictureMut<'_>,
    crop: Option<Rect>,
    (from, to): (Colorimetry, Colorimetry),
) -> Result<(), Errno> {
    let options = Options {
        crop,
        from,
        to,
        ..Options::default()
    };
    let mut run = |convert: &mut Convert| convert.convert(source, target, &options);
    let done = match CONVERT.try_with(|convert| run(&mut convert.borrow_mut())) {
        Ok(done) => done,
        // At the thread's end nothing is kept any more.
        Err(_) => run(&mut Convert::default()),
    };
    done.map_err(|error| match error {
        PictureError::ConvertFrom { .. } | PictureError::ConvertTo { .. } => Errno::NOTSUP,
        _ => Errno::INVAL,
    })
}

/// Copies pictures of the same format and size; without the feature `convert`, others fail.
#[cfg(not(feature = "convert"))]
pub(crate) fn convert(
    source: &Picture<'_>,
    target: &mut PictureMut<'_>,
    crop: Option<Rect>,
    _: (Colorimetry, Colorimetry),
) -> Result<(), Errno> {
    let part = match crop {
        Some(rect) => source.crop(rect).map_err(errno_of_picture)?,
        None => *source,
    };
    part.copy_to(target).map_err(|_| Errno::NOTSUP)
}

/// Converts an error of a picture's memory.
pub(crate) fn errno_of_picture(error: PictureError) -> Errno {
    match error {
        PictureError::Format(_) => Errno::NOTSUP,
        _ => Errno::INVAL,
    }
}
