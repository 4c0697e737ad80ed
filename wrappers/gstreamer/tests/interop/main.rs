//! Both elements against programs in Rust and C, and against the command.

mod c;
mod command;
mod rust;
mod sinks;
#[path = "../support/mod.rs"]
mod support;
