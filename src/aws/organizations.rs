//! Adapter for AWS Organizations: looks up the name and the state of an account.

use std::sync::OnceLock;

use aws_sdk_organizations::operation::describe_account::DescribeAccountError;
use aws_sdk_organizations::types::AccountState;
use aws_sdk_organizations::{Client, Config};

use super::called_host::CalledHost;
use super::sdk_error::{non_blank, service_failure};
use crate::model::{Account, AccountId, cap_text};
use crate::ports::BoxError;

/// AWS Organizations, called with the function's own identity. The client is created at the first
/// lookup: most runs look up no name, and creating it at start-up would slow down every cold start.
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
    /// does not exist or has no name. An empty string means that there is no value. The state is
    /// the field `State`: the field `Status`, which can differ, is retired.
    pub(super) async fn account(&self, id: &AccountId) -> Result<Option<Account>, BoxError> {
        let client = self
            .client
            .get_or_init(|| Client::from_conf(self.config.clone()));
        let host = CalledHost::default();
        match client
            .describe_account()
            .account_id(id.as_str())
            .customize()
            .interceptor(host.clone())
            .send()
            .await
        {
            Ok(response) => {
                let account = response
                    .account
                    .ok_or("AWS Organizations answered without the account")?;
                let state = account.state.filter(|state| *state != AccountState::Active);
                Ok(non_blank(account.name.as_deref()).map(|name| Account {
                    name: cap_text(name.to_owned()).into(),
                    state: non_blank(state.as_ref().map(AccountState::as_str))
                        .map(|state| cap_text(state.to_owned()).into()),
                }))
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeAccountError::is_account_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Box::new(service_failure(&error, &host))),
        }
    }
}
