//! What the 2.x interface has beside this library's own: letters of formats, strides of whole frames,
//! memory by a name. The C library and the Python package run the programs that rely on it.

mod extra;
mod memory;
mod shape;

pub use extra::Extra;
pub use memory::NamedMemory;
pub use shape::{Shape, kernel_format};
