//! What the committed bindings claim, against what C compilers say.
//!
//! For each architecture a C program is made that states the size of every struct and union, the
//! offset of every field and every request code, through the compiler's own C library and the
//! kernel's headers (the generator's stand-ins for the C library take no part). It is compiled,
//! not run: the values are read from the object file. Anonymous unions cannot be named in C; the
//! offsets around them are compared.

mod probe;

use probe::{AARCH64, ARMV7, Outcome, X86_64, compare};

fn expect_agreement(test: &str, arch: &probe::Arch) {
    match compare(arch, |_| {}) {
        Outcome::Skipped(why) => probe::skipped(test, &why),
        Outcome::Compared { items, differences } => {
            assert!(items > 1500, "only {items} items were compared");
            assert!(differences.is_empty(), "{}", differences.join("\n"));
        }
    }
}

#[test]
fn x86_64_compiler_agrees_with_the_bindings() {
    expect_agreement("x86_64_compiler_agrees_with_the_bindings", &X86_64);
}

#[test]
fn aarch64_compiler_agrees_with_the_bindings() {
    expect_agreement("aarch64_compiler_agrees_with_the_bindings", &AARCH64);
}

#[test]
fn armv7_compiler_with_64_bit_time_agrees() {
    expect_agreement("armv7_compiler_with_64_bit_time_agrees", &ARMV7);
}

#[test]
fn a_wrong_claim_is_named() {
    let arch = probe::host().unwrap_or(&X86_64);
    let outcome = compare(arch, |claim| {
        if claim.label == "v4l2.h: offset of v4l2_buffer::length" {
            claim.value += 4;
        }
    });
    match outcome {
        Outcome::Skipped(why) => probe::skipped("a_wrong_claim_is_named", &why),
        Outcome::Compared { differences, .. } => {
            assert_eq!(differences.len(), 1, "{differences:?}");
            assert!(
                differences[0].contains("v4l2_buffer::length"),
                "{differences:?}"
            );
        }
    }
}

#[test]
fn every_request_of_the_headers_is_bound() {
    match probe::unbound_requests() {
        Err(why) => probe::skipped("every_request_of_the_headers_is_bound", &why),
        Ok((found, unbound)) => {
            assert!(
                found > 150,
                "only {found} requests were found in the headers"
            );
            assert!(unbound.is_empty(), "not bound: {unbound:?}");
        }
    }
}
