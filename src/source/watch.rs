//! Waiting for a source in an event loop, or in a thread that does not hold the source meanwhile.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::Errno;
use videostream_hal::time::{Alarm, until};

use super::Source;
use crate::{Error, Result};

/// A descriptor that is readable when a source is to be looked at, whatever the source waits for:
/// a device, the clock, a camera that is away.
///
/// After each call of the source, [`Watch::follow`] takes up what it waits for now; that is a
/// system call only where something has changed. [`Watch::wait`] needs no access to the source, so
/// that other threads can give buffers back meanwhile.
///
/// ```
/// use videostream::hal::format::FourCc;
/// use videostream::hal::time::deadline_in;
/// use videostream::source::{Source as _, Watch};
/// use videostream::{FrameRate, PatternSource, TestPattern};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pattern = TestPattern::new(FourCc::NV12, 640, 480, FrameRate::fps(100)?)?;
/// let mut source = PatternSource::new(pattern, 4)?;
/// let watch = Watch::new()?;
/// for _ in 0..3 {
///     let frame = loop {
///         watch.follow(&source)?;
///         let woken = watch.wait(deadline_in(10_000_000_000))?;
///         if woken.events {
///             source.take_events()?;
///         }
///         if let Some(frame) = source.take()? {
///             break frame;
///         }
///     };
///     println!("frame {}", frame.sequence);
///     source.requeue(frame.index)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Watch {
    set: OwnedFd,
    /// Rung once and for all: the end.
    bell: OwnedFd,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    alarm: Alarm,
    followed: Option<Followed>,
}

/// The descriptor of the source that is in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Followed {
    fd: RawFd,
    /// A descriptor of the same number is another one in another generation.
    generation: u32,
    flags: epoll::EventFlags,
}

/// What has ended a [`Watch::wait`]; nothing at all for the deadline and for signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Awake {
    /// The source may have a frame, or tells why it has none: [`Source::take`].
    pub source: bool,
    /// The source has something to tell beside its frames: [`Source::take_events`].
    pub events: bool,
    /// A descriptor of [`Watch::add`] is readable.
    pub other: bool,
    /// [`Watch::end`] was called.
    pub ended: bool,
}

const SOURCE: u64 = 0;
const ALARM: u64 = 1;
const OTHER: u64 = 2;
const BELL: u64 = 3;

impl Watch {
    /// A watch that follows no source yet.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn new() -> Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        let alarm = Alarm::new().map_err(failed)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let bell = eventfd(0, flags).map_err(failed)?;
        for (fd, data) in [(alarm.as_fd(), ALARM), (bell.as_fd(), BELL)] {
            let data = epoll::EventData::new_u64(data);
            epoll::add(&set, fd, data, epoll::EventFlags::IN).map_err(failed)?;
        }
        let state = State {
            alarm,
            followed: None,
        };
        Ok(Self {
            set,
            bell,
            state: Mutex::new(state),
        })
    }

    /// Waits for this descriptor, too: a host's, for instance.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn add(&self, fd: BorrowedFd<'_>) -> Result<()> {
        let data = epoll::EventData::new_u64(OTHER);
        epoll::add(&self.set, fd, data, epoll::EventFlags::IN).map_err(failed)
    }

    /// Waits for what `source` waits for now.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn follow(&self, source: &(impl Source + ?Sized)) -> Result<()> {
        let mut state = self.state();
        // A time that is no time turns the alarm off.
        let due_ns = source.due_ns().map(|due_ns| due_ns.max(1));
        state.alarm.set(due_ns);
        let Some(fd) = source.ready_fd() else {
            state.followed = None;
            return Ok(());
        };
        // A camera that is asked for frames before it streams would start a stream of the kernel's
        // own.
        let flags = match source.trouble() {
            None => epoll::EventFlags::IN | epoll::EventFlags::PRI,
            Some(_) => epoll::EventFlags::PRI,
        };
        let followed = Followed {
            fd: fd.as_raw_fd(),
            generation: generations(source),
            flags,
        };
        if state.followed == Some(followed) {
            return Ok(());
        }
        let data = epoll::EventData::new_u64(SOURCE);
        // A descriptor that was closed has left the set by itself.
        match epoll::add(&self.set, fd, data, flags) {
            Err(Errno::EXIST) => epoll::modify(&self.set, fd, data, flags).map_err(failed)?,
            added => added.map_err(failed)?,
        }
        state.followed = Some(followed);
        Ok(())
    }

    /// Waits until there is something to do, or until `deadline_ns` of `CLOCK_MONOTONIC`
    /// (`u64::MAX` is never, one that has passed looks once).
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn wait(&self, deadline_ns: u64) -> Result<Awake> {
        let nothing = epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        };
        let mut events = [nothing; 4];
        let timeout = until(deadline_ns);
        let timeout = (deadline_ns != u64::MAX).then_some(&timeout);
        let count = match epoll::wait(&self.set, &mut events, timeout) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(errno) => return Err(failed(errno)),
        };
        let mut awake = Awake::default();
        for event in &events[..count] {
            let (flags, data) = (event.flags, event.data);
            match data.u64() {
                SOURCE => {
                    awake.source = true;
                    // One that hangs up is ready for everything, and tells why when frames are
                    // taken.
                    awake.events |= flags.contains(epoll::EventFlags::PRI)
                        && !flags.contains(epoll::EventFlags::HUP);
                }
                ALARM => awake.source = true,
                OTHER => awake.other = true,
                _ => awake.ended = true,
            }
        }
        Ok(awake)
    }

    /// Ends every wait from now on, those of other threads and event loops, too.
    pub fn end(&self) {
        // It fails when it has rung 2^64 times.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Watch {
    /// Readable when there is something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}

/// The generations of a source and of those behind it, in one number: a source whose frames stay
/// what they are may wait for another descriptor.
fn generations(source: &(impl Source + ?Sized)) -> u32 {
    let mut all = source.generation();
    let mut behind = source.behind();
    while let Some(source) = behind {
        all = all.wrapping_mul(31).wrapping_add(source.generation());
        behind = source.behind();
    }
    all
}

fn failed(errno: Errno) -> Error {
    Error::Os("watch a source", io::Error::from(errno))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::thread;

    use videostream_hal::format::{FourCc, Layout};
    use videostream_hal::time::deadline_in;

    use super::*;
    use crate::source::Taken;
    use crate::{FrameRate, PatternSource, TestPattern};

    const PATIENCE_NS: u64 = 60_000_000_000;

    fn pattern(rate: FrameRate) -> PatternSource {
        let pattern = TestPattern::new(FourCc::YU12, 320, 240, rate).unwrap();
        PatternSource::new(pattern, 2).unwrap()
    }

    #[test]
    fn each_frame_of_a_clock_wakes() {
        let mut source = pattern(FrameRate::fps(200).unwrap());
        let watch = Watch::new().unwrap();
        let mut taken = 0;
        while taken < 5 {
            watch.follow(&source).unwrap();
            let awake = watch.wait(deadline_in(PATIENCE_NS)).unwrap();
            assert!(awake.source && !awake.events && !awake.other, "{awake:?}");
            if let Some(frame) = source.take().unwrap() {
                taken += 1;
                source.requeue(frame.index).unwrap();
            }
        }
    }

    #[test]
    fn nothing_wakes_before_a_frame_is_due() {
        let mut source = pattern(FrameRate::new(1, 1_000).unwrap());
        source.take().unwrap().unwrap();
        let watch = Watch::new().unwrap();
        watch.follow(&source).unwrap();
        assert_eq!(watch.wait(0).unwrap(), Awake::default());
        assert_eq!(watch.wait(deadline_in(1)).unwrap(), Awake::default());
    }

    #[test]
    fn other_descriptors_and_the_end_wake() {
        let watch = Arc::new(Watch::new().unwrap());
        let (here, there) = UnixStream::pair().unwrap();
        watch.add(here.as_fd()).unwrap();
        rustix::io::write(&there, b"x").unwrap();
        let awake = watch.wait(deadline_in(PATIENCE_NS)).unwrap();
        assert!(awake.other && !awake.ended, "{awake:?}");
        rustix::io::read(&here, &mut [0; 8]).unwrap();
        let waiting = Arc::clone(&watch);
        let waiting = thread::spawn(move || waiting.wait(u64::MAX).unwrap());
        watch.end();
        assert!(waiting.join().unwrap().ended);
        assert!(watch.wait(0).unwrap().ended, "it has ended for good");
    }

    /// A source that is ready when its descriptor is.
    struct Piped(UnixStream, u32);

    impl Source for Piped {
        fn layout(&self) -> Layout {
            Layout::new(FourCc::GREY, 8, 8).unwrap()
        }

        fn buffer_count(&self) -> u32 {
            0
        }

        fn reserve(&self) -> u32 {
            0
        }

        fn buffer_fds(&self, _: u32) -> Vec<(BorrowedFd<'_>, u64)> {
            Vec::new()
        }

        fn generation(&self) -> u32 {
            self.1
        }

        fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
            Some(self.0.as_fd())
        }

        fn take(&mut self) -> Result<Option<Taken>> {
            Ok(None)
        }

        fn requeue(&mut self, _: u32) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_new_descriptor_of_the_same_number_is_followed() {
        let watch = Watch::new().unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        let mut source = Piped(here, 0);
        watch.follow(&source).unwrap();
        rustix::io::write(&there, b"x").unwrap();
        assert!(watch.wait(deadline_in(PATIENCE_NS)).unwrap().source);
        // The number that is free now is the next one's, unless another test is faster.
        drop(source);
        let (again, there) = UnixStream::pair().unwrap();
        source = Piped(again, 1);
        watch.follow(&source).unwrap();
        assert_eq!(watch.wait(0).unwrap(), Awake::default());
        rustix::io::write(&there, b"x").unwrap();
        assert!(watch.wait(deadline_in(PATIENCE_NS)).unwrap().source);
    }
}
