//! Processes for tests, and the hosts and clients that they run.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test program that includes this uses its part"
)]

pub(crate) mod gated;

pub(crate) use videostream_testing::process::{
    Process, Random, WATCHDOG, command, open_descriptors, role, say,
};
