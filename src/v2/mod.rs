//! Additions of the 2.x interface: format codes, strides of whole frames, and named memory. The C
//! library and the Python package use them for programs written for 2.x.

mod app_data;
mod memory;
mod shape;

pub use app_data::AppData;
pub use memory::NamedMemory;
pub use shape::{Shape, kernel_format};
