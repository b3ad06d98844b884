//! Checks that the relative links of the Markdown documents point to existing files and headings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The checked documents, beside those below `docs`.
const ROOT_DOCUMENTS: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "terraform/README.md",
];

/// Adds the Markdown documents below `folder`.
fn add_documents(folder: &Path, documents: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            add_documents(&path, documents);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
}

/// Returns the lines of a document that are not in a fenced code block.
fn prose(document: &str) -> Vec<&str> {
    let mut in_code = false;
    document
        .lines()
        .filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            !is_fence && !in_code
        })
        .collect()
}

/// Returns the targets of the inline links of a document. The text of a link can span lines.
fn link_targets(document: &str) -> Vec<String> {
    prose(document)
        .join("\n")
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .map(str::to_owned)
        .collect()
}

/// Returns the anchor that GitHub gives to the first heading with this title: lower case, without
/// punctuation, and with hyphens in place of spaces.
fn slug(title: &str) -> String {
    title
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Returns the anchors of the headings of a document. GitHub numbers repeated headings.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(document) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug = slug(title);
        let mut anchor = slug.clone();
        let mut repetitions = 0;
        while !anchors.insert(anchor) {
            repetitions += 1;
            anchor = format!("{slug}-{repetitions}");
        }
    }
    anchors
}

/// Returns what is wrong with a link target in the document at `path`, if anything is.
fn link_error(path: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = if file.is_empty() {
        path.to_owned()
    } else {
        path.parent()?.join(file)
    };
    if !linked.exists() {
        return Some(format!("{}: no file {target}", path.display()));
    }
    if anchor.is_empty() {
        return None;
    }
    let document = fs::read_to_string(&linked).expect("a linked document");
    (!anchors(&document).contains(anchor))
        .then(|| format!("{}: no heading {target}", path.display()))
}

#[test]
fn relative_links_point_to_existing_files_and_headings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents: Vec<_> = ROOT_DOCUMENTS.map(|name| root.join(name)).into();
    add_documents(&root.join("docs"), &mut documents);
    let mut errors = Vec::new();
    for path in &documents {
        let document = fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
        let targets = link_targets(&document);
        errors.extend(targets.iter().filter_map(|target| link_error(path, target)));
    }
    assert!(errors.is_empty(), "broken links:\n{}", errors.join("\n"));
}

#[test]
fn missing_file_and_missing_heading_are_link_errors() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    for target in ["docs/missing.md", "#missing", "docs/glossary.md#missing"] {
        assert!(link_error(&readme, target).is_some(), "{target}");
    }
    for target in ["docs", "#packwatch", "docs/glossary.md#glossary"] {
        assert_eq!(link_error(&readme, target), None);
    }
}

#[test]
fn code_block_has_no_links_and_no_headings() {
    let document = "# A `b`: c-d, E\n[one\nlink](x.md)\n```sh\n# not one\n[no](y.md)\n```\n\n## Again\n## Again\n";
    assert_eq!(link_targets(document), ["x.md"]);
    let expected = ["a-b-c-d-e", "again", "again-1"].map(str::to_owned);
    assert_eq!(anchors(document), expected.into());
}
