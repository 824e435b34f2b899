//! The fuzzer of [`fuzz::annotation`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::annotation(bytes));
