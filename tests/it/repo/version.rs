//! Checks that the version of `Cargo.toml` is the only one.

use super::files::read;

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn cli_has_version_of_function() {
    // Cargo requires a version in every manifest.
    let manifest = read("cli/Cargo.toml");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "))
        .expect("the manifest has a version");
    assert_eq!(version.trim_matches('"'), VERSION);
}

#[test]
fn changelog_has_no_newer_version() {
    let changelog = read("CHANGELOG.md");
    let headings: Vec<_> = changelog
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.trim_start_matches('['))
        .collect();
    let newest = headings.first().expect("the changelog has a heading");
    let released = newest.starts_with(VERSION);
    assert!(
        released || newest.starts_with("Unreleased"),
        "the newest version in CHANGELOG.md is {newest}, and that of Cargo.toml is {VERSION}"
    );
    if !released && let Some(last) = headings.get(1) {
        assert!(
            last.starts_with(VERSION),
            "CHANGELOG.md has no entry for {VERSION}: the last one is {last}"
        );
    }
}

#[test]
fn template_has_no_version_of_its_own() {
    // `tools/release.py` writes the version into the template of a release.
    let template = read("template.yaml");
    assert!(
        !template.contains(VERSION),
        "template.yaml contains {VERSION}"
    );
}
