//! The fuzzer of [`fuzz::initrd`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::initrd(bytes));
