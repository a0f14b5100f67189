#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ibws_testkit::fuzz::endpoint(data));
