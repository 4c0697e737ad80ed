//! The host of the fuzz target `hostile_host`, which does to its clients whatever a script says.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "written for the fuzzer's crate"
)]

#[path = "../../../../fuzz/src/descriptors.rs"]
pub(crate) mod descriptors;
#[path = "../../../../fuzz/src/hostile_host.rs"]
pub(crate) mod hostile_host;
#[path = "../../../../fuzz/src/script.rs"]
pub(crate) mod script;
