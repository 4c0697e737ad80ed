//! Hosts that publish what a test says, when it says so.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use videostream::Host;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::memfd;
use videostream::hal::ring::{Flags, FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;
use videostream::share::{HostBuilder, Lender};

use crate::support::until;

/// Frames out at once.
pub(crate) const LEND: u32 = 8;

/// A host with a thread that serves it. It says goodbye when dropped.
pub(crate) struct TestHost {
    lender: Arc<Mutex<Lender<()>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    files: HashMap<u32, std::fs::File>,
}

impl TestHost {
    pub(crate) fn new(path: &str) -> Self {
        Self::with(Host::builder(path), LEND)
    }

    pub(crate) fn with(builder: HostBuilder, lend: u32) -> Self {
        let host = builder.lend(lend).bind().unwrap();
        let events = host.as_fd().try_clone_to_owned().unwrap();
        let lender = Arc::new(Mutex::new(Lender::new(host)));
        let ends = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (lender, ends) = (lender.clone(), ends.clone());
            move || serve(&lender, &events, &ends)
        });
        Self {
            lender,
            ends,
            thread: Some(thread),
            files: HashMap::new(),
        }
    }

    pub(crate) fn lender(&self) -> MutexGuard<'_, Lender<()>> {
        self.lender.lock().unwrap()
    }

    /// Registers a memfd of so many bytes, all of them `fill`.
    pub(crate) fn memory(&mut self, size: usize, fill: u8) -> u32 {
        let fd = memfd::create(c"test", size).unwrap();
        let file = std::fs::File::from(fd);
        file.write_all_at(&vec![fill; size], 0).unwrap();
        memfd::seal(&file, memfd::FIXED_SIZE).unwrap();
        let shared = OwnedFd::from(file.try_clone().unwrap());
        let id = self.lender().host_mut().register(shared, size as u64);
        let id = id.unwrap();
        self.files.insert(id, file);
        id
    }

    /// The inode of a registered memfd.
    pub(crate) fn inode(&self, id: u32) -> u64 {
        self.files[&id].metadata().unwrap().ino()
    }

    /// Writes into a registered memfd.
    pub(crate) fn write(&self, id: u32, bytes: &[u8]) {
        self.files[&id].write_all_at(bytes, 0).unwrap();
    }

    pub(crate) fn publish(&self, frame: &FrameDescriptor) -> u64 {
        let mut lender = self.lender();
        let serial = lender.publish(frame, ()).map_err(|refused| refused.error);
        lender.take_back(drop);
        serial.unwrap()
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.lender().host().clients().count()
    }

    /// How many frames clients hold.
    pub(crate) fn held(&self) -> u32 {
        self.lender()
            .host()
            .clients()
            .map(|client| client.held)
            .sum()
    }

    pub(crate) fn wait_for_clients(&self, count: usize) {
        until("so many clients", || self.clients() == count);
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(lender: &Mutex<Lender<()>>, events: &OwnedFd, ends: &AtomicBool) {
    while !ends.load(Ordering::SeqCst) {
        {
            let mut lender = lender.lock().unwrap();
            lender.host_mut().process().unwrap();
            lender.take_back(drop);
        }
        let slice = Timespec {
            tv_sec: 0,
            tv_nsec: 2_000_000,
        };
        let _ = poll(&mut [PollFd::new(events, PollFlags::IN)], Some(&slice));
    }
}

/// A frame in memory `buffer`, taken now, without padding.
pub(crate) fn frame(fourcc: FourCc, width: u32, height: u32, buffer: u32) -> FrameDescriptor {
    let layout = Layout::new(fourcc, width, height).unwrap();
    let mut frame = FrameDescriptor {
        fourcc: fourcc.0,
        width,
        height,
        bytes_used: layout.size,
        plane_count: layout.planes().len() as u32,
        timestamp_ns: now_ns(),
        published_ns: now_ns(),
        duration_ns: 33_333_333,
        field: 1,
        flags: Flags::KEY_FRAME.bits(),
        ..FrameDescriptor::default()
    };
    for (to, plane) in frame.planes.iter_mut().zip(layout.planes()) {
        *to = PlaneDescriptor {
            buffer,
            offset: plane.offset,
            stride: plane.stride,
            size: plane.size,
        };
    }
    frame
}

/// A small picture.
pub(crate) fn picture(buffer: u32) -> FrameDescriptor {
    frame(FourCc::NV12, 64, 32, buffer)
}

/// Bytes of [`picture`].
pub(crate) const PICTURE: usize = 64 * 32 * 3 / 2;

/// A packet at the start of memory `buffer`.
pub(crate) fn packet(fourcc: FourCc, buffer: u32, bytes: u32) -> FrameDescriptor {
    let mut frame = FrameDescriptor {
        fourcc: fourcc.0,
        width: 64,
        height: 32,
        bytes_used: bytes,
        plane_count: 1,
        timestamp_ns: now_ns(),
        published_ns: now_ns(),
        duration_ns: 33_333_333,
        ..FrameDescriptor::default()
    };
    frame.planes[0] = PlaneDescriptor {
        buffer,
        offset: 0,
        stride: 0,
        size: 4096,
    };
    frame
}

/// A name for a socket that no other test has.
pub(crate) fn socket(folder: &tempfile::TempDir) -> (PathBuf, String) {
    let path = folder.path().join("host");
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}
