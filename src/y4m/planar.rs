//! Offsets of luma and chroma samples in pictures.

use videostream_hal::format::FourCc;

use crate::picture::Picture;

/// 4:2:0 with any position of chroma.
pub(super) const YUV420: &str = "420";

/// Location of one component's samples: plane, first byte in a row, distance in bytes.
type Component = (usize, usize, usize);

/// The split of a format's pictures into planes of luma, Cb and Cr.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planar {
    /// The word of the file; 4:2:0 has several.
    pub(super) samples: &'static str,
    /// Pixels that share a chroma sample, across and down; `None` without chroma.
    shared: Option<(usize, usize)>,
    components: [Component; 3],
}

impl Planar {
    /// Returns the split of a format; `None` if its samples are not bytes, or Y4M does not support
    /// its subsampling.
    pub(super) fn of(fourcc: FourCc) -> Option<Self> {
        const LUMA: Component = (0, 0, 1);
        let info = fourcc.info()?;
        let semi = |first: usize| [LUMA, (1, first, 2), (1, 1 - first, 2)];
        let planes = |u: usize, v: usize| [LUMA, (u, 0, 1), (v, 0, 1)];
        let packed = |y: usize, u: usize, v: usize| [(0, y, 2), (0, u, 4), (0, v, 4)];
        let (samples, shared, components) = match info.contiguous.unwrap_or(fourcc) {
            FourCc::NV12 => (YUV420, (2, 2), semi(0)),
            FourCc::NV21 => (YUV420, (2, 2), semi(1)),
            FourCc::YU12 => (YUV420, (2, 2), planes(1, 2)),
            FourCc::YV12 => (YUV420, (2, 2), planes(2, 1)),
            FourCc::NV16 => ("422", (2, 1), semi(0)),
            FourCc::NV61 => ("422", (2, 1), semi(1)),
            FourCc::YUV422P => ("422", (2, 1), planes(1, 2)),
            FourCc::YM61 => ("422", (2, 1), planes(2, 1)),
            FourCc::YUYV => ("422", (2, 1), packed(0, 1, 3)),
            FourCc::YVYU => ("422", (2, 1), packed(0, 3, 1)),
            FourCc::UYVY => ("422", (2, 1), packed(1, 0, 2)),
            FourCc::VYUY => ("422", (2, 1), packed(1, 2, 0)),
            FourCc::NV24 => ("444", (1, 1), semi(0)),
            FourCc::NV42 => ("444", (1, 1), semi(1)),
            FourCc::YM24 => ("444", (1, 1), planes(1, 2)),
            FourCc::YM42 => ("444", (1, 1), planes(2, 1)),
            FourCc::GREY => ("mono", (0, 0), [LUMA; 3]),
            _ => return None,
        };
        Some(Self {
            samples,
            shared: Some(shared).filter(|shared| *shared != (0, 0)),
            components,
        })
    }

    /// Returns samples per row and rows of luma, Cb and Cr.
    pub(super) fn extents(&self, width: u32, height: u32) -> [(usize, usize); 3] {
        let (width, height) = (width as usize, height as usize);
        let chroma = self.shared.map_or((0, 0), |(across, down)| {
            (width.div_ceil(across), height.div_ceil(down))
        });
        [(width, height), chroma, chroma]
    }

    /// Copies the samples of `picture`, which has this format, into `planes`, whose sizes are those
    /// of [`Planar::extents`].
    pub(super) fn fill(&self, picture: &Picture<'_>, planes: &mut [Vec<u8>; 3]) {
        let extents = self.extents(picture.width(), picture.height());
        for ((to, (plane, first, step)), (count, _)) in
            planes.iter_mut().zip(self.components).zip(extents)
        {
            if count == 0 {
                continue;
            }
            for (to, from) in to.chunks_exact_mut(count).zip(picture.rows(plane)) {
                if step == 1 {
                    to.copy_from_slice(&from[..count]);
                } else {
                    let samples = from[first..].iter().step_by(step);
                    to.iter_mut()
                        .zip(samples)
                        .for_each(|(to, from)| *to = *from);
                }
            }
        }
    }
}
