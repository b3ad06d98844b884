//! The reader role in another account: the command that deploys it, and its ARN.

use super::facts::Facts;
use crate::model::AccountId;
use crate::report::CheckAction;

/// Name of the role that `roles/reader.yaml` creates by default.
pub(super) const DEFAULT_NAME: &str = "packwatch-reader";

/// Placeholder for the ARN of the function's role if STS did not return it.
const UNKNOWN_ROLE: &str = "ARN_OF_THE_FUNCTION_ROLE";

/// Adds the command that deploys a reader role with this name.
pub(super) fn deploy(action: CheckAction, facts: &Facts<'_>, name: &str) -> CheckAction {
    let role = facts.own_role();
    let role = role.as_deref().unwrap_or(UNKNOWN_ROLE);
    let mut overrides = vec![format!("FunctionRoleArn={role}")];
    if name != DEFAULT_NAME {
        overrides.push(format!("RoleName={name}"));
    }
    if let Some(id) = &facts.plan.settings.external_id {
        overrides.push(format!("ExternalId={id}"));
    }
    let action = action.command(
        "aws cloudformation deploy",
        &[
            ("stack-name", name),
            ("template-file", "roles/reader.yaml"),
            ("capabilities", "CAPABILITY_NAMED_IAM"),
            ("region", facts.plan.settings.home_region.as_str()),
            ("parameter-overrides", &overrides[0]),
        ],
    );
    action.more_words(overrides.drain(1..))
}

/// Returns the ARN of the reader role in an account.
pub(super) fn arn(facts: &Facts<'_>, account: &AccountId) -> String {
    format!(
        "arn:{}:iam::{account}:role/{DEFAULT_NAME}",
        facts.partition()
    )
}
