//! Plays typical situations against a simulated organization, and prints what the receivers get:
//! subject, email, chat message, a part of the JSON, and events.
//!
//! `cargo run --example gallery` plays all of them; `cargo run --example gallery -- mutes summary`
//! plays those whose name contains one of the words. Golden files hold every one of them:
//! `tests/it/notify/snapshots/`.
//!
//! `cargo run --example gallery -- --write FOLDER` writes the documents of all runs instead:
//! `<kind>/<situation>-<number>.json`, and the objects of the bucket below `bucket/<situation>/`.
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

use std::path::Path;
use std::{fs, io};

use situations::{SITUATIONS, Situation};
use stage::Stage;
use support::harness::BUCKET;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [option, folder] = &words[..]
        && option == "--write"
    {
        for situation in SITUATIONS {
            write(situation, Path::new(folder)).await?;
        }
        return Ok(());
    }
    for situation in SITUATIONS {
        if words.is_empty() || words.iter().any(|word| situation.name.contains(word)) {
            let mut stage = Stage::new().await;
            (situation.play)(&mut stage).await;
            println!("################ {}\n\n{}", situation.name, stage.story());
        }
    }
    Ok(())
}

/// Writes the documents of a situation, and the objects of its bucket.
async fn write(situation: &Situation, folder: &Path) -> io::Result<()> {
    let mut stage = Stage::new().await;
    (situation.play)(&mut stage).await;
    for (number, (kind, document)) in stage.documents.iter().enumerate() {
        fs::create_dir_all(folder.join(kind))?;
        let path = folder
            .join(kind)
            .join(format!("{}-{number}.json", situation.name));
        fs::write(path, document.to_string())?;
    }
    for (key, bytes) in stage.env.world.objects(BUCKET) {
        let path = folder.join("bucket").join(situation.name).join(key);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}
