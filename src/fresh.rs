//! A new file that replaces an old one only once it is complete.
//!
//! It is written under another name in the same folder, `.NAME.XXXXXXXX.part`, and then renamed. A
//! process that is killed leaves that file behind; the next writer of the same name removes it. A
//! writer holds a lock (`flock`) on its file until the rename, and the kernel releases the lock
//! when the process ends, so that abandoned files are recognised without a guess by age or by
//! process id, which each container counts from 1. The kernel implements these locks for all local
//! file systems, FAT and exFAT included; without locks (some network file systems), abandoned files
//! stay.
//!
//! An unnamed file (`O_TMPFILE`) would leave nothing behind, but FAT and exFAT, as on memory cards,
//! don't support it, and it can't replace another file.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, StatxAttributes, StatxFlags, fchmod,
    fchown, flock, fstat, fsync, openat, renameat, statat, statx, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};
use rustix::rand::{GetRandomFlags, getrandom};

/// Permissions of a new file before the umask, as for [`File::create`].
const MODE: Mode = Mode::from_raw_mode(0o666);
/// Most bytes of the name that the temporary name repeats; file names have at most 255 bytes.
const LONGEST: usize = 200;
/// Number of temporary names to try.
const TRIES: usize = 16;

/// The name of a file that is being written. Dropping it before [`Fresh::show`] deletes the file.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// `None` once the file has its name, or if it is written in place.
    hidden: Option<Hidden>,
}

/// The temporary name of the file.
#[derive(Debug)]
struct Hidden {
    folder: OwnedFd,
    name: OsString,
    becomes: OsString,
}

impl Fresh {
    /// Creates a file that will be at `path`, as [`File::create`] would. A FIFO, a device, or the
    /// target of a symbolic link is written in place.
    pub(crate) fn create(path: &Path) -> io::Result<(File, Self)> {
        let before = match fs::symlink_metadata(path) {
            Ok(before) if before.is_file() && !is_mounted(path) => {
                // A file without write permission must not be replaced either.
                let mut options = File::options();
                options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
                options.write(true).open(path)?;
                Some(before)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            _ => return Self::in_place(path),
        };
        let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else {
            return Self::in_place(path);
        };
        match Hidden::create(folder, name) {
            Ok((file, hidden)) => {
                if let Some(before) = before {
                    // Best effort: only root may change the owner.
                    let _ = take_after(&file, &before);
                }
                let hidden = Some(hidden);
                Ok((file, Self { hidden }))
            }
            // The file is writable, but its folder is not.
            Err(Errno::ACCESS | Errno::PERM) => Self::in_place(path),
            Err(errno) => Err(errno.into()),
        }
    }

    fn in_place(path: &Path) -> io::Result<(File, Self)> {
        Ok((File::create(path)?, Self { hidden: None }))
    }

    /// Renames the file to its final name, replacing an existing file; if `durable`, in a way that
    /// survives a power loss.
    pub(crate) fn show(&mut self, file: &File, durable: bool) -> io::Result<()> {
        let Some(hidden) = &self.hidden else {
            return Ok(());
        };
        let (folder, becomes) = (&hidden.folder, &hidden.becomes);
        renameat(folder, &hidden.name, folder, becomes)?;
        // The lock protected the temporary name; it must not hinder programs that lock the file to
        // read it.
        let _ = flock(file, FlockOperation::Unlock);
        if durable {
            // Best effort: an unreadable folder can't be synchronised, nor can folders of some file
            // systems.
            let _ = fsync(folder);
        }
        self.hidden = None;
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            let _ = unlinkat(&hidden.folder, &hidden.name, AtFlags::empty());
        }
    }
}

impl Hidden {
    fn create(folder: &Path, becomes: &OsStr) -> Result<(File, Self), Errno> {
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match openat(CWD, folder, flags | OFlags::RDONLY, Mode::empty()) {
            // The folder is not readable, but files may still be created in it.
            Err(Errno::ACCESS) => openat(CWD, folder, flags | OFlags::PATH, Mode::empty())?,
            opened => opened?,
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        for _ in 0..TRIES {
            let name = name(becomes)?;
            let file = match openat(&folder, &name, flags, MODE) {
                Err(Errno::EXIST) => continue,
                made => File::from(made?),
            };
            if lock(&folder, &name, &file) {
                if let Ok(about) = fstat(&file) {
                    remove_abandoned(&folder, becomes, about.st_uid);
                }
                let becomes = becomes.to_owned();
                let hidden = Self {
                    folder,
                    name,
                    becomes,
                };
                return Ok((file, hidden));
            }
            let _ = unlinkat(&folder, &name, AtFlags::empty());
        }
        Err(Errno::EXIST)
    }
}

/// Locks a new file if the file system has locks. Returns whether it still has its name: until it
/// is locked it looks abandoned, and another writer may remove it.
fn lock(folder: &OwnedFd, name: &OsStr, file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
        && statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Removes files that killed writers of this name left behind, as far as possible. `user` is the
/// owner of new files here: on FAT that is the same for all files.
fn remove_abandoned(folder: &OwnedFd, becomes: &OsStr, user: u32) {
    let Ok(entries) = Dir::read_from(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if is_part(name, becomes) {
            let _ = remove_if_abandoned(folder, name, user);
        }
    }
}

/// Removes a file of `user` unless its writer holds the lock.
fn remove_if_abandoned(folder: &OwnedFd, name: &OsStr, user: u32) -> Result<(), Errno> {
    // Check the type before opening, since opening a device may have side effects.
    let about = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_own = about.st_uid == user || geteuid().is_root();
    if !is_own || FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
        return Ok(());
    }
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::empty())?);
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    // Harmless if its writer has renamed it in the meantime: the name is gone then.
    unlinkat(folder, name, AtFlags::empty())
}

/// Makes a temporary name, `.NAME.XXXXXXXX.part`.
fn name(of: &OsStr) -> Result<OsString, Errno> {
    let mut random = [0; 4];
    getrandom(&mut random, GetRandomFlags::empty())?;
    let mut name = before_random(of);
    name.extend(format!("{:08x}.part", u32::from_ne_bytes(random)).bytes());
    Ok(OsStr::from_bytes(&name).to_owned())
}

/// Returns whether `name` has the form of [`name`]'s results for `of`.
fn is_part(name: &OsStr, of: &OsStr) -> bool {
    let random = name
        .as_bytes()
        .strip_prefix(&*before_random(of))
        .and_then(|rest| rest.strip_suffix(b".part"));
    random.is_some_and(|random| random.len() == 8 && random.iter().all(u8::is_ascii_hexdigit))
}

/// Returns the part before the random characters, `.NAME.`.
fn before_random(of: &OsStr) -> Vec<u8> {
    let of = of.as_bytes();
    [b".", &of[..of.len().min(LONGEST)], b"."].concat()
}

/// Returns whether something is mounted on the file, which a rename can't replace.
fn is_mounted(path: &Path) -> bool {
    let about = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE);
    about.is_ok_and(|about| about.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Copies owner and permissions of the file that is to be replaced.
fn take_after(file: &File, before: &fs::Metadata) -> Result<(), Errno> {
    let now = fstat(file)?;
    if (now.st_uid, now.st_gid) != (before.uid(), before.gid()) {
        let (user, group) = (Uid::from_raw(before.uid()), Gid::from_raw(before.gid()));
        fchown(file, Some(user), Some(group))?;
    }
    fchmod(file, Mode::from_raw_mode(before.mode() & 0o777))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// Names in a folder.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn show(path: &Path) {
        let (file, mut fresh) = Fresh::create(path).unwrap();
        fresh.show(&file, false).unwrap();
    }

    #[test]
    fn what_was_there_stays_until_the_new_file_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "before").unwrap();
        let (mut file, mut fresh) = Fresh::create(&path).unwrap();
        file.write_all(b"now").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        let hidden = &names(folder.path())[0];
        assert!(hidden.starts_with(".x.") && hidden.ends_with(".part"));
        fresh.show(&file, true).unwrap();
        file.write_all(b", and more").unwrap();
        drop(fresh);
        assert_eq!(fs::read(&path).unwrap(), b"now, and more");
        assert_eq!(names(folder.path()), ["x"]);
    }

    #[test]
    fn what_is_not_shown_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        drop(Fresh::create(&path).unwrap());
        assert!(names(folder.path()).is_empty());
        fs::write(&path, "before").unwrap();
        drop(Fresh::create(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(names(folder.path()), ["x"]);
    }

    #[test]
    fn abandoned_parts_of_the_same_name_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let others = [
            ".x.0000000.part",
            ".x.0000000g.part",
            ".x.00000000.par",
            ".x.x.00000000.part",
            ".y.00000000.part",
            "x.00000000.part",
        ];
        for name in others {
            fs::write(file(name), "").unwrap();
        }
        symlink(others[0], file(".x.00000001.part")).unwrap();
        fs::create_dir(file(".x.00000002.part")).unwrap();
        rustix::fs::mkfifoat(CWD, file(".x.00000003.part"), MODE).unwrap();
        let kept = names(folder.path());
        for name in [".x.89abcdef.part", ".x.01234567.part"] {
            fs::write(file(name), "left behind").unwrap();
        }
        let written = Fresh::create(&file("x")).unwrap();
        assert_eq!(names(folder.path()).len(), kept.len() + 1);
        drop(written);
        assert_eq!(names(folder.path()), kept);
    }

    #[test]
    fn writers_of_one_name_leave_each_other_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let (file, mut fresh) = Fresh::create(&path).unwrap();
                        std::thread::yield_now();
                        fresh.show(&file, false).unwrap();
                    }
                });
            }
        });
        assert_eq!(names(folder.path()), ["x"]);
    }

    #[test]
    fn links_are_written_through_and_devices_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let [link, target] = ["link", "target"].map(|name| folder.path().join(name));
        fs::write(&target, "before").unwrap();
        symlink("target", &link).unwrap();
        let (mut file, fresh) = Fresh::create(&link).unwrap();
        file.write_all(b"now").unwrap();
        drop(fresh);
        assert_eq!(fs::read(&target).unwrap(), b"now");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let (mut full, mut name) = Fresh::create(Path::new("/dev/full")).unwrap();
        let error = full.write_all(b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        name.show(&full, true).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&full);
        Fresh::create(Path::new(&format!("/proc/self/fd/{number}"))).unwrap();
    }

    #[test]
    fn permissions_are_those_that_a_file_would_have_had() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let [plain, fresh] = ["plain", "fresh"].map(|name| folder.path().join(name));
        File::create(&plain).unwrap();
        show(&fresh);
        assert_eq!(mode(&fresh), mode(&plain));
        fs::set_permissions(&plain, fs::Permissions::from_mode(0o640)).unwrap();
        show(&plain);
        assert_eq!(mode(&plain), 0o640);
    }

    #[test]
    fn a_name_as_long_as_can_be_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x".repeat(255));
        show(&path);
        assert!(path.exists());
    }

    #[test]
    fn what_can_not_be_created_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |path: &Path| Fresh::create(path).unwrap_err().kind();
        assert_eq!(kind(&folder.path().join("no/x")), ErrorKind::NotFound);
        assert_eq!(kind(folder.path()), ErrorKind::IsADirectory);
    }
}
