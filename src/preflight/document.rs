//! `preflight.json`: what the last check found.

use jiff::Timestamp;
use serde::Serialize;

use super::table;
use crate::input::plan::RunPlan;
use crate::report::{Check, SCHEMA_VERSION};

/// The stored document.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    schema_version: u32,
    run_id: &'a str,
    /// When the check began.
    checked_at: Timestamp,
    /// Whether all checks are in it.
    finished: bool,
    checks: &'a [Check],
    text: String,
}

impl<'a> Document<'a> {
    /// Returns the document of a check that has not ended.
    pub(super) fn unfinished(plan: &'a RunPlan) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            run_id: &plan.run.id,
            checked_at: plan.timing.started_at,
            finished: false,
            checks: &[],
            text: "This check has not ended, or it was interrupted.\n".to_owned(),
        }
    }

    /// Returns the document of a check that has ended.
    pub(super) fn finished(plan: &'a RunPlan, checks: &'a [Check]) -> Self {
        Self {
            finished: true,
            checks,
            text: table::render(checks, plan.timing.started_at),
            ..Self::unfinished(plan)
        }
    }

    /// Returns the bytes to store.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and lists can always be serialized.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}
