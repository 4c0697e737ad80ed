//! Scans for device nodes in `/dev` and its folders.

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ops::ControlFlow;

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::{Call, Error};

/// The call that failed, and the kernel's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanError {
    pub(crate) call: Call,
    pub(crate) errno: Errno,
}

impl From<ScanError> for Error {
    fn from(ScanError { call, errno }: ScanError) -> Self {
        Self::System { call, errno }
    }
}

/// Calls `take` with each name in a folder, in the kernel's order, until it breaks.
pub(crate) fn names(
    folder: impl Arg,
    mut take: impl FnMut(&CStr) -> ControlFlow<()>,
) -> Result<(), ScanError> {
    let failed = |call| move |errno| ScanError { call, errno };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, folder, flags, Mode::empty()).map_err(failed(Call::Open))?;
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    let mut entries = RawDir::new(&folder, &mut buffer);
    while let Some(entry) = entries.next() {
        if take(entry.map_err(failed(Call::Getdents))?.file_name()).is_break() {
            break;
        }
    }
    Ok(())
}

/// Returns the numbers of the nodes `{kind}N` in a folder in ascending order, and whether there
/// are more than `N` of them.
pub(crate) fn numbers<const N: usize>(
    folder: impl Arg,
    kind: &str,
) -> Result<(heapless::Vec<u16, N>, bool), ScanError> {
    let mut numbers = heapless::Vec::new();
    let mut is_full = false;
    names(folder, |name| {
        if let Some(number) = number(name.to_bytes(), kind) {
            is_full |= numbers.push(number).is_err();
        }
        ControlFlow::Continue(())
    })?;
    numbers.sort_unstable();
    Ok((numbers, is_full))
}

/// Returns the number in `{kind}N`; `None` for any other name.
fn number(name: &[u8], kind: &str) -> Option<u16> {
    let digits = name.strip_prefix(kind.as_bytes())?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kind_and_a_number_is_a_node() {
        assert_eq!(number(b"video0", "video"), Some(0));
        assert_eq!(number(b"media63", "media"), Some(63));
        for name in ["video", "video-1", "video1a", "vbi0", "video99999"] {
            assert_eq!(number(name.as_bytes(), "video"), None);
        }
    }

    #[test]
    fn numbers_come_in_order_as_far_as_they_fit() {
        let folder = std::env::temp_dir().join(std::format!("vsl-scan-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["video10", "video2", "vbi0", "video0"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let folder_name = folder.to_str().unwrap();
        let all = numbers::<4>(folder_name, "video").unwrap();
        let some = numbers::<2>(folder_name, "video").unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((all.0.as_slice(), all.1), (&[0, 2, 10][..], false));
        assert_eq!((some.0.len(), some.1), (2, true));
        let gone = numbers::<4>(folder_name, "video").unwrap_err();
        assert_eq!((gone.call, gone.errno), (Call::Open, Errno::NOENT));
    }
}
