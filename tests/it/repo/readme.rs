//! Checks that the README and the pages of the documentation match the program.

use std::collections::BTreeSet;

use super::files::read;
use super::sam_template::ACTIONS;

/// Maximum number of words of the README: two screens and a table.
const MAX_README_WORDS: usize = 2_000;

/// Returns a golden email as a block of a page.
fn golden_block(name: &str) -> String {
    let golden = read(&format!(
        "tests/it/notify/snapshots/it__notify__golden__{name}.snap"
    ));
    let text = golden.splitn(3, "---\n").nth(2);
    let text = text.expect("text after the insta header").trim_end();
    format!("```text\n{text}\n```")
}

#[test]
fn readme_is_short_and_shows_golden_digest_and_every_setting() {
    let readme = read("README.md");
    let words = readme.split_whitespace().count();
    assert!(words <= MAX_README_WORDS, "the README has {words} words");
    assert!(
        readme.contains(&golden_block("changes-email")),
        "the digest in the README differs from the golden file"
    );
    let configuration = read("docs/configuration.md");
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
        for page in [&readme, &configuration] {
            assert!(page.contains(&format!("`{name}`")), "{name} is missing");
        }
    }
}

#[test]
fn notifications_page_shows_golden_digests() {
    let page = read("docs/notifications.md");
    for name in [
        "first-email",
        "watching-email",
        "changes-email",
        "empty-source-email",
        "packs-again-email",
    ] {
        assert!(page.contains(&golden_block(name)), "{name} differs");
    }
}

#[test]
fn configuration_page_names_every_parameter() {
    let page = read("docs/configuration.md");
    let template = read("template.yaml");
    let parameters = template.split("\nParameters:\n").nth(1);
    let parameters = parameters.and_then(|rest| rest.split("\nRules:\n").next());
    let names: Vec<&str> = parameters
        .expect("parameters")
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name} is missing");
    }
}

#[test]
fn permissions_page_names_every_action() {
    let page = read("docs/permissions.md");
    for (action, _) in ACTIONS {
        assert!(page.contains(&format!("`{action}`")), "{action} is missing");
    }
}
