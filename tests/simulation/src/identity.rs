//! Identities of callers.

/// Principal of an access key.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub account: String,
    pub arn: String,
    pub user_id: String,
    /// Session token that a temporary access key requires.
    pub session_token: Option<String>,
    /// Whether the session token has expired.
    pub expired: bool,
}

impl Identity {
    /// Returns a user with a long-term access key.
    pub fn user(key: &str, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/{}", key.to_lowercase()),
            user_id: format!("AIDA{key}"),
            session_token: None,
            expired: false,
        }
    }

    /// Returns a session of an assumed role. As in STS, the ARN names the role without its path.
    pub fn session(role_arn: &str, session: &str, session_token: String) -> Self {
        let account = role_arn.split(':').nth(4).unwrap_or_default().to_owned();
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        Self {
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
            user_id: format!("{}:{session}", role_id(role)),
            account,
            session_token: Some(session_token),
            expired: false,
        }
    }

    /// Makes this a session of the role, and keeps the access key as it is.
    pub fn use_role(&mut self, role: &str) {
        self.arn = format!("arn:aws:sts::{}:assumed-role/{role}/session", self.account);
        self.user_id = format!("{}:session", role_id(role));
    }

    /// Expires the session token. A long-term access key has none and remains valid.
    pub fn expire_session(&mut self) {
        self.expired = self.session_token.is_some();
    }
}

/// Returns the unique id of a role, derived from its name.
pub(crate) fn role_id(role: &str) -> String {
    let letters: String = role.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("AROA{:X<17.17}", letters.to_uppercase())
}
