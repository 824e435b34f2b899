//! The fuzzer of [`fuzz::initdata`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::initdata(bytes));
