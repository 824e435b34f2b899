//! The fuzzer of [`fuzz::explain`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::explain(bytes));
