//! Pictures as the three planes that OpenH264 reads.

use videostream_hal::format::FourCc;
use yuv::{BufferStoreMut, YuvConversionMode, YuvPackedImage, YuvPlanarImageMut};

use super::contiguous;
use crate::colorimetry::Colorimetry;
use crate::encode::EncodeError;
use crate::picture::{Picture, Plane};

const TAKES: &str = "NV12, YU12, YUYV and RGB3";

/// Memory for what has to be converted, for one format and size.
#[derive(Debug)]
pub(super) struct Planar {
    colorimetry: Colorimetry,
    /// Luma, empty when it is read from the picture.
    y: Vec<u8>,
    /// Both chroma planes, empty when they are read from the picture.
    u: Vec<u8>,
    v: Vec<u8>,
    /// Two rows of a packed picture whose last row has no padding.
    tail: Vec<u8>,
}

impl Planar {
    pub(super) fn new(
        fourcc: FourCc,
        width: u32,
        height: u32,
        colorimetry: Colorimetry,
    ) -> Result<Self, EncodeError> {
        let luma = width as usize * height as usize;
        let (luma, chroma, tail) = match contiguous(fourcc) {
            FourCc::YU12 => (0, 0, 0),
            FourCc::NV12 => (0, luma / 4, 0),
            FourCc::YUYV => (luma, luma / 4, 4 * width as usize),
            FourCc::RGB3 => (luma, luma / 4, 0),
            _ => {
                return Err(EncodeError::Format {
                    fourcc,
                    takes: TAKES,
                });
            }
        };
        let memory = |len| vec![0; len];
        let (y, u, v, tail) = (memory(luma), memory(chroma), memory(chroma), memory(tail));
        Ok(Self {
            colorimetry,
            y,
            u,
            v,
            tail,
        })
    }

    /// The planes of `picture`, which has the format and the size that this was made for.
    pub(super) fn planes<'a>(
        &'a mut self,
        picture: &Picture<'a>,
    ) -> Result<[Plane<'a>; 3], EncodeError> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        match (contiguous(picture.fourcc()), picture.planes()) {
            (FourCc::YU12, [y, u, v]) => return Ok([*y, *u, *v]),
            (FourCc::NV12, [y, _]) => {
                let half = width / 2;
                let targets = self
                    .u
                    .chunks_exact_mut(half)
                    .zip(self.v.chunks_exact_mut(half));
                for (row, (u, v)) in picture.rows(1).zip(targets) {
                    for ((pair, u), v) in row.chunks_exact(2).zip(u).zip(v) {
                        (*u, *v) = (pair[0], pair[1]);
                    }
                }
                return Ok([
                    *y,
                    Plane {
                        data: &self.u,
                        stride: half,
                    },
                    Plane {
                        data: &self.v,
                        stride: half,
                    },
                ]);
            }
            (FourCc::YUYV, [packed]) => self.unpack(packed, width, height)?,
            (FourCc::RGB3, [rgb]) => {
                let (range, matrix) = self.colorimetry.to_yuv();
                let stride = small(rgb.stride)?;
                let mut target = target(&mut self.y, &mut self.u, &mut self.v, width, height)?;
                let mode = YuvConversionMode::Balanced;
                yuv::rgb_to_yuv420(&mut target, rgb.data, stride, range, matrix, mode)
                    .map_err(|_| failed("rgb_to_yuv420"))?;
            }
            _ => {
                return Err(EncodeError::Format {
                    fourcc: picture.fourcc(),
                    takes: TAKES,
                });
            }
        }
        Ok([
            Plane {
                data: &self.y,
                stride: width,
            },
            Plane {
                data: &self.u,
                stride: width / 2,
            },
            Plane {
                data: &self.v,
                stride: width / 2,
            },
        ])
    }

    /// The library wants whole rows with their padding. Where the last row has none (the end of a
    /// buffer, or a crop), the last two rows go through a copy.
    fn unpack(
        &mut self,
        packed: &Plane<'_>,
        width: usize,
        height: usize,
    ) -> Result<(), EncodeError> {
        let whole = packed.stride * height;
        let direct = if packed.data.len() >= whole {
            height
        } else {
            height - 2
        };
        let (y, y_tail) = self.y.split_at_mut(width * direct);
        let (u, u_tail) = self.u.split_at_mut(width / 2 * (direct / 2));
        let (v, v_tail) = self.v.split_at_mut(width / 2 * (direct / 2));
        if direct > 0 {
            let bytes = &packed.data[..packed.stride * direct];
            from_yuyv(bytes, packed.stride, target(y, u, v, width, direct)?)?;
        }
        if direct < height {
            for (row, copy) in self.tail.chunks_exact_mut(2 * width).enumerate() {
                copy.copy_from_slice(&packed.data[(direct + row) * packed.stride..][..2 * width]);
            }
            from_yuyv(
                &self.tail,
                2 * width,
                target(y_tail, u_tail, v_tail, width, 2)?,
            )?;
        }
        Ok(())
    }
}

fn from_yuyv(
    bytes: &[u8],
    stride: usize,
    mut target: YuvPlanarImageMut<'_, u8>,
) -> Result<(), EncodeError> {
    let (width, height) = (target.width, target.height);
    let packed = YuvPackedImage {
        yuy: bytes,
        yuy_stride: small(stride)?,
        width,
        height,
    };
    yuv::yuyv422_to_yuv420(&mut target, &packed).map_err(|_| failed("yuyv422_to_yuv420"))
}

fn target<'a>(
    y: &'a mut [u8],
    u: &'a mut [u8],
    v: &'a mut [u8],
    width: usize,
    height: usize,
) -> Result<YuvPlanarImageMut<'a, u8>, EncodeError> {
    let (width, height) = (small(width)?, small(height)?);
    Ok(YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: width / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: width / 2,
        width,
        height,
    })
}

/// Strides of 4 GiB do not happen: the size has been checked, and planes hold their rows.
fn small(value: usize) -> Result<u32, EncodeError> {
    u32::try_from(value).map_err(|_| failed("stride"))
}

fn failed(call: &'static str) -> EncodeError {
    EncodeError::Backend { call, code: -1 }
}
