//! [`EvaluationContext`]: the input of an evaluation besides the ledger and the observation.

use crate::model::{NotificationPolicy, Scope};

/// The run for which an evaluation is made.
#[derive(Debug, Clone, Copy)]
pub struct EvaluationContext<'a> {
    /// What the run looks at.
    pub scope: &'a Scope,
    /// Which failures are notified, and when.
    pub policy: &'a NotificationPolicy,
    /// The id of the run.
    pub run_id: &'a str,
}
