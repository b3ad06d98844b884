//! Plays typical situations against a simulated organization, and prints what the receivers get: subject,
//! email, chat message, a part of the JSON, and events.
//!
//! `cargo run --example gallery` plays all of them; `cargo run --example gallery -- mutes summary` plays
//! those whose name contains one of the words. Golden files hold every one of them:
//! `tests/it/notify/snapshots/`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a terminal program over its own simulated organization"
)]
#![allow(unreachable_pub, reason = "the tests use the modules too")]

mod organization;
mod situations;
#[allow(dead_code, reason = "the tests use more of it")]
mod stage;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/support"]
mod support {
    pub mod harness;
}

use situations::SITUATIONS;
use stage::Stage;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for situation in SITUATIONS {
        if wanted.is_empty() || wanted.iter().any(|word| situation.name.contains(word)) {
            let mut stage = Stage::new().await;
            (situation.play)(&mut stage).await;
            println!("################ {}\n\n{}", situation.name, stage.story());
        }
    }
}
