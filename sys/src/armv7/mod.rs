//! Generated bindings for armv7: one file per interface, never edited by hand.
#![allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    dead_code,
    missing_docs,
    non_upper_case_globals,
    unsafe_code,
    reason = "bindgen's output; the only unsafe code fills new values with zero bytes"
)]

#[rustfmt::skip]
pub(crate) mod dma_buf;
#[rustfmt::skip]
pub(crate) mod dma_heap;
#[rustfmt::skip]
pub(crate) mod dmabuf_imx;
#[rustfmt::skip]
pub(crate) mod hantrodec;
#[rustfmt::skip]
pub(crate) mod hx280enc;
#[rustfmt::skip]
pub(crate) mod hx280enc_vc8000e;
#[rustfmt::skip]
pub(crate) mod media;
#[rustfmt::skip]
pub(crate) mod sync_file;
#[rustfmt::skip]
pub(crate) mod udmabuf;
#[rustfmt::skip]
pub(crate) mod v4l2;
