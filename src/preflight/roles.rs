//! Checks `role`: each role in the settings can be assumed.

use super::answers::{Meaning, describe, meaning, skipped};
use super::facts::Facts;
use super::reader_role;
use crate::model::{ApiError, RoleArn};
use crate::report::{Check, CheckAction, CheckStatus};

const NAME: &str = "role";

/// Makes one check for each role, in the order of the settings.
pub(super) fn checks<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = Check> + 'f {
    let roles = facts.roles.iter();
    roles.map(|(role, identity)| match identity {
        Ok(_) => Check::new(NAME, CheckStatus::Ok, format!("{}: assumed", role.arn)),
        Err(error) => not_assumed(facts, role, error),
    })
}

fn not_assumed(facts: &Facts<'_>, role: &RoleArn, error: &ApiError) -> Check {
    let RoleArn { arn, account } = role;
    let detail = format!("{arn}: {}", describe(error));
    let action = match meaning(error) {
        Meaning::OutOfTime => return skipped(NAME, detail),
        Meaning::NoAnswer => {
            let region = facts.plan.settings.home_region.as_str();
            CheckAction::new(format!(
                "Give the function a route to STS in {region}; this tries {arn} from elsewhere"
            ))
            .command(
                "aws sts assume-role",
                &[
                    ("role-arn", arn),
                    ("role-session-name", "packwatch"),
                    ("region", region),
                ],
            )
        }
        _ => {
            let name = arn.rsplit('/').next().unwrap_or_default();
            let action = CheckAction::new(format!(
                "Make {arn} trust the function's role, with the external id of the settings if they have one: deploy it again in \
                 account {account}; and check that ReaderRoleArns of the stack names it"
            ));
            reader_role::deploy(action, facts, name)
        }
    };
    Check::new(NAME, CheckStatus::Failed, detail).with_action(action)
}
