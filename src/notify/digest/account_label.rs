//! The label of a member account: its id, and its name and state if they are known.

use std::fmt;

use crate::model::{AccountId, AwsText};
use crate::report::{FailureRecord, ResolvedRecord};

/// Label of an account in a list, such as `123456789012 name (suspended)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountLabel<'a> {
    id: &'a AccountId,
    name: Option<&'a AwsText>,
    state: Option<&'a AwsText>,
}

impl<'a> AccountLabel<'a> {
    /// Returns the label of the failing account; `None` for the pack itself.
    pub(super) fn failing(record: &'a FailureRecord) -> Option<Self> {
        let FailureRecord { key, details, .. } = record;
        let id = key.account_id.as_ref()?;
        Some(Self {
            id,
            name: details.account_name.as_ref(),
            state: details.account_state.as_ref(),
        })
    }

    /// Returns the label of the account that failed; `None` for the pack itself.
    pub(super) fn resolved(record: &'a ResolvedRecord) -> Option<Self> {
        let ResolvedRecord {
            key,
            account_name,
            account_state,
            ..
        } = record;
        Some(Self {
            id: key.account_id.as_ref()?,
            name: account_name.as_ref(),
            state: account_state.as_ref(),
        })
    }
}

impl fmt::Display for AccountLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(name) = self.name {
            write!(f, " {name}")?;
        }
        if let Some(state) = self.state {
            write!(f, " ({})", state.as_str().to_lowercase().replace('_', " "))?;
        }
        Ok(())
    }
}
