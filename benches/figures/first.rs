//! Sleeping clients that run as soon as they are woken: they have a real-time priority.
//!
//! Without one, a woken client runs at once or only when the publisher sleeps, depending on its
//! recent share of the core. That decides the latency more than anything in this library.

use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use videostream_testing::figures::{Goal, Table, in_turns};

use crate::asleep::{BATCH, Lane, wake};
use crate::board::Board;
use crate::host::Publisher;
use crate::peer::{Peer, wait_ready};

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    if !Peer::may_be_first() {
        println!(
            "skipped: clients with priority: chrt is missing, or may not give a real-time priority"
        );
        return;
    }
    let mut group = criterion.benchmark_group("clients with priority");
    group.sampling_mode(SamplingMode::Flat);
    group.measurement_time(Duration::from_secs(4));
    for clients in [1, 4, 8] {
        let (board, fd) = Board::create();
        let place = Board::path(&fd);
        let mut publisher = Publisher::new(&format!("first-{clients}"), clients as u32);
        let path = publisher.path().to_owned();
        let start = |number| Peer::start_first(&place, "client", number, &path);
        let mut peers: Vec<_> = (0..clients).map(start).collect();
        publisher.wait_for(clients);
        let start = |number| Peer::start_first(&place, "futex", clients + number, "");
        peers.extend((0..clients).map(start));
        (0..2 * clients).for_each(|number| wait_ready(board, number));

        let mut ring = Lane::new(board, 0..clients, || publisher.publish_stamped(false));
        let mut futex = Lane::new(board, clients..2 * clients, || wake(board));
        let name = format!("publish, {clients} clients");
        in_turns(&mut group, &name, BATCH, &mut ring, &mut [&mut futex]);

        for (part, most) in [(0.5, 1.15), (0.99, 1.3)] {
            let name = format!(
                "one-way to {clients} sleeping with priority, p{:.0}",
                part * 100.0
            );
            let floor = ("futex wake", &futex.latency);
            table.add_quantile(name, part, &ring.latency, floor, Goal::Ratio(most));
        }
    }
    group.finish();
}
