//! Who signs a request.

/// The principal behind an access key.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub account: String,
    pub arn: String,
    pub user_id: String,
    /// Temporary keys are only good together with their session token.
    pub session_token: Option<String>,
}

impl Identity {
    /// A user with a lasting key.
    pub fn user(key: &str, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/{}", key.to_lowercase()),
            user_id: format!("AIDA{key}"),
            session_token: None,
        }
    }

    /// A session of an assumed role. The ARN names the role without its path, as STS does.
    pub fn session(role_arn: &str, session: &str, session_token: String) -> Self {
        let account = role_arn.split(':').nth(4).unwrap_or_default().to_owned();
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        Self {
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
            user_id: format!("{}:{session}", role_id(role)),
            account,
            session_token: Some(session_token),
        }
    }
}

/// The unique id of a role, made from its name.
pub(crate) fn role_id(role: &str) -> String {
    let letters: String = role.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("AROA{:X<17.17}", letters.to_uppercase())
}
