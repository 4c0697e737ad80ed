//! The raw nodes of the Hantro codecs in NXP's kernels for i.MX8M: `/dev/mxc_hantro*`.
//!
//! | module or item | contents |
//! |---|---|
//! | [`nodes`], [`NodeKind`] | the nodes that exist, and the driver behind each |
//! | [`h1`] | the encoder of i.MX8M Mini: reservation, registers, wait |
//! | [`vc8000e`] | the encoder of i.MX8M Plus: cores, reservation, registers, wait |
//! | [`decoder`] | the G1 and G2 decoders: cores, reservation, registers, wait |
//! | [`Reservation`] | a reserved core, released on drop |
//! | [`CoreInfo`], [`RegisterWindow`] | the location of a core's registers, and a mapping of them |
//!
//! These nodes give access to registers, not to a codec: headers, rate control and many register
//! constants are in NXP's closed libraries. To encode or decode, use the V4L2 nodes: see
//! [`codec`](crate::codec). Their daemon shares the cores with programs that reserve them here.
//! Cores access memory by its [physical address](crate::memory::physical_address): it must be
//! contiguous ([`CONTIGUOUS_HEAPS`](crate::memory::heap::CONTIGUOUS_HEAPS)) and below 4 GiB.
//!
//! # What was verified
//! This module was not run on a board. Verified with nodes emulated in user space (CUSE) in a
//! virtual machine, which behave like the drivers' sources: discovery, requests and their
//! arguments, reservation by thread and by handle, waits, time-outs, invalid answers, process exit.
//! Written from the drivers' sources and not verified: mappings of registers (CUSE has none; a test
//! of the arithmetic uses a file instead of the node), the effect of registers, the loss of
//! registers in a suspend, who owns the core of an H1, kernels that restrict registers to the
//! secure world, 32-bit programs on 64-bit kernels.
//!
//! # Source
//! `drivers/mxc/hantro_vc8000e`, `drivers/mxc/hantro`, `drivers/mxc/hantro_845` of NXP's kernels.

pub mod decoder;
pub mod h1;
mod node;
mod request;
mod reservation;
pub mod vc8000e;
mod window;

pub use crate::kind::HantroKind as NodeKind;
pub use node::nodes;
pub use reservation::{Driver, Reservation};
pub use window::{CoreInfo, MAX_WINDOW_BYTES, RegisterWindow};
