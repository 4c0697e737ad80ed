#![no_main]

use videostream_fuzz::parameter_sets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parameter_sets::run(bytes));
