//! The repository held to its own rules: who may name what, and that nothing lies about unused.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file below `folder` that ends in `ending`.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has {ending} files");
    found
}

/// The code of a file, without what is said about it.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn room(path: &Path) -> String {
    let path = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .expect("a source file");
    let first = path
        .components()
        .next()
        .expect("a name")
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

/// What each room may use of the others: data flows one way. A room that is not here fails the
/// test.
fn may_use(room: &str) -> &'static [&'static str] {
    match room {
        "model" | "message" | "totals" | "lib" | "main" => &[],
        // Each binary is a crate of its own.
        "bin" => &["arguments", "deployed", "overheard", "page", "progress"],
        "event" | "settings" | "observation" => &["model"],
        "scope" => &["model", "settings"],
        "plan" => &["event", "model", "scope", "settings"],
        "ledger" => &["message", "model", "plan", "scope", "totals"],
        "compare" => &["ledger", "model", "observation", "plan", "scope"],
        "difference" => &["ledger", "model", "plan", "scope"],
        "snapshot" => &[
            "compare",
            "difference",
            "ledger",
            "model",
            "observation",
            "plan",
            "scope",
            "totals",
        ],
        "digest" => &[
            "difference",
            "ledger",
            "message",
            "model",
            "plan",
            "snapshot",
            "totals",
        ],
        "tell" => &[
            "difference",
            "digest",
            "event",
            "ledger",
            "message",
            "model",
            "plan",
            "scope",
        ],
        "telemetry" => &["ledger", "model", "plan"],
        "ports" => &["message", "model", "plan"],
        "reader" => &["ledger", "model", "observation", "plan", "ports", "scope"],
        "names" => &["error", "ledger", "model", "observation", "ports", "scope"],
        "report" => &["totals"],
        "error" => &["event", "ledger", "model", "ports", "settings"],
        "pipeline" => &[
            "compare",
            "difference",
            "digest",
            "error",
            "event",
            "ledger",
            "model",
            "names",
            "observation",
            "plan",
            "ports",
            "reader",
            "report",
            "scope",
            "settings",
            "snapshot",
            "telemetry",
            "tell",
            "totals",
        ],
        "aws" => &[
            "error", "message", "model", "plan", "ports", "reader", "settings",
        ],
        "handler" => &[
            "error",
            "event",
            "model",
            "pipeline",
            "plan",
            "ports",
            "report",
            "settings",
            "telemetry",
        ],
        "startup" => &["error", "handler", "ports"],
        other => panic!("{other} is a room that no rule knows"),
    }
}

#[test]
fn every_room_uses_only_what_it_may_know() {
    for path in files("src", ".rs") {
        let room = room(&path);
        let allowed = may_use(&room);
        let code = code(&path);
        for used in code.split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            assert!(
                used == room || allowed.contains(&used.as_str()),
                "{}: {room} may not use {used}",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_edge_names_the_sdk_and_only_lambdas_face_names_lambda() {
    for path in files("src", ".rs") {
        let (room, code) = (room(&path), code(&path));
        assert!(
            room == "aws" || !code.contains("aws_"),
            "{} names the SDK",
            path.display()
        );
        let face = matches!(room.as_str(), "handler" | "startup" | "main" | "bin");
        assert!(
            face || !code.contains("lambda_runtime"),
            "{} names Lambda",
            path.display()
        );
        let pages = code.contains("into_paginator");
        assert!(
            !pages,
            "{}: the SDK's paginator ends without an error on a repeated token",
            path.display()
        );
    }
}

#[test]
fn the_clock_the_environment_and_randomness_enter_at_main_only() {
    for path in files("src", ".rs") {
        let code = code(&path);
        for ambient in [
            "Timestamp::now()",
            "SystemTime::now",
            "env::var",
            "Uuid::new_v4",
            "HashMap",
        ] {
            assert!(
                path.ends_with("main.rs") || !code.contains(ambient),
                "{} uses {ambient}",
                path.display()
            );
        }
    }
}

#[test]
fn every_golden_file_is_compared_with() {
    let tests = files("tests/it", ".rs")
        .iter()
        .map(|path| code(path))
        .collect::<String>();
    let mut golden = BTreeSet::new();
    for path in files("tests/it/snapshots", ".snap") {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let name = name.rsplit("__").next().expect("a name").to_owned();
        assert!(
            tests.contains(&format!("\"{name}\"")),
            "nothing is compared with {}",
            path.display()
        );
        golden.insert(name);
    }
    assert!(golden.len() > 5);
}

#[test]
fn files_stay_small_enough_to_be_one_idea() {
    for path in files("src", ".rs") {
        let lines = fs::read_to_string(&path)
            .expect("a source file")
            .lines()
            .count();
        assert!(lines <= 750, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_readme_shows_the_digest_as_it_lands_and_every_setting() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let golden = fs::read_to_string(root.join("tests/it/snapshots/it__golden__changes-email.snap"))
        .expect("the digest");
    let digest = golden
        .splitn(3, "---\n")
        .nth(2)
        .expect("the text after the head")
        .trim_end();
    assert!(
        readme.contains(&format!("```text\n{digest}\n```")),
        "the README shows another digest"
    );
    let asked = std::cell::RefCell::new(BTreeSet::new());
    let _ = packwatch::input::settings::Settings::read(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    for name in asked
        .into_inner()
        .iter()
        .filter(|name| !name.starts_with("AWS_"))
    {
        assert!(
            readme.contains(&format!("`{name}`")),
            "the README does not explain {name}"
        );
    }
}
