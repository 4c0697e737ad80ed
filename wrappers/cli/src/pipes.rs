//! FIFOs and pipes in the place of files: waiting for the other end, with an eye on signals.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::signals;

/// Between two looks for a reader.
const LOOK: Duration = Duration::from_millis(20);
/// Between two looks at the signals, while nothing comes.
const SLICE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Keeps the way to a reader open until the file itself is opened, which does not block then.
pub(crate) struct Reader {
    _fifo: Option<File>,
}

/// Waits until somebody reads, if `path` is a FIFO. `None`: the user wants an end.
pub(crate) fn wait_for_reader(path: &Path) -> Option<Reader> {
    let is_fifo = fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo());
    if !is_fifo {
        return Some(Reader { _fifo: None });
    }
    while !signals::stopped() {
        match non_blocking().write(true).open(path) {
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
                signals::sleep(LOOK);
            }
            // What else is wrong is told by whoever opens it to write.
            opened => return Some(Reader { _fifo: opened.ok() }),
        }
    }
    None
}

/// A file whose reading ends when the user wants an end.
pub(crate) struct Input {
    pub(crate) file: File,
    may_block: bool,
}

impl Input {
    /// Opens a file, or a FIFO without waiting for who writes into it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = non_blocking().read(true).open(path)?;
        let may_block = !file.metadata()?.is_file();
        Ok(Self { file, may_block })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.may_block {
            // Before the first writer a FIFO is at its end for read(2), but not for poll(2).
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            // Looked at first: what had come before the signal is still read.
            let stopped = signals::stopped();
            let time = if stopped { &NOW } else { &SLICE };
            match poll(&mut fds, Some(time)) {
                Ok(0) if stopped => return Ok(0),
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) => {}
                Err(errno) => return Err(errno.into()),
            }
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
        self.file.read(buffer)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn non_blocking() -> fs::OpenOptions {
    let mut options = File::options();
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    options
}
