//! The shared library's name for the dynamic linker.
//!
//! No version script is given: rustc writes one for every cdylib, which makes all but the
//! `vsl_*` functions local, and linkers take only one without a version's name.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libvideostream.so.2");
}
