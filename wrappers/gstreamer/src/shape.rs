//! The format of frames, from the caps of a sink.

use std::sync::LazyLock;

use gst_video::{VideoFormat, VideoInfo, VideoInterlaceMode};
use videostream::colorimetry::{Colorimetry, Range};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::v4l2::Field;

use crate::formats::{self, FORMATS};

/// The format of a stream's frames.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// Pictures.
    Raw {
        info: VideoInfo,
        /// DRM format modifier; 0 is linear.
        modifier: u64,
    },
    /// Compressed pictures.
    Packets {
        fourcc: FourCc,
        width: u32,
        height: u32,
        rate: Option<gst::Fraction>,
    },
}

/// Compressed formats by media type.
pub(crate) const PACKETS: &[(&str, FourCc)] = &[
    ("video/x-h264", FourCc::H264),
    ("video/x-h265", FourCc::HEVC),
    ("image/jpeg", FourCc::MJPG),
];

/// Whether this GStreamer has `DMA_DRM` caps, which came with 1.24.
pub(crate) fn has_drm_caps() -> bool {
    let (major, minor, ..) = gst::version();
    (major, minor) >= (1, 24)
}

/// All caps that the elements support.
pub(crate) static CAPS: LazyLock<gst::Caps> = LazyLock::new(|| {
    let mut names: Vec<VideoFormat> = Vec::new();
    for &(format, _) in FORMATS {
        if !names.contains(&format) {
            names.push(format);
        }
    }
    let raw = || gst_video::VideoCapsBuilder::new().format_list(names.iter().copied());
    let dma_buf = gst::CapsFeatures::new(["memory:DMABuf"]);
    let mut caps = gst::Caps::new_empty();
    let all = caps.make_mut();
    if has_drm_caps() {
        // Without `drm-format`: any.
        let drm = gst::Structure::builder("video/x-raw")
            .field("format", "DMA_DRM")
            .field("width", gst::IntRange::new(1, i32::MAX))
            .field("height", gst::IntRange::new(1, i32::MAX))
            .field(
                "framerate",
                gst::FractionRange::new(gst::Fraction::new(0, 1), gst::Fraction::new(i32::MAX, 1)),
            );
        all.append_structure_full(drm.build(), Some(dma_buf.clone()));
    }
    // As in elements before 1.24.
    all.append(raw().features(["memory:DMABuf"]).build());
    all.append(raw().build());
    for &(name, fourcc) in PACKETS {
        let packets = gst::Structure::builder(name);
        let packets = match fourcc {
            FourCc::MJPG => packets,
            _ => packets
                .field("stream-format", "byte-stream")
                .field("alignment", "au"),
        };
        all.append_structure(packets.build());
    }
    caps
});

impl Shape {
    /// Parses fixed caps.
    ///
    /// # Errors
    /// Fails for caps outside of [`CAPS`].
    pub(crate) fn of(caps: &gst::CapsRef) -> Result<Self, String> {
        let unknown =
            || format!("{caps} can't be shared: `gst-inspect-1.0 vslsink` lists supported caps");
        let structure = caps.structure(0).ok_or_else(unknown)?;
        let name = structure.name().as_str();
        if let Some((_, fourcc)) = PACKETS.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Packets {
                fourcc: *fourcc,
                width: side(structure, "width").unwrap_or(0),
                height: side(structure, "height").unwrap_or(0),
                rate: structure.get("framerate").ok(),
            });
        }
        if structure.get::<&str>("format") == Ok("DMA_DRM") {
            return Self::of_drm(structure).ok_or_else(unknown);
        }
        let info = VideoInfo::from_caps(caps).map_err(|_| unknown())?;
        let fourcc = formats::fourcc(info.format()).ok_or_else(unknown)?;
        Layout::new(fourcc, info.width(), info.height())
            .map_err(|why| format!("{caps} can't be shared: {why}"))?;
        Ok(Self::Raw { info, modifier: 0 })
    }

    /// Parses `drm-format`: `NV12`, or `NV12:0x0100000000000002`.
    fn of_drm(structure: &gst::StructureRef) -> Option<Self> {
        let drm = structure.get::<&str>("drm-format").ok()?;
        let (name, modifier) = match drm.split_once(':') {
            Some((name, modifier)) => {
                let digits = modifier.strip_prefix("0x")?;
                (name, u64::from_str_radix(digits, 16).ok()?)
            }
            None => (drm, 0),
        };
        let format = formats::of_drm(name)?;
        let mut info = VideoInfo::builder(
            format,
            side(structure, "width")?,
            side(structure, "height")?,
        );
        if let Ok(rate) = structure.get::<gst::Fraction>("framerate") {
            info = info.fps(rate);
        }
        if let Ok(aspect) = structure.get::<gst::Fraction>("pixel-aspect-ratio") {
            info = info.par(aspect);
        }
        let colorimetry = structure.get::<&str>("colorimetry").ok();
        let colorimetry = colorimetry.and_then(|text| text.parse().ok());
        let info = info.colorimetry_if_some(colorimetry.as_ref());
        Some(Self::Raw {
            info: info.build().ok()?,
            modifier,
        })
    }

    /// Returns the layout without padding; `None` for packets, and for tiled frames, whose layout
    /// only drivers know.
    pub(crate) fn tight(&self) -> Option<Layout> {
        match self {
            Self::Raw { info, modifier: 0 } => formats::tight(info).ok(),
            _ => None,
        }
    }

    /// Returns a descriptor with what all frames have in common.
    pub(crate) fn template(&self) -> FrameDescriptor {
        let frame = FrameDescriptor {
            duration_ns: self.rate().and_then(period_ns).unwrap_or(0),
            ..FrameDescriptor::default()
        };
        match self {
            Self::Raw { info, modifier } => {
                let fourcc = formats::fourcc(info.format()).unwrap_or_default();
                FrameDescriptor {
                    fourcc: fourcc.0,
                    width: info.width(),
                    height: info.height(),
                    modifier: *modifier,
                    plane_count: info.n_planes(),
                    colorimetry: colorimetry(info).to_v4l2(),
                    sample_aspect: sample_aspect(info.par()),
                    field: match info.interlace_mode() {
                        VideoInterlaceMode::Progressive => Field::None.raw(),
                        _ => Field::Any.raw(),
                    },
                    ..frame
                }
            }
            Self::Packets {
                fourcc,
                width,
                height,
                ..
            } => FrameDescriptor {
                fourcc: fourcc.0,
                width: *width,
                height: *height,
                plane_count: 1,
                ..frame
            },
        }
    }

    fn rate(&self) -> Option<gst::Fraction> {
        match self {
            Self::Raw { info, .. } => Some(info.fps()),
            Self::Packets { rate, .. } => *rate,
        }
    }
}

fn side(structure: &gst::StructureRef, name: &str) -> Option<u32> {
    let side = structure.get::<i32>(name).ok()?;
    u32::try_from(side).ok().filter(|side| *side > 0)
}

/// Returns the nanoseconds from frame to frame; `None` for variable rates.
fn period_ns(rate: gst::Fraction) -> Option<u64> {
    let numerator = u64::try_from(rate.numer()).ok().filter(|n| *n > 0)?;
    let denominator = u64::try_from(rate.denom()).ok()?;
    Some((denominator * 1_000_000_000 + numerator / 2) / numerator)
}

/// Packs the pixel aspect ratio for a descriptor; 0 if square.
fn sample_aspect(par: gst::Fraction) -> u32 {
    let half = |side: i32| u16::try_from(side).ok().filter(|side| *side > 0);
    match (half(par.numer()), half(par.denom())) {
        (Some(wide), Some(high)) if wide != high => u32::from(wide) | u32::from(high) << 16,
        _ => 0,
    }
}

fn colorimetry(info: &VideoInfo) -> Colorimetry {
    let colours = info.colorimetry();
    let code = |number: u32| u8::try_from(number).unwrap_or(2);
    let codes = [
        code(colours.primaries().to_iso()),
        code(colours.transfer().to_iso()),
        code(colours.matrix().to_iso()),
    ];
    let range = match colours.range() {
        gst_video::VideoColorRange::Range0_255 => Range::Full,
        gst_video::VideoColorRange::Range16_235 => Range::Limited,
        _ => Range::Unspecified,
    };
    Colorimetry {
        range,
        ..Colorimetry::default()
    }
    .with_codes(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(caps: &str) -> Result<FrameDescriptor, String> {
        gst::init().unwrap();
        let caps: gst::Caps = caps.parse().unwrap();
        Ok(Shape::of(&caps)?.template())
    }

    #[test]
    fn raw_caps_are_described() {
        let caps = "video/x-raw, format=NV12, width=1920, height=1080, framerate=30000/1001, \
                    colorimetry=bt709, pixel-aspect-ratio=4/3, interlace-mode=progressive";
        let frame = shape(caps).unwrap();
        assert_eq!(frame.fourcc, FourCc::NV12.0);
        assert_eq!((frame.width, frame.height), (1920, 1080));
        assert_eq!(frame.plane_count, 2);
        assert_eq!(frame.duration_ns, 33_366_667);
        assert_eq!(frame.sample_aspect, 4 | 3 << 16);
        assert_eq!(frame.field, Field::None.raw());
        let colours = Colorimetry::from_v4l2(frame.colorimetry, FourCc::NV12);
        assert_eq!(colours, Colorimetry::BT709);
    }

    #[test]
    fn drm_names_are_read() {
        let caps = |name: &str| {
            format!(
                "video/x-raw(memory:DMABuf), format=DMA_DRM, drm-format={name}, width=64, \
                 height=48, \
                 framerate=25/1"
            )
        };
        let frame = shape(&caps("XR24")).unwrap();
        assert_eq!((frame.fourcc, frame.modifier), (FourCc::XR24.0, 0));
        assert_eq!(frame.duration_ns, 40_000_000);
        let frame = shape(&caps("NV12:0x0100000000000002")).unwrap();
        assert_eq!(frame.fourcc, FourCc::NV12.0);
        assert_eq!(frame.modifier, 0x0100_0000_0000_0002);
        for wrong in ["ZZZZ", "NV12:2", "NV12:0xzz"] {
            let why = shape(&caps(wrong)).unwrap_err();
            assert!(why.contains("gst-inspect"), "{why}");
        }
    }

    #[test]
    fn packets_are_described() {
        let frame =
            shape("video/x-h264, stream-format=byte-stream, alignment=au, width=64, height=48");
        let frame = frame.unwrap();
        assert_eq!((frame.fourcc, frame.plane_count), (FourCc::H264.0, 1));
        assert_eq!((frame.width, frame.height, frame.duration_ns), (64, 48, 0));
    }
}
