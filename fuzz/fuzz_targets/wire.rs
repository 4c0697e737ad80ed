#![no_main]

use videostream_fuzz::wire;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::run(bytes));
