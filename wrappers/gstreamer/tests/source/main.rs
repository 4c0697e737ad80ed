//! `vslsrc`, with hosts in this process and in others.

mod ends;
mod host;
mod limits;
mod memory;
mod packets;
mod properties;
mod reader;
#[path = "../support/mod.rs"]
mod support;
mod times;
