//! The fuzzer of [`fuzz::packages_index`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::packages_index(bytes));
