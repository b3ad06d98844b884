//! A member account as people know it: its id, its name where that is known, and its state where
//! that says something.

use std::fmt;

use crate::model::{AccountId, AwsText};
use crate::report::{FailureRecord, ResolvedRecord};

/// An account in a list for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountLabel<'a> {
    id: &'a AccountId,
    name: Option<&'a AwsText>,
    state: Option<&'a AwsText>,
}

impl<'a> AccountLabel<'a> {
    /// The account that fails; `None` for a pack itself.
    pub(super) fn failing(record: &'a FailureRecord) -> Option<Self> {
        let FailureRecord { key, state, .. } = record;
        let id = key.account_id.as_ref()?;
        Some(Self {
            id,
            name: state.account_name.as_ref(),
            state: state.account_state.as_ref(),
        })
    }

    /// The account that failed; `None` for a pack itself.
    pub(super) fn closed(record: &'a ResolvedRecord) -> Option<Self> {
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
