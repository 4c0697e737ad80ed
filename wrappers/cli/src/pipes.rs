//! FIFOs and pipes instead of files: waiting for the other end, interruptible by signals.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::signals;

/// Pause between two checks for a reader.
const LOOK: Duration = Duration::from_millis(20);
/// Pause between two checks for signals while there is no input.
const SLICE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Keeps a FIFO open for writing until it is opened as the output, which then does not block.
pub(crate) struct Reader {
    _fifo: Option<File>,
}

/// Waits for a reader if `path` is a FIFO. Returns `None` if the user stops the command.
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
            // Other errors are reported when the output is opened.
            opened => return Some(Reader { _fifo: opened.ok() }),
        }
    }
    None
}

/// A file whose input ends when the user stops the command.
pub(crate) struct Input {
    pub(crate) file: File,
    may_block: bool,
}

impl Input {
    /// Opens a file, or a FIFO without waiting for a writer.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = non_blocking().read(true).open(path)?;
        let may_block = !file.metadata()?.is_file();
        Ok(Self { file, may_block })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.may_block {
            // Before the first writer opens a FIFO, read(2) reports its end, but poll(2) does not.
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            // Checked before polling, so that input from before the signal is still read.
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
