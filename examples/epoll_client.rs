//! A client in an event loop, together with another event source: here a timer.
//! See `host.rs`.
//!
//! ```console
//! cargo run --example epoll_client -- SOCKET [FRAMES]
//! ```
//!
//! The client fits GLib (`unix_fd_add`) and asyncio (`add_reader`) in the same way: as a descriptor
//! that is readable when `poll_next` has something to do. tokio (`AsyncFd`) needs a descriptor that
//! stays the same, but a client's changes when it moves to a new host: give tokio a duplicate of
//! `as_fd`. tokio reports changes only, so call `clear_ready` before `poll_next`, and `readable`
//! after it has returned `None`.

use std::error::Error;
use std::mem::MaybeUninit;

use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use videostream::Client;

const FRAMES: u64 = 0;
const CLOCK: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: epoll_client SOCKET [FRAMES]")?;
    let frames = arguments.next().map_or(Ok(u64::MAX), |n| n.parse())?;

    let mut client = Client::builder(&path).reconnect(true).connect()?;
    let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let every = Timespec {
        tv_sec: 0,
        tv_nsec: 250_000_000,
    };
    let ticks = Itimerspec {
        it_interval: every,
        it_value: every,
    };
    timerfd_settime(&clock, TimerfdTimerFlags::empty(), &ticks)?;

    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let readable = epoll::EventFlags::IN;
    epoll::add(&epoll, &client, epoll::EventData::new_u64(FRAMES), readable)?;
    epoll::add(&epoll, &clock, epoll::EventData::new_u64(CLOCK), readable)?;

    let mut seen = 0;
    loop {
        // Frames first: the descriptor reports only those that arrive after `poll_next` returned
        // `None`.
        while let Some(frame) = client.poll_next()? {
            seen += 1;
            println!("frame {}: number {seen}", frame.serial());
            if seen == frames {
                return Ok(());
            }
        }
        let mut space = [MaybeUninit::<epoll::Event>::uninit(); 2];
        let (events, _) = epoll::wait(&epoll, &mut space, None)?;
        for event in events.iter() {
            if event.data.u64() == CLOCK {
                rustix::io::read(&clock, &mut [0u8; 8])?;
                println!("tick: {seen} frames so far");
            }
        }
    }
}
