#![no_main]

use videostream_fuzz::hostile_client;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_client::run(bytes));
