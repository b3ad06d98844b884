//! Checks of the ledger: whether it can be read (`ledger`), and whether this function may write it
//! (`ledger_owner`).

use super::answers::{shorten, skipped};
use super::bucket_probe::Failure;
use super::facts::{Facts, LedgerError};
use super::s3_action::{Access, action};
use crate::ledger::{DecodeError, ForeignLedger, Ledger};
use crate::model::{Deployment, FunctionId, display_chain};
use crate::ports::FailureCause;
use crate::report::{Check, CheckAction, CheckStatus};

const LEDGER: &str = "ledger";
const OWNER: &str = "ledger_owner";

/// Makes the checks.
pub(super) fn checks(facts: &Facts<'_>) -> [Check; 2] {
    match &facts.ledger {
        Ok(ledger) => [
            readable(facts, ledger.as_ref()),
            owner(facts, ledger.as_ref()),
        ],
        Err(error) => [
            unreadable(facts, error),
            skipped(OWNER, "the ledger could not be read"),
        ],
    }
}

fn address(facts: &Facts<'_>) -> String {
    let plan = facts.plan;
    format!("s3://{}/{}", plan.settings.bucket, plan.keys.ledger)
}

fn readable(facts: &Facts<'_>, ledger: Option<&Ledger>) -> Check {
    let detail = match ledger {
        None => format!(
            "{} does not exist: the next run is the first",
            address(facts)
        ),
        Some(ledger) => {
            let last = ledger.last_commit.as_ref();
            let last = last.map_or_else(
                || "no run was committed yet".to_owned(),
                |last| format!("last run committed at {:.0}", last.at),
            );
            format!(
                "{} read: sequence {}, {last}",
                address(facts),
                ledger.sequence
            )
        }
    };
    Check::new(LEDGER, CheckStatus::Ok, detail)
}

fn unreadable(facts: &Facts<'_>, error: &LedgerError) -> Check {
    let (bucket, key) = (&facts.plan.settings.bucket, &facts.plan.keys.ledger);
    let address = address(facts);
    let (reason, action) = match error {
        LedgerError::Unreadable(cause) => {
            let failure = Failure::of(cause);
            if failure.cause == FailureCause::OutOfTime {
                return skipped(LEDGER, format!("{address}: {}", failure.message));
            }
            let action = action(facts, key, Access::Read, &failure);
            (failure.message, action)
        }
        LedgerError::Undecodable(error @ DecodeError::UnsupportedVersion { .. }) => {
            let action = CheckAction::new(format!(
                "Deploy the newer version of packwatch that wrote {address}; this shows its schema_version"
            ));
            let action = action.command("aws s3 cp", &[]);
            (
                error.to_string(),
                action.more_words([address.clone(), "-".to_owned()]),
            )
        }
        LedgerError::Undecodable(error) => {
            let action = CheckAction::new(format!(
                "Copy the last good version of {address} over it; this lists the versions"
            ));
            let options = [("bucket", bucket.as_str()), ("prefix", key.as_str())];
            let action = action.command("aws s3api list-object-versions", &options);
            (shorten(&display_chain(error)), action)
        }
    };
    let detail = format!("{address}: {reason}");
    Check::new(LEDGER, CheckStatus::Failed, detail).with_action(action)
}

fn owner(facts: &Facts<'_>, ledger: Option<&Ledger>) -> Check {
    let Some(ledger) = ledger else {
        let detail = "no owner yet: the first deployed function that runs becomes the owner";
        return Check::new(OWNER, CheckStatus::Ok, detail);
    };
    let watched = facts.plan.watched(&facts.own_account);
    match ledger.check_owner(facts.deployment, &watched) {
        Ok(()) => {
            let detail = ledger.owner.as_ref().map_or_else(
                || {
                    "no owner yet: the next deployed function that runs becomes the owner"
                        .to_owned()
                },
                |owner| format!("belongs to {owner}"),
            );
            Check::new(OWNER, CheckStatus::Ok, detail)
        }
        Err(foreign) => match facts.deployment {
            Deployment::Function(function) | Deployment::Unverified(function) => {
                owned_by_another(facts, &foreign, function)
            }
            Deployment::Local => differs(facts, &foreign),
        },
    }
}

/// Returns the check of a deployed function whose ledger belongs to another one.
fn owned_by_another(facts: &Facts<'_>, foreign: &ForeignLedger, function: &FunctionId) -> Check {
    let owner = foreign
        .owner
        .as_ref()
        .map_or_else(|| "another function".to_owned(), ToString::to_string);
    let address = address(facts);
    let detail = format!("{address} belongs to {owner}: every run of this function is refused");
    let action = CheckAction::new(format!(
        "Deploy with a prefix of its own; or, to let this function take over {address}, stop the other function and adopt the ledger"
    ))
    .parameter("SnapshotPrefix", format!("{}/", function.name))
    .command(
        "aws lambda invoke",
        &[
            ("function-name", function.name.as_str()),
            ("region", function.region.as_str()),
            ("cli-binary-format", "raw-in-base64-out"),
            ("payload", r#"{"adopt_ledger":true}"#),
        ],
    )
    .more_words(["answer.json".to_owned()]);
    Check::new(OWNER, CheckStatus::Failed, detail).with_action(action)
}

/// Returns the check of a run outside a deployed function, whose settings are not those of the last
/// full run. It may read the ledger, and not write it.
fn differs(facts: &Facts<'_>, foreign: &ForeignLedger) -> Check {
    let differences = foreign.differences.join("; ");
    let address = address(facts);
    let Some(owner) = &foreign.owner else {
        let detail = format!(
            "{address} was written with other settings, so a run with --commit is refused: {differences}"
        );
        let action = CheckAction::new(format!("Write to a location other than {address}"))
            .parameter("SnapshotPrefix", "packwatch-cli/");
        return Check::new(OWNER, CheckStatus::Warning, detail).with_action(action);
    };
    let detail =
        format!("{address} belongs to {owner}, so a run with --commit is refused: {differences}");
    let action = CheckAction::new(format!(
        "Run with the settings of {}: save the output of this command, and pass the file to --function",
        owner.name
    ))
    .command(
        "aws lambda get-function-configuration",
        &[
            ("function-name", owner.name.as_str()),
            ("region", owner.region.as_str()),
            ("output", "json"),
        ],
    );
    Check::new(OWNER, CheckStatus::Warning, detail).with_action(action)
}
