//! Checks `source`: each source can be listed, has packs, and the members of a watched pack can be
//! read.

use super::answers::{Meaning, describe, meaning, skipped};
use super::facts::Facts;
use super::lister::SourceAnswer;
use crate::model::{ApiError, Identity, SourceTarget};
use crate::ports::{DESCRIBE_STATUSES, GET_DETAILED_STATUS};
use crate::report::{Check, CheckAction, CheckStatus, counted};

const NAME: &str = "source";

/// Makes one check for each source, in the order of the sources.
pub(super) fn checks<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = Check> + 'f {
    let sources = facts.sources.iter();
    sources.map(|(target, answer)| check(facts, target, answer))
}

fn check(facts: &Facts<'_>, target: &SourceTarget, answer: &SourceAnswer) -> Check {
    let source = &target.source;
    let packs = match &answer.packs {
        Ok(packs) => packs,
        Err(error) => return not_listed(facts, target, error),
    };
    if packs.is_empty() {
        let detail = format!(
            "{source}: no packs; AWS Config shows an account only the packs that it deployed in that region"
        );
        let action = CheckAction::new(format!(
            "If packs should be there, check from account {} whether AWS Config lists any in {}; otherwise watch other regions",
            source.caller, source.region
        ));
        return Check::new(NAME, CheckStatus::Warning, detail)
            .with_action(list_packs(action, target));
    }
    let watched = packs.iter().filter(|pack| facts.is_watched(pack)).count();
    let count = counted(packs.len(), "pack");
    let detail = format!("{source}: {count}, {watched} watched");
    match &answer.members_error {
        None => Check::new(NAME, CheckStatus::Ok, detail),
        Some((pack, error)) => {
            let detail = format!(
                "{detail}; the members of {pack} cannot be read: {}",
                describe(error)
            );
            match meaning(error) {
                Meaning::OutOfTime => skipped(NAME, detail),
                Meaning::Denied => Check::new(NAME, CheckStatus::Failed, detail)
                    .with_action(allow(facts, target, GET_DETAILED_STATUS)),
                _ => {
                    let action = CheckAction::new(format!(
                        "Check from account {} whether AWS Config responds in {}",
                        source.caller, source.region
                    ));
                    let action = action.command(
                        "aws configservice get-organization-conformance-pack-detailed-status",
                        &[
                            ("organization-conformance-pack-name", pack.as_str()),
                            ("region", source.region.as_str()),
                        ],
                    );
                    Check::new(NAME, CheckStatus::Failed, detail).with_action(action)
                }
            }
        }
    }
}

/// Returns the check of a source that could not be listed.
fn not_listed(facts: &Facts<'_>, target: &SourceTarget, error: &ApiError) -> Check {
    let source = &target.source;
    let (account, region) = (source.caller.as_str(), source.region.as_str());
    let detail = format!("{source}: {}", describe(error));
    let action = match meaning(error) {
        Meaning::OutOfTime => return skipped(NAME, detail),
        Meaning::RoleNotAssumed => {
            return skipped(NAME, format!("{source}: its role cannot be assumed"));
        }
        Meaning::NotAnAdministrator => CheckAction::new(format!(
            "In the management account, make {account} a delegated administrator, and wait a few minutes; or read from the account \
             that deploys the packs"
        ))
        .command(
            "aws organizations register-delegated-administrator",
            &[
                ("account-id", account),
                ("service-principal", "config-multiaccountsetup.amazonaws.com"),
            ],
        ),
        Meaning::Denied => allow(facts, target, DESCRIBE_STATUSES),
        Meaning::CredentialsRejected => CheckAction::new(format!(
            "If {region} is not enabled in account {account}, enable it there, or take it out of REGIONS"
        ))
        .command("aws account enable-region", &[("region-name", region)]),
        Meaning::NoAnswer => list_packs(
            CheckAction::new(format!(
                "Check the spelling of {region} in REGIONS and the function's route to AWS Config there (in a VPC, a NAT gateway); \
                 this calls AWS Config from elsewhere"
            )),
            target,
        ),
        Meaning::NotFound | Meaning::Other => list_packs(
            CheckAction::new(format!(
                "Check from account {account} whether AWS Config responds in {region}"
            )),
            target,
        ),
    };
    Check::new(NAME, CheckStatus::Failed, detail).with_action(action)
}

/// Adds the command that lists the packs of a source.
fn list_packs(action: CheckAction, target: &SourceTarget) -> CheckAction {
    action.command(
        "aws configservice describe-organization-conformance-pack-statuses",
        &[("region", target.source.region.as_str())],
    )
}

/// Returns the action for a call that a policy denies: the role of the function, or the one that it
/// assumes, lacks the permission, or a service control policy denies it.
fn allow(facts: &Facts<'_>, target: &SourceTarget, operation: &str) -> CheckAction {
    let source = &target.source;
    let role = match &target.identity {
        Identity::Own => facts.own_role(),
        Identity::Role(role) => Some(role.arn.clone()),
    };
    let action = format!("config:{operation}");
    let instruction = format!(
        "Allow the caller in account {} to call {action}, and check that no service control policy denies it in {}",
        source.caller, source.region
    );
    match role {
        Some(role) => CheckAction::new(format!("{instruction}; this shows which policy decides"))
            .command(
                "aws iam simulate-principal-policy",
                &[("policy-source-arn", &role), ("action-names", &action)],
            ),
        None => list_packs(CheckAction::new(instruction), target),
    }
}
