//! The conformance suite, with clients in threads and in separate processes.

mod conformance_suite;

fn run(behaviour: impl FnOnce()) {
    behaviour();
}

all_behaviours!(super::run);
