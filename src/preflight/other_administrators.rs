//! Check `other_administrators`: delegated administrators whose packs are not read, because no role
//! in them is assumed.

use super::answers::{describe, skipped};
use super::facts::Facts;
use super::reader_role;
use crate::model::{AccountId, Identity};
use crate::report::{Check, CheckAction, CheckStatus, counted};

const NAME: &str = "other_administrators";

/// Makes the check.
pub(super) fn check(facts: &Facts<'_>) -> Check {
    let administrators = match &facts.administrators {
        Ok(administrators) => administrators,
        Err(error) => return skipped(NAME, describe(error)),
    };
    let callers = facts.callers();
    let unread: Vec<_> = administrators
        .iter()
        .filter(|account| !callers.contains(account))
        .collect();
    let mut detail = if administrators.is_empty() {
        "there are no delegated administrators".to_owned()
    } else if unread.is_empty() {
        let number = counted(administrators.len(), "delegated administrator");
        format!("{number}, each read")
    } else {
        format!(
            "delegated administrators whose packs are not read: {}",
            list(&unread)
        )
    };
    // Not a warning: most organizations with an administrator deploy no packs from there.
    if let Ok(organization) = &facts.organization
        && !callers.contains(&organization.management_account)
    {
        let management = &organization.management_account;
        detail = format!("{detail}; the management account {management} is not read, either");
    }
    if unread.is_empty() {
        return Check::new(NAME, CheckStatus::Ok, detail);
    }
    Check::new(NAME, CheckStatus::Warning, detail).with_action(action(facts, &unread))
}

/// Returns the action: a reader role in each account, then their ARNs in the settings.
fn action(facts: &Facts<'_>, unread: &[&AccountId]) -> CheckAction {
    let action = CheckAction::new(format!(
        "If packs of {} matter, deploy the reader role there, and then packwatch with the role",
        list(unread)
    ));
    let action = reader_role::deploy(action, facts, reader_role::DEFAULT_NAME);
    let known = facts.plan.settings.identities.iter();
    let known = known.filter_map(|identity| match identity {
        Identity::Role(role) => Some(role.arn.clone()),
        Identity::Own => None,
    });
    let new = unread
        .iter()
        .map(|account| reader_role::arn(facts, account));
    let roles: Vec<_> = known.chain(new).collect();
    action.parameter("ReaderRoleArns", roles.join(","))
}

fn list(accounts: &[&AccountId]) -> String {
    let accounts: Vec<_> = accounts.iter().map(|account| account.as_str()).collect();
    accounts.join(", ")
}
