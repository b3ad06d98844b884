//! Globs: the patterns that include, exclude or narrow packs by name, and mute packs and error
//! codes.

use std::collections::BTreeSet;

use glob::Pattern;
use serde::{Deserialize, Serialize};

use super::ids::PackName;

/// Globs with `*`, `?` and `[...]`. A name or an error code matches if any of them matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Globs(Vec<Pattern>);

impl TryFrom<Vec<String>> for Globs {
    type Error = String;

    fn try_from(globs: Vec<String>) -> Result<Self, String> {
        Self::parse(globs.iter().map(String::as_str))
    }
}

impl From<Globs> for Vec<String> {
    fn from(globs: Globs) -> Self {
        globs.patterns()
    }
}

impl Globs {
    /// Returns the globs that match everything.
    pub fn match_all() -> Self {
        Self(vec![Pattern::new("*").unwrap_or_default()])
    }

    /// Parses globs. The error names the first malformed glob and the reason.
    pub fn parse<'a>(globs: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        globs
            .into_iter()
            .map(|glob| {
                Pattern::new(glob).map_err(|error| {
                    let shown: String = glob.chars().take(80).collect();
                    format!("the glob {shown:?} is malformed: {}", error.msg)
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns whether any glob matches a name or a code.
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(text))
    }

    /// Returns the globs that match none of `packs`, as they were written. `*` is left out: it
    /// matches nothing only where there are no packs.
    pub fn unmatched(&self, packs: &BTreeSet<&PackName>) -> BTreeSet<&str> {
        let is_unmatched = |glob: &&Pattern| {
            glob.as_str() != "*" && !packs.iter().any(|pack| glob.matches(pack.as_str()))
        };
        self.0
            .iter()
            .filter(is_unmatched)
            .map(Pattern::as_str)
            .collect()
    }

    /// Returns the globs as they were written.
    pub fn patterns(&self) -> Vec<String> {
        self.0.iter().map(|glob| glob.as_str().to_owned()).collect()
    }
}
