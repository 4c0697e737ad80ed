#![no_main]

use videostream_fuzz::annex_b;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annex_b::run(bytes));
