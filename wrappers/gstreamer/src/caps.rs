//! Caps for frames of the ring.

use gst_video::{
    VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoInfo,
    VideoTransferFunction,
};
use videostream::colorimetry::Range;
use videostream::encode::Codec;
use videostream::hal::format::{DrmFormat, FourCc, Layout, modifier};
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::v4l2::Field;
use videostream::{Colorimetry, FrameRate};

use crate::{formats, shape};

/// The caps feature of dma-bufs.
pub(crate) const DMA_BUF: &str = "memory:DMABuf";

/// The part of a frame's descriptor that caps describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamFormat {
    pub(crate) fourcc: FourCc,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) modifier: u64,
    pub(crate) rate: Option<FrameRate>,
    colorimetry: Colorimetry,
    field: Field,
    /// Frames differ in field order, or in whether they are interlaced: each buffer has its own
    /// flags.
    is_mixed: bool,
    sample_aspect: u32,
}

/// The media type of a stream.
#[derive(Debug, Clone)]
pub(crate) enum Media {
    /// Pictures, with their layout without padding.
    Raw(VideoInfo, Box<Layout>),
    /// Compressed data: the name of the caps.
    Packets(&'static str),
}

impl StreamFormat {
    pub(crate) fn of(frame: &FrameDescriptor) -> Self {
        let fourcc = FourCc(frame.fourcc);
        Self {
            fourcc,
            width: frame.width,
            height: frame.height,
            modifier: match frame.modifier {
                modifier::INVALID => modifier::LINEAR,
                known => known,
            },
            // Rounded: hosts with coarser clocks report 33,333,334 now and then.
            rate: FrameRate::nearest(1_000_000_000, frame.duration_ns),
            colorimetry: Colorimetry::from_v4l2(frame.colorimetry, fourcc),
            field: Field::from_raw(frame.field),
            is_mixed: false,
            sample_aspect: frame.sample_aspect,
        }
    }

    /// Returns the format with another rate.
    pub(crate) fn with_rate(self, rate: Option<FrameRate>) -> Self {
        Self { rate, ..self }
    }

    /// Merges the format with that of the previous frame: a stream whose fields change from frame
    /// to frame keeps its caps.
    pub(crate) fn mixed_with(self, before: &Self) -> Self {
        let mixed = Self {
            is_mixed: before.is_mixed || self.fields() != before.fields(),
            rate: before.rate,
            ..self
        };
        let is_same_stream = Self {
            field: before.field,
            is_mixed: before.is_mixed,
            ..mixed
        } == *before;
        match is_same_stream && mixed.is_mixed {
            true => Self {
                field: before.field,
                rate: self.rate,
                ..mixed
            },
            false => self,
        }
    }

    /// Returns the field order for caps; the outer `None` means progressive or other frames.
    fn fields(&self) -> Option<Option<&'static str>> {
        match self.field {
            Field::Interlaced => Some(None),
            Field::InterlacedTb => Some(Some("top-field-first")),
            Field::InterlacedBt => Some(Some("bottom-field-first")),
            _ => None,
        }
    }

    /// Whether frames refer to earlier ones.
    pub(crate) fn is_predicted(&self) -> bool {
        Codec::of_packets(self.fourcc).is_some()
    }

    /// Returns the buffer flags of interlaced frames.
    pub(crate) fn field_flags(&self) -> gst_video::VideoBufferFlags {
        use gst_video::VideoBufferFlags as Flags;
        match self.field {
            Field::InterlacedBt => Flags::INTERLACED,
            Field::Interlaced | Field::InterlacedTb => Flags::INTERLACED | Flags::TFF,
            _ => Flags::empty(),
        }
    }

    /// Returns the media type of such frames.
    ///
    /// # Errors
    /// Fails for formats that GStreamer does not support.
    pub(crate) fn media(&self) -> Result<Media, String> {
        let fourcc = match self.fourcc {
            FourCc::JPEG => FourCc::MJPG,
            other => other,
        };
        let packets = shape::PACKETS.iter().find(|(_, known)| *known == fourcc);
        if let Some((name, _)) = packets {
            return Ok(Media::Packets(name));
        }
        let Some(format) = formats::video_format(self.fourcc) else {
            return Err(format!("GStreamer has no format for {}", self.fourcc));
        };
        let size = |side: u32| i32::try_from(side).ok().filter(|side| *side > 0);
        if size(self.width).is_none() || size(self.height).is_none() {
            return Err(format!(
                "GStreamer can't represent frames of {}x{} pixels",
                self.width, self.height
            ));
        }
        let info = VideoInfo::builder(format, self.width, self.height);
        let info = info.build().map_err(|_| {
            let (width, height) = (self.width, self.height);
            format!("GStreamer can't represent {format} of {width}x{height} pixels")
        })?;
        let tight = formats::tight(&info)?;
        Ok(Media::Raw(info, Box::new(tight)))
    }

    /// Returns caps for frames in this kind of memory, in order of preference.
    ///
    /// Linear frames are offered as system memory first, which every element can map; elements that
    /// import dma-bufs recognize them by the memory itself. The `memory:DMABuf` feature is for
    /// elements that require it.
    ///
    /// # Errors
    /// Fails for frames that caps can't describe.
    pub(crate) fn caps(&self, is_dma_buf: bool) -> Result<gst::Caps, String> {
        self.caps_for(is_dma_buf, shape::has_drm_caps())
    }

    fn caps_for(&self, is_dma_buf: bool, has_drm: bool) -> Result<gst::Caps, String> {
        let format = match self.media()? {
            Media::Packets(name) => {
                let packets = gst::Structure::new_empty(name);
                return Ok(self.described(packets).into());
            }
            Media::Raw(info, _) => info.format(),
        };
        let plain = || {
            let mut raw = gst::Structure::new_empty("video/x-raw");
            raw.set("format", format.to_str());
            self.described(raw)
        };
        let mut caps = gst::Caps::new_empty();
        let change = caps.make_mut();
        let is_linear = self.modifier == modifier::LINEAR;
        if is_linear {
            change.append_structure(plain());
        }
        let drm = self.drm_format().filter(|_| is_dma_buf);
        let features = || gst::CapsFeatures::new([DMA_BUF]);
        if let Some(drm) = drm.filter(|_| has_drm) {
            let mut raw = gst::Structure::new_empty("video/x-raw");
            raw.set("format", "DMA_DRM");
            raw.set("drm-format", drm);
            change.append_structure_full(self.described(raw), Some(features()));
        }
        if is_linear && is_dma_buf {
            change.append_structure_full(plain(), Some(features()));
        }
        match caps.is_empty() {
            false => Ok(caps),
            true => Err(format!(
                "frames are tiled (modifier {:#x}), which needs dma-bufs and GStreamer 1.24 or \
                 later, this is {}",
                self.modifier,
                gst::version_string()
            )),
        }
    }

    /// Returns `drm-format`: `NV12`, or `NV12:0x0300000000000010` for tiled frames.
    fn drm_format(&self) -> Option<String> {
        let drm = self.fourcc.to_drm()?;
        // A V4L2 code may imply the tiling.
        let DrmFormat { fourcc, modifier } = drm;
        let modifier = match self.modifier {
            modifier::LINEAR => modifier,
            said => said,
        };
        Some(match modifier {
            modifier::LINEAR => fourcc.to_string(),
            tiled => format!("{fourcc}:0x{tiled:016x}"),
        })
    }

    /// Adds everything that caps have besides the format.
    fn described(&self, mut caps: gst::Structure) -> gst::Structure {
        let is_raw = caps.name() == "video/x-raw";
        for (field, side) in [("width", self.width), ("height", self.height)] {
            match i32::try_from(side) {
                Ok(side) if side > 0 => caps.set(field, side),
                _ => {}
            }
        }
        let rate = match self.rate {
            Some(rate) => gst::Fraction::new(part(rate.frames()), part(rate.seconds())),
            None => gst::Fraction::new(0, 1),
        };
        caps.set("framerate", rate);
        if self.is_predicted() {
            caps.set("stream-format", "byte-stream");
            caps.set("alignment", "au");
        }
        let [wide, high] = [self.sample_aspect & 0xffff, self.sample_aspect >> 16];
        match (wide, high) {
            (1.., 1..) => caps.set(
                "pixel-aspect-ratio",
                gst::Fraction::new(part(wide), part(high)),
            ),
            _ if is_raw => caps.set("pixel-aspect-ratio", gst::Fraction::new(1, 1)),
            _ => {}
        }
        match self.fields() {
            _ if self.is_mixed && is_raw => caps.set("interlace-mode", "mixed"),
            Some(order) => {
                caps.set("interlace-mode", "interleaved");
                if let Some(order) = order {
                    caps.set("field-order", order);
                }
            }
            None if is_raw => caps.set("interlace-mode", "progressive"),
            None => {}
        }
        if let Some(colorimetry) = self.colorimetry_caps() {
            caps.set("colorimetry", colorimetry);
        }
        caps
    }

    /// Returns the colorimetry for caps; `None` if too little is known, and elements assume their
    /// defaults.
    fn colorimetry_caps(&self) -> Option<String> {
        let format = formats::video_format(self.fourcc);
        let info = format.map(gst_video::VideoFormatInfo::from_format);
        let is_rgb = info.is_some_and(|info| info.is_rgb());
        let colours = &self.colorimetry;
        let primaries = VideoColorPrimaries::from_iso(colours.primaries.0.into());
        let transfer = VideoTransferFunction::from_iso(colours.transfer.0.into());
        let matrix = match is_rgb {
            // RGB has no matrix any more.
            true => VideoColorMatrix::Rgb,
            false => VideoColorMatrix::from_iso(colours.matrix.0.into()),
        };
        let is_said = match is_rgb {
            true => colours.codes().is_some(),
            false => matrix != VideoColorMatrix::Unknown,
        };
        let range = match colours.range {
            Range::Full => VideoColorRange::Range0_255,
            Range::Limited => VideoColorRange::Range16_235,
            Range::Unspecified => return None,
        };
        let colorimetry = VideoColorimetry::new(range, matrix, transfer, primaries);
        is_said.then(|| colorimetry.to_string())
    }
}

/// Converts a part of a fraction; those are a million at most.
fn part(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(fourcc: FourCc) -> FrameDescriptor {
        gst::init().unwrap();
        FrameDescriptor {
            fourcc: fourcc.0,
            width: 640,
            height: 480,
            duration_ns: 33_333_334,
            field: 1,
            ..FrameDescriptor::default()
        }
    }

    fn first(frame: &FrameDescriptor) -> String {
        let caps = StreamFormat::of(frame).caps_for(false, false).unwrap();
        caps.structure(0).unwrap().to_string()
    }

    #[test]
    fn raw_caps_have_rate_colours_and_aspect() {
        let mut frame = frame(FourCc::NV12);
        frame.colorimetry = Colorimetry::BT709.to_v4l2();
        frame.sample_aspect = 4 | 3 << 16;
        let caps = first(&frame);
        for part in [
            "format=(string)NV12",
            "width=(int)640",
            "framerate=(fraction)30/1",
            "pixel-aspect-ratio=(fraction)4/3",
            "interlace-mode=(string)progressive",
            "colorimetry=(string)bt709",
        ] {
            assert!(caps.contains(part), "{part}: {caps}");
        }
    }

    #[test]
    fn television_rates_are_found() {
        for (duration_ns, rate) in [
            (33_366_666, "30000/1001"),
            (33_366_667, "30000/1001"),
            (16_683_333, "60000/1001"),
            (41_666_666, "24/1"),
            (20_000_000, "50/1"),
            (0, "0/1"),
        ] {
            let caps = first(&FrameDescriptor {
                duration_ns,
                ..frame(FourCc::NV12)
            });
            assert!(
                caps.contains(&format!("framerate=(fraction){rate}")),
                "{caps}"
            );
        }
    }

    #[test]
    fn unknown_colours_are_left_out() {
        assert!(!first(&frame(FourCc::NV12)).contains("colorimetry"));
        let mut rgb = frame(FourCc::RGB3);
        rgb.colorimetry = 8;
        assert!(
            first(&rgb).contains("colorimetry=(string)sRGB"),
            "{}",
            first(&rgb)
        );
    }

    #[test]
    fn interlaced_caps_say_the_order() {
        for (field, order) in [(8, "top"), (9, "bottom")] {
            let mut frame = frame(FourCc::YUYV);
            frame.field = field;
            let caps = first(&frame);
            assert!(
                caps.contains("interlace-mode=(string)interleaved"),
                "{caps}"
            );
            assert!(caps.contains(&format!("{order}-field-first")), "{caps}");
        }
    }

    #[test]
    fn packets_are_byte_streams_of_access_units() {
        let caps = first(&frame(FourCc::H264));
        assert!(caps.starts_with("video/x-h264"), "{caps}");
        assert!(caps.contains("stream-format=(string)byte-stream"), "{caps}");
        assert!(caps.contains("alignment=(string)au"), "{caps}");
        let jpeg = first(&frame(FourCc::MJPG));
        assert!(jpeg.starts_with("image/jpeg"), "{jpeg}");
        assert!(!jpeg.contains("alignment"), "{jpeg}");
    }

    #[test]
    fn dma_bufs_are_tried_as_system_memory_first() {
        let format = StreamFormat::of(&frame(FourCc::XR24));
        let old = format.caps_for(true, false).unwrap();
        let features = |caps: &gst::Caps, at| caps.features(at).unwrap().to_string();
        assert_eq!(old.size(), 2);
        assert_eq!(features(&old, 0), "memory:SystemMemory");
        assert_eq!(features(&old, 1), DMA_BUF);
        let new = format.caps_for(true, true).unwrap();
        assert_eq!(new.size(), 3);
        let drm = new.structure(1).unwrap().to_string();
        assert!(drm.contains("drm-format=(string)XR24"), "{drm}");
        assert_eq!(format.caps_for(false, true).unwrap().size(), 1);
    }

    #[test]
    fn tiled_frames_need_drm_caps() {
        let mut frame = frame(FourCc::NV12);
        frame.modifier = 0x0300_0000_0000_0010;
        let format = StreamFormat::of(&frame);
        let why = format.caps_for(true, false).unwrap_err();
        assert!(why.contains("1.24"), "{why}");
        let caps = format.caps_for(true, true).unwrap();
        assert_eq!(caps.size(), 1);
        let caps = caps.to_string();
        assert!(caps.contains("NV12:0x0300000000000010"), "{caps}");
    }

    #[test]
    fn unsupported_formats_are_named() {
        let bayer = StreamFormat::of(&frame(FourCc::SBGGR10P));
        assert!(bayer.media().unwrap_err().contains("pBAA"));
        for (width, height) in [(0, 480), (640, 0), (u32::MAX, 480)] {
            let format = StreamFormat::of(&FrameDescriptor {
                width,
                height,
                ..frame(FourCc::NV12)
            });
            let why = format.media().unwrap_err();
            assert!(why.contains(&width.to_string()), "{why}");
        }
    }
}
