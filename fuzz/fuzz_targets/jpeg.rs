#![no_main]

use videostream_fuzz::jpeg;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jpeg::run(bytes));
