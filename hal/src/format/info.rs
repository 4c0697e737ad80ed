//! The properties of a pixel format that do not depend on the picture size.

use super::drm::DrmFormat;
use super::fourcc::FourCc;

/// The kind of samples that a format holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Luma and colour difference.
    Yuv,
    /// Red, green, blue.
    Rgb,
    /// Hue, saturation, value.
    Hsv,
    /// Brightness or depth only.
    Grey,
    /// One colour per pixel behind a colour filter array, as a sensor delivers it.
    Bayer,
    /// An encoded picture or stream: no planes, no lines, size varies per frame.
    Compressed,
}

/// How many luma samples share one colour sample, in `J:a:b` notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subsampling {
    /// 4:4:4, a colour sample per pixel.
    Yuv444,
    /// 4:2:2, halved horizontally.
    Yuv422,
    /// 4:2:0, halved in both directions.
    Yuv420,
    /// 4:1:1, a quarter horizontally.
    Yuv411,
    /// 4:1:0, a quarter in both directions.
    Yuv410,
}

/// How one plane stores the pixels of a line: `block_bytes` for every `block_pixels`.
///
/// NV12's colour plane has two bytes per two pixels and a line for every two lines of the
/// picture; 10-bit packed Bayer has five bytes per four pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaneRule {
    /// Bytes of one block.
    pub block_bytes: u8,
    /// Picture pixels, horizontally, that one block covers.
    pub block_pixels: u8,
    /// Picture lines that one line of the plane covers.
    pub line_step: u8,
}

impl PlaneRule {
    pub(super) const fn new(block_bytes: u8, block_pixels: u8, line_step: u8) -> Self {
        Self {
            block_bytes,
            block_pixels,
            line_step,
        }
    }
}

/// One entry of the format table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatInfo {
    /// The code.
    pub fourcc: FourCc,
    /// The kernel's macro, such as `V4L2_PIX_FMT_NV12`.
    pub v4l2_name: &'static str,
    /// A short description for display.
    pub description: &'static str,
    /// The kind of samples.
    pub family: Family,
    /// Colour subsampling; `None` for formats without colour difference samples.
    pub subsampling: Option<Subsampling>,
    /// Significant bits of the widest component; 0 for compressed formats.
    pub bits: u8,
    /// One rule per plane; empty for compressed formats.
    pub planes: &'static [PlaneRule],
    /// Pixels and lines of a tile; `(1, 1)` for formats stored in lines.
    ///
    /// Width and height are rounded up to whole tiles before sizes are computed.
    pub tile: (u8, u8),
    /// For formats with separate memory for each plane (`NV12M`): the same format with all planes
    /// in one buffer (`NV12`), if there is one.
    pub contiguous: Option<FourCc>,
    /// Whether each plane has separate memory.
    pub separate: bool,
    /// The equivalent DRM format.
    pub drm: Option<DrmFormat>,
}

impl FormatInfo {
    const fn new(family: Family, bits: u8, planes: &'static [PlaneRule]) -> Self {
        Self {
            fourcc: FourCc(0),
            v4l2_name: "",
            description: "",
            family,
            subsampling: None,
            bits,
            planes,
            tile: (1, 1),
            contiguous: None,
            separate: false,
            drm: None,
        }
    }

    pub(super) const fn yuv(
        subsampling: Subsampling,
        bits: u8,
        planes: &'static [PlaneRule],
    ) -> Self {
        let mut info = Self::new(Family::Yuv, bits, planes);
        info.subsampling = Some(subsampling);
        info
    }

    pub(super) const fn rgb(bits: u8, planes: &'static [PlaneRule]) -> Self {
        Self::new(Family::Rgb, bits, planes)
    }

    pub(super) const fn hsv(planes: &'static [PlaneRule]) -> Self {
        Self::new(Family::Hsv, 8, planes)
    }

    pub(super) const fn grey(bits: u8, planes: &'static [PlaneRule]) -> Self {
        Self::new(Family::Grey, bits, planes)
    }

    pub(super) const fn bayer(bits: u8, planes: &'static [PlaneRule]) -> Self {
        Self::new(Family::Bayer, bits, planes)
    }

    pub(super) const fn compressed() -> Self {
        Self::new(Family::Compressed, 0, &[])
    }

    /// Sets the DRM format with the same bytes, in lines.
    pub(super) const fn drm(mut self, letters: &[u8; 4]) -> Self {
        self.drm = Some(DrmFormat::linear(*letters));
        self
    }

    /// Sets the size of a tile.
    pub(super) const fn tiled(mut self, width: u8, height: u8) -> Self {
        self.tile = (width, height);
        self
    }

    pub(super) const fn drm_tiled(mut self, letters: &[u8; 4], modifier: u64) -> Self {
        self.drm = Some(DrmFormat {
            fourcc: FourCc::new(*letters),
            modifier,
        });
        self
    }

    /// Marks the planes as separate in memory; `contiguous` is the same format in one buffer.
    pub(super) const fn separate(mut self, contiguous: Option<FourCc>) -> Self {
        self.separate = true;
        self.contiguous = contiguous;
        self
    }

    pub(super) const fn named(
        mut self,
        fourcc: FourCc,
        v4l2_name: &'static str,
        description: &'static str,
    ) -> Self {
        self.fourcc = fourcc;
        self.v4l2_name = v4l2_name;
        self.description = description;
        self
    }

    /// Returns whether frames are encoded: no planes, a size that differs per frame.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        matches!(self.family, Family::Compressed)
    }

    /// Returns the number of memory parts, that is, of file descriptors of a frame.
    ///
    /// 1 for contiguous and compressed formats, the number of planes for `M` formats.
    #[must_use]
    pub const fn memory_planes(&self) -> usize {
        if self.separate { self.planes.len() } else { 1 }
    }
}
