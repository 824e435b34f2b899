//! The fuzzer of [`fuzz::firmware`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::firmware(bytes));
