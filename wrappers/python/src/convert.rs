//! Converting pixels to other formats and sizes, into arrays and frames.

#![expect(unsafe_code, reason = "pixels are written into arrays of Python")]

use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::convert::{Convert, Filter, Options};
use videostream::hal::format::{FourCc, Layout};
use videostream::jpeg::{self, JpegDecoder, PictureError};
use videostream::{Appearance, Error, Picture, PictureMut, Rect};

use crate::array::{Array, empty};
use crate::descriptor::{appear, describe};
use crate::error::{Kind, invalid, raise, to_python};
use crate::frame::{Frame, FrameInfo, parse_fourcc};
use crate::memory::Span;
use crate::pool::Pool;

/// Maximum number of idle converters that are kept.
const MAX_SPARE_WORKERS: usize = 4;

/// A converter of pictures, with its cached memory and weights.
#[derive(Default)]
pub(crate) struct Worker {
    convert: Convert,
    jpeg: JpegDecoder,
    /// Memory for a decoded image.
    unpacked: Vec<u8>,
}

/// Idle workers. A call takes the last one, whose caches suit the previous picture.
static WORKERS: Mutex<Vec<Worker>> = Mutex::new(Vec::new());

impl Worker {
    /// Calls `work` with a converter of its own.
    pub(crate) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        // Never blocks: in a forked child the lock may stay locked for ever.
        let kept = WORKERS.try_lock().and_then(|mut workers| workers.pop());
        let mut worker = kept.unwrap_or_default();
        let result = work(&mut worker);
        if let Some(mut workers) = WORKERS.try_lock()
            && workers.len() < MAX_SPARE_WORKERS
        {
            workers.push(worker);
        }
        result
    }

    /// Converts `source`, which may be a JPEG image, into `target`.
    pub(crate) fn convert(
        &mut self,
        source: &Picture<'_>,
        target: &mut PictureMut<'_>,
        options: &Options,
    ) -> PyResult<()> {
        let Self {
            convert,
            jpeg,
            unpacked,
        } = self;
        let converted = if jpeg::is_jpeg(source.fourcc()) {
            let size = (source.width(), source.height());
            let source = unpack(jpeg, unpacked, bytes_of(source), size)?;
            convert.convert(&source, target, options)
        } else {
            convert.convert(source, target, options)
        };
        converted.map_err(|error| match error {
            videostream::PictureError::ConvertFrom { fourcc, .. }
                if fourcc.info().is_some_and(|info| info.is_compressed()) =>
            {
                let why =
                    format!("frames are packets of {fourcc}: decode them with a Decoder first");
                raise(Kind::Other, Errno::INVAL, &why, None)
            }
            error => to_python(Error::Picture(error)),
        })
    }

    /// Calls `look` with a raw picture: a JPEG image is decoded to YU12.
    pub(crate) fn unpacked<T>(
        &mut self,
        source: &Picture<'_>,
        look: impl FnOnce(&Picture<'_>) -> PyResult<T>,
    ) -> PyResult<T> {
        if !jpeg::is_jpeg(source.fourcc()) {
            return look(source);
        }
        let size = (source.width(), source.height());
        let (jpeg, unpacked) = (&mut self.jpeg, &mut self.unpacked);
        look(&unpack(jpeg, unpacked, bytes_of(source), size)?)
    }
}

/// Decodes a JPEG image into `memory`.
fn unpack<'m>(
    decoder: &mut JpegDecoder,
    memory: &'m mut Vec<u8>,
    image: &[u8],
    (width, height): (u32, u32),
) -> PyResult<Picture<'m>> {
    let layout = Layout::new(FourCc::YU12, width, height).map_err(|e| to_python(e.into()))?;
    if memory.len() < layout.size as usize {
        memory.resize(layout.size as usize, 0);
    }
    let mut target = PictureMut::new(memory, &layout).map_err(|e| to_python(e.into()))?;
    decoder
        .decode(image, &mut target)
        .map_err(|e| of_jpeg(&e))?;
    Picture::new(memory, &layout).map_err(|e| to_python(e.into()))
}

/// Returns the bytes of an image or packet.
pub(crate) fn bytes_of<'a>(packed: &Picture<'a>) -> &'a [u8] {
    packed.planes().first().map_or(&[][..], |plane| plane.data)
}

/// Converts an error of the JPEG decoder.
pub(crate) fn of_jpeg(error: &PictureError) -> PyErr {
    raise(Kind::Other, Errno::BADMSG, &error.to_string(), None)
}

/// A rectangle in Python: (x, y, width, height).
pub(crate) type Crop = (u32, u32, u32, u32);

/// Makes the options of a conversion.
pub(crate) fn options(from: Appearance, crop: Option<Crop>, filter: &str) -> PyResult<Options> {
    Ok(Options {
        crop: crop.map(|(x, y, width, height)| Rect {
            x,
            y,
            width,
            height,
        }),
        from: from.colorimetry,
        filter: match filter {
            "bilinear" => Filter::Bilinear,
            "cubic" => Filter::Cubic,
            "lanczos" => Filter::Lanczos,
            other => {
                return Err(invalid(format!(
                    "filter={other:?}: expected \"bilinear\", \"cubic\" or \"lanczos\""
                )));
            }
        },
        ..Options::default()
    })
}

/// Parses the byte order of `to_rgb`: a format, and its bytes per pixel.
fn parse_order(order: &str) -> PyResult<(FourCc, usize)> {
    Ok(match order {
        "RGB" => (FourCc::RGB3, 3),
        "BGR" => (FourCc::BGR3, 3),
        "RGBA" => (FourCc::AB24, 4),
        "BGRA" => (FourCc::AR24, 4),
        "ARGB" => (FourCc::BA24, 4),
        "ABGR" => (FourCc::RA24, 4),
        other => {
            return Err(invalid(format!(
                "order={other:?}: expected \"RGB\", \"BGR\", \"RGBA\", \"BGRA\", \"ARGB\" or \
                 \"ABGR\""
            )));
        }
    })
}

/// `Frame.to_rgb`.
pub(crate) fn to_rgb<'py>(
    frame: &Bound<'py, Frame>,
    size: Option<(u32, u32)>,
    out: Option<Bound<'py, PyAny>>,
    order: &str,
    crop: Option<Crop>,
    filter: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let py = frame.py();
    let frame = frame.get();
    let info = frame.info();
    let (fourcc, parts) = parse_order(order)?;
    let from = Appearance::of_frame(&info.descriptor);
    let options = options(from, crop, filter)?;
    let whole = match crop {
        Some((_, _, width, height)) => (width, height),
        None => (info.descriptor.width, info.descriptor.height),
    };
    let (object, array) = match out {
        Some(out) => {
            let array = Array::writable("out", &out)?;
            let (width, height, has) = array.rows().size();
            let is_size = |(w, h): (u32, u32)| (w as usize, h as usize) == (width, height);
            if has != parts || size.is_some_and(|size| !is_size(size)) {
                let (w, h) = size.unwrap_or((width as u32, height as u32));
                return Err(invalid(format!(
                    "out: the array has shape ({height}, {width}, {has}), and {order} of {w} by \
                     {h} pixels is ({h}, {w}, {parts})"
                )));
            }
            (out, array)
        }
        None => {
            let (width, height) = size.unwrap_or(whole);
            if width == 0 || height == 0 {
                return Err(invalid(format!(
                    "a picture of {width} by {height} pixels is empty: expected a size and crop of \
                     at least 1 by 1"
                )));
            }
            let out = empty(py, &[height as usize, width as usize, parts])?;
            let array = Array::writable("out", &out)?;
            (out, array)
        }
    };
    let rows = array.rows();
    py.detach(|| {
        frame.see(|source| {
            for plane in source.planes() {
                let span = Span::of(plane.data);
                if span.overlaps(rows.span()) {
                    let why = "out overlaps the frame's own memory: pass another array";
                    return Err(invalid(why));
                }
            }
            // SAFETY: `array` lives to the end of this function, can be written, and does not
            // overlap the frame. The caller makes sure that no other thread uses it, as documented.
            unsafe {
                rows.draw(fourcc, |target| {
                    Worker::with(|worker| worker.convert(source, target, &options))
                })
            }
        })
    })?;
    drop(array);
    Ok(object)
}

/// The source of a conversion: a frame, or an array.
pub(crate) enum Source<'py> {
    Frame(Bound<'py, Frame>),
    Array(Array, FourCc),
}

impl<'py> Source<'py> {
    /// Opens a frame, or an array as a picture of `fourcc`.
    pub(crate) fn new(object: &Bound<'py, PyAny>, fourcc: Option<FourCc>) -> PyResult<Self> {
        if let Ok(frame) = object.cast::<Frame>() {
            return match fourcc {
                None => Ok(Self::Frame(frame.clone())),
                Some(said) if said == frame.get().info().fourcc() => Ok(Self::Frame(frame.clone())),
                Some(said) => Err(invalid(format!(
                    "the frame is {}, not {said}",
                    frame.get().info().fourcc()
                ))),
            };
        }
        let array = Array::new("source", object).map_err(|error| {
            let py = object.py();
            match error.is_instance_of::<PyTypeError>(py) {
                true => PyTypeError::new_err(format!(
                    "expected a Frame or an array of bytes (numpy.uint8), not {}",
                    object.get_type()
                )),
                false => error,
            }
        })?;
        let fourcc = match fourcc {
            Some(fourcc) => fourcc,
            None => array.rows().usual_format()?,
        };
        array.rows().picture_size(fourcc)?;
        Ok(Self::Array(array, fourcc))
    }

    /// Returns the pixels, which can be used without the GIL.
    pub(crate) fn pixels(&self) -> Pixels<'_> {
        match self {
            Self::Frame(frame) => Pixels::Frame(frame.get()),
            Self::Array(array, fourcc) => Pixels::Array(array, *fourcc),
        }
    }
}

/// Pixels of a [`Source`].
#[derive(Clone, Copy)]
pub(crate) enum Pixels<'a> {
    Frame(&'a Frame),
    Array(&'a Array, FourCc),
}

impl Pixels<'_> {
    /// Returns format, width and height.
    pub(crate) fn like(&self) -> PyResult<(FourCc, u32, u32)> {
        match self {
            Self::Frame(frame) => {
                let descriptor = &frame.info().descriptor;
                let (width, height) = (descriptor.width, descriptor.height);
                Ok((frame.info().fourcc(), width, height))
            }
            Self::Array(array, fourcc) => {
                let (width, height) = array.rows().picture_size(*fourcc)?;
                Ok((*fourcc, width, height))
            }
        }
    }

    /// Waits until devices are done with the memory.
    pub(crate) fn wait_ready(&self) -> PyResult<()> {
        match self {
            Self::Frame(frame) => frame.shared().wait_ready(),
            Self::Array(..) => Ok(()),
        }
    }

    /// Returns how it is to be shown, as far as known.
    pub(crate) fn appearance(&self) -> Appearance {
        match self {
            Self::Frame(frame) => Appearance::of_frame(&frame.info().descriptor),
            Self::Array(..) => Appearance::default(),
        }
    }

    /// Calls `look` with the picture.
    pub(crate) fn see<T>(&self, look: impl FnOnce(&Picture<'_>) -> PyResult<T>) -> PyResult<T> {
        match self {
            Self::Frame(frame) => frame.see(look),
            // SAFETY: the array is borrowed as long as this runs.
            Self::Array(array, fourcc) => unsafe { array.rows().see(*fourcc, look) },
        }
    }
}

/// Converts a picture to another format and size, as a new frame.
///
/// - `source`: a Frame, or an array of bytes: (height, width, 3) is RGB3, (height, width, 4) RGBA
///   (AB24), (height, width) GREY; `source_format` names other formats. Planes of an array are
///   stacked: NV12 is (height * 3 / 2, width).
/// - `format`: four letters of the new format, such as "NV12", "YUYV" or "RGB3".
/// - `size`: (width, height); by default that of the crop, or of the source.
/// - `crop`: (x, y, width, height) of the part to convert; x and y are even for formats with
///   subsampled chroma.
/// - `filter`: "bilinear" (default), "cubic" or "lanczos", for scaling.
///
/// The new frame keeps the times of a source frame, and can be drawn into and posted. Its memory is
/// reused when it is gone. Raises Error for formats that can't be converted, and lists those that
/// can.
#[pyfunction]
#[pyo3(signature = (
    source, format, size = None, *, crop = None, filter = "bilinear", source_format = None
))]
pub(crate) fn convert(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    format: &Bound<'_, PyAny>,
    size: Option<(u32, u32)>,
    crop: Option<Crop>,
    filter: &str,
    source_format: Option<&Bound<'_, PyAny>>,
) -> PyResult<Frame> {
    let target = parse_fourcc(format)?;
    let source = Source::new(source, source_format.map(parse_fourcc).transpose()?)?;
    let pixels = source.pixels();
    let (fourcc, width, height) = pixels.like()?;
    let appearance = pixels.appearance();
    let becomes = appearance.converted(fourcc, target);
    let options = Options {
        to: becomes.colorimetry,
        ..options(appearance, crop, filter)?
    };
    let from = crop.map_or((width, height), |(_, _, width, height)| (width, height));
    let size = size.unwrap_or(from);
    py.detach(|| {
        videostream::convert::check_target(target).map_err(|e| to_python(Error::Picture(e)))?;
        let layout = Layout::new(target, size.0, size.1).map_err(|e| to_python(e.into()))?;
        let info = pixels.info(&layout, becomes.scaled(from, size));
        pixels.see(|source| {
            Pool::shared().frame(&layout, info, |target| {
                Worker::with(|worker| worker.convert(source, target, &options))
            })
        })
    })
}

impl Pixels<'_> {
    /// Returns the info of a frame that is converted from this one.
    fn info(&self, layout: &Layout, appearance: Appearance) -> FrameInfo {
        let mut info = FrameInfo::new(describe(layout));
        let descriptor = &mut info.descriptor;
        if let Self::Frame(frame) = self {
            let from = &frame.info().descriptor;
            descriptor.sequence = from.sequence;
            descriptor.timestamp_ns = from.timestamp_ns;
            descriptor.duration_ns = from.duration_ns;
            descriptor.pts_ns = from.pts_ns;
            descriptor.dts_ns = from.dts_ns;
            descriptor.flags = from.flags;
            descriptor.field = from.field;
            descriptor.app = from.app;
        }
        appear(descriptor, appearance);
        info
    }
}
