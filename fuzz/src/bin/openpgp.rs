//! The fuzzer of [`fuzz::openpgp`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::openpgp(bytes));
