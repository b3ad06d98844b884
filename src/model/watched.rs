//! [`Watched`]: what the settings of a function watch and notify.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::globs::Globs;
use super::ids::ReceiverArn;
use super::keys::Source;

/// What the settings watch and notify, whatever an event narrows a run to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Watched {
    /// The sources.
    pub sources: BTreeSet<Source>,
    /// Packs that are included.
    pub include: Globs,
    /// Packs that are excluded.
    pub exclude: Globs,
    /// The receivers.
    pub receivers: BTreeSet<ReceiverArn>,
}

impl Watched {
    /// Returns how `other` differs, one sentence for each kind of setting.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, last: String, this: String| {
            if last != this {
                let [last, this] = [last, this].map(|list| {
                    if list.is_empty() {
                        "none".to_owned()
                    } else {
                        list
                    }
                });
                differences.push(format!(
                    "{what} are {this}, and were {last} in the last full run"
                ));
            }
        };
        let (last, this) = (self, other);
        compare("sources", list(&last.sources), list(&this.sources));
        compare(
            "INCLUDE_PACKS",
            last.include.patterns().join(","),
            this.include.patterns().join(","),
        );
        compare(
            "EXCLUDE_PACKS",
            last.exclude.patterns().join(","),
            this.exclude.patterns().join(","),
        );
        compare("receivers", list(&last.receivers), list(&this.receivers));
        differences
    }
}

fn list<T: Display>(items: &BTreeSet<T>) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
