//! Spinning clients in other processes: the publisher's cost of a frame, its latency, and frames
//! per second when each is held and released before the next is published.

use std::hint::spin_loop;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use criterion::Criterion;
use videostream::hal::time::now_ns;
use videostream_testing::figures::{Batch, Goal, Series, Table, in_turns};

use crate::board::Board;
use crate::host::Publisher;
use crate::peer::{self, Peer, wait_ready};

/// Number of frames before the first that counts, while the peer wakes up.
const RUN_UP: u64 = 8;
/// Number of frames in a row.
pub(crate) const BATCH: u64 = 2000;
/// Pause between two frames when one-way latency is measured, so that everything is quiet.
const PAUSE_NS: u64 = 2_000;

/// Numbers of spinning clients to try, each on its own core.
const COUNTS: [usize; 5] = [1, 4, 8, 16, 64];

/// One way of publishing to peers that spin.
pub(crate) struct Lane<'a> {
    board: &'a Board,
    peers: Range<usize>,
    publish: Box<dyn FnMut(bool) -> (u64, u64) + 'a>,
    /// Whether to measure the sum of latencies; otherwise the time until all peers have seen a
    /// frame.
    one_way: bool,
    /// The publisher's cost of each frame, from call to return.
    pub(crate) cost: Series,
    /// Time until each frame reached each peer.
    pub(crate) latency: Series,
}

impl<'a> Lane<'a> {
    pub(crate) fn new(
        board: &'a Board,
        peers: Range<usize>,
        one_way: bool,
        publish: impl FnMut(bool) -> (u64, u64) + 'a,
    ) -> Self {
        Self {
            board,
            peers,
            publish: Box::new(publish),
            one_way,
            cost: Series::default(),
            latency: Series::default(),
        }
    }

    /// Publishes a frame and waits until all peers have seen it; returns the cost.
    #[inline]
    fn pass(&mut self, last: bool) -> u64 {
        let (serial, cost) = (self.publish)(last);
        for peer in self.peers.clone() {
            let seen = &self.board.seen[peer].0;
            let mut turns = 0u32;
            while seen.serial.load(Ordering::Acquire) != serial {
                spin_loop();
                turns += 1;
                assert!(turns < u32::MAX, "peer {peer} is silent");
            }
        }
        cost
    }
}

impl Batch for Lane<'_> {
    fn run(&mut self, count: u64) -> Duration {
        for peer in self.peers.clone() {
            peer::go(self.board, peer);
        }
        for _ in 0..RUN_UP {
            self.pass(false);
        }
        let begin = now_ns();
        let mut sum = 0;
        for at in 1..=count {
            let cost = self.pass(at == count);
            if self.one_way {
                self.cost.push(cost as f64);
                for peer in self.peers.clone() {
                    let latency = self.board.seen[peer].0.latency_ns.load(Ordering::Relaxed);
                    self.latency.push(latency as f64);
                    sum += latency;
                }
                let until = now_ns() + PAUSE_NS;
                while now_ns() < until {
                    spin_loop();
                }
            }
        }
        let all = now_ns() - begin;
        Duration::from_nanos(if self.one_way { sum } else { all })
    }
}

/// Returns the result of `publish` and the time it took.
fn timed(publish: impl FnOnce() -> u64) -> (u64, u64) {
    let begin = now_ns();
    let serial = publish();
    (serial, now_ns() - begin)
}

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    for clients in COUNTS {
        if clients >= cores && clients > 1 {
            println!("skipped: {clients} spinning clients: this machine has {cores} cores");
        } else {
            spinning(criterion, table, clients);
        }
    }
}

fn spinning(criterion: &mut Criterion, table: &mut Table, clients: usize) {
    let mut group = criterion.benchmark_group("clients awake");
    let (board, fd) = Board::create();
    let place = Board::path(&fd);
    let mut publisher = Publisher::new(&format!("awake-{clients}"), clients as u32);
    let [ring, line, futex] = [0, 1, 2].map(|kind| kind * clients..(kind + 1) * clients);
    let mut peers = Vec::new();
    for number in ring.clone() {
        peers.push(Peer::start(
            &place,
            "spinning client",
            number,
            publisher.path(),
        ));
    }
    publisher.wait_for(clients);
    peers.extend(
        line.clone()
            .map(|number| Peer::start(&place, "line", number, "")),
    );
    peers.extend(
        futex
            .clone()
            .map(|number| Peer::start(&place, "futex", number, "")),
    );
    (0..3 * clients).for_each(|number| wait_ready(board, number));

    let hand_over = |last| timed(|| board.publish_bare(last));
    let wake = |_| timed(|| board.publish_futex());
    let name = format!("one-way, {clients}");
    let mut figure = Lane::new(board, ring.clone(), true, |last| {
        publisher.publish_stamped(last)
    });
    let mut floor = Lane::new(board, line.clone(), true, hand_over);
    in_turns(&mut group, &name, BATCH, &mut figure, &mut [&mut floor]);
    let cost = ("cache-line hand-over", &floor.cost);
    let goal = |goal| if clients == 1 { goal } else { Goal::Compare };
    let name = format!("publish + reclaim, {clients} spinning");
    table.add(name, &figure.cost, cost, goal(Goal::Below(300.0)));
    let latency = ("cache-line hand-over", &floor.latency);
    for (part, goal) in [(0.5, goal(Goal::Ratio(3.0))), (0.99, Goal::Compare)] {
        let name = format!("one-way to {clients} spinning, p{:.0}", part * 100.0);
        table.add_quantile(name, part, &figure.latency, latency, goal);
    }
    drop(figure);
    if clients > 1 {
        return;
    }

    let mut figure = Lane::new(board, ring, false, |last| publisher.publish_stamped(last));
    let mut line = Lane::new(board, line, false, hand_over);
    let mut futex = Lane::new(board, futex, false, wake);
    let mut floors: [&mut dyn Batch; 2] = [&mut futex, &mut line];
    let (figure, floors) = in_turns(&mut group, "flat out", BATCH, &mut figure, &mut floors);
    for (name, floor, least) in [
        ("futex wake each", &floors[0], 2.0),
        ("cache-line hand-over", &floors[1], 0.5),
    ] {
        table.add(
            "flat out, a frame",
            &figure,
            (name, floor),
            Goal::Rate(least),
        );
    }
    group.finish();
}
