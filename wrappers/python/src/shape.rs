//! Planes as n-dimensional arrays.

use std::ffi::CStr;

use videostream::hal::format::{Family, FormatInfo, FourCc, PlaneRule};

/// Maximum number of dimensions: rows, columns, components.
pub(crate) const MAX_DIMS: usize = 3;

/// The layout of a plane's bytes as an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Number of valid entries in the next two fields.
    pub(crate) dims: usize,
    /// Elements of each dimension.
    pub(crate) shape: [isize; MAX_DIMS],
    /// Bytes from one element to the next in each dimension.
    pub(crate) strides: [isize; MAX_DIMS],
    /// Type of an element.
    pub(crate) element: Element,
}

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    U8,
    U16,
    U16BigEndian,
    U32,
}

impl Element {
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::U16BigEndian => 2,
            Self::U32 => 4,
        }
    }

    /// Returns its code in Python's `struct` module.
    pub(crate) const fn code(self) -> &'static CStr {
        match self {
            Self::U8 => c"B",
            // Native codes where they are the same: `memoryview` knows elements by these alone.
            Self::U16 if cfg!(target_endian = "little") => c"H",
            Self::U16 => c"<H",
            Self::U16BigEndian => c">H",
            Self::U32 if cfg!(target_endian = "little") => c"I",
            Self::U32 => c"<I",
        }
    }

    /// Returns the type of a format's components, if each is a whole element.
    fn of(info: &FormatInfo, rule: PlaneRule) -> Self {
        if info.bits <= 8 {
            return Self::U8;
        }
        let bytes = usize::from(rule.block_bytes);
        match info.family {
            // Three components in a word of 32 bits.
            Family::Rgb if bytes == 4 => Self::U32,
            _ if bytes % 2 != 0 || bytes == 32 => Self::U8,
            _ if info.fourcc.is_big_endian() => Self::U16BigEndian,
            _ => Self::U16,
        }
    }
}

impl Shape {
    /// Returns the shape of `len` bytes.
    pub(crate) const fn bytes(len: usize) -> Self {
        Self {
            dims: 1,
            shape: [len as isize, 0, 0],
            strides: [1, 0, 0],
            element: Element::U8,
        }
    }

    fn new(shape: &[usize], strides: &[usize], element: Element) -> Self {
        let mut new = Self {
            dims: shape.len(),
            shape: [0; MAX_DIMS],
            strides: [0; MAX_DIMS],
            element,
        };
        for (to, from) in new.shape.iter_mut().zip(shape) {
            *to = from.cast_signed();
        }
        for (to, from) in new.strides.iter_mut().zip(strides) {
            *to = from.cast_signed();
        }
        new
    }

    /// Returns the shape of plane `at` of a picture, with rows `stride` apart in `len` bytes: rows,
    /// columns and, if there are several, components. Formats without rows, and rows that would not
    /// fit, are plain bytes.
    pub(crate) fn of_plane(
        fourcc: FourCc,
        (width, height): (u32, u32),
        at: usize,
        stride: usize,
        len: usize,
    ) -> Self {
        let rows = rows(fourcc, (width, height), at, stride);
        match rows {
            Some(shape) if shape.end() <= len => shape,
            _ => Self::bytes(len),
        }
    }

    /// Returns the shape of all planes stacked into one array, as OpenCV expects NV12 (`height * 3
    /// / 2` rows) and YUV 4:2:0 in three planes. `planes` are start and stride of each in one
    /// memory; `None` if they are no regular array.
    pub(crate) fn of_stacked(
        fourcc: FourCc,
        (width, height): (u32, u32),
        planes: &[(usize, usize)],
    ) -> Option<Self> {
        let info = fourcc.info()?;
        let &(start, stride) = planes.first()?;
        if planes.len() != info.planes.len() || info.tile != (1, 1) || stride == 0 {
            return None;
        }
        let first = info.planes.first()?;
        let element = Element::of(info, *first);
        let row =
            width.div_ceil(u32::from(first.block_pixels)) as usize * usize::from(first.block_bytes);
        let mut end = start;
        for (&(plane, plane_stride), rule) in planes.iter().zip(info.planes) {
            let rows = height.div_ceil(u32::from(rule.line_step)) as usize;
            let bytes = width.div_ceil(u32::from(rule.block_pixels)) as usize
                * usize::from(rule.block_bytes);
            let is_whole = plane_stride == stride && bytes == row;
            let is_tight = plane_stride == bytes && stride == row;
            if plane != end || !(is_whole || is_tight) {
                return None;
            }
            end = plane + plane_stride * rows;
        }
        let bytes = end - start;
        if !bytes.is_multiple_of(stride) || !row.is_multiple_of(element.size()) {
            return None;
        }
        let shape = [bytes / stride, row / element.size()];
        Some(Self::new(&shape, &[stride, element.size()], element))
    }

    /// Returns the number of bytes from the first element to the end of the last.
    pub(crate) fn end(&self) -> usize {
        let mut end = self.element.size();
        for (n, stride) in self.shape.iter().zip(self.strides).take(self.dims) {
            if *n == 0 {
                return 0;
            }
            end += (n.unsigned_abs() - 1) * stride.unsigned_abs();
        }
        end
    }

    /// Returns the total number of elements.
    pub(crate) fn count(&self) -> usize {
        self.shape
            .iter()
            .take(self.dims)
            .map(|n| n.unsigned_abs())
            .product()
    }

    /// Whether the elements lie one after the other, the last dimension running fastest.
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = self.element.size().cast_signed();
        for at in (0..self.dims).rev() {
            if self.shape[at] != 1 && self.strides[at] != expected {
                return false;
            }
            expected *= self.shape[at];
        }
        true
    }
}

fn rows(fourcc: FourCc, (width, height): (u32, u32), at: usize, stride: usize) -> Option<Shape> {
    let info = fourcc.info()?;
    let rule = *info.planes.get(at)?;
    if info.tile != (1, 1) || stride == 0 {
        return None;
    }
    let element = Element::of(info, rule);
    let size = element.size();
    let blocks = width.div_ceil(u32::from(rule.block_pixels)) as usize;
    let rows = height.div_ceil(u32::from(rule.line_step)) as usize;
    let (bytes, pixels) = (
        usize::from(rule.block_bytes),
        usize::from(rule.block_pixels),
    );
    if blocks * bytes > stride {
        return None;
    }
    // One column per pixel if pixels are whole elements, else one per block; samples shared by
    // several pixels have columns of their own.
    let packed = info.planes.len() == 1 && bytes % (pixels * size) == 0;
    let is_packed_bits = info.planes.len() == 1 && !packed;
    let (columns, step) = match () {
        () if packed => (blocks * pixels, bytes / pixels),
        () if is_packed_bits => (blocks * bytes / size, size),
        () => (blocks, bytes),
    };
    Some(match step / size {
        1 => Shape::new(&[rows, columns], &[stride, step], element),
        parts => Shape::new(&[rows, columns, parts], &[stride, step, size], element),
    })
}
