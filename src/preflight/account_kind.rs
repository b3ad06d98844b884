//! Check `account_kind`: whether the function's own account is the management account, a delegated
//! administrator for organization conformance packs, or neither.

use super::answers::{Meaning, describe, meaning, skipped};
use super::facts::Facts;
use crate::model::{AccountId, ApiError};
use crate::report::{Check, CheckAction, CheckStatus};

const NAME: &str = "account_kind";

/// Error code of AWS Organizations for an account that is in no organization.
const NO_ORGANIZATION: &str = "AWSOrganizationsNotInUseException";

/// Makes the check.
pub(super) fn check(facts: &Facts<'_>) -> Check {
    let account = &facts.own_account;
    if facts.own.is_err() {
        return skipped(NAME, "it is not known which account the function runs in");
    }
    let organization = match &facts.organization {
        Ok(organization) => organization,
        Err(error) if error.code == NO_ORGANIZATION => {
            let detail = format!("account {account} is in no organization");
            return neither(facts, detail);
        }
        Err(error) => return not_asked(error),
    };
    let id = &organization.id;
    if organization.management_account == *account {
        let detail = format!("{account} is the management account of {id}");
        return Check::new(NAME, CheckStatus::Ok, detail);
    }
    let delegated = format!("{account} is a delegated administrator of {id}");
    match (&facts.administrators, is_answered(facts, account)) {
        (Ok(administrators), _) if administrators.contains(account) => {
            Check::new(NAME, CheckStatus::Ok, delegated)
        }
        // AWS Config answers no other account, so the list of administrators is not needed.
        (Err(_), Some(true)) => Check::new(NAME, CheckStatus::Ok, delegated),
        (Ok(_), _) | (Err(_), Some(false)) => {
            let detail = format!(
                "{account} is neither the management account of {id} nor a delegated administrator for conformance packs"
            );
            neither(facts, detail)
        }
        (Err(error), None) => not_asked(error),
    }
}

/// Returns whether AWS Config answers the account as an administrator; `None` if it is not known.
fn is_answered(facts: &Facts<'_>, account: &AccountId) -> Option<bool> {
    let own = facts
        .sources
        .iter()
        .filter(|(target, _)| target.source.caller == *account);
    let mut answers = own.filter_map(|(_, answer)| match &answer.packs {
        Ok(_) => Some(true),
        Err(error) if meaning(error) == Meaning::NotAnAdministrator => Some(false),
        Err(_) => None,
    });
    answers.next()
}

/// Returns the check for an account that AWS Config does not answer. It matters only if the
/// function reads with its own identity.
fn neither(facts: &Facts<'_>, detail: String) -> Check {
    if !facts.reads_as_itself() {
        let detail = format!("{detail}; packs are read through roles only");
        return Check::new(NAME, CheckStatus::Ok, detail);
    }
    let account = facts.own_account.as_str();
    let action = CheckAction::new(format!(
        "In the management account, make {account} a delegated administrator, and wait a few minutes; or deploy packwatch in an \
         account that deploys packs"
    ))
    .command(
        "aws organizations register-delegated-administrator",
        &[
            ("account-id", account),
            ("service-principal", "config-multiaccountsetup.amazonaws.com"),
        ],
    );
    Check::new(NAME, CheckStatus::Failed, detail).with_action(action)
}

fn not_asked(error: &ApiError) -> Check {
    skipped(NAME, describe(error))
}
