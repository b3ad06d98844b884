//! Warning: an entry of the settings or of a request that is probably a typing error.

use serde::{Deserialize, Serialize};

/// A warning about the configuration or the request of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Warning {
    /// What is wrong.
    pub code: WarningCode,
    /// The entry that is wrong: a glob or an account id.
    pub subject: String,
    /// What is wrong, in words.
    pub message: String,
}

/// What a warning is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// A glob of `INCLUDE_PACKS` or of the request matches no pack.
    PackGlobMatchesNothing,
    /// An account of the request is a member of no pack.
    AccountMatchesNothing,
}

impl WarningCode {
    /// Returns the code as the snapshot spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PackGlobMatchesNothing => "pack_glob_matches_nothing",
            Self::AccountMatchesNothing => "account_matches_nothing",
        }
    }
}
