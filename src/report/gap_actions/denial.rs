//! Gaps whose call a policy denied, and roles that cannot be assumed.

use crate::model::ApiError;
use crate::report::message_names::{DenyingPolicy, assumed_role, denying_policy, role, user};

/// Returns the title and the action for a call that was denied. `message` is its sanitized message.
pub(super) fn denied(cause: &ApiError, message: &str) -> (&'static str, String) {
    let caller = match (user(message), role(message)) {
        (Some(name), _) => format!("the user {name}"),
        (None, Some(name)) => format!("the role {name}"),
        (None, None) => "the role of packwatch".to_owned(),
    };
    let is_assume_role = cause.operation == "AssumeRole";
    let call = api_action(&cause.operation);
    match denying_policy(message) {
        Some(policy) if policy.is_explicit || !is_assume_role => {
            denied_by_policy(policy, &call, &caller)
        }
        policy if is_assume_role => {
            let action = role_not_assumable(policy, message, &caller);
            ("role cannot be assumed", action)
        }
        _ => (
            "access denied",
            format!(
                "Allow {call} for {caller}. If only this region is denied, check that it is enabled and offers organization \
                 conformance packs, or take it out of REGIONS."
            ),
        ),
    }
}

fn denied_by_policy(policy: DenyingPolicy<'_>, call: &str, caller: &str) -> (&'static str, String) {
    let kind = capitalized(policy.kind);
    let id = policy.id.map(|id| format!(" {id}")).unwrap_or_default();
    let action = if policy.is_explicit {
        format!(
            "{kind}{id} denies {call} to {caller}: exempt it from the policy. If you do not use the region any more, take it \
             out of REGIONS."
        )
    } else {
        format!("{kind} must allow {call} for {caller}: add the permission there.")
    };
    (policy_title(policy.kind), action)
}

/// Returns the action for a role that cannot be assumed. AWS does not distinguish a missing role
/// from one that does not trust the caller.
fn role_not_assumable(policy: Option<DenyingPolicy<'_>>, message: &str, caller: &str) -> String {
    let (account, name) = match assumed_role(message) {
        Some((account, name)) => (format!("account {account}"), format!("the role {name}")),
        None => (
            "the account of the role".to_owned(),
            "the role in ROLE_ARNS".to_owned(),
        ),
    };
    if policy.is_some_and(|policy| policy.kind == "an identity-based policy") {
        return format!(
            "Allow sts:AssumeRole on {name} of {account} for {caller}: deploy packwatch with this role in ROLE_ARNS."
        );
    }
    format!(
        "In {account}, check that the stack that creates {name} exists, and that the trust policy of the role names {caller} and the \
         external id in ROLE_EXTERNAL_ID."
    )
}

/// Returns the action of IAM that an operation of AWS Config or STS needs.
fn api_action(operation: &str) -> String {
    match operation {
        "AssumeRole" | "GetCallerIdentity" => format!("sts:{operation}"),
        operation => format!("config:{operation}"),
    }
}

fn policy_title(kind: &str) -> &'static str {
    match kind {
        "a service control policy" => "denied by SCP",
        "a resource control policy" => "denied by RCP",
        "a permissions boundary" => "denied by a permissions boundary",
        "a session policy" => "denied by a session policy",
        "an identity-based policy" => "denied by an identity policy",
        "a resource-based policy" => "denied by a resource policy",
        "a VPC endpoint policy" => "denied by an endpoint policy",
        _ => "denied by a policy",
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
