//! The fuzzer of [`fuzz::registry`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::registry(bytes));
