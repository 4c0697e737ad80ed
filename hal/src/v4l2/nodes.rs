//! The video nodes that exist.

use core::fmt::{self, Write as _};

use crate::{Error, scan};

/// The path of a video node: `/dev/video7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodePath {
    number: u16,
    text: [u8; Self::MAX],
    len: u8,
}

impl NodePath {
    const MAX: usize = 16;

    /// Returns the path of node `number`.
    #[must_use]
    pub fn new(number: u16) -> Self {
        let mut path = Self {
            number,
            text: [0; Self::MAX],
            len: 0,
        };
        // `/dev/video` and five digits take 15 of the 16 bytes, so nothing is truncated.
        let _ = write!(path, "/dev/video{number}");
        path
    }

    /// Returns the path as text.
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

/// Maximum number of video nodes of a system (`VIDEO_NUM_DEVICES` of the kernel).
const MAX_NODES: usize = 256;

/// Lists the video nodes in `/dev`, by number.
///
/// # Errors
/// Those of opening and reading `/dev`. An empty list is not an error.
pub fn nodes() -> Result<impl Iterator<Item = NodePath>, Error> {
    let (numbers, _) = scan::numbers::<MAX_NODES>("/dev", "video")?;
    Ok(numbers.into_iter().map(NodePath::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_is_whole() {
        assert_eq!(NodePath::new(u16::MAX).as_str(), "/dev/video65535");
    }
}
