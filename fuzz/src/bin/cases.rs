//! The fuzzer of [`fuzz::cases`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::cases(bytes));
