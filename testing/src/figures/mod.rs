//! Support for benches: measures a figure alternately with its floor, and prints the table of both.
//!
//! Criterion decides how often a figure is measured and writes its report to `target/criterion`.

mod measure;
mod table;

use std::time::Duration;

use criterion::Criterion;

pub use self::measure::{Batch, Series, in_turns, repeat};
pub use self::table::{Goal, Table};

/// Runs the groups of a bench that the command line selects, and prints the table of their results.
///
/// Each figure is measured for `measure` after `warm_up`.
pub fn run((warm_up, measure): (Duration, Duration), subjects: &[fn(&mut Criterion, &mut Table)]) {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(warm_up)
        .measurement_time(measure)
        .configure_from_args();
    let mut table = Table::default();
    for subject in subjects {
        subject(&mut criterion, &mut table);
    }
    criterion.final_summary();
    // `cargo test --benches` runs each figure once, which measures nothing.
    if std::env::args().any(|arg| arg == "--bench") {
        print!("{table}");
    }
}
