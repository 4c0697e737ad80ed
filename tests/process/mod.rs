//! Processes for tests, and what tests of shares run in them.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test program that includes this uses its part"
)]

pub(crate) mod gated;

pub(crate) use videostream_testing::process::{
    Process, Random, WATCHDOG, command, open_descriptors, role, say,
};
