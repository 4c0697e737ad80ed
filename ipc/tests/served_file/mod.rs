//! A file of a file system that this process serves: it can be opened, but no other request is ever
//! answered.
//!
//! Source: `linux/fuse.h`, protocol 7.31; `fuse(4)`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

const LOOKUP: u32 = 1;
const OPEN: u32 = 14;
const INIT: u32 = 26;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// The file and its file system. Dropping ends the file system, and with it every call that waits
/// for an answer.
pub(crate) struct Served {
    // Dropped first: closing the file would wait.
    _mount: Mounted,
    pub(crate) file: File,
    /// Unanswered requests of the kernel.
    pub(crate) asked: mpsc::Receiver<u32>,
}

/// The mount point.
struct Mounted(PathBuf);

impl Served {
    /// Needs root.
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("videostream-fuse-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let fuse = File::options().read(true).write(true).open("/dev/fuse");
        let fuse = fuse.unwrap();
        let data = format!(
            "fd={},rootmode={DIRECTORY:o},user_id=0,group_id=0\0",
            fuse.as_raw_fd()
        );
        let data = std::ffi::CStr::from_bytes_with_nul(data.as_bytes()).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("videostream", &folder, "fuse", flags, data).unwrap();
        let mounted = Mounted(folder);
        let (tell, asked) = mpsc::channel();
        thread::spawn(move || serve(fuse, &tell));
        let file = File::open(mounted.0.join("file")).unwrap();
        Self {
            _mount: mounted,
            file,
            asked,
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // By force: calls that wait for an answer fail.
        let _ = unmount(&self.0, UnmountFlags::FORCE | UnmountFlags::DETACH);
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Answers the requests for opening a file, until the file system ends.
fn serve(mut fuse: File, tell: &mpsc::Sender<u32>) {
    let mut request = vec![0; 1 << 17];
    while let Ok(len) = fuse.read(&mut request) {
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        assert!(len >= 40, "shorter than a header");
        let unique = u64::from_ne_bytes(request[8..16].try_into().unwrap());
        let answer: Vec<u32> = match word(4) {
            // The protocol version and the smallest limits; 64 bytes.
            INIT => [&[7, 31, 0, 0, 0, 4096, 1][..], &[0; 9]].concat(),
            // Inode 2, whose attributes are never cached.
            LOOKUP => {
                let attributes = [REGULAR | 0o644, 1, 0, 0, 0, 4096, 0];
                let valid = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                [&valid[..], &[2, 0, 4096, 0, 8, 0], &[0; 9], &attributes].concat()
            }
            OPEN => vec![0; 4],
            operation => {
                let _ = tell.send(operation);
                continue;
            }
        };
        let bytes = (16 + 4 * answer.len()) as u32;
        let mut reply = [bytes.to_ne_bytes(), [0; 4]].concat();
        reply.extend(unique.to_ne_bytes());
        reply.extend(answer.iter().flat_map(|word| word.to_ne_bytes()));
        fuse.write_all(&reply).unwrap();
    }
}
