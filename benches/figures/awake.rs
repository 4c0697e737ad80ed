//! A client in another process that spins: how soon it has a frame, and how many a second go
//! through when each is held and released before the next is published.

use std::hint::spin_loop;
use std::sync::atomic::Ordering;
use std::time::Duration;

use criterion::Criterion;
use videostream::hal::time::now_ns;

use crate::board::Board;
use crate::host::Publisher;
use crate::measure::{Batch, Series, in_turns};
use crate::peer::{self, Peer, wait_ready};
use crate::table::{Goal, Table};

/// Frames before the first that counts, while the peer comes out of its sleep.
const RUN_UP: u64 = 8;
/// Frames in a row.
const BATCH: u64 = 2000;
/// Between two frames where the way of one is measured, so that all is quiet.
const PAUSE_NS: u64 = 2_000;

/// The peers by number.
const CLIENT: usize = 0;
const LINE: usize = 1;
const FUTEX: usize = 2;

/// One way of publishing to a peer that spins.
struct Lane<'a> {
    board: &'a Board,
    peer: usize,
    publish: Box<dyn FnMut(bool) -> u64 + 'a>,
    /// One way: the sum of latencies. Else: the time until all have been seen.
    one_way: bool,
    latency: Series,
}

impl<'a> Lane<'a> {
    fn new(
        board: &'a Board,
        peer: usize,
        one_way: bool,
        publish: impl FnMut(bool) -> u64 + 'a,
    ) -> Self {
        Self {
            board,
            peer,
            publish: Box::new(publish),
            one_way,
            latency: Series::default(),
        }
    }

    /// Publishes one and waits until it was seen; tells how long it was under way.
    #[inline]
    fn pass(&mut self, last: bool) -> u64 {
        let serial = (self.publish)(last);
        let seen = &self.board.seen[self.peer].0;
        let mut turns = 0u32;
        while seen.serial.load(Ordering::Acquire) != serial {
            spin_loop();
            turns += 1;
            assert!(turns < u32::MAX, "peer {} is silent", self.peer);
        }
        seen.latency_ns.load(Ordering::Relaxed)
    }
}

impl Batch for Lane<'_> {
    fn run(&mut self, count: u64) -> Duration {
        peer::go(self.board, self.peer);
        for _ in 0..RUN_UP {
            self.pass(false);
        }
        let begin = now_ns();
        let mut sum = 0;
        for at in 1..=count {
            let latency = self.pass(at == count);
            if self.one_way {
                self.latency.push(latency as f64);
                sum += latency;
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

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("client awake");
    let (board, fd) = Board::create();
    let place = Board::path(&fd);
    let mut publisher = Publisher::new("awake", 64, 64);
    let _peers = [
        Peer::start(&place, "spinning client", CLIENT, publisher.path()),
        Peer::start(&place, "line", LINE, ""),
        Peer::start(&place, "futex", FUTEX, ""),
    ];
    publisher.wait_for(1);
    [CLIENT, LINE, FUTEX]
        .iter()
        .for_each(|&number| wait_ready(board, number));

    let mut ring = Lane::new(board, CLIENT, true, |last| {
        publisher.publish_stamped(last).0
    });
    let mut line = Lane::new(board, LINE, true, |last| board.publish_bare(last));
    in_turns(&mut group, "one-way", BATCH, &mut ring, [&mut line]);
    let floor = ("cache-line hand-over", &line.latency);
    table.add(
        "one-way to a spinning client, p50",
        &ring.latency,
        floor,
        Goal::Ratio(3.0),
    );
    table.add_quantile("the same, p99", 0.99, &ring.latency, floor, Goal::Compare);
    drop(ring);

    let mut ring = Lane::new(board, CLIENT, false, |last| {
        publisher.publish_stamped(last).0
    });
    let mut line = Lane::new(board, LINE, false, |last| board.publish_bare(last));
    let mut futex = Lane::new(board, FUTEX, false, |_| board.publish_futex());
    let (figure, [futex, line]) = in_turns(
        &mut group,
        "flat out",
        BATCH,
        &mut ring,
        [&mut futex, &mut line],
    );
    let floor = ("futex wake each", &futex);
    table.add("flat out, a frame", &figure, floor, Goal::Rate(2.0));
    let floor = ("cache-line hand-over", &line);
    table.add("flat out, a frame", &figure, floor, Goal::Rate(0.5));
    group.finish();
}
