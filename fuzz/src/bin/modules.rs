//! The fuzzer of [`fuzz::modules`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::modules(bytes));
