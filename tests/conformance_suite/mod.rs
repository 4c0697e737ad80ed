//! The behaviour of a host and its clients, written once for clients in threads and in processes.
//!
//! A [`Driver`] makes [`Peer`]s: clients that follow commands in text ([`actor`]). The host is in
//! the test itself.

pub(crate) mod actor;
mod behaviours;

#[path = "../one_plane/mod.rs"]
mod one_plane;
#[path = "../process/mod.rs"]
pub(crate) mod process;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use actor::Actor;
pub(crate) use behaviours::*;
use process::{Process, WATCHDOG, say};
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::memory::{Access, Mapping};
use videostream::hal::ring::FrameDescriptor;
use videostream::{Host, share::HostBuilder};

/// Bytes of each buffer.
pub(crate) const SIZE: usize = 4096;

/// Where clients are.
#[derive(Clone, Copy)]
pub(crate) enum Driver {
    /// In threads of this process.
    Threads,
    /// In processes of their own, which run this test again.
    Processes(&'static str),
}

/// A client, wherever it is.
pub(crate) enum Peer {
    Thread(Sender<String>, Receiver<String>),
    Process(Process),
}

impl Peer {
    fn new(driver: Driver) -> Self {
        match driver {
            Driver::Threads => {
                let (tell, told) = channel::<String>();
                let (answer, answers) = channel();
                thread::spawn(move || {
                    let mut actor = Actor::default();
                    for line in told {
                        let _ = answer.send(actor.obey(&line));
                    }
                });
                Self::Thread(tell, answers)
            }
            Driver::Processes(test) => Self::Process(Process::start(test, &["client"])),
        }
    }

    fn tell(&mut self, line: &str) {
        match self {
            Self::Thread(tell, _) => tell.send(line.to_owned()).unwrap(),
            Self::Process(process) => process.tell(line),
        }
    }

    fn answer(&self) -> Option<String> {
        match self {
            Self::Thread(_, answers) => answers.try_recv().ok(),
            Self::Process(process) => process.said(),
        }
    }
}

/// Plays a client's part in a process of its own.
pub(crate) fn play() {
    let mut actor = Actor::default();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        say(actor.obey(&line));
    }
}

/// A host and its buffers, and where its clients are.
pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) name: String,
    driver: Driver,
}

impl Stage {
    pub(crate) fn new(
        driver: Driver,
        test: &str,
        how: impl Fn(HostBuilder) -> HostBuilder,
    ) -> Self {
        let kind = match driver {
            Driver::Threads => "threads",
            Driver::Processes(_) => "processes",
        };
        let name = format!("videostream-{kind}-{}-{test}", std::process::id());
        let host = how(Host::builder(&name)).bind().unwrap();
        Self { host, name, driver }
    }

    /// Registers a buffer that is full of `byte`.
    #[expect(unsafe_code, reason = "fills memory that nobody else has yet")]
    pub(crate) fn buffer(&mut self, byte: u8) -> u32 {
        let fd = Allocator::memfd_only().allocate(SIZE as u64).unwrap().fd;
        let mut mapping = Mapping::new(&fd, SIZE, Access::ReadWrite).unwrap();
        // SAFETY: the memory was made above, and nobody else has it.
        unsafe { mapping.bytes_mut() }.unwrap().fill(byte);
        self.host.register(fd, SIZE as u64).unwrap()
    }

    /// Publishes a frame in `buffer`; its serial.
    pub(crate) fn publish(&mut self, buffer: u32) -> u64 {
        self.host.publish(&frame(buffer)).unwrap().1
    }

    /// A client that is not connected yet.
    pub(crate) fn peer(&self) -> Peer {
        Peer::new(self.driver)
    }

    /// A client that is connected: `how` is its mode and hold.
    pub(crate) fn client(&mut self, how: &str) -> Peer {
        let mut peer = self.peer();
        assert_eq!(self.connect(&mut peer, how), "connected");
        peer
    }

    pub(crate) fn connect(&mut self, peer: &mut Peer, how: &str) -> String {
        let line = format!("connect {} {how}", self.name);
        self.ask(peer, &line)
    }

    /// Sends a command to a client, and serves until it has answered.
    pub(crate) fn ask(&mut self, peer: &mut Peer, line: &str) -> String {
        self.ask_while(peer, line, |_| ())
    }

    /// The same, with something to do meanwhile.
    pub(crate) fn ask_while(
        &mut self,
        peer: &mut Peer,
        line: &str,
        mut meanwhile: impl FnMut(&mut Self),
    ) -> String {
        let begin = Instant::now();
        peer.tell(line);
        loop {
            if let Some(answer) = peer.answer() {
                return answer;
            }
            assert!(begin.elapsed() < 2 * WATCHDOG, "no answer to {line:?}");
            self.host.process().unwrap();
            meanwhile(self);
            thread::yield_now();
        }
    }

    /// Serves until something is so.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Host) -> bool) {
        let begin = Instant::now();
        while !done(&mut self.host) {
            assert!(begin.elapsed() < WATCHDOG, "never: {what}");
            self.host.process().unwrap();
            thread::yield_now();
        }
    }
}

/// A frame of one plane, all of `buffer`.
pub(crate) fn frame(buffer: u32) -> FrameDescriptor {
    one_plane::frame(buffer, SIZE as u32)
}

/// Makes each behaviour a test with clients in threads, and one with clients in processes.
#[macro_export]
macro_rules! conformance {
    ($run:path: $($name:ident)*) => {
        mod threads {
            $(#[test]
            fn $name() {
                use $crate::conformance_suite::{self, Driver};
                $run(|| conformance_suite::$name(Driver::Threads));
            })*
        }
        mod processes {
            $(#[test]
            fn $name() {
                if $crate::conformance_suite::process::role().is_some() {
                    return $crate::conformance_suite::play();
                }
                let test = concat!("processes::", stringify!($name));
                let driver = $crate::conformance_suite::Driver::Processes(test);
                $run(|| $crate::conformance_suite::$name(driver));
            })*
        }
    };
}

/// All of them.
#[macro_export]
macro_rules! all_behaviours {
    ($run:path) => {
        $crate::conformance! { $run:
            newest_skips_and_every_does_not
            admission_tells_how_much_is_left
            the_hold_limit_is_lifted_by_a_drop
            an_expired_frame_is_not_given_out
            until_expiry_blocks_rather_than_drops
            never_drop_waits_for_whoever_wants_every_frame
            the_newest_policy_leaves_held_frames_alone
            a_busy_client_past_its_lease_is_evicted
            application_bytes_planes_and_modifier_arrive
            a_late_joiner_gets_the_parameter_sets
            goodbye_is_told
            a_change_of_format_is_told
            a_client_moves_to_the_next_host_and_says_so
            looking_shows_everybody_and_holds_nothing
            a_reader_goes_on_behind_a_serial_or_a_time
            cancelling_ends_the_waits_of_all_threads
            retired_buffers_stay_with_their_frames
            the_buffer_used_longest_ago_makes_room
            threads_of_a_client_read_side_by_side
        }
    };
}
