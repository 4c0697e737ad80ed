//! The other processes: this program in another role.

use std::env;
use std::hint::spin_loop;
use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::futex;
use videostream::Client;
use videostream::hal::time::{now_ns, timespec};

use crate::board::Board;
use crate::host::LAST;
use crate::socket;

const ROLE: &str = "VIDEOSTREAM_BENCH_ROLE";
/// The serial that a peer reports before its first frame, once it is ready.
const READY: u64 = u64::MAX;

/// Command that starts a program with the lowest real-time priority.
const FIRST: [&str; 3] = ["chrt", "--fifo", "1"];

/// A process in a role; killed when dropped.
pub(crate) struct Peer(Child);

impl Peer {
    /// Starts peer `number` of `board` as `kind`, with an argument. See [`wait_ready`].
    pub(crate) fn start(board: &str, kind: &str, number: usize, argument: &str) -> Self {
        let program = Command::new(env::current_exe().unwrap());
        Self::spawn(program, board, kind, number, argument)
    }

    /// Starts a peer with a real-time priority: it runs as soon as it is woken, before all others.
    pub(crate) fn start_first(board: &str, kind: &str, number: usize, argument: &str) -> Self {
        let mut program = Command::new(FIRST[0]);
        program.args(&FIRST[1..]).arg(env::current_exe().unwrap());
        Self::spawn(program, board, kind, number, argument)
    }

    /// Returns whether [`Peer::start_first`] is allowed.
    pub(crate) fn may_be_first() -> bool {
        let mut nothing = Command::new(FIRST[0]);
        nothing.args(&FIRST[1..]).arg("true").stderr(Stdio::null());
        nothing.status().is_ok_and(|status| status.success())
    }

    fn spawn(mut program: Command, board: &str, kind: &str, number: usize, argument: &str) -> Self {
        let child = program
            .env(ROLE, format!("{kind}\n{board}\n{number}\n{argument}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits a while for a peer that exits by itself.
    #[cfg(feature = "iceoryx2")]
    pub(crate) fn ended(mut self) {
        for _ in 0..1000 {
            if self.0.try_wait().unwrap().is_some() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Fails if it has already exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Plays the role that this process was started for; `false` if it is the bench itself.
pub(crate) fn play() -> bool {
    let Ok(role) = env::var(ROLE) else {
        return false;
    };
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let words: Vec<_> = role.split('\n').collect();
    let [kind, board, number, argument] = words[..] else {
        panic!("{role:?}")
    };
    let board = Board::open(board);
    let number: usize = number.parse().unwrap();
    match kind {
        "client" => client(board, number, argument, Duration::ZERO),
        "spinning client" => client(board, number, argument, Duration::from_secs(60)),
        "futex" => bare_futex(board, number, None),
        "timed futex" => bare_futex(board, number, Some(Duration::from_millis(50))),
        "line" => bare_line(board, number),
        "socket" => socket::receive(board, number, argument),
        #[cfg(feature = "iceoryx2")]
        "iceoryx2" => crate::iceoryx2::sleeping(board, number, argument),
        #[cfg(feature = "iceoryx2")]
        "spinning iceoryx2" => crate::iceoryx2::spinning(board, number, argument),
        _ => panic!("{role:?}"),
    }
    true
}

/// Reports that peer `number` is ready.
pub(crate) fn ready(board: &Board, number: usize) {
    board.seen[number].0.serial.store(READY, Ordering::Release);
}

/// Waits until peer `number` is ready.
pub(crate) fn wait_ready(board: &Board, number: usize) {
    let begin = now_ns();
    while board.seen[number].0.serial.load(Ordering::Acquire) != READY {
        assert!(now_ns() - begin < 10_000_000_000, "peer {number} is silent");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Lets a peer run until the last frame of its batch.
pub(crate) fn go(board: &Board, number: usize) {
    let go = &board.go[number].0;
    go.store(1, Ordering::Release);
    futex::wake(go, futex::Flags::empty(), 1).unwrap();
}

/// Sleeps until [`go`].
pub(crate) fn wait_go(board: &Board, number: usize) {
    let go = &board.go[number].0;
    while go.load(Ordering::Acquire) == 0 {
        // An interruption or a change is handled by the loop.
        let _ = futex::wait(go, futex::Flags::empty(), 0, None);
    }
}

pub(crate) fn saw(board: &Board, number: usize, serial: u64, latency_ns: u64) {
    let seen = &board.seen[number].0;
    seen.latency_ns.store(latency_ns, Ordering::Relaxed);
    seen.serial.store(serial, Ordering::Release);
}

/// Ends a batch, before its last frame is reported as seen.
pub(crate) fn rest(board: &Board, number: usize) {
    board.go[number].0.store(0, Ordering::Release);
}

fn client(board: &Board, number: usize, path: &str, spin: Duration) {
    let mut client = Client::builder(path).spin(spin).connect().unwrap();
    ready(board, number);
    if !spin.is_zero() {
        wait_go(board, number);
    }
    while let Ok(frame) = client.next(Duration::from_secs(60)) {
        let now = now_ns();
        let (serial, latency) = (frame.serial(), now - frame.published_ns());
        let last = frame.sequence() == LAST;
        drop(frame);
        if last {
            rest(board, number);
        }
        saw(board, number, serial, latency);
        if last {
            wait_go(board, number);
        }
    }
}

/// Runs a peer that waits on the bare futex, each time for at most `timeout`. A peer that must
/// notice the death of another one needs a time-out.
fn bare_futex(board: &Board, number: usize, timeout: Option<Duration>) {
    let bare = &board.bare.0;
    let wake = &board.wake.0;
    ready(board, number);
    let mut seen = 0;
    loop {
        let value = wake.load(Ordering::Acquire);
        let serial = bare.serial.load(Ordering::Acquire);
        if serial == seen {
            let all = NonZeroU32::MAX;
            let deadline = timeout.map(|t| timespec(now_ns() + t.as_nanos() as u64));
            // An interruption, a time-out or a change is handled by the loop.
            let _ = futex::wait_bitset(wake, futex::Flags::empty(), value, deadline.as_ref(), all);
            continue;
        }
        let now = now_ns();
        let latency = now - bare.published_ns.load(Ordering::Relaxed);
        seen = serial;
        saw(board, number, serial, latency);
    }
}

fn bare_line(board: &Board, number: usize) {
    let bare = &board.bare.0;
    ready(board, number);
    wait_go(board, number);
    let mut seen = 0;
    loop {
        let serial = bare.serial.load(Ordering::Acquire);
        if serial == seen {
            spin_loop();
            continue;
        }
        let now = now_ns();
        let latency = now - bare.published_ns.load(Ordering::Relaxed);
        let last = bare.last.load(Ordering::Relaxed) == 1;
        seen = serial;
        if last {
            rest(board, number);
        }
        saw(board, number, serial, latency);
        if last {
            wait_go(board, number);
        }
    }
}
