//! The project's figures, each with its floor, measured in the same run.
//!
//! A figure alone says little: on one machine it varies by a factor of three between runs. So each
//! is measured alternately with the least work that serves the same purpose (its floor), and goals
//! are ratios of the two where possible. `docs/performance.md` explains what the figures mean and
//! what limits each.
//!
//! ```console
//! cargo bench --bench figures              # everything, and the table
//! cargo bench --bench figures -- asleep    # figures with this in their name
//! ```
//!
//! The package in `benches/iceoryx2` builds the same program with iceoryx2 for comparison.
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
mod peer;
mod publish;
mod read;
mod socket;
mod wakeups;

use std::time::Duration;

use videostream_testing::figures;

fn main() {
    if peer::play() {
        return;
    }
    figures::run(
        (Duration::from_millis(200), Duration::from_secs(1)),
        &[
            hold::bench,
            publish::bench,
            read::bench,
            awake::bench,
            asleep::bench,
            first::bench,
            wakeups::bench,
            #[cfg(feature = "iceoryx2")]
            iceoryx2::bench,
        ],
    );
}
