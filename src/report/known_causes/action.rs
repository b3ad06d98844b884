//! The text of an action: a template, in which placeholders stand for names from the message.

use crate::report::message_names;

/// A placeholder, the function that returns its value for a sanitized message, and its value if the
/// message does not contain the name.
type Placeholder = (&'static str, fn(&str) -> Option<String>, &'static str);

/// The placeholders that templates can have, besides `{accounts}` and `{status}`.
const PLACEHOLDERS: [Placeholder; 12] = [
    ("{caller}", caller, "the role of AWS Config"),
    (
        "{role}",
        |text| {
            let assumed = message_names::assumed_role(text).map(|(_, name)| name);
            let name = assumed.or_else(|| message_names::role(text))?;
            Some(format!("the role {name}"))
        },
        "the role in the message",
    ),
    (
        "{action}",
        |text| message_names::denied_action(text).map(str::to_owned),
        "the denied API",
    ),
    ("{policy}", policy, "the policy"),
    (
        "{bucket}",
        |text| message_names::bucket(text).map(|name| format!("the bucket {name}")),
        "the delivery bucket",
    ),
    (
        "{function}",
        |text| message_names::function(text).map(|name| format!("the Lambda function {name}")),
        "the Lambda function of the rule",
    ),
    (
        "{stack}",
        |text| message_names::stack(text).map(|name| format!("the stack {name}")),
        "the CloudFormation stack of the pack",
    ),
    (
        "{rule}",
        |text| message_names::rule(text).map(|name| format!("the rule {name}")),
        "the rule",
    ),
    (
        "{managed_rule}",
        |text| message_names::managed_rule(text).map(|name| format!("the managed rule {name}")),
        "a managed rule of the pack",
    ),
    (
        "{parameter}",
        |text| message_names::required_parameter(text).map(|name| format!("the parameter {name}")),
        "the parameters",
    ),
    (
        "{linked_role}",
        |text| {
            let recorder = text
                .contains("ConfigRecorder")
                .then_some("AWSServiceRoleForConfig");
            message_names::service_linked_role(text)
                .or(recorder)
                .map(str::to_owned)
        },
        "AWSServiceRoleForConfigConforms",
    ),
    (
        "{rules}",
        |text| message_names::rule_count(text).map(|count| format!("{count} Config rules")),
        "Config rules",
    ),
];

/// Returns the action: the template with the values of its placeholders. `text` is the sanitized
/// code and message, `accounts` the number of accounts with this cause.
pub(super) fn complete(template: &str, text: &str, status: &str, accounts: usize) -> String {
    let mut action = template
        .replace("{accounts}", &these_accounts(accounts))
        .replace("{status}", known_status(status));
    for (placeholder, value, default) in PLACEHOLDERS {
        if action.contains(placeholder) {
            let value = value(text).unwrap_or_else(|| default.to_owned());
            action = action.replace(placeholder, &value);
        }
    }
    action
}

fn these_accounts(accounts: usize) -> String {
    match accounts {
        0 => "the failing accounts".to_owned(),
        1 => "this account".to_owned(),
        many => format!("these {many} accounts"),
    }
}

/// Returns the status if it has the form of the statuses of AWS.
fn known_status(status: &str) -> &str {
    let is_known = (1..=40).contains(&status.len())
        && status.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if is_known { status } else { "a failure" }
}

fn caller(text: &str) -> Option<String> {
    let role = message_names::role(text).map(|name| format!("the role {name}"));
    role.or_else(|| message_names::user(text).map(|name| format!("the user {name}")))
}

fn policy(text: &str) -> Option<String> {
    let policy = message_names::denying_policy(text)?;
    let kind = policy
        .kind
        .trim_start_matches("an ")
        .trim_start_matches("a ");
    Some(match policy.id {
        Some(id) => format!("the {kind} {id}"),
        None => format!("the {kind}"),
    })
}
