//! For comparison: iceoryx2, a library for zero-copy messages between processes. A loaned sample of
//! the size of a frame's descriptor goes to a number of subscribers; sleeping ones wait for its
//! event. It runs with its default settings.

use std::hint::{black_box, spin_loop};

use criterion::{Criterion, SamplingMode};
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher as Port;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use videostream::hal::ring::layout::DESCRIPTOR_WORDS;
use videostream::hal::time::now_ns;
use videostream_testing::figures::{Batch, Goal, Table, in_turns, repeat};

use crate::board::Board;
use crate::host::{LAST, Publisher};
use crate::peer::{self, Peer, wait_ready};
use crate::{asleep, awake};

/// The size of a frame's descriptor: serial, time of sending, sequence.
type Sample = [u64; DESCRIPTOR_WORDS];
/// The sequence of a sample that makes subscribers exit.
const QUIT: u64 = LAST - 1;
const BESIDE: &str = "this library";

/// The sending side.
struct Sender {
    port: Port<ipc::Service, Sample, ()>,
    notifier: Option<Notifier<ipc::Service>>,
    serial: u64,
    _node: Node<ipc::Service>,
}

fn node() -> Node<ipc::Service> {
    // A missing config file is not worth a warning.
    set_log_level(LogLevel::Error);
    let mode = SignalHandlingMode::Disabled;
    let builder = NodeBuilder::new().signal_handling_mode(mode);
    builder.create().unwrap()
}

fn subscriber(node: &Node<ipc::Service>, name: &str) -> Subscriber<ipc::Service, Sample, ()> {
    let service = node.service_builder(&name.try_into().unwrap());
    let service = service
        .publish_subscribe::<Sample>()
        .open_or_create()
        .unwrap();
    service.subscriber_builder().create().unwrap()
}

fn listener(node: &Node<ipc::Service>, name: &str) -> Listener<ipc::Service> {
    let service = node.service_builder(&name.try_into().unwrap());
    let service = service.event().open_or_create().unwrap();
    service.listener_builder().create().unwrap()
}

impl Sender {
    fn new(name: &str, notify: bool) -> Self {
        let node = node();
        let name = name.try_into().unwrap();
        let samples = node.service_builder(&name).publish_subscribe::<Sample>();
        let samples = samples.open_or_create().unwrap();
        let notifier = notify.then(|| {
            let event = node.service_builder(&name).event().open_or_create();
            event.unwrap().notifier_builder().create().unwrap()
        });
        Self {
            port: samples.publisher_builder().create().unwrap(),
            notifier,
            serial: 0,
            _node: node,
        }
    }

    fn send(&mut self, sequence: u64) -> u64 {
        self.serial += 1;
        let mut sample = [0; DESCRIPTOR_WORDS];
        sample[..3].copy_from_slice(&[self.serial, now_ns(), sequence]);
        let loan = self.port.loan_uninit().unwrap();
        loan.write_payload(sample).send().unwrap();
        if let Some(notifier) = &self.notifier {
            notifier.notify().unwrap();
        }
        self.serial
    }

    /// Sends a sample; returns its serial and the time taken.
    fn timed(&mut self, last: bool) -> (u64, u64) {
        let begin = now_ns();
        let serial = self.send(if last { LAST } else { 0 });
        (serial, now_ns() - begin)
    }

    /// Makes the subscribers exit, so that they leave nothing behind.
    fn end(mut self, peers: Vec<Peer>) {
        self.send(QUIT);
        peers.into_iter().for_each(Peer::ended);
    }
}

/// Runs a subscriber that sleeps until the event, in its own process.
pub(crate) fn sleeping(board: &Board, number: usize, name: &str) {
    let node = node();
    let (subscriber, listener) = (subscriber(&node, name), listener(&node, name));
    peer::ready(board, number);
    loop {
        listener.blocking_wait(|_| ()).unwrap();
        while let Some(sample) = subscriber.receive().unwrap() {
            let (now, sample) = (now_ns(), black_box(*sample));
            if sample[2] == QUIT {
                return;
            }
            peer::saw(board, number, sample[0], now - sample[1]);
        }
    }
}

/// Runs a subscriber that spins, in its own process.
pub(crate) fn spinning(board: &Board, number: usize, name: &str) {
    let node = node();
    let subscriber = subscriber(&node, name);
    peer::ready(board, number);
    peer::wait_go(board, number);
    loop {
        let Some(sample) = subscriber.receive().unwrap() else {
            spin_loop();
            continue;
        };
        let (now, copy) = (now_ns(), black_box(*sample));
        drop(sample);
        if copy[2] == QUIT {
            return;
        }
        let last = copy[2] == LAST;
        if last {
            peer::rest(board, number);
        }
        peer::saw(board, number, copy[0], now - copy[1]);
        if last {
            peer::wait_go(board, number);
        }
    }
}

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    publish(criterion, table);
    one_way_awake(criterion, table);
    for clients in [1, 4, 8] {
        one_way_asleep(criterion, table, clients);
    }
}

fn name(what: &str) -> String {
    format!("videostream-bench-{}-iceoryx2-{what}", std::process::id())
}

fn publish(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("iceoryx2");
    let name = name("publish");
    let mut sender = Sender::new(&name, false);
    let node = node();
    let attached = subscriber(&node, &name);
    let mut publisher = Publisher::new("beside-iceoryx2", 1);
    let client = publisher.connect(|c| c);
    let mut figure = |count| {
        repeat(count, || {
            sender.send(0);
        })
    };
    let mut ring = |count| {
        repeat(count, || {
            publisher.publish_stamped(false);
        })
    };
    let what = "publish, 1 awake";
    let (figure, beside) = in_turns(&mut group, what, 10_000, &mut figure, &mut [&mut ring]);
    let beside = (BESIDE, &beside[0]);
    table.add("iceoryx2: publish, 1 awake", &figure, beside, Goal::Compare);
    drop((attached, client));
    group.finish();
}

fn one_way_awake(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("iceoryx2");
    let (board, fd) = Board::create();
    let place = Board::path(&fd);
    let mut publisher = Publisher::new("beside-iceoryx2-awake", 1);
    let _client = Peer::start(&place, "spinning client", 0, publisher.path());
    publisher.wait_for(1);
    let name = name("awake");
    let mut sender = Sender::new(&name, false);
    let peers = vec![Peer::start(&place, "spinning iceoryx2", 1, &name)];
    (0..2).for_each(|number| wait_ready(board, number));
    let mut figure = awake::Lane::new(board, 1..2, true, |last| sender.timed(last));
    let mut ring = awake::Lane::new(board, 0..1, true, |last| publisher.publish_stamped(last));
    let others: &mut [&mut dyn Batch] = &mut [&mut ring];
    in_turns(
        &mut group,
        "one-way, 1 spinning",
        awake::BATCH,
        &mut figure,
        others,
    );
    for (part, what) in [(0.5, "p50"), (0.99, "p99")] {
        let name = format!("iceoryx2: one-way to 1 spinning, {what}");
        let beside = (BESIDE, &ring.latency);
        table.add_quantile(name, part, &figure.latency, beside, Goal::Compare);
    }
    drop(figure);
    peer::go(board, 1);
    sender.end(peers);
    group.finish();
}

fn one_way_asleep(criterion: &mut Criterion, table: &mut Table, clients: usize) {
    let mut group = criterion.benchmark_group("iceoryx2");
    group.sampling_mode(SamplingMode::Flat);
    let (board, fd) = Board::create();
    let place = Board::path(&fd);
    let what = format!("beside-iceoryx2-{clients}");
    let mut publisher = Publisher::new(&what, clients as u32);
    let start = |kind, number, argument: &str| Peer::start(&place, kind, number, argument);
    let own: Vec<_> = (0..clients)
        .map(|number| start("client", number, publisher.path()))
        .collect();
    publisher.wait_for(clients);
    let name = name(&format!("asleep-{clients}"));
    let mut sender = Sender::new(&name, true);
    let others = clients..2 * clients;
    let peers: Vec<_> = others
        .clone()
        .map(|number| start("iceoryx2", number, &name))
        .collect();
    (0..2 * clients).for_each(|number| wait_ready(board, number));
    let mut figure = asleep::Lane::new(board, others, || sender.timed(false));
    let mut ring = asleep::Lane::new(board, 0..clients, || publisher.publish_stamped(false));
    let what = format!("one-way, {clients} asleep");
    in_turns(
        &mut group,
        &what,
        asleep::BATCH,
        &mut figure,
        &mut [&mut ring],
    );
    let cost = (BESIDE, &ring.cost);
    let name = format!("iceoryx2: publish, {clients} asleep");
    table.add(name, &figure.cost, cost, Goal::Compare);
    for part in [0.5, 0.99] {
        let name = format!(
            "iceoryx2: one-way to {clients} sleeping, p{:.0}",
            part * 100.0
        );
        let beside = (BESIDE, &ring.latency);
        table.add_quantile(name, part, &figure.latency, beside, Goal::Compare);
    }
    drop(figure);
    sender.end(peers);
    drop(own);
    group.finish();
}
