//! A source that changes its format while it is shared: clients stay, and every frame is whole.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::thread;

use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::time::deadline_in;
use videostream::ipc::{Error as IpcError, Goodbye};
use videostream::source::{Reader, SourceFrame};
use videostream::{
    Client, Error, Frame, FrameRate, Host, Mode, PatternSource, Result, Source, Stream,
    TestPattern, pattern,
};
use videostream_testing::TIMEOUT;

const SIZES: [(FourCc, u32, u32); 2] = [(FourCc::NV12, 320, 240), (FourCc::YU12, 480, 272)];

/// What is to happen to the source when frames are asked for next.
#[derive(Clone, Copy)]
enum Next {
    /// Other pictures, in so many buffers.
    Change(u32),
    Away,
}

/// A pattern that becomes another one, with buffers of its own, or none for a while.
struct Changing {
    now: Option<PatternSource>,
    last: PatternSource,
    buffers: u32,
    generation: u32,
    sequence: u64,
    away: Error,
    next: Rc<Cell<Option<Next>>>,
}

fn patterns(number: u32, buffers: u32) -> PatternSource {
    let (format, width, height) = SIZES[number as usize % 2];
    let rate = FrameRate::fps(500).unwrap();
    let pattern = TestPattern::new(format, width, height, rate).unwrap();
    PatternSource::with_allocator(pattern, buffers, &Allocator::memfd_only()).unwrap()
}

impl Changing {
    fn new(buffers: u32) -> (Self, Rc<Cell<Option<Next>>>) {
        let next = Rc::default();
        let source = Self {
            now: Some(patterns(0, buffers)),
            last: patterns(0, 1),
            buffers,
            generation: 0,
            sequence: 0,
            away: Error::TimedOut,
            next: Rc::clone(&next),
        };
        (source, next)
    }

    fn happen(&mut self, next: Next) {
        self.generation += 1;
        match next {
            Next::Change(buffers) => {
                self.buffers = buffers;
                self.now = Some(patterns(self.generation, buffers));
                self.last = patterns(self.generation, 1);
            }
            Next::Away => self.now = None,
        }
    }
}

impl Source for Changing {
    fn layout(&self) -> Layout {
        self.now.as_ref().unwrap_or(&self.last).layout()
    }

    fn rate(&self) -> Option<FrameRate> {
        self.last.rate()
    }

    fn buffer_count(&self) -> u32 {
        self.now.as_ref().map_or(0, Source::buffer_count)
    }

    fn reserve(&self) -> u32 {
        1
    }

    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        let now = self.now.as_ref();
        now.map_or_else(Vec::new, |now| now.buffer_fds(index))
    }

    fn generation(&self) -> u32 {
        self.generation
    }

    fn trouble(&self) -> Option<&Error> {
        self.now.is_none().then_some(&self.away)
    }

    fn due_ns(&self) -> Option<u64> {
        self.now
            .as_ref()
            .map_or(Some(deadline_in(1_000_000)), Source::due_ns)
    }

    fn take(&mut self) -> Result<Option<SourceFrame>> {
        if let Some(next) = self.next.take() {
            self.happen(next);
        }
        let Some(now) = &mut self.now else {
            return Ok(None);
        };
        let taken = now.take()?;
        Ok(taken.map(|taken| {
            self.sequence += 1;
            SourceFrame {
                sequence: self.sequence,
                ..taken
            }
        }))
    }

    fn requeue(&mut self, index: u32) -> Result<()> {
        let now = self.now.as_mut().expect("a buffer of before came back");
        assert!(index < self.buffers, "a buffer of before came back");
        now.requeue(index)
    }
}

/// A shared source that changes on command.
struct Show {
    stream: Stream<Changing>,
    next: Rc<Cell<Option<Next>>>,
    name: String,
}

impl Show {
    fn new(test: &str, buffers: u32) -> Self {
        let name = format!("videostream-change-{}-{test}", std::process::id());
        let (source, next) = Changing::new(buffers);
        Self {
            stream: Stream::new(Host::builder(&name), source).unwrap(),
            next,
            name,
        }
    }

    fn step(&mut self) {
        self.stream.step(deadline_in(5_000_000)).unwrap();
    }

    fn happen(&mut self, next: Next) {
        let generation = self.stream.source().generation();
        self.next.set(Some(next));
        while self.stream.source().generation() == generation {
            self.step();
        }
    }

    fn publish(&mut self, frames: u64) {
        let end = self.stream.host().head() + frames;
        while self.stream.host().head() < end {
            self.step();
        }
    }

    fn connect(&mut self, mode: Mode, hold: u32) -> Client {
        let builder = Client::builder(&self.name).mode(mode).hold(hold);
        let connecting = thread::spawn(move || builder.connect_timeout(TIMEOUT).connect());
        while !connecting.is_finished() {
            self.step();
        }
        connecting.join().unwrap().unwrap()
    }
}

/// Checks every byte of a frame against the pattern of its own format.
fn assert_whole(frame: &Frame, generation: u32) {
    let (format, width, height) = SIZES[generation as usize % 2];
    assert_eq!(
        (frame.fourcc(), frame.width(), frame.height()),
        (format, width, height)
    );
    let pixels = frame.pixels().unwrap();
    pattern::verify(&pixels.picture().unwrap()).unwrap();
    assert!(frame.is_intact());
}

#[test]
fn format_change_keeps_clients_and_old_frames() {
    let mut show = Show::new("stay", 8);
    let mut every = show.connect(Mode::Every, 4);
    let mut newest = show.connect(Mode::Newest, 1);
    show.publish(1);
    let mut held = Vec::new();
    for generation in 0..6 {
        show.publish(2);
        // From before the change: held over this one and the next.
        let old = every.next(TIMEOUT).unwrap();
        assert_whole(&old, generation);
        assert!(!old.has_new_format());
        held.push((old, generation));
        if held.len() > 2 {
            held.remove(0);
        }
        assert!(!newest.next(TIMEOUT).unwrap().has_new_format());
        show.happen(Next::Change(8));
        for (old, generation) in &held {
            assert_whole(old, *generation);
        }
        show.publish(1);
        // Frames of before that nobody held are gone: the next in order is a new one.
        for client in [&mut newest, &mut every] {
            let frame = client.next(TIMEOUT).unwrap();
            assert!(frame.has_new_format());
            assert_whole(&frame, generation + 1);
        }
    }
    drop(held);
    show.publish(20);
    assert_eq!(show.stream.host().stats().evicted, 0);
    assert_eq!(show.stream.host().clients().count(), 2);
}

#[test]
fn clients_stay_while_there_is_no_source() {
    let mut show = Show::new("away", 6);
    let mut client = show.connect(Mode::Newest, 1);
    show.publish(3);
    let held = client.next(TIMEOUT).unwrap();
    show.happen(Next::Away);
    for _ in 0..3 {
        show.step();
    }
    let mut late = show.connect(Mode::Newest, 1);
    assert!(late.try_next().unwrap().is_none());
    assert_whole(&held, 0);
    drop(held);
    assert!(client.try_next().unwrap().is_none());
    // The second change: of the format that it had at first.
    show.happen(Next::Change(6));
    show.publish(1);
    for client in [&mut client, &mut late] {
        let frame = client.next(TIMEOUT).unwrap();
        assert_whole(&frame, 2);
        assert!(!frame.has_new_format());
    }
}

#[test]
fn a_grant_above_the_new_limit_means_reconnect() {
    let mut show = Show::new("fewer", 8);
    let mut client = show.connect(Mode::Newest, 5);
    show.publish(1);
    drop(client.next(TIMEOUT).unwrap());
    show.happen(Next::Change(4));
    let error = client.next(TIMEOUT).unwrap_err();
    let reason = IpcError::Goodbye(Goodbye::FormatChange);
    assert_eq!(error.share(), Some(&reason));
    assert!(error.is_worth_reconnecting());
    let mut client = show.connect(Mode::Newest, 2);
    show.publish(20);
    assert_whole(&client.next(TIMEOUT).unwrap(), 1);
    // More buffers again: as many as there were are lent.
    show.happen(Next::Change(8));
    show.publish(20);
    assert_whole(&client.next(TIMEOUT).unwrap(), 2);
}

#[test]
fn clients_that_hold_too_much_must_reconnect() {
    const MANY: u32 = 40;
    let mut show = Show::new("room", MANY);
    let mut client = show.connect(Mode::Every, 30);
    let mut held = Vec::new();
    while held.len() < 30 {
        show.publish(1);
        held.push(client.next(TIMEOUT).unwrap());
    }
    show.happen(Next::Change(MANY));
    held.pop();
    let error = client.next(TIMEOUT).unwrap_err();
    let reason = IpcError::Goodbye(Goodbye::FormatChange);
    assert_eq!(error.share(), Some(&reason), "{error}");
    let mut client = show.connect(Mode::Every, 30);
    show.publish(u64::from(MANY));
    assert_whole(&client.next(TIMEOUT).unwrap(), 1);
}

#[test]
fn a_reader_without_a_host_maps_what_is_there_now() {
    let (source, next) = Changing::new(3);
    let mut reader = Reader::new(source).unwrap();
    for generation in 0..4 {
        let seen = reader.next(deadline_in(60_000_000_000), |_, picture| {
            pattern::verify(picture).unwrap();
            (picture.fourcc(), picture.width(), picture.height())
        });
        assert_eq!(seen.unwrap(), Some(SIZES[generation % 2]));
        next.set(Some(Next::Change(2 + generation as u32)));
    }
}
