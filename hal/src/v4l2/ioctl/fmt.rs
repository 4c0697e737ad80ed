//! `VIDIOC_G_FMT`, `VIDIOC_S_FMT`, and `VIDIOC_TRY_FMT`.
#![expect(
    unsafe_code,
    reason = "the format is a union whose member the buffer type selects"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{GFmt, Request, SFmt, TryFmt, call_with_pointers};
use crate::format::FourCc;
use crate::v4l2::{BufType, Colorimetry, Field, MAX_MEMORY_PLANES, PixFormat, PlaneFormat};
use crate::{Call, Error};

/// `VIDIOC_G_FMT`: returns the format of a queue.
///
/// # Errors
/// - `EINVAL`: the node has no such queue, or (decoders) the format is not known yet.
pub fn g_fmt(fd: BorrowedFd<'_>, buf_type: BufType) -> Result<PixFormat, Error> {
    let raw = sys::v4l2_format {
        type_: buf_type.raw(),
        ..Default::default()
    };
    exchange::<GFmt>(fd, buf_type, raw)
}

/// `VIDIOC_S_FMT`: sets the format of a queue and returns the format that the driver chose.
///
/// Drivers adjust rather than refuse: compare every field that matters.
///
/// # Errors
/// - `EBUSY`: buffers are allocated, or another handle is streaming.
/// - `EINVAL`: the node has no such queue; with some drivers, no such format.
pub fn s_fmt(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    requested: &PixFormat,
) -> Result<PixFormat, Error> {
    exchange::<SFmt>(fd, buf_type, to_raw(buf_type, requested))
}

/// `VIDIOC_TRY_FMT`: returns the format that [`s_fmt`] would set.
///
/// # Errors
/// - `EINVAL`: the node has no such queue; with some drivers, no such format.
/// - `ENOTTY`: the driver does not support trying.
pub fn try_fmt(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    requested: &PixFormat,
) -> Result<PixFormat, Error> {
    exchange::<TryFmt>(fd, buf_type, to_raw(buf_type, requested))
}

fn exchange<R: Request<Arg = sys::v4l2_format>>(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    mut raw: sys::v4l2_format,
) -> Result<PixFormat, Error> {
    // SAFETY: only overlay formats (`win`) hold pointers that the kernel follows, and `BufType`
    // has no overlay queue.
    unsafe { call_with_pointers::<R>(fd, &mut raw) }?;
    from_raw(R::CALL, buf_type, &raw)
}

pub(super) fn to_raw(buf_type: BufType, requested: &PixFormat) -> sys::v4l2_format {
    let color = requested.colorimetry;
    let mut raw = sys::v4l2_format {
        type_: buf_type.raw(),
        ..Default::default()
    };
    if buf_type.is_meta() {
        raw.fmt.meta = sys::v4l2_meta_format {
            dataformat: requested.fourcc.0,
            buffersize: requested.planes[0].size_image,
            ..Default::default()
        };
    } else if buf_type.is_mplane() {
        let mut pix = sys::v4l2_pix_format_mplane {
            width: requested.width,
            height: requested.height,
            pixelformat: requested.fourcc.0,
            field: requested.field.raw(),
            colorspace: color.colorspace,
            num_planes: requested.planes().len() as u8,
            flags: requested.flags as u8,
            quantization: color.quantization as u8,
            xfer_func: color.xfer_func as u8,
            ..Default::default()
        };
        pix.__bindgen_anon_1.ycbcr_enc = color.ycbcr_enc as u8;
        // The field is packed, so it cannot be borrowed: build the array separately.
        let mut planes = [sys::v4l2_plane_pix_format::default(); MAX_MEMORY_PLANES];
        for (raw, plane) in planes.iter_mut().zip(requested.planes()) {
            raw.sizeimage = plane.size_image;
            raw.bytesperline = plane.bytes_per_line;
        }
        pix.plane_fmt = planes;
        raw.fmt.pix_mp = pix;
    } else {
        let mut pix = sys::v4l2_pix_format {
            width: requested.width,
            height: requested.height,
            pixelformat: requested.fourcc.0,
            field: requested.field.raw(),
            bytesperline: requested.planes[0].bytes_per_line,
            sizeimage: requested.planes[0].size_image,
            colorspace: color.colorspace,
            priv_: sys::V4L2_PIX_FMT_PRIV_MAGIC,
            flags: requested.flags,
            quantization: color.quantization,
            xfer_func: color.xfer_func,
            ..Default::default()
        };
        pix.__bindgen_anon_1.ycbcr_enc = color.ycbcr_enc;
        raw.fmt.pix = pix;
    }
    raw
}

fn from_raw(call: Call, buf_type: BufType, raw: &sys::v4l2_format) -> Result<PixFormat, Error> {
    let mut planes = [PlaneFormat::default(); MAX_MEMORY_PLANES];
    if buf_type.is_meta() {
        // SAFETY: every member is made of plain integers, and all bytes are initialised.
        let meta = unsafe { raw.fmt.meta };
        let mut format = PixFormat::new(FourCc(meta.dataformat), 0, 0);
        format.planes[0].size_image = meta.buffersize;
        return Ok(format);
    }
    if buf_type.is_mplane() {
        // SAFETY: every member is made of plain integers, and all bytes are initialised.
        let pix = unsafe { raw.fmt.pix_mp };
        let plane_count = usize::from(pix.num_planes);
        if !(1..=MAX_MEMORY_PLANES).contains(&plane_count) {
            return Err(Error::Answer {
                call,
                field: "num_planes",
                value: plane_count as u64,
            });
        }
        let raw_planes = pix.plane_fmt;
        for (plane, raw) in planes.iter_mut().zip(&raw_planes[..plane_count]) {
            plane.bytes_per_line = raw.bytesperline;
            plane.size_image = raw.sizeimage;
        }
        // SAFETY: both members are one byte.
        let ycbcr_enc = unsafe { pix.__bindgen_anon_1.ycbcr_enc };
        return Ok(PixFormat {
            width: pix.width,
            height: pix.height,
            fourcc: FourCc(pix.pixelformat),
            field: Field::from_raw(pix.field),
            colorimetry: Colorimetry {
                colorspace: pix.colorspace,
                xfer_func: pix.xfer_func.into(),
                ycbcr_enc: ycbcr_enc.into(),
                quantization: pix.quantization.into(),
            },
            flags: pix.flags.into(),
            planes,
            plane_count,
        });
    }
    // SAFETY: every member is made of plain integers, and all bytes are initialised.
    let pix = unsafe { raw.fmt.pix };
    planes[0] = PlaneFormat {
        bytes_per_line: pix.bytesperline,
        size_image: pix.sizeimage,
    };
    // SAFETY: both members are a 32-bit integer.
    let ycbcr_enc = unsafe { pix.__bindgen_anon_1.ycbcr_enc };
    // Drivers that do not know the extended fields leave another value in `priv`.
    let extended = pix.priv_ == sys::V4L2_PIX_FMT_PRIV_MAGIC;
    let if_extended = |value| if extended { value } else { 0 };
    Ok(PixFormat {
        width: pix.width,
        height: pix.height,
        fourcc: FourCc(pix.pixelformat),
        field: Field::from_raw(pix.field),
        colorimetry: Colorimetry {
            colorspace: pix.colorspace,
            xfer_func: if_extended(pix.xfer_func),
            ycbcr_enc: if_extended(ycbcr_enc),
            quantization: if_extended(pix.quantization),
        },
        flags: if_extended(pix.flags),
        planes,
        plane_count: 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_round_trip_through_the_kernels_struct() {
        let mut requested = PixFormat::new(FourCc::NM12, 640, 480);
        requested.plane_count = 2;
        requested.planes[1] = PlaneFormat {
            bytes_per_line: 704,
            size_image: 704 * 240,
        };
        requested.colorimetry = Colorimetry {
            colorspace: 3,
            xfer_func: 1,
            ycbcr_enc: 2,
            quantization: 2,
        };
        requested.field = Field::Interlaced;
        let buf_type = BufType::VideoCaptureMplane;
        let raw = to_raw(buf_type, &requested);
        assert_eq!(from_raw(Call::GFmt, buf_type, &raw), Ok(requested));

        requested.plane_count = 1;
        requested.planes[1] = PlaneFormat::default();
        let raw = to_raw(BufType::VideoCapture, &requested);
        assert_eq!(
            from_raw(Call::GFmt, BufType::VideoCapture, &raw),
            Ok(requested)
        );
    }

    #[test]
    fn a_plane_count_past_the_array_is_refused() {
        let mut raw = sys::v4l2_format::default();
        raw.fmt.pix_mp = sys::v4l2_pix_format_mplane {
            num_planes: 9,
            ..Default::default()
        };
        assert!(matches!(
            from_raw(Call::GFmt, BufType::VideoCaptureMplane, &raw),
            Err(Error::Answer {
                field: "num_planes",
                value: 9,
                ..
            })
        ));
    }
}
