//! Checks that the README matches the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn readme_shows_golden_digest_and_every_setting() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let golden = fs::read_to_string(
        root.join("tests/it/notify/snapshots/it__notify__golden__changes-email.snap"),
    )
    .expect("the golden file");
    let digest = golden
        .splitn(3, "---\n")
        .nth(2)
        .expect("text after the insta header")
        .trim_end();
    assert!(
        readme.contains(&format!("```text\n{digest}\n```")),
        "the digest in the README differs from the golden file"
    );
    let variables = std::cell::RefCell::new(BTreeSet::new());
    let _ = packwatch::input::settings::Settings::read(|name| {
        variables.borrow_mut().insert(name.to_owned());
        None
    });
    for name in variables
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
