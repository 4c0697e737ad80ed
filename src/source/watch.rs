//! Waiting for a source in an event loop, or in a thread without access to the source.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::Errno;
use videostream_hal::Call;
use videostream_hal::time::{Alarm, until};

use super::Source;
use crate::{Error, Result};

/// A file descriptor that is readable when a source needs attention, whatever it waits for: a
/// device, a timer, or a camera that is away.
///
/// Call [`Watch::follow`] after each call of the source, to update what to wait for; it makes a
/// system call only after changes. [`Watch::wait`] needs no access to the source, so other threads
/// can requeue buffers meanwhile.
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
    /// An eventfd that is signalled once, by [`Watch::end`].
    bell: OwnedFd,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    alarm: Alarm,
    followed: Option<Followed>,
}

/// The source's file descriptor in the epoll set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Followed {
    fd: RawFd,
    /// A descriptor of the same number in another generation is another file.
    generation: u32,
    flags: epoll::EventFlags,
}

/// The reasons why a [`Watch::wait`] ended; none after the deadline or a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Awake {
    /// The source may have a frame or an error: call [`Source::take`].
    pub source: bool,
    /// The source has other events: call [`Source::take_events`].
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
    /// Creates a watch without a source.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn new() -> Result<Self> {
        let set =
            epoll::create(epoll::CreateFlags::CLOEXEC).map_err(Error::of(Call::EpollCreate))?;
        let alarm = Alarm::new().map_err(Error::of(Call::TimerfdCreate))?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let bell = eventfd(0, flags).map_err(Error::of(Call::Eventfd))?;
        for (fd, data) in [(alarm.as_fd(), ALARM), (bell.as_fd(), BELL)] {
            let data = epoll::EventData::new_u64(data);
            epoll::add(&set, fd, data, epoll::EventFlags::IN).map_err(Error::of(Call::EpollCtl))?;
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

    /// Adds another file descriptor to wait for, such as a host's.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn add(&self, fd: BorrowedFd<'_>) -> Result<()> {
        let data = epoll::EventData::new_u64(OTHER);
        epoll::add(&self.set, fd, data, epoll::EventFlags::IN).map_err(Error::of(Call::EpollCtl))
    }

    /// Updates the watch to what `source` waits for now.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn follow(&self, source: &(impl Source + ?Sized)) -> Result<()> {
        let mut state = self.state();
        // 0 would disarm the timer, so use the earliest time instead.
        let due_ns = source.due_ns().map(|due_ns| due_ns.max(1));
        state.alarm.set(due_ns);
        let Some(fd) = source.ready_fd() else {
            state.followed = None;
            return Ok(());
        };
        // Don't poll a camera for `POLLIN` before it streams: the kernel would start to stream for
        // `read`.
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
        // A closed descriptor has left the set automatically.
        match epoll::add(&self.set, fd, data, flags) {
            Err(Errno::EXIST) => {
                epoll::modify(&self.set, fd, data, flags).map_err(Error::of(Call::EpollCtl))?
            }
            added => added.map_err(Error::of(Call::EpollCtl))?,
        }
        state.followed = Some(followed);
        Ok(())
    }

    /// Waits for a reason to call the source, or until `deadline_ns` of `CLOCK_MONOTONIC`
    /// (`u64::MAX` is never; a time in the past does not wait).
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
            Err(errno) => return Err(Error::of(Call::EpollWait)(errno)),
        };
        let mut awake = Awake::default();
        for event in &events[..count] {
            let (flags, data) = (event.flags, event.data);
            match data.u64() {
                SOURCE => {
                    awake.source = true;
                    // A device that hangs up reports all events; taking a frame returns its error.
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

    /// Ends present and future waits, also those of other threads and event loops.
    pub fn end(&self) {
        // It fails only after 2^64 signals.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Watch {
    /// Returns a file descriptor that is readable when [`Watch::wait`] would return.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}

/// Adds up the generations of a source and of those behind it, since the descriptor of a source
/// behind may change while the frames of this one stay the same.
fn generations(source: &(impl Source + ?Sized)) -> u32 {
    let mut all = source.generation();
    let mut behind = source.behind();
    while let Some(source) = behind {
        all = all.wrapping_mul(31).wrapping_add(source.generation());
        behind = source.behind();
    }
    all
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::thread;

    use videostream_hal::format::{FourCc, Layout};
    use videostream_hal::time::deadline_in;
    use videostream_testing::TIMEOUT_NS;

    use super::*;
    use crate::source::SourceFrame;
    use crate::{FrameRate, PatternSource, TestPattern};

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
            let awake = watch.wait(deadline_in(TIMEOUT_NS)).unwrap();
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
        let awake = watch.wait(deadline_in(TIMEOUT_NS)).unwrap();
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

        fn take(&mut self) -> Result<Option<SourceFrame>> {
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
        assert!(watch.wait(deadline_in(TIMEOUT_NS)).unwrap().source);
        // The next descriptor gets the number that is freed here, unless another test is faster.
        drop(source);
        let (again, there) = UnixStream::pair().unwrap();
        source = Piped(again, 1);
        watch.follow(&source).unwrap();
        assert_eq!(watch.wait(0).unwrap(), Awake::default());
        rustix::io::write(&there, b"x").unwrap();
        assert!(watch.wait(deadline_in(TIMEOUT_NS)).unwrap().source);
    }
}
