//! A host of the frame ring with only `core`, `videostream-hal` and `videostream-ipc`: no std, no
//! allocator, no C library.
//!
//! `nostd-host NAME` serves on the abstract socket NAME, publishes a frame every millisecond once a
//! client has connected, and ends with status 0 when it has gone. Every byte of a frame is the
//! lowest byte of its serial.

#![no_std]
#![no_main]

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("its entry is written for x86_64 Linux");

mod start;

use rustix::event::{PollFd, PollFlags, poll};
use videostream_hal::Call;
use videostream_hal::memory::{Access, Mapping, memfd};
use videostream_hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream_hal::time::{now_ns, timespec};
use videostream_ipc::Error;
use videostream_ipc::address::Address;
use videostream_ipc::host::{Config, Host};

const BUFFERS: usize = 8;
const SIZE: usize = 4096;
const PERIOD_NS: u64 = 1_000_000;
/// It never outlives the test that has started it by more than this.
const LIFE_NS: u64 = 60_000_000_000;

/// The exit status: 0, or what went wrong.
fn run(name: &[u8]) -> i32 {
    match serve(name) {
        Ok(true) => 0,
        Ok(false) => 2,
        Err(_) => 1,
    }
}

/// Serves one client to its end; `false` if none came in time.
fn serve(name: &[u8]) -> Result<bool, Error> {
    let begin = now_ns();
    let mut host = Host::bind(Address::new(name)?, Config::default(), begin)?;
    let mut buffers: heapless::Vec<(u32, Mapping), BUFFERS> = heapless::Vec::new();
    for _ in 0..BUFFERS {
        let os = |errno| Error::Os {
            call: Call::MemfdCreate,
            errno,
        };
        let fd = memfd::create(c"nostd-host", SIZE).map_err(os)?;
        let mapping =
            Mapping::new(&fd, SIZE, Access::ReadWrite).map_err(|_| Error::Unexpected {
                what: "a memfd that cannot be mapped",
            })?;
        memfd::seal(&fd, memfd::FIXED_SIZE).map_err(os)?;
        let id = host.register(fd, SIZE as u64)?;
        let _ = buffers.push((id, mapping));
    }
    let mut free = [true; BUFFERS];
    let mut in_slot = [None; 16];
    while now_ns() - begin < LIFE_NS {
        let mut fds = [PollFd::new(&host, PollFlags::IN)];
        // Interrupted or not: there may be something to do.
        let _ = poll(&mut fds, Some(&timespec(PERIOD_NS)));
        host.process()?;
        if host.stats().left > 0 {
            return Ok(true);
        }
        if host.clients().next().is_none() {
            continue;
        }
        host.reclaim(4, |slot| {
            if let Some(buffer) = in_slot[slot.index()].take() {
                free[buffer] = true;
            }
        });
        let Some(buffer) = free.iter().position(|&free| free) else {
            continue;
        };
        let (id, mapping) = &mut buffers[buffer];
        // SAFETY: the buffer is free: no frame lies in it, and nobody else writes it.
        if let Some(bytes) = unsafe { mapping.bytes_mut() } {
            bytes.fill((host.head() + 1) as u8);
        }
        let mut frame = FrameDescriptor {
            plane_count: 1,
            published_ns: now_ns(),
            ..FrameDescriptor::default()
        };
        frame.planes[0] = PlaneDescriptor {
            buffer: *id,
            size: SIZE as u32,
            ..PlaneDescriptor::default()
        };
        let (slot, _) = host.publish(&frame)?;
        in_slot[slot.index()] = Some(buffer);
        free[buffer] = false;
    }
    Ok(false)
}
