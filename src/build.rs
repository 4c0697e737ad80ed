//! What this library was built from and for.

/// The release.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The revision, as git describes it, or that which a published package was made of; else `unknown`.
pub const REVISION: &str = env!("VIDEOSTREAM_REVISION");
/// The target triple.
pub const TARGET: &str = env!("VIDEOSTREAM_TARGET");
/// The C library: `gnu`, `musl`, or `none`.
pub const LIBC: &str = env!("VIDEOSTREAM_LIBC");
