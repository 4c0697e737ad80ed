//! Version, source and target of this build.

/// Version of the release.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Git revision of the sources, or that of the published package; `unknown` without either.
pub const REVISION: &str = env!("VIDEOSTREAM_REVISION");
/// Target triple.
pub const TARGET: &str = env!("VIDEOSTREAM_TARGET");
/// C library: `gnu`, `musl`, or `none`.
pub const LIBC: &str = env!("VIDEOSTREAM_LIBC");
