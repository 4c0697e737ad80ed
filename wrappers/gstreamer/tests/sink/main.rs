//! `vslsink` with clients of the library.

mod clients;
mod element;
mod memory;
mod policy;
mod properties;
#[path = "../support/mod.rs"]
mod support;
mod times;
