//! The fuzzer of [`fuzz::evidence`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::evidence(bytes));
