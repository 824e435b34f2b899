//! The fuzzer of [`fuzz::lock`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::lock(bytes));
