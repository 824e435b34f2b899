//! The fuzzer of [`fuzz::rego`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::rego(bytes));
