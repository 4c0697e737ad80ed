#![no_main]

use videostream_fuzz::y4m;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| y4m::run(bytes));
