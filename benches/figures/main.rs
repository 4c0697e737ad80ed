//! The project's figures: each beside its floor, measured in the same run.
//!
//! A figure alone says little: on one machine it moves by a factor of three between runs.
//! So each is measured in turns with the least that the machine can do for the same purpose (its
//! floor), and the goals are ratios of the two wherever they can be. `docs/performance.md`
//! says what the figures mean, and what limits each.
//!
//! ```console
//! cargo bench --bench figures              # everything, and the table
//! cargo bench --bench figures -- asleep    # figures with this in their name
//! ```
//!
//! The package in `benches/iceoryx2` builds the same program with iceoryx2 beside it.
//!
//! Other processes are this program in another role (`peer`). Criterion decides how often
//! a figure is measured and writes its report to `target/criterion`.

mod asleep;
mod awake;
mod board;
mod first;
mod hold;
mod host;
#[cfg(feature = "iceoryx2")]
mod iceoryx2;
mod measure;
mod peer;
mod publish;
mod read;
mod socket;
mod table;
mod wakeups;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    if peer::play() {
        return;
    }
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut table = table::Table::default();
    hold::bench(&mut criterion, &mut table);
    publish::bench(&mut criterion, &mut table);
    read::bench(&mut criterion, &mut table);
    awake::bench(&mut criterion, &mut table);
    asleep::bench(&mut criterion, &mut table);
    first::bench(&mut criterion, &mut table);
    wakeups::bench(&mut criterion, &mut table);
    #[cfg(feature = "iceoryx2")]
    iceoryx2::bench(&mut criterion, &mut table);
    criterion.final_summary();
    // `cargo test --benches` runs each of them once, which measures nothing.
    if std::env::args().any(|arg| arg == "--bench") {
        print!("{table}");
    }
}
