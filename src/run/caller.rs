//! The caller of a run: whose credentials it has, and where it executes.

use crate::model::{AccountId, ApiError, Deployment};

/// Who executes a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account of the function's own credentials, or the error of the STS call;
    /// [`AccountId::unknown`] if the settings do not read as that account.
    pub own_account: Result<AccountId, ApiError>,
    /// Where the run executes.
    pub deployment: Deployment,
}

impl Caller {
    /// Returns the account that the function runs in, if it is known.
    pub fn account(&self) -> Option<&AccountId> {
        match &self.deployment {
            Deployment::Function(function) | Deployment::Unverified(function) => {
                Some(&function.account)
            }
            Deployment::Local => {
                let own = self.own_account.as_ref().ok();
                own.filter(|account| AccountId::is_valid(account.as_str()))
            }
        }
    }

    /// Returns the caller with the credentials of `own_account`, outside a deployed function.
    pub fn local(own_account: AccountId) -> Self {
        Self {
            own_account: Ok(own_account),
            deployment: Deployment::Local,
        }
    }
}
