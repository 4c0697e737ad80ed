#![no_main]

use videostream_fuzz::mp4;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mp4::run(bytes));
