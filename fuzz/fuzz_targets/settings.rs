//! Fuzz target of `packwatch_fuzz::settings`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    |environment: &str| packwatch_fuzz::settings::check_invariants(environment)
);
