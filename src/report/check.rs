//! The result of the preflight: one check of the setup, and the response that lists them.

use serde::Serialize;

use super::check_action::CheckAction;

/// One check of the setup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Check {
    /// Name of the check. Checks of several objects, such as the topics, have the same name.
    pub name: &'static str,
    /// Result of the check.
    pub status: CheckStatus,
    /// What was found, and about which object.
    pub detail: String,
    /// What to do; `None` if there is nothing to do.
    pub action: Option<CheckAction>,
}

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// A run has what it needs.
    Ok,
    /// A run works, but may not do what was meant.
    Warning,
    /// A run lacks something that it needs.
    Failed,
    /// The check could not be made.
    Skipped,
}

impl CheckStatus {
    /// Returns the status as the response spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Check {
    /// Returns a check without an action.
    pub fn new(name: &'static str, status: CheckStatus, detail: impl Into<String>) -> Self {
        Self {
            name,
            status,
            detail: detail.into(),
            action: None,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_action(self, action: CheckAction) -> Self {
        Self {
            action: Some(action),
            ..self
        }
    }
}

/// Response to the request to check the setup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Checked {
    /// The id of the run.
    pub run_id: String,
    /// Always `checked`.
    pub outcome: CheckedOutcome,
    /// The checks, in a fixed order.
    pub checks: Vec<Check>,
    /// The checks as a table.
    pub text: String,
}

impl Checked {
    /// Returns the number of checks with a status.
    pub fn count(&self, status: CheckStatus) -> usize {
        let checks = self.checks.iter();
        checks.filter(|check| check.status == status).count()
    }
}

/// Outcome of the request to check the setup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckedOutcome {
    /// The checks that could be made were made.
    Checked,
}
