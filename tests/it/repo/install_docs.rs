//! Checks that the names in the documents for operators are those of the template.

use std::collections::BTreeSet;

use super::files::read;
use crate::repo::sam_template::Template;

const DOCUMENTS: [&str; 2] = ["docs/install.md", "docs/operations.md"];

/// Returns the names that follow `before` in a text.
fn names_after(text: &str, before: &str) -> BTreeSet<String> {
    text.split(before)
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect()
        })
        .collect()
}

#[test]
fn outputs_in_documents_exist() {
    let mut outputs: BTreeSet<_> = Template::read().outputs().into_iter().collect();
    outputs.extend(Template::open("roles/reader.yaml").outputs());
    for document in DOCUMENTS {
        let text = read(document);
        let mut named = names_after(&text, "$(output ");
        named.extend(names_after(&text, "OutputKey=='"));
        named.extend(
            names_after(&text, "`")
                .into_iter()
                .filter(|name| name.len() > "Command".len() && name.ends_with("Command")),
        );
        named.remove("");
        assert!(!named.is_empty(), "{document} names no output");
        let missing: Vec<_> = named.difference(&outputs).collect();
        assert!(missing.is_empty(), "{document}: no outputs {missing:?}");
    }
}

#[test]
fn parameters_in_commands_exist() {
    let mut parameters: BTreeSet<_> = Template::read().parameters().into_iter().collect();
    parameters.extend(Template::open("roles/reader.yaml").parameters());
    for document in DOCUMENTS {
        let text = read(document);
        let mut count = 0;
        for line in text.lines() {
            let Some((_, overrides)) = line.split_once("--parameter-overrides ") else {
                continue;
            };
            for (name, _) in overrides
                .split_whitespace()
                .filter_map(|word| word.split_once('='))
            {
                let name = name.trim_matches(|c| c == '"' || c == '`');
                assert!(
                    parameters.contains(name),
                    "{document}: no parameter {name}: {line}"
                );
                count += 1;
            }
        }
        assert!(count > 0, "{document} sets no parameter");
    }
}

#[test]
fn samconfig_serves_both_architectures() {
    let text = read("samconfig.toml");
    let sections: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(".parameters]"))
        .collect();
    for environment in ["default", "x86_64"] {
        for command in ["global", "build", "deploy"] {
            let section = format!("{environment}.{command}");
            assert!(
                sections.contains(section.as_str()),
                "samconfig.toml has no {section}"
            );
        }
    }
    let x86: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("parameter_overrides"))
        .collect();
    assert_eq!(x86, [r#"parameter_overrides = "Architecture=x86_64""#; 2]);
    let region = text.lines().find(|line| line.starts_with("region"));
    assert_eq!(region, None, "a region belongs to the account that deploys");
}
