//! Clients that sleep, each in a process of its own: what waking them costs the publisher,
//! and when they have the frame.
//!
//! Between two frames the publisher sleeps too, as one does that waits for a camera, long
//! enough for all clients to be asleep again.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use rustix::time::{ClockId, clock_gettime};
use videostream::hal::time::now_ns;

use crate::board::Board;
use crate::host::Publisher;
use crate::measure::{Batch, Series, in_turns};
use crate::peer::{Peer, wait_ready};
use crate::socket::Sender;
use crate::table::{Goal, Table};

/// From one frame to the next.
const PACE: Duration = Duration::from_micros(300);
/// Frames in a row. Short enough that nobody waits for long while it is the others' turn.
const BATCH: u64 = 25;
/// Peers of one kind at the most.
const MANY: usize = 8;

/// One way of publishing, with those who listen.
struct Lane<'a> {
    board: &'a Board,
    peers: Range<usize>,
    publish: Box<dyn FnMut() -> (u64, u64) + 'a>,
    /// Of each frame, what it cost the publisher from call to return.
    cost: Series,
    /// Of each frame and peer, when it was there.
    latency: Series,
    /// Of each batch, the publisher's CPU time for a frame, pacing included.
    cpu: Series,
}

impl<'a> Lane<'a> {
    fn new(
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
        }
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
                self.latency
                    .push(seen.latency_ns.load(Ordering::Relaxed) as f64);
            }
        }
        self.cpu.push((cpu_ns() - cpu) as f64 / count as f64);
        Duration::from_nanos(spent)
    }
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// `floor` and `figure` without `base`, batch by batch.
fn without(figure: &Series, base: &Series) -> Series {
    let base = base.median().unwrap_or(0.0);
    figure.map(|ns| ns - base)
}

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("clients asleep");
    group
        .sampling_mode(SamplingMode::Flat)
        .measurement_time(Duration::from_secs(5));
    for clients in [1, 4, MANY] {
        let (board, fd) = Board::create();
        let place = Board::path(&fd);
        let mut publisher = Publisher::new(&format!("asleep-{clients}"), 64, 64);
        let start = |kind: &str, first: usize, argument: &str| {
            let numbers = first..first + clients;
            let start = |number| Peer::start(&place, kind, number, argument);
            numbers.map(start).collect::<Vec<_>>()
        };
        let mut peers = start("client", 0, publisher.path());
        publisher.wait_for(clients);
        peers.extend(start("futex", MANY, ""));
        let name = format!("{}-socket", publisher.path());
        let mut sender = Sender::new(&name, clients, || {
            peers.extend(start("socket", 2 * MANY, &name));
        });
        for kind in 0..3 {
            (0..clients).for_each(|number| wait_ready(board, kind * MANY + number));
        }

        let mut ring = Lane::new(board, 0..clients, || publisher.publish_stamped(false));
        let mut futex = Lane::new(board, MANY..MANY + clients, || {
            let begin = now_ns();
            let serial = board.publish_futex();
            (serial, now_ns() - begin)
        });
        let messages = 2 * MANY..2 * MANY + clients;
        let mut socket = Lane::new(board, messages, || sender.publish());
        let mut pacing = Lane::new(board, 0..0, || (0, 0));
        let name = format!("publish, {clients} clients");
        in_turns(
            &mut group,
            &name,
            BATCH,
            &mut ring,
            [&mut futex, &mut socket, &mut pacing],
        );

        let floor = ("futex wake", &futex.cost);
        let other = ("futex wake", &futex.latency);
        let name = format!("publish + reclaim, {clients} asleep");
        table.add(name, &ring.cost, floor, Goal::Ratio(1.15));
        let name = format!("a socket message with fd each, {clients} clients");
        table.add(name, &socket.cost, floor, Goal::Compare);
        for (part, most) in [(0.5, 1.15), (0.99, 1.3)] {
            let name = format!("one-way to {clients} sleeping, p{:.0}", part * 100.0);
            table.add_quantile(name, part, &ring.latency, other, Goal::Ratio(most));
        }
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
        }
    }
    group.finish();
}
