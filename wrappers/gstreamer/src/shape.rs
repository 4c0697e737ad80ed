//! What caps say of frames.

use std::sync::LazyLock;

use gst_video::{VideoFormat, VideoInfo};
use videostream::hal::format::FourCc;

use crate::formats::{self, FORMATS};

/// Frames of a stream.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Raw(VideoInfo, FourCc),
    Packets {
        fourcc: FourCc,
        width: u32,
        height: u32,
        rate: Option<gst::Fraction>,
    },
}

/// Compressed formats by the names of their caps.
const PACKETS: [(&str, FourCc); 3] = [
    ("video/x-h264", FourCc::H264),
    ("video/x-h265", FourCc::HEVC),
    ("image/jpeg", FourCc::MJPG),
];

/// All that both sides know.
pub(crate) static CAPS: LazyLock<gst::Caps> = LazyLock::new(|| {
    let mut names: Vec<VideoFormat> = Vec::new();
    for (format, _) in FORMATS {
        if !names.contains(&format) {
            names.push(format);
        }
    }
    let raw = || gst_video::VideoCapsBuilder::new().format_list(names.iter().copied());
    let mut caps = raw().features(["memory:DMABuf"]).build();
    caps.merge(raw().build());
    for (name, _) in PACKETS {
        let packets = gst::Structure::builder(name);
        let packets = match name {
            "image/jpeg" => packets,
            _ => packets
                .field("stream-format", "byte-stream")
                .field("alignment", "au"),
        };
        caps.merge(packets.build().into());
    }
    caps
});

trait Merge {
    fn merge(&mut self, other: gst::Caps);
}

impl Merge for gst::Caps {
    fn merge(&mut self, other: gst::Caps) {
        self.make_mut().append(other);
    }
}

impl Shape {
    /// `None` for caps that are none of [`CAPS`].
    pub(crate) fn of(caps: &gst::CapsRef) -> Option<Self> {
        let structure = caps.structure(0)?;
        let name = structure.name().as_str();
        if let Some((_, fourcc)) = PACKETS.iter().find(|(known, _)| *known == name) {
            let side = |name: &str| {
                structure
                    .get::<i32>(name)
                    .ok()
                    .and_then(|side| u32::try_from(side).ok())
            };
            return Some(Self::Packets {
                fourcc: *fourcc,
                width: side("width").unwrap_or(0),
                height: side("height").unwrap_or(0),
                rate: structure.get("framerate").ok(),
            });
        }
        let info = VideoInfo::from_caps(caps).ok()?;
        let fourcc = formats::fourcc(info.format())?;
        Some(Self::Raw(info, fourcc))
    }

    pub(crate) fn rate(&self) -> Option<gst::Fraction> {
        match self {
            Self::Raw(info, _) => Some(info.fps()),
            Self::Packets { rate, .. } => *rate,
        }
    }
}
