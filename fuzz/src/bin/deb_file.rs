//! The fuzzer of [`fuzz::deb_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::deb_file(bytes));
