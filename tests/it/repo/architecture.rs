//! Checks of the module structure: allowed dependencies, no cycles, no unused golden files, and
//! limits for files and test names. `src/lib.rs` and `docs/architecture.md` describe the layers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns every file below `folder` whose name ends in `ending`.
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
    assert!(!found.is_empty(), "{folder} has no {ending} files");
    found
}

/// Returns the code of a file, without comments and unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    // A visibility is no use of the module that it names.
    let text = text.replace("pub(in crate::", "pub(in ");
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The path of a module from the root of the crate, such as `["run", "commit"]`.
type Module = Vec<String>;

/// Returns the module path of a file below `src`.
fn module(path: &Path) -> Module {
    let path = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .expect("a source file");
    let mut names: Module = path
        .with_extension("")
        .components()
        .map(|name| name.as_os_str().to_string_lossy().into_owned())
        .collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// Returns the segments of a path such as `notify::digest::Digest` at the start of `code`.
fn segments(code: &str) -> Vec<String> {
    let path: String = code
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
        .collect();
    path.split("::")
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns the paths at the start of `code`: one, or several of a group such as
/// `{text, layout::Block}`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let Some(group) = code.strip_prefix('{') else {
        return vec![segments(code)];
    };
    let mut depth = 0;
    let mut starts = vec![0];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts
        .into_iter()
        .map(|start| segments(group[start..].trim_start()))
        .filter(|path| !path.is_empty())
        .collect()
}

/// The modules that each module of the library uses.
struct Uses(BTreeMap<Module, BTreeSet<Module>>);

impl Uses {
    /// Reads the edges from `crate::` and `super::` paths, and from paths of a module into its own
    /// children. `sources` are modules with their code.
    fn from_sources(sources: &BTreeMap<Module, String>) -> Self {
        let resolve = |from: &[String], path: &[String]| -> Module {
            let mut module = from.to_vec();
            for segment in path {
                module.push(segment.clone());
                if !sources.contains_key(&module) {
                    module.pop();
                    break;
                }
            }
            module
        };
        let mut uses: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (module, code) in sources {
            let edges = uses.entry(module.clone()).or_default();
            for path in code.split("crate::").skip(1).flat_map(paths) {
                edges.insert(resolve(&[], &path));
            }
            let parent = &module[..module.len().saturating_sub(1)];
            for path in code.split("super::").skip(1).flat_map(paths) {
                edges.insert(resolve(parent, &path));
            }
            for child in sources.keys().filter(|other| {
                other
                    .split_last()
                    .is_some_and(|(_, p)| p == module.as_slice())
            }) {
                let name = child.last().expect("a name");
                let path = format!("{name}::");
                let starts = code.match_indices(&path).any(|(at, _)| {
                    !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':'))
                });
                if starts || code.contains(&format!("use {name};")) {
                    edges.insert(child.clone());
                }
            }
            edges.remove(module);
        }
        Self(uses)
    }

    /// Returns the first cycle that is found, if any.
    fn cycle(&self) -> Option<Vec<Module>> {
        fn visit(
            uses: &Uses,
            module: &Module,
            path: &mut Vec<Module>,
            done: &mut BTreeSet<Module>,
        ) -> Option<Vec<Module>> {
            if let Some(start) = path.iter().position(|other| other == module) {
                return Some(path[start..].to_vec());
            }
            if !done.insert(module.clone()) {
                return None;
            }
            path.push(module.clone());
            let edges = uses.0.get(module).into_iter().flatten();
            let cycle = edges
                .into_iter()
                .find_map(|used| visit(uses, used, path, done));
            path.pop();
            cycle
        }
        let mut done = BTreeSet::new();
        self.0
            .keys()
            .find_map(|module| visit(self, module, &mut Vec::new(), &mut done))
    }
}

/// Returns the code of the library's modules, without the crate root and the binary.
fn library() -> BTreeMap<Module, String> {
    files("src", ".rs")
        .iter()
        .map(|path| (module(path), code(path)))
        .filter(|(module, _)| *module != ["lib"] && *module != ["main"])
        .collect()
}

/// Returns the root modules that a root module may use. Dependencies point only to lower layers.
///
/// # Panics
///
/// If no layer is defined for the module.
fn allowed_dependencies(module: &str) -> &'static [&'static str] {
    match module {
        "model" | "object_body" => &[],
        "input" => &["model"],
        "ports" | "ledger" => &["model", "object_body"],
        "system" => &["ports"],
        "aws" => &["input", "model", "object_body", "ports"],
        "collect" => &["ledger", "model", "ports"],
        "evaluate" => &["collect", "ledger", "model"],
        "report" => &[
            "collect",
            "evaluate",
            "input",
            "ledger",
            "model",
            "object_body",
        ],
        "notify" => &["input", "ledger", "model", "report"],
        "html_report" => &["input", "ledger", "model", "object_body", "report"],
        "metrics" => &["input", "ledger", "model"],
        "preflight" => &["input", "ledger", "model", "ports", "report"],
        "run" => &[
            "collect",
            "evaluate",
            "html_report",
            "input",
            "ledger",
            "metrics",
            "model",
            "notify",
            "object_body",
            "ports",
            "preflight",
            "report",
        ],
        "lambda" => &["input", "metrics", "model", "ports", "report", "run"],
        other => panic!("no layer is defined for the module {other}"),
    }
}

#[test]
fn root_modules_use_only_layers_below_them() {
    for (module, used) in Uses::from_sources(&library()).0 {
        let root = &module[0];
        for used in used {
            let Some(used) = used.first() else {
                panic!("{} uses an item of the crate root", module.join("::"));
            };
            assert!(
                used == root || allowed_dependencies(root).contains(&used.as_str()),
                "{}: {root} may not use {used}",
                module.join("::")
            );
        }
    }
}

#[test]
fn evaluation_uses_only_observation_types_of_collect() {
    for (module, code) in library()
        .iter()
        .filter(|(module, _)| module[0] == "evaluate" || module[0] == "report")
    {
        for used in code.split("crate::collect::").skip(1) {
            let names = used.split(';').next().unwrap_or_default();
            for name in names
                .split(|c: char| !c.is_alphanumeric())
                .filter(|name| !name.is_empty())
            {
                assert!(
                    [
                        "Coverage",
                        "Listing",
                        "Observation",
                        "PackObservation",
                        "StatusFilters"
                    ]
                    .contains(&name),
                    "{} uses {name}",
                    module.join("::")
                );
            }
        }
    }
}

#[test]
fn library_files_form_no_cycle() {
    let cycle = Uses::from_sources(&library()).cycle();
    let shown = cycle.map(|cycle| {
        cycle
            .iter()
            .map(|module| module.join("::"))
            .collect::<Vec<_>>()
    });
    assert_eq!(shown, None);
}

#[test]
fn cycle_through_super_is_found() {
    let module = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    let sources = [
        ("run", "use commit::Commit; fn run(commit: Commit) {}"),
        ("run::commit", "use super::store::Store;"),
        ("run::store", "use super::Run;"),
    ];
    let sources = sources.map(|(path, code)| (module(path), code.to_owned()));
    let cycle = Uses::from_sources(&sources.into_iter().collect()).cycle();
    assert_eq!(
        cycle,
        Some(vec![
            module("run"),
            module("run::commit"),
            module("run::store")
        ])
    );
}

#[test]
fn aws_sdk_and_lambda_are_used_only_at_edges() {
    for path in files("src", ".rs") {
        let (module, code) = (module(&path), code(&path));
        let root = module[0].as_str();
        assert!(
            root == "aws" || !code.contains("aws_"),
            "{} uses the AWS SDK",
            path.display()
        );
        assert!(
            matches!(root, "lambda" | "main") || !code.contains("lambda_runtime"),
            "{} uses the Lambda runtime",
            path.display()
        );
        assert!(
            !code.contains("into_paginator"),
            "{} uses the SDK's paginator, which ends without an error on a repeated page token",
            path.display()
        );
    }
}

#[test]
fn ambient_state_is_read_only_in_system() {
    for path in files("src", ".rs")
        .into_iter()
        .chain(files("cli/src", ".rs"))
    {
        let code = code(&path);
        for ambient in [
            "Timestamp::now()",
            "SystemTime::now",
            "env::var",
            "Uuid::new_v4",
            "HashMap",
        ] {
            assert!(
                path.ends_with("src/system.rs") || !code.contains(ambient),
                "{} uses {ambient}",
                path.display()
            );
        }
    }
}

#[test]
fn golden_files_are_all_compared() {
    // The names of the situations are those of their golden files.
    let situations = files("examples/gallery", ".rs");
    let tests = files("tests/it", ".rs")
        .iter()
        .chain(&situations)
        .map(|path| code(path))
        .collect::<String>();
    let mut golden = BTreeSet::new();
    for path in files("tests/it/notify/snapshots", ".snap") {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let name = name.rsplit("__").next().expect("a name").to_owned();
        assert!(
            tests.contains(&format!("\"{name}\"")),
            "no test compares {}",
            path.display()
        );
        golden.insert(name);
    }
    assert!(golden.len() > 5);
}

#[test]
fn source_files_have_at_most_450_lines() {
    for path in files("src", ".rs") {
        let lines = fs::read_to_string(&path)
            .expect("a source file")
            .lines()
            .count();
        assert!(lines <= 450, "{} has {lines} lines", path.display());
    }
}

#[test]
fn test_names_have_at_most_60_characters() {
    for folder in ["tests/it", "cli/tests", "tests/simulation"] {
        for path in files(folder, ".rs") {
            let code = code(&path);
            for test in code
                .split("#[test]\n")
                .skip(1)
                .chain(code.split("#[tokio::test]\n").skip(1))
            {
                let name = segments(test.split("fn ").nth(1).unwrap_or_default()).concat();
                assert!(
                    name.len() <= 60,
                    "{}: {name} has {} characters",
                    path.display(),
                    name.len()
                );
            }
        }
    }
}
