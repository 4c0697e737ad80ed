//! The binding generator: bindgen over `vendor-headers/`, once per interface and architecture.

pub(crate) mod headers;
pub(crate) mod interface;
