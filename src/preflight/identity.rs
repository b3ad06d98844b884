//! Check `identity`: whose credentials the function has.

use super::answers::{Meaning, describe, meaning, skipped};
use super::facts::Facts;
use crate::report::{Check, CheckAction, CheckStatus};

/// Makes the check.
pub(super) fn check(facts: &Facts<'_>) -> Check {
    const NAME: &str = "identity";
    let region = &facts.plan.settings.home_region;
    let error = match &facts.own {
        Ok(identity) => {
            let detail = format!(
                "account {}, {region}, as {}",
                identity.account, identity.arn
            );
            return Check::new(NAME, CheckStatus::Ok, detail);
        }
        Err(error) => error,
    };
    if meaning(error) == Meaning::OutOfTime {
        return skipped(NAME, describe(error));
    }
    let instruction = if meaning(error) == Meaning::NoAnswer {
        format!(
            "Give the function a route to STS in {region} (in a VPC, an interface endpoint or a NAT gateway); this asks STS from \
             elsewhere"
        )
    } else {
        format!(
            "Find out why STS in {region} refuses the caller; this calls STS with your credentials"
        )
    };
    let action = CheckAction::new(instruction).command(
        "aws sts get-caller-identity",
        &[("region", region.as_str())],
    );
    Check::new(NAME, CheckStatus::Failed, describe(error)).with_action(action)
}
