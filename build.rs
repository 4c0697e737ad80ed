//! Build script of the `videostream` library.

fn main() {}
