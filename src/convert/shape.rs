//! Memory layouts of the convertible formats.

use videostream_hal::format::FourCc;

use crate::picture::Extent;

/// Planes and byte order of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Luma only.
    Grey,
    Yuv(Yuv),
    Rgb(Rgb),
}

/// Luma and two chroma components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Yuv {
    pub(super) kind: Kind,
    pub(super) sub: Sub,
    /// Cr comes before Cb; never in a view of a planar picture, whose planes are in order.
    pub(super) swapped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A plane for each component.
    Planar,
    /// Luma, and a plane of chroma pairs.
    Semi,
    /// Luma and chroma interleaved in one plane, starting with either.
    Packed { luma_first: bool },
}

/// Luma samples per chroma sample, by columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sub {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// RGB with eight bits for each colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rgb {
    /// Bytes of a pixel, 3 or 4.
    pub(super) bytes: usize,
    /// Blue before red.
    pub(super) bgr: bool,
    /// The fourth byte comes first.
    pub(super) first: bool,
    /// The fourth byte is alpha.
    pub(super) alpha: bool,
}

pub(super) const YUV420: Sub = Sub {
    columns: 2,
    rows: 2,
};
pub(super) const YUV422: Sub = Sub {
    columns: 2,
    rows: 1,
};
pub(super) const YUV444: Sub = Sub {
    columns: 1,
    rows: 1,
};

/// The intermediate format between two YUV formats.
pub(super) const RGB: Rgb = Rgb {
    bytes: 3,
    bgr: false,
    first: false,
    alpha: false,
};

/// The convertible formats, without those that differ from one only in separate memory planes.
const FORMATS: &[(FourCc, Shape)] = &[
    (FourCc::NV12, yuv(Kind::Semi, YUV420, false)),
    (FourCc::NV21, yuv(Kind::Semi, YUV420, true)),
    (FourCc::NV16, yuv(Kind::Semi, YUV422, false)),
    (FourCc::NV61, yuv(Kind::Semi, YUV422, true)),
    (FourCc::NV24, yuv(Kind::Semi, YUV444, false)),
    (FourCc::NV42, yuv(Kind::Semi, YUV444, true)),
    (FourCc::YU12, yuv(Kind::Planar, YUV420, false)),
    (FourCc::YV12, yuv(Kind::Planar, YUV420, true)),
    (FourCc::YUV422P, yuv(Kind::Planar, YUV422, false)),
    (FourCc::YM61, yuv(Kind::Planar, YUV422, true)),
    (FourCc::YM24, yuv(Kind::Planar, YUV444, false)),
    (FourCc::YM42, yuv(Kind::Planar, YUV444, true)),
    (FourCc::YUYV, packed(true, false)),
    (FourCc::YVYU, packed(true, true)),
    (FourCc::UYVY, packed(false, false)),
    (FourCc::VYUY, packed(false, true)),
    (FourCc::GREY, Shape::Grey),
    (FourCc::RGB3, rgb(3, false, false, false)),
    (FourCc::BGR3, rgb(3, true, false, false)),
    (FourCc::XB24, rgb(4, false, false, false)),
    (FourCc::AB24, rgb(4, false, false, true)),
    (FourCc::XR24, rgb(4, true, false, false)),
    (FourCc::AR24, rgb(4, true, false, true)),
    (FourCc::BX24, rgb(4, false, true, false)),
    (FourCc::BA24, rgb(4, false, true, true)),
    (FourCc::RX24, rgb(4, true, true, false)),
    (FourCc::RA24, rgb(4, true, true, true)),
    (FourCc::RGB4, rgb(4, false, true, false)),
    (FourCc::BGR4, rgb(4, true, false, false)),
];

const fn yuv(kind: Kind, sub: Sub, swapped: bool) -> Shape {
    Shape::Yuv(Yuv { kind, sub, swapped })
}

const fn packed(luma_first: bool, swapped: bool) -> Shape {
    yuv(Kind::Packed { luma_first }, YUV422, swapped)
}

const fn rgb(bytes: usize, bgr: bool, first: bool, alpha: bool) -> Shape {
    Shape::Rgb(Rgb {
        bytes,
        bgr,
        first,
        alpha,
    })
}

impl Shape {
    pub(super) fn of(fourcc: FourCc) -> Option<Self> {
        let find = |fourcc| FORMATS.iter().find(|(known, _)| *known == fourcc);
        let together = || find(fourcc.info()?.contiguous?);
        let (_, shape) = find(fourcc).or_else(together)?;
        Some(*shape)
    }

    pub(super) const fn planar(sub: Sub) -> Self {
        yuv(Kind::Planar, sub, false)
    }

    /// Returns the number of luma samples per chroma sample; 1 without chroma.
    pub(super) fn sub(self) -> Sub {
        match self {
            Self::Yuv(yuv) => yuv.sub,
            Self::Grey | Self::Rgb(_) => YUV444,
        }
    }

    pub(super) fn planes(self) -> usize {
        match self {
            Self::Yuv(Yuv {
                kind: Kind::Planar, ..
            }) => 3,
            Self::Yuv(Yuv {
                kind: Kind::Semi, ..
            }) => 2,
            Self::Yuv(_) | Self::Grey | Self::Rgb(_) => 1,
        }
    }

    /// Returns the number of bytes in `plane` that belong together when it is scaled.
    pub(super) fn channels(self, plane: usize) -> usize {
        match self {
            Self::Rgb(rgb) => rgb.bytes,
            Self::Yuv(Yuv {
                kind: Kind::Semi, ..
            }) if plane == 1 => 2,
            Self::Yuv(_) | Self::Grey => 1,
        }
    }

    pub(super) fn extent(self, plane: usize, width: usize, height: usize) -> Extent {
        let sub = self.sub();
        let chroma = (width.div_ceil(sub.columns), height.div_ceil(sub.rows));
        let (row_bytes, rows) = match self {
            Self::Grey => (width, height),
            Self::Rgb(rgb) => (width * rgb.bytes, height),
            Self::Yuv(yuv) => match (yuv.kind, plane) {
                (Kind::Packed { .. }, _) => (4 * chroma.0, height),
                (_, 0) => (width, height),
                (Kind::Planar, _) => chroma,
                (Kind::Semi, _) => (2 * chroma.0, chroma.1),
            },
        };
        Extent { row_bytes, rows }
    }
}
