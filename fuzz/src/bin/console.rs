//! The fuzzer of [`fuzz::console`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::console(bytes));
