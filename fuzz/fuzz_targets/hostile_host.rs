#![no_main]

use videostream_fuzz::hostile_host;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_host::run(bytes));
