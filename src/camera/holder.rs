//! Programs that have a device open.

use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

/// A program that has a device open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Name of the program, truncated by the kernel.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// Lists the programs that have the device at `path` open; this one only if it has it open twice.
///
/// Without privileges only the user's own programs are visible; the list may be empty.
pub(super) fn holders(path: &Path) -> Vec<Holder> {
    let Ok(about) = fs::metadata(path) else {
        return Vec::new();
    };
    let device = about.file_type().is_char_device().then(|| about.rdev());
    let same = |fd: &Path| {
        fs::metadata(fd).is_ok_and(|other| match device {
            // Compare device numbers: the node may have several names.
            Some(rdev) => other.file_type().is_char_device() && other.rdev() == rdev,
            None => (other.dev(), other.ino()) == (about.dev(), about.ino()),
        })
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id();
    let mut found = Vec::new();
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let Ok(fds) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let open = fds.flatten().filter(|fd| same(&fd.path())).count();
        if open > usize::from(pid == own) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            found.push(Holder {
                pid,
                name: name.trim_end().to_owned(),
            });
        }
    }
    found.sort_unstable_by_key(|holder| holder.pid);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_counts_from_the_second_handle_on() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(holders(file.path()), []);
        let _second = file.reopen().unwrap();
        let found = holders(file.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pid, std::process::id());
        assert!(!found[0].name.is_empty());
    }
}
