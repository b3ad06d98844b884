//! The names that error messages of AWS contain: roles, denied API actions, policies, buckets and
//! so on. All functions take sanitized text and return names that are safe to show: ASCII, without
//! spaces, as they are in the text.
//!
//! A name that was cut off or replaced by a placeholder is not returned.

/// Returns the text after `marker`, in any case.
fn after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let at = text.to_ascii_lowercase().find(marker)?;
    text.get(at + marker.len()..)
}

/// Returns the name at the start of `text`: characters that AWS allows in names, and at least one
/// lower-case letter, which placeholders such as `ID` do not have.
fn name(text: &str) -> Option<&str> {
    let is_name_character =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=' | '.' | '[' | ']');
    let end = text.find(|c| !is_name_character(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = name.trim_end_matches(['.', '-']);
    let is_complete = (2..=128).contains(&name.len())
        && name.contains(|c: char| c.is_ascii_lowercase())
        && !rest.starts_with(" ... ");
    is_complete.then_some(name)
}

/// Returns the API action that was denied, such as `config:PutConfigRule`.
pub(super) fn denied_action(text: &str) -> Option<&str> {
    let rest = after(text, "not authorized to perform")?;
    let word = rest.trim_start_matches([':', ' ']).split(' ').next()?;
    let word = word.trim_end_matches(['.', ',', ';']);
    let (service, action) = word.split_once(':')?;
    let is_action = !service.is_empty()
        && service
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && action.starts_with(|c: char| c.is_ascii_uppercase())
        && action.chars().all(|c| c.is_ascii_alphanumeric());
    is_action.then_some(word)
}

/// Returns the name of the role in the first ARN of a role or of its session in `text`.
fn role_in_arn(text: &str) -> Option<&str> {
    if let Some(session) = after(text, ":assumed-role/") {
        return name(session);
    }
    let path = after(text, ":role/")?;
    let end = path.find([' ', ',', ';', '"', '\'', ')']);
    let end = end.unwrap_or(path.len());
    let start = path[..end].rfind('/').map_or(0, |slash| slash + 1);
    name(&path[start..])
}

/// Returns the name of the role that was denied something, or that the message is about.
pub(super) fn role(text: &str) -> Option<&str> {
    let quoted = after(text, "should have '").and_then(name);
    quoted.or_else(|| role_in_arn(text))
}

/// Returns the name of the IAM user that was denied something.
pub(super) fn user(text: &str) -> Option<&str> {
    name(after(text, ":user/")?)
}

/// Returns the account and the name of the role that could not be assumed: the resource of the
/// denied call, not its caller.
pub(super) fn assumed_role(text: &str) -> Option<(&str, &str)> {
    let resource = after(text, "on resource: ")?;
    let role = role_in_arn(resource)?;
    let account = after(resource, ":iam::")?.split(':').next()?;
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    is_account.then_some((account, role))
}

/// Returns the name of the service-linked role that the message names.
pub(super) fn service_linked_role(text: &str) -> Option<&str> {
    let at = text.find("AWSServiceRoleFor")?;
    name(&text[at..])
}

/// Returns the name of the bucket that the message names.
pub(super) fn bucket(text: &str) -> Option<&str> {
    let rest = after(text, "s3 bucket: ").or_else(|| after(text, "arn:aws:s3:::"))?;
    let rest = rest.strip_prefix("arn:aws:s3:::").unwrap_or(rest);
    // Bucket names are lower case, so capitals are those of a placeholder.
    name(rest).filter(|name| !name.contains(|c: char| c.is_ascii_uppercase()))
}

/// Returns the name of the Lambda function that the message names.
pub(super) fn function(text: &str) -> Option<&str> {
    name(after(text, ":function:")?)
}

/// Returns the name of the CloudFormation stack that the message names.
pub(super) fn stack(text: &str) -> Option<&str> {
    name(after(text, ":stack/")?)
}

/// Returns the name of the Config rule that the message names.
pub(super) fn rule(text: &str) -> Option<&str> {
    let rest = after(text, "the rule ")?;
    name(rest).filter(|name| rest[name.len()..].starts_with([' ', '.', ',']))
}

/// Returns the identifier of the managed rule that the message names, such as
/// `EC2_STOPPED_INSTANCE`.
pub(super) fn managed_rule(text: &str) -> Option<&str> {
    let word = after(text, "sourceidentifier ")?.split(' ').next()?;
    let is_identifier = word.contains('_')
        && word
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_identifier.then_some(word)
}

/// Returns the name of the rule parameter that is missing.
pub(super) fn required_parameter(text: &str) -> Option<&str> {
    name(after(text, "required parameter ")?)
}

/// Returns the number of Config rules that an account at its quota has.
pub(super) fn rule_count(text: &str) -> Option<&str> {
    let word = after(text, "already contains ")?.split(' ').next()?;
    let is_number = (1..=5).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(word)
}

/// Kinds of policies, as AWS calls them in its messages, with an article.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
const POLICY_KINDS: [(&str, &str); 8] = [
    ("service control policy", "a service control policy"),
    ("resource control policy", "a resource control policy"),
    ("permissions boundary", "a permissions boundary"),
    ("session policy", "a session policy"),
    ("identity-based policy", "an identity-based policy"),
    ("resource-based policy", "a resource-based policy"),
    ("vpc endpoint policy", "a VPC endpoint policy"),
    ("role trust policy", "a role trust policy"),
];

/// A policy that denied a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DenyingPolicy<'a> {
    /// Its kind with an article, such as `a service control policy`.
    pub kind: &'static str,
    /// Its id, such as `p-a1b2c3d4`, which newer messages contain.
    pub id: Option<&'a str>,
    /// Whether a statement of it denies the call; otherwise, no statement of such a policy allows
    /// it.
    pub is_explicit: bool,
}

/// Returns the policy that denied the call, if the message says which kind it was.
pub(super) fn denying_policy(text: &str) -> Option<DenyingPolicy<'_>> {
    let explicit = after(text, "explicit deny in a");
    let rest = explicit.or_else(|| after(text, "because no "))?;
    let rest = rest.strip_prefix('n').unwrap_or(rest).trim_start();
    let start = rest.get(..40).unwrap_or(rest).to_ascii_lowercase();
    let (_, kind) = POLICY_KINDS
        .into_iter()
        .find(|(kind, _)| start.starts_with(kind))?;
    let id = after(rest, "_control_policy/").and_then(name);
    Some(DenyingPolicy {
        kind,
        id: id.filter(|id| id.starts_with("p-")),
        is_explicit: explicit.is_some(),
    })
}
