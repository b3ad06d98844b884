//! Links the Lambda binary at a fixed address.
//!
//! A position-independent binary has 25,000 relocations, which the loader applies at every start.
//! That costs half a megabyte of memory in a program that needs twelve.

use std::env;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes the target in environment variables"
)]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = ["CARGO_CFG_TARGET_OS", "CARGO_CFG_TARGET_ENV"]
        .map(|name| env::var(name).unwrap_or_default());
    // The target of Lambda. Other linkers have a different option, or none.
    if target == ["linux", "gnu"] {
        println!("cargo::rustc-link-arg-bin=packwatch-lambda=-no-pie");
    }
}
