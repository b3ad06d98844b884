//! Fuzz target of `packwatch_fuzz::ledger`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| packwatch_fuzz::ledger::check_invariants(bytes));
