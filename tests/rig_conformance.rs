//! The conformance suite on the kernels of the guests, with clients in threads and in separate
//! processes.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped: there `tests/conformance.rs` is the same.
//!
//! rig: timeout=600

mod conformance_suite;

fn run(behaviour: impl FnOnce()) {
    if !videostream_testing::is_the_rig() {
        println!("skipped: conformance: needs the guest of `cargo xtask vm`");
        return;
    }
    behaviour();
}

all_behaviours!(super::run);
