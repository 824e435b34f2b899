//! The fuzzer of [`fuzz::pod`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::pod(bytes));
