//! Adapter for AWS Organizations: looks up the name and the state of an account.

use std::sync::OnceLock;

use aws_sdk_organizations::operation::describe_account::DescribeAccountError;
use aws_sdk_organizations::types::AccountState;
use aws_sdk_organizations::{Client, Config};

use super::sdk_error::sdk_error;
use crate::model::{Account, AccountId, truncate};
use crate::ports::BoxError;

/// AWS Organizations, called with the function's own identity. The client is created at the first
/// lookup: most runs look up no name, and every start would pay for it.
#[derive(Debug)]
pub(super) struct OrganizationsApi {
    config: Config,
    client: OnceLock<Client>,
}

impl OrganizationsApi {
    /// Creates the adapter without a client. Calls nothing.
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            client: OnceLock::new(),
        }
    }

    /// Returns the name of an account, and its state unless it is active; `None` if the account
    /// does not exist. The state is the field `State`: the field `Status`, which can differ, is
    /// retired.
    pub(super) async fn account(&self, id: &AccountId) -> Result<Option<Account>, BoxError> {
        let client = self
            .client
            .get_or_init(|| Client::from_conf(self.config.clone()));
        match client
            .describe_account()
            .account_id(id.as_str())
            .send()
            .await
        {
            Ok(response) => {
                let described = response
                    .account
                    .and_then(|account| Some((account.name?, account.state)));
                let (name, state) =
                    described.ok_or("AWS Organizations answered without the account's name")?;
                let state = state.filter(|state| *state != AccountState::Active);
                Ok(Some(Account {
                    name: truncate(name).into(),
                    state: state.map(|state| truncate(state.as_str().to_owned()).into()),
                }))
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeAccountError::is_account_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(sdk_error(&error)),
        }
    }
}
