//! The raw nodes of the Hantro codecs in NXP's kernels for i.MX8M: `/dev/mxc_hantro*`.
//!
//! | module or item | what it holds |
//! |---|---|
//! | [`nodes`], [`NodeKind`] | which nodes there are, and the driver behind each |
//! | [`h1`] | the encoder of i.MX8M Mini: reservation, registers, wait |
//! | [`vc8000e`] | the encoder of i.MX8M Plus: cores, reservation, registers, wait |
//! | [`decoder`] | the G1 and G2 decoders: cores, reservation, registers, wait |
//! | [`Reservation`] | a core that nobody else uses, given back when dropped |
//! | [`CoreInfo`], [`RegisterWindow`] | where a core's registers lie, and a mapping of them |
//!
//! These nodes give registers, not a codec: headers, rate control and a good part of the constants
//! for the registers are in NXP's closed libraries. To encode or decode use the V4L2 nodes, see
//! [`codec`](crate::codec), whose daemon takes the cores in turn with everybody who reserves them
//! here. What the cores read and write is contiguous memory, see
//! [`CONTIGUOUS_HEAPS`](crate::memory::heap::CONTIGUOUS_HEAPS), below 4 GiB, by its
//! [physical address](crate::memory::physical_address).
//!
//! # What was verified
//! No board was at hand. Against nodes emulated in user space (CUSE) in a virtual machine, which
//! answer as the sources of the drivers do: discovery, requests and their arguments, reservation
//! by thread and by handle, waits, time-outs, wrong answers, the end of processes. Written after
//! the drivers' sources and verified nowhere: mappings of registers (CUSE has none; a file stands
//! for the node in a test of the arithmetic), what registers do, the loss of registers in a
//! suspend, who owns the core of an H1, kernels that keep registers to the secure world, programs
//! of 32 bits on 64-bit kernels.
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
