//! The fuzzer of [`fuzz::kata_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::kata_config(bytes));
