//! The kinds of video nodes.

use core::fmt;

/// The purpose of a video node, by its capabilities and, for codecs, by its formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// Delivers pictures that can be streamed.
    Camera,
    /// Pictures in, compressed data out.
    Encoder,
    /// Compressed data in, pictures out.
    Decoder,
    /// Pictures in, pictures out: scaler, colour converter, rotator.
    Converter,
    /// Accepts pictures: a display or a transmitter.
    Output,
    /// Delivers metadata: statistics, headers of another node's frames.
    MetadataCapture,
    /// Accepts metadata: parameters.
    MetadataOutput,
    /// Vertical blanking interval: teletext and similar data.
    Vbi,
    /// Radio receiver or transmitter.
    Radio,
    /// Touch surface.
    Touch,
    /// None of these.
    Other,
}

impl NodeKind {
    /// Returns a stable lower-case word, for listings and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Converter => "converter",
            Self::Output => "output",
            Self::MetadataCapture | Self::MetadataOutput => "metadata",
            Self::Vbi => "vbi",
            Self::Radio => "radio",
            Self::Touch => "touch",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for NodeKind {
    /// Writes the kind with its article, for sentences: `an encoder`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Camera => "a camera",
            Self::Encoder => "an encoder",
            Self::Decoder => "a decoder",
            Self::Converter => "a picture converter",
            Self::Output => "a video output",
            Self::MetadataCapture => "a metadata source",
            Self::MetadataOutput => "a metadata sink",
            Self::Vbi => "a VBI device",
            Self::Radio => "a radio",
            Self::Touch => "a touch surface",
            Self::Other => "a device of another kind",
        })
    }
}

/// The drivers of Hantro nodes.
///
/// Their ioctls share the type letter and many numbers, with different meanings: only the name of
/// the node identifies the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HantroKind {
    /// G1 and G2 decoders of i.MX8M Quad, Mini and Plus.
    Decoder,
    /// H1 encoder of i.MX8M Mini.
    H1,
    /// VC8000E encoder of i.MX8M Plus.
    Vc8000e,
}

impl HantroKind {
    /// All drivers.
    pub const ALL: [Self; 3] = [Self::Decoder, Self::H1, Self::Vc8000e];

    /// Returns the name of the node in `/dev`.
    #[must_use]
    pub const fn node_name(self) -> &'static str {
        match self {
            Self::Decoder => "mxc_hantro",
            Self::H1 => "mxc_hantro_h1",
            Self::Vc8000e => "mxc_hantro_vc8000e",
        }
    }

    /// Returns the path of the node.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Decoder => "/dev/mxc_hantro",
            Self::H1 => "/dev/mxc_hantro_h1",
            Self::Vc8000e => "/dev/mxc_hantro_vc8000e",
        }
    }

    /// Returns a stable word, for listings and files: `decoder` or `encoder`.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Decoder => "decoder",
            Self::H1 | Self::Vc8000e => "encoder",
        }
    }

    /// Returns the driver of a node with this file name; `None` for any other name.
    #[must_use]
    pub fn of_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.node_name().as_bytes() == name)
    }
}

impl fmt::Display for HantroKind {
    /// Writes the driver with its article, for sentences: `the VC8000E encoder`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decoder => "the G1 and G2 decoders",
            Self::H1 => "the H1 encoder",
            Self::Vc8000e => "the VC8000E encoder",
        })
    }
}
