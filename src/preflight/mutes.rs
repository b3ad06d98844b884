//! Checks `mutes`: each mute that applies matches an open failure.

use super::answers::skipped;
use super::facts::Facts;
use crate::model::Deployment;
use crate::report::{Check, CheckAction, CheckStatus, counted, mute_records};

const NAME: &str = "mutes";

/// Makes the check.
pub(super) fn check(facts: &Facts<'_>) -> Check {
    let ledger = match &facts.ledger {
        Ok(Some(ledger)) => ledger,
        Ok(None) => return Check::new(NAME, CheckStatus::Ok, "there are no mutes"),
        Err(_) => return skipped(NAME, "the ledger could not be read"),
    };
    let records = mute_records(ledger, facts.plan.timing.started_at);
    if records.is_empty() {
        return Check::new(NAME, CheckStatus::Ok, "there are no mutes");
    }
    if ledger.last_commit.is_none() {
        return skipped(NAME, "no run has looked for failures yet");
    }
    let count = counted(records.len(), "mute");
    let unmatched: Vec<&str> = records
        .iter()
        .filter(|record| record.matches == 0)
        .map(|record| record.mute.id.as_str())
        .collect();
    let Some(first) = unmatched.first() else {
        let detail = format!("{count}, each matching at least one open failure");
        return Check::new(NAME, CheckStatus::Ok, detail);
    };
    let verb = if unmatched.len() == 1 {
        "matches"
    } else {
        "match"
    };
    let detail = format!(
        "{} of {count} {verb} no open failure now: {}",
        unmatched.len(),
        unmatched.join(", ")
    );
    let function = match facts.deployment {
        Deployment::Function(function) | Deployment::Unverified(function) => &function.name,
        Deployment::Local => "FUNCTION",
    };
    let action = CheckAction::new(
        "Look at the mutes with {\"mutes\": true}: a pattern may be misspelled, or the failures may be gone; this removes the \
         first that matches nothing",
    );
    let action = action.command(
        "aws lambda invoke",
        &[
            ("function-name", function),
            ("cli-binary-format", "raw-in-base64-out"),
            ("payload", &format!("{{\"unmute\":\"{first}\"}}")),
        ],
    );
    let action = action.more_words(["/dev/stdout".to_owned()]);
    Check::new(NAME, CheckStatus::Warning, detail).with_action(action)
}
