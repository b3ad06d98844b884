//! The JSON schemas in `schemas/`: they are those of the types, and every document that a test
//! holds fits its schema.

use std::fs;
use std::path::Path;

use packwatch::input::event::event_schema;
use packwatch::ledger::ledger_schema;
use packwatch::model::schema_of;
use packwatch::notify::digest::{cause_schema, digest_schema};
use packwatch::report::{Response, Snapshot};
use schemars::Schema;

/// Returns the schemas by the name of their document.
fn schemas() -> [(&'static str, Schema); 6] {
    [
        ("cause", cause_schema()),
        ("digest", digest_schema()),
        ("event", event_schema()),
        ("ledger", ledger_schema()),
        ("response", schema_of::<Response>("packwatch response")),
        (
            "snapshot",
            schema_of::<Snapshot<'static>>("packwatch snapshot"),
        ),
    ]
}

/// Returns whether golden files are to be written anew.
#[expect(
    clippy::disallowed_methods,
    reason = "the variable of the golden files"
)]
fn updates_golden_files() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always")
}

#[test]
fn schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for (name, schema) in schemas() {
        let json = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        let path = folder.join(name).join("1.json");
        if updates_golden_files() {
            fs::create_dir_all(folder.join(name)).expect("a folder");
            fs::write(&path, &json).expect("a file");
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == json,
            "{} is not the schema of its type any more; `just golden` writes it anew",
            path.display()
        );
    }
}
