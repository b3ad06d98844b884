//! Keeps one ticket for each cause of failures, from the `groups` of digests alone.
//!
//! Reads the JSON of digests from standard input, one per line, oldest first, and prints the
//! tickets that are open in the end: `cargo run --example tickets < digests.jsonl`
#![allow(clippy::print_stdout, reason = "a terminal program")]

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

fn main() -> io::Result<()> {
    let mut tickets = BTreeMap::new();
    for line in io::stdin().lines() {
        update(&mut tickets, &serde_json::from_str(&line?)?);
    }
    for (group_id, title) in tickets {
        println!("{group_id} {title}");
    }
    Ok(())
}

/// Opens, updates and closes tickets, which are titles by the id of their group.
pub fn update(tickets: &mut BTreeMap<String, String>, digest: &Value) {
    for group in digest["groups"].as_array().into_iter().flatten() {
        let text = |key: &str| group[key].as_str().unwrap_or_default().to_owned();
        if group["open_after"] == 0 {
            tickets.remove(&text("group_id"));
        } else {
            tickets.insert(text("group_id"), text("title"));
        }
    }
}
