//! AWS Organizations: who an account is.

use std::sync::OnceLock;

use aws_sdk_organizations::operation::describe_account::DescribeAccountError;
use aws_sdk_organizations::types::AccountState;
use aws_sdk_organizations::{Client, Config};

use super::sdk_error::sdk_error;
use crate::model::{Account, AccountId, truncate};
use crate::ports::BoxError;

/// AWS Organizations, as the function itself. Its client is made when it is first asked: most runs
/// ask for no name, and each start would pay for it.
#[derive(Debug)]
pub(super) struct OrganizationsApi {
    config: Config,
    client: OnceLock<Client>,
}

impl OrganizationsApi {
    /// Reached as `config` says. Nothing is called.
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            client: OnceLock::new(),
        }
    }

    /// Asks about one account. Its `State` is read; `Status`, which is not always the same, has
    /// been retired.
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
            Ok(answer) => {
                let said = answer
                    .account
                    .and_then(|account| Some((account.name?, account.state)));
                let (name, state) =
                    said.ok_or("AWS Organizations answered without the account's name")?;
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
