//! Binds a host's socket, so that exactly one of several hosts that try at once serves it.
//!
//! A killed host leaves its file behind. Checking whether a host still answers there and replacing
//! the file are two steps, and another host may do the same in between. Both are therefore done
//! under a lock of the folder (`flock(2)`), which the kernel releases with its process, and which
//! is the same lock in every namespace that sees the folder.
//!
//! Under the lock the socket is bound to its final name, which programs can read with
//! `getsockname(2)`. Clients that connect before it listens are refused as if there were no socket.
//! In a folder that can't be locked, the socket is bound to a temporary name, listens, and is
//! renamed: other hosts never see a name that does not answer, and a host that is killed meanwhile
//! leaves at most a file whose name begins with `.vsl` and which no other host uses.
//!
//! Source: `unix(7)`, `bind(2)`, `rename(2)`, `flock(2)`.

use core::fmt::Write as _;

use rustix::fd::{AsRawFd as _, OwnedFd};
use rustix::fs::{
    CWD, FileType, FlockOperation, Mode, OFlags, RenameFlags, chmod, flock, lstat, open, renameat,
    renameat_with, unlink,
};
use rustix::io::Errno;
use rustix::net::{bind, listen};
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::thread::nanosleep;
use videostream_hal::Call;
use videostream_hal::time::{deadline_in, now_ns, timespec};

use crate::Error;
use crate::address::{Address, MAX_PATH, new_socket};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;
/// Temporary names to try. They are random, so that even the second is hardly ever needed.
const NAMES: usize = 16;
/// How long to wait for the lock where it is required. Hosts hold it for microseconds.
const LOCK_NS: u64 = 5_000_000_000;
/// How long to wait for the lock where it is optional.
const SHORT_LOCK_NS: u64 = 100_000_000;
/// How long to sleep between two attempts to lock.
const LOCK_STEP_NS: u64 = 500_000;

impl Address {
    /// Binds and listens. A file gets `mode` before clients can connect to it, and replaces the
    /// socket file of a dead host.
    pub(crate) fn bind(&self, mode: u32) -> Result<(OwnedFd, Option<FileId>), Error> {
        let socket = new_socket()?;
        if !self.is_file() {
            match bind(&socket, &self.socket_address()?) {
                Ok(()) => {}
                Err(Errno::ADDRINUSE) => return Err(Error::AddressInUse),
                Err(errno) => return Err(Error::os(Call::Bind, errno)),
            }
            listen(&socket, BACKLOG).map_err(|e| Error::os(Call::Listen, e))?;
            return Ok((socket, None));
        }
        if let Some(id) = self.bind_in_place(&socket, mode)? {
            return Ok((socket, Some(id)));
        }
        let (temporary, _folder) = self.bind_beside(&socket)?;
        let id = self.put_in_place(&socket, &temporary, mode);
        if id.is_err() {
            let _ = unlink(temporary.name());
        }
        Ok((socket, Some(id?)))
    }

    /// Binds to the final name and listens, under the folder's lock. Returns `None` without a lock,
    /// and when a process that does not lock takes the name meanwhile.
    fn bind_in_place(&self, socket: &OwnedFd, mode: u32) -> Result<Option<FileId>, Error> {
        let Ok(_lock @ Lock(Some(_))) = Lock::take(self.folder(), SHORT_LOCK_NS) else {
            return Ok(None);
        };
        let address = self.socket_address()?;
        let mut bound = bind(socket, &address);
        if bound == Err(Errno::ADDRINUSE) {
            if self.is_stale()? {
                let _ = unlink(self.name());
            }
            bound = bind(socket, &address);
        }
        match bound {
            Ok(()) => {}
            Err(Errno::ADDRINUSE) => return Ok(None),
            Err(errno) => return Err(Error::os(Call::Bind, errno)),
        }
        let listens = self.listen_at(socket, mode);
        if listens.is_err() {
            let _ = unlink(self.name());
        }
        listens.map(Some)
    }

    /// Sets the file's mode, then listens on the socket that is bound to this name.
    fn listen_at(&self, socket: &OwnedFd, mode: u32) -> Result<FileId, Error> {
        let mode = Mode::from_raw_mode(mode);
        chmod(self.name(), mode).map_err(|e| Error::os(Call::Chmod, e))?;
        listen(socket, BACKLOG).map_err(|e| Error::os(Call::Listen, e))?;
        FileId::of(self).map_err(|e| Error::os(Call::Stat, e))
    }

    /// Binds to a free temporary name in the same folder. Returns it with the folder's descriptor
    /// if the name refers to that, because a full path would be too long.
    fn bind_beside(&self, socket: &OwnedFd) -> Result<(Self, Option<OwnedFd>), Error> {
        let mut left = NAMES;
        loop {
            let (name, folder) = self.temporary()?;
            left -= 1;
            match bind(socket, &name.socket_address()?) {
                Ok(()) => return Ok((name, folder)),
                // The name is another host's: try the next one.
                Err(Errno::ADDRINUSE) if left > 0 => {}
                Err(errno) => return Err(Error::os(Call::Bind, errno)),
            }
        }
    }

    fn temporary(&self) -> Result<(Self, Option<OwnedFd>), Error> {
        let last = random();
        if let Some(name) = temporary_in(self.folder(), last) {
            return Ok((name, None));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder =
            open(self.folder(), flags, Mode::empty()).map_err(|e| Error::os(Call::Open, e))?;
        let mut path = heapless::String::<32>::new();
        let fits = write!(path, "/proc/self/fd/{}/", folder.as_raw_fd()).is_ok();
        let name = temporary_in(path.as_bytes(), last).filter(|_| fits);
        Ok((name.ok_or(Error::AddressInvalid)?, Some(folder)))
    }

    /// Returns the folder in a file's name, with the slash at its end.
    fn folder(&self) -> &[u8] {
        let slash = self.name().iter().rposition(|&b| b == b'/').unwrap_or(0);
        &self.name()[..=slash]
    }

    fn put_in_place(&self, socket: &OwnedFd, temporary: &Self, mode: u32) -> Result<FileId, Error> {
        let id = temporary.listen_at(socket, mode)?;
        // Without the lock only a free name can be taken.
        let mut lock = Lock::take(self.folder(), SHORT_LOCK_NS);
        let deadline_ns = deadline_in(LOCK_NS);
        while !(self.is_stale()? && lock.is_ok()) {
            if self.is_new(temporary)? {
                return Ok(id);
            }
            // The name is taken: its host has ended since `is_stale`, or there is a stale file.
            if lock.is_err() {
                lock = Ok(Lock::take(self.folder(), LOCK_NS)?);
            } else if now_ns() > deadline_ns {
                return Err(Error::AddressInUse);
            }
        }
        renameat(CWD, temporary.name(), CWD, self.name())
            .map_err(|e| Error::os(Call::Rename, e))?;
        Ok(id)
    }

    /// Renames the temporary file to this name if the name is free. Returns whether it was.
    fn is_new(&self, temporary: &Self) -> Result<bool, Error> {
        let (from, to) = (temporary.name(), self.name());
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            // A file system without RENAME_NOREPLACE: check first, which the lock makes safe.
            Err(Errno::INVAL | Errno::NOSYS) => {
                let is_free = lstat(to).is_err_and(|e| e == Errno::NOENT);
                if is_free {
                    renameat(CWD, from, CWD, to).map_err(|e| Error::os(Call::Rename, e))?;
                }
                Ok(is_free)
            }
            Err(errno) => Err(Error::os(Call::Rename, errno)),
        }
    }

    /// Returns whether there is a socket of this name without a host; `false` if there is no file.
    fn is_stale(&self) -> Result<bool, Error> {
        match lstat(self.name()) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Socket => {
                return Err(Error::NotASocket);
            }
            Ok(_) => {}
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(Error::os(Call::Stat, errno)),
        }
        match self.try_connect()? {
            Err(Errno::CONNREFUSED) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            // It answers, its backlog is full, or it is a socket of another type.
            Ok(_) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Err(Error::AddressInUse),
            Err(errno) => Err(Error::os(Call::Connect, errno)),
        }
    }

    /// Removes the file if it is still the one that was bound.
    pub(crate) fn unlink(&self, id: FileId) {
        // Even without a lock: another host's file is here only if this host's was removed.
        let _lock = Lock::take(self.folder(), SHORT_LOCK_NS);
        if FileId::of(self) == Ok(id) {
            let _ = unlink(self.name());
        }
    }
}

/// Device and inode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the fields' types differ between architectures"
    )]
    fn of(address: &Address) -> Result<Self, Errno> {
        let stat = lstat(address.name())?;
        Ok(Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        })
    }
}

/// Returns a temporary name in `folder`, or `None` if it would be too long.
fn temporary_in(folder: &[u8], last: u64) -> Option<Address> {
    let mut name = heapless::Vec::<u8, MAX_PATH>::new();
    name.extend_from_slice(folder).ok()?;
    write!(name, ".vsl{last:016x}").ok()?;
    Address::new(&name).ok()
}

/// Returns a number that is unique among threads, processes, and containers.
fn random() -> u64 {
    let mut bytes = [0; 8];
    // Non-blocking early at boot. Where getrandom(2) is missing or filtered, the time has to do: on
    // a collision the next name is tried.
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(8) => u64::from_ne_bytes(bytes),
        _ => now_ns(),
    }
}

/// The folder's lock, released on drop, and by the kernel when the process is killed.
struct Lock(Option<OwnedFd>);

impl Lock {
    /// Waits for the lock. For a folder that can't be read or locked, returns an empty lock.
    ///
    /// # Errors
    /// [`Error::Os`] with EAGAIN when another process holds the lock for longer than `patience_ns`.
    fn take(folder: &[u8], patience_ns: u64) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(folder) = open(folder, flags, Mode::empty()) else {
            return Ok(Self(None));
        };
        let deadline_ns = deadline_in(patience_ns);
        loop {
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(Some(folder))),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if now_ns() < deadline_ns => pause(),
                Err(Errno::AGAIN) => return Err(Error::FolderLocked),
                Err(_) => return Ok(Self(None)),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            // Closing is not enough: a child of this process may have a copy of the descriptor.
            let _ = flock(folder, FlockOperation::Unlock);
        }
    }
}

fn pause() {
    // An early return does no harm: the caller checks the clock.
    let _ = nanosleep(&timespec(LOCK_STEP_NS));
}
