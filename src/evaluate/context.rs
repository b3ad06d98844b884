//! What an evaluation depends on besides the ledger and the observation.

use crate::model::NotificationPolicy;
use crate::model::Scope;

/// What a comparison is made under.
#[derive(Debug, Clone, Copy)]
pub struct EvaluationContext<'a> {
    /// What the run looks at.
    pub scope: &'a Scope,
    /// What is told.
    pub policy: &'a NotificationPolicy,
    /// The id of the run.
    pub run_id: &'a str,
}
