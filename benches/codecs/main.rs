//! Encoding, decoding and converting pictures, each beside the same without this library.
//!
//! Measured as the figures of `benches/figures` are, in turns, and printed as a table of the same form.
//!
//! ```console
//! cargo bench --features software --bench codecs            # everything, and the table
//! cargo bench --features software --bench codecs -- convert # figures with this in their name
//! ```

mod codec;
mod convert;
mod direct;
#[path = "../figures/measure.rs"]
#[expect(dead_code, reason = "the other figures use the rest of it")]
mod measure;
#[path = "../figures/table.rs"]
#[expect(dead_code, reason = "the other figures use the rest of it")]
mod table;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut table = table::Table::default();
    convert::bench(&mut criterion, &mut table);
    codec::bench(&mut criterion, &mut table);
    criterion.final_summary();
    // `cargo test --benches` runs each of them once, which measures nothing.
    if std::env::args().any(|arg| arg == "--bench") {
        print!("{table}");
    }
}
