//! Sleeping clients, each in a separate process: the publisher's cost of waking them, and the
//! latency of the frame.
//!
//! Between two frames the publisher sleeps too, as if waiting for a camera, long enough for all
//! clients to fall asleep again.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use rustix::time::{ClockId, clock_gettime};
use videostream::hal::time::now_ns;
use videostream_testing::figures::{Batch, Goal, Series, Table, in_turns};

use crate::board::Board;
use crate::host::Publisher;
use crate::peer::{Peer, wait_ready};
use crate::socket::Sender;

/// Time between two frames.
const PACE: Duration = Duration::from_micros(300);
/// Number of frames in a row: few, so that no lane waits long for its turn.
pub(crate) const BATCH: u64 = 25;
/// The most peers of one kind.
const MANY: usize = 64;

/// One way of publishing, with its clients.
pub(crate) struct Lane<'a> {
    board: &'a Board,
    peers: Range<usize>,
    publish: Box<dyn FnMut() -> (u64, u64) + 'a>,
    /// The publisher's cost of each frame, from call to return.
    pub(crate) cost: Series,
    /// Time until each frame reached each peer.
    pub(crate) latency: Series,
    /// The publisher's CPU time per frame in each batch, pacing included.
    cpu: Series,
    /// Number of frames that arrived before the publisher's call returned.
    early: u64,
}

impl<'a> Lane<'a> {
    pub(crate) fn new(
        board: &'a Board,
        peers: Range<usize>,
        publish: impl FnMut() -> (u64, u64) + 'a,
    ) -> Self {
        Self {
            board,
            peers,
            publish: Box::new(publish),
            cost: Series::default(),
            latency: Series::default(),
            cpu: Series::default(),
            early: 0,
        }
    }
}

impl Lane<'_> {
    /// Returns the percentage of frames that arrived before the publisher's call returned.
    fn early(&self) -> f64 {
        100.0 * self.early as f64 / self.latency.count() as f64
    }
}

impl Batch for Lane<'_> {
    fn run(&mut self, count: u64) -> Duration {
        let cpu = cpu_ns();
        let mut spent = 0;
        for _ in 0..count {
            let (serial, cost) = (self.publish)();
            spent += cost;
            self.cost.push(cost as f64);
            thread::sleep(PACE);
            for number in self.peers.clone() {
                let seen = &self.board.seen[number].0;
                let begin = now_ns();
                while seen.serial.load(Ordering::Acquire) != serial {
                    assert!(now_ns() - begin < 10_000_000_000, "peer {number} is silent");
                    thread::sleep(PACE / 4);
                }
                let latency = seen.latency_ns.load(Ordering::Relaxed);
                self.latency.push(latency as f64);
                self.early += u64::from(latency < cost);
            }
        }
        self.cpu.push((cpu_ns() - cpu) as f64 / count as f64);
        Duration::from_nanos(spent)
    }
}

/// Publishes with the bare futex; returns the serial and the time taken.
pub(crate) fn wake(board: &Board) -> (u64, u64) {
    let begin = now_ns();
    let serial = board.publish_futex();
    (serial, now_ns() - begin)
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Subtracts the median of `base` from `figure`.
fn without(figure: &Series, base: &Series) -> Series {
    let base = base.median().unwrap_or(0.0);
    figure.map(|ns| ns - base)
}

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("clients asleep");
    group.sampling_mode(SamplingMode::Flat);
    for clients in [1, 2, 4, 8, 16, MANY] {
        // Client counts with a goal are measured longer, next to the socket.
        let main = [1, 4, 8].contains(&clients);
        group.measurement_time(Duration::from_secs(if main { 5 } else { 3 }));
        let (board, fd) = Board::create();
        let place = Board::path(&fd);
        let mut publisher = Publisher::new(&format!("asleep-{clients}"), clients as u32);
        let start = |kind: &str, first: usize, count: usize, argument: &str| {
            let start = |number| Peer::start(&place, kind, first + number, argument);
            (0..count).map(start).collect::<Vec<_>>()
        };
        let mut peers = start("client", 0, clients, publisher.path());
        publisher.wait_for(clients);
        peers.extend(start("futex", MANY, clients, ""));
        let name = format!("{}-socket", publisher.path());
        let beside = if main { clients } else { 0 };
        let (timed_board, timed_fd) = Board::create();
        let place = Board::path(&timed_fd);
        let timed_peer = |number| Peer::start(&place, "timed futex", number, "");
        peers.extend((0..beside).map(timed_peer));
        (0..beside).for_each(|number| wait_ready(timed_board, number));
        let mut sender = Sender::new(&name, beside, || {
            peers.extend(start("socket", 2 * MANY, beside, &name));
        });
        for (kind, count) in [clients, clients, beside].into_iter().enumerate() {
            (0..count).for_each(|number| wait_ready(board, kind * MANY + number));
        }

        let mut ring = Lane::new(board, 0..clients, || publisher.publish_stamped(false));
        let mut futex = Lane::new(board, MANY..MANY + clients, || wake(board));
        let mut timed = Lane::new(timed_board, 0..beside, || wake(timed_board));
        let messages = 2 * MANY..2 * MANY + beside;
        let mut socket = Lane::new(board, messages, || sender.publish());
        let mut pacing = Lane::new(board, 0..0, || (0, 0));
        let name = format!("publish, {clients} clients");
        let mut others: Vec<&mut dyn Batch> = vec![&mut futex];
        if main {
            others.extend([&mut timed as &mut dyn Batch, &mut socket, &mut pacing]);
        }
        in_turns(&mut group, &name, BATCH, &mut ring, &mut others);

        let floor = ("futex wake", &futex.cost);
        let other = ("futex wake", &futex.latency);
        let goal = |goal| if main { goal } else { Goal::Compare };
        let name = format!("publish + reclaim, {clients} asleep");
        table.add(name, &ring.cost, floor, goal(Goal::Ratio(1.15)));
        let name = format!("a socket message with fd each, {clients} clients");
        table.add(name, &socket.cost, floor, Goal::Compare);
        if clients > 8 {
            // With more clients than cores, the latency is that of the scheduler.
            continue;
        }
        for (part, most) in [(0.5, 1.15), (0.99, 1.3)] {
            let name = format!("one-way to {clients} sleeping, p{:.0}", part * 100.0);
            let goal = goal(Goal::Ratio(most));
            table.add_quantile(name, part, &ring.latency, other, goal);
        }
        let name = format!("one-way to {clients} sleeping, p50");
        let with_timeout = ("futex with time-out", &timed.latency);
        table.add(name, &ring.latency, with_timeout, Goal::Compare);
        let name = format!("one-way by socket message to {clients}, p50");
        table.add(name, &socket.latency, other, Goal::Compare);
        if clients == 1 {
            let floor = without(&futex.cpu, &pacing.cpu);
            table.add(
                "publisher's CPU per frame, 1 client asleep",
                &without(&ring.cpu, &pacing.cpu),
                ("futex wake", &floor),
                Goal::Ratio(1.2),
            );
            let name = "frames in 100 seen before publish returns, 1 sleeping";
            let early = ring.early();
            table.count(name, early, ("futex wake", futex.early()), Goal::Compare);
            let floor = ("futex with time-out", timed.early());
            table.count(name, early, floor, Goal::Compare);
        }
    }
    group.finish();
}
