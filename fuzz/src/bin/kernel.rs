//! The fuzzer of [`fuzz::kernel`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::kernel(bytes));
