//! How the function is linked: at a fixed address. A binary that can be loaded anywhere has a table
//! of 25,000 places to mend, which every start reads and writes through: half a megabyte of memory,
//! in a program that needs twelve.

use std::env;

#[expect(clippy::disallowed_methods, reason = "cargo says the target there")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = ["CARGO_CFG_TARGET_OS", "CARGO_CFG_TARGET_ENV"]
        .map(|name| env::var(name).unwrap_or_default());
    // What Lambda runs. Other linkers know other words, or none.
    if target == ["linux", "gnu"] {
        println!("cargo::rustc-link-arg-bin=packwatch-lambda=-no-pie");
    }
}
