//! Device nodes: what kinds there are, and which exist.

use core::fmt::{self, Write as _};
use core::mem::MaybeUninit;

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::path::Arg;

use super::Error;

/// What a video node is for, judged by its abilities and, for codecs, by its formats.
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
    /// Takes pictures: a display or a transmitter.
    Output,
    /// Delivers metadata: statistics, headers of another node's frames.
    MetadataCapture,
    /// Takes metadata: parameters.
    MetadataOutput,
    /// Teletext and the like between the lines of the picture.
    Vbi,
    /// Radio receiver or transmitter.
    Radio,
    /// Touch surface.
    Touch,
    /// None of these.
    Other,
}

impl NodeKind {
    /// One lower-case word, stable, for listings and files.
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
    /// With its article, for sentences: `an encoder`.
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

/// The path of a video node: `/dev/video7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodePath {
    number: u16,
    text: [u8; Self::MAX],
    len: u8,
}

impl NodePath {
    const MAX: usize = 16;

    /// The path of node `number`.
    #[must_use]
    pub fn new(number: u16) -> Self {
        let mut path = Self {
            number,
            text: [0; Self::MAX],
            len: 0,
        };
        // `/dev/video` and five digits take 15 of the 16 bytes, so that nothing is cut off.
        let _ = write!(path, "/dev/video{number}");
        path
    }

    /// The number in the name. It says nothing about the device and may change at every boot.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.text[..usize::from(self.len)]).unwrap_or("")
    }
}

impl fmt::Write for NodePath {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let start = usize::from(self.len);
        let room = self
            .text
            .get_mut(start..start + s.len())
            .ok_or(fmt::Error)?;
        room.copy_from_slice(s.as_bytes());
        self.len += s.len() as u8;
        Ok(())
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Most video nodes that a system has (`VIDEO_NUM_DEVICES` of the kernel).
const MAX_NODES: usize = 256;

/// The video nodes in `/dev`, by number.
///
/// # Errors
/// What opening or reading `/dev` answers. No nodes are no error.
pub fn nodes() -> Result<impl Iterator<Item = NodePath>, Error> {
    nodes_in("/dev")
}

fn nodes_in(dir: impl Arg) -> Result<impl Iterator<Item = NodePath>, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(CWD, dir, flags, Mode::empty()).map_err(|e| Error::system("open", e))?;
    let mut numbers = heapless::Vec::<u16, MAX_NODES>::new();
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    let mut entries = RawDir::new(&dir, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|e| Error::system("getdents", e))?;
        if let Some(number) = node_number(entry.file_name().to_bytes()) {
            // The kernel makes no more of them than fit.
            let _ = numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers.into_iter().map(NodePath::new))
}

/// The number in `videoN`; `None` for any other name.
fn node_number(name: &[u8]) -> Option<u16> {
    let digits = name.strip_prefix(b"video")?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn only_video_and_a_number_is_a_node() {
        assert_eq!(node_number(b"video0"), Some(0));
        assert_eq!(node_number(b"video255"), Some(255));
        for name in [
            &b"video"[..],
            b"video-1",
            b"video1a",
            b"vbi0",
            b"video99999",
        ] {
            assert_eq!(node_number(name), None);
        }
    }

    #[test]
    fn nodes_come_in_the_order_of_their_numbers() {
        let dir = std::env::temp_dir().join(std::format!("vsl-nodes-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["video10", "video2", "vbi0", "video0"] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        let found: std::vec::Vec<_> = nodes_in(dir.to_str().unwrap())
            .unwrap()
            .map(|node| std::string::String::from(node.as_str()))
            .collect();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(found, ["/dev/video0", "/dev/video2", "/dev/video10"]);
    }

    #[test]
    fn the_longest_path_is_whole() {
        assert_eq!(NodePath::new(u16::MAX).as_str(), "/dev/video65535");
    }
}
