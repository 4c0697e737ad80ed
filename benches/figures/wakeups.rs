//! Context switches of a waiting client and of its publisher: at camera rates, at a high rate, and
//! while no frame arrives.

use std::fs;
use std::thread;
use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use videostream::hal::time::now_ns;
use videostream_testing::figures::{Batch, Goal, Table, in_turns};

use crate::board::Board;
use crate::host::Publisher;
use crate::peer::{Peer, wait_ready};

const CLIENT: usize = 0;
const FUTEX: usize = 1;
/// Number of frames in a row.
const BATCH: u64 = 8;
/// Length of a frame interval when no frames arrive.
const NOTHING: Duration = Duration::from_millis(100);

/// Frames at one rate, and the context switches counted meanwhile.
struct Lane<'a> {
    publish: Box<dyn FnMut() + 'a>,
    /// Time between two frames.
    interval: Duration,
    peer: u32,
    passed: Duration,
    client_switches: u64,
    publisher_switches: u64,
}

impl<'a> Lane<'a> {
    fn new(peer: &Peer, interval: Duration, publish: impl FnMut() + 'a) -> Self {
        Self {
            publish: Box::new(publish),
            interval,
            peer: peer.pid(),
            passed: Duration::ZERO,
            client_switches: 0,
            publisher_switches: 0,
        }
    }

    fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.passed.as_secs_f64()
    }
}

impl Batch for Lane<'_> {
    fn run(&mut self, count: u64) -> Duration {
        let client = switches(&self.peer.to_string());
        let own = switches("thread-self");
        let mut spent = 0;
        for _ in 0..count {
            let begin = now_ns();
            (self.publish)();
            let cost = Duration::from_nanos(now_ns() - begin);
            spent += cost.as_nanos() as u64;
            thread::sleep(self.interval.saturating_sub(cost));
        }
        // The nominal time at this rate; a late timer does not reduce the number of wake-ups.
        self.passed += self.interval * count as u32;
        self.client_switches += switches(&self.peer.to_string()) - client;
        self.publisher_switches += switches("thread-self") - own;
        Duration::from_nanos(spent)
    }
}

/// Returns the voluntary context switches of a process's first thread so far.
fn switches(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("wake-ups");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .measurement_time(Duration::from_secs(2));
    let (board, fd) = Board::create();
    let place = Board::path(&fd);
    let mut publisher = Publisher::new("wake-ups", 1);
    let peers = [
        Peer::start(&place, "client", CLIENT, publisher.path()),
        Peer::start(&place, "futex", FUTEX, ""),
    ];
    publisher.wait_for(1);
    [CLIENT, FUTEX]
        .iter()
        .for_each(|&number| wait_ready(board, number));

    for fps in [30, 60, 1000] {
        let interval = Duration::from_secs(1) / fps;
        let mut ring = Lane::new(&peers[CLIENT], interval, || publisher.publish());
        let mut futex = Lane::new(&peers[FUTEX], interval, || {
            board.publish_futex();
        });
        let name = format!("{fps} frames a second");
        in_turns(&mut group, &name, BATCH, &mut ring, &mut [&mut futex]);
        let goal = Goal::Ratio(1.05);
        for (who, count) in [
            (
                "client",
                (|lane| lane.client_switches) as fn(&Lane<'_>) -> u64,
            ),
            ("publisher", |lane| lane.publisher_switches),
        ] {
            let name = format!("{who}'s wake-ups a second, {fps} fps");
            let [figure, floor] = [&ring, &futex].map(|lane| lane.per_second(count(lane)));
            table.count(name, figure, ("futex wake", floor), goal);
        }
    }
    let mut ring = Lane::new(&peers[CLIENT], NOTHING, || ());
    let mut futex = Lane::new(&peers[FUTEX], NOTHING, || ());
    in_turns(&mut group, "no frames", BATCH, &mut ring, &mut [&mut futex]);
    let [figure, floor] = [&ring, &futex].map(|lane| lane.per_second(lane.client_switches));
    let name = "client's wake-ups a second, no frames";
    table.count(name, figure, ("futex wake", floor), Goal::Compare);
    group.finish();
}
