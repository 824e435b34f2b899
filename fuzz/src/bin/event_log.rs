//! The fuzzer of [`fuzz::event_log`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::event_log(bytes));
