//! The fuzzer of [`fuzz::tarball`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::tarball(bytes));
