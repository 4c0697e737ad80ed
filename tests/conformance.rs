//! What hosts and clients have to do, with clients in threads and in processes of their own.

mod conformance_suite;

fn run(behaviour: impl FnOnce()) {
    behaviour();
}

all_behaviours!(super::run);
