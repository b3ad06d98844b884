//! Fuzz target of `packwatch_fuzz::event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| packwatch_fuzz::event::check_invariants(bytes));
