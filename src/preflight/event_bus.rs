//! Checks `event_bus`: the bus of the settings exists. Nothing is sent. EventBridge accepts events
//! for a bus that does not exist, so a run does not notice.

use super::answers::{Meaning, describe, meaning, skipped};
use super::facts::Facts;
use crate::model::ReceiverArn;
use crate::report::{Check, CheckAction, CheckStatus};

const NAME: &str = "event_bus";

/// Makes the check, if the settings have a bus.
pub(super) fn check(facts: &Facts<'_>) -> Option<Check> {
    facts.plan.settings.event_bus.as_ref()?;
    let Some((bus, answer)) = &facts.event_bus else {
        let reason = "EVENT_BUS is a name, and the account that the function runs in is not known";
        return Some(skipped(NAME, reason));
    };
    let error = match answer {
        Ok(()) => return Some(Check::new(NAME, CheckStatus::Ok, format!("{bus} exists"))),
        Err(error) => error,
    };
    let detail = format!("{bus}: {}", describe(error));
    let parts: Vec<&str> = bus.as_str().splitn(6, ':').collect();
    let account = parts.get(4).copied().unwrap_or_default();
    Some(match meaning(error) {
        Meaning::OutOfTime => skipped(NAME, detail),
        Meaning::Denied if account == facts.own_account.as_str() => skipped(
            NAME,
            format!("{detail} (events:DescribeEventBus is not allowed)"),
        ),
        Meaning::Denied => {
            let detail = format!(
                "{bus} is in another account that denies access to it, so it is not known whether it exists: {}",
                describe(error)
            );
            let action = CheckAction::new(format!(
                "In account {account}, change the policy of the bus to allow account {} to put events",
                facts.own_account
            ));
            Check::new(NAME, CheckStatus::Warning, detail).with_action(allow(action, facts, bus))
        }
        Meaning::NotFound => {
            let detail = format!("{bus} does not exist, so what is sent to it is lost");
            let action = CheckAction::new("Create the bus, or name another one in EventBusName");
            let action = action.command(
                "aws events create-event-bus",
                &[("name", name(bus)), ("region", bus.region())],
            );
            Check::new(NAME, CheckStatus::Failed, detail).with_action(action)
        }
        Meaning::NoAnswer => {
            let action = CheckAction::new(format!(
                "Give the function a route to EventBridge in {} (in a VPC, an interface endpoint or a NAT gateway); this asks \
                 for the bus from elsewhere",
                bus.region()
            ));
            Check::new(NAME, CheckStatus::Failed, detail).with_action(look_at(action, bus))
        }
        _ => {
            let action = CheckAction::new(
                "Find out why EventBridge does not serve the bus; this requests it with your credentials",
            );
            Check::new(NAME, CheckStatus::Failed, detail).with_action(look_at(action, bus))
        }
    })
}

fn name(bus: &ReceiverArn) -> &str {
    let name = bus.as_str().rsplit_once('/');
    name.map_or("default", |(_, name)| name)
}

fn look_at(action: CheckAction, bus: &ReceiverArn) -> CheckAction {
    action.command(
        "aws events describe-event-bus",
        &[("name", bus.as_str()), ("region", bus.region())],
    )
}

fn allow(action: CheckAction, facts: &Facts<'_>, bus: &ReceiverArn) -> CheckAction {
    action.command(
        "aws events put-permission",
        &[
            ("event-bus-name", name(bus)),
            ("statement-id", "packwatch"),
            ("action", "events:PutEvents"),
            ("principal", facts.own_account.as_str()),
            ("region", bus.region()),
        ],
    )
}
