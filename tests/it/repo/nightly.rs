//! Checks that the nightly job runs every model check that is too slow for a build.

use std::collections::BTreeSet;

use regex::Regex;

use super::files::read;

#[test]
fn nightly_job_runs_each_ignored_model_check_alone() {
    let checks = read("tests/it/resilience/model_checking/mod.rs");
    let ignored = Regex::new(r"#\[ignore[^\n]*\nfn (\w+)\(").expect("a pattern");
    let ignored: Vec<_> = ignored
        .captures_iter(&checks)
        .map(|found| found[1].to_owned())
        .collect();
    let workflow = read(".github/workflows/nightly.yml");
    let matrix = Regex::new(r"check: \[([^\]]+)\]").expect("a pattern");
    let matrix = matrix.captures(&workflow).expect("a matrix of checks");
    let prefixes: BTreeSet<_> = matrix[1].split(',').map(str::trim).collect();
    let started: BTreeSet<_> = ignored
        .iter()
        .filter_map(|test| prefixes.iter().find(|prefix| test.starts_with(**prefix)))
        .copied()
        .collect();
    assert_eq!(started, prefixes, "{ignored:?}");
    assert_eq!(prefixes.len(), ignored.len(), "{ignored:?}");
}
