//! The fuzzer of [`fuzz::rpm_header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::rpm_header(bytes));
