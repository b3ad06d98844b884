//! AWS Organizations: who an account is.

use aws_sdk_organizations::Client;
use aws_sdk_organizations::operation::describe_account::DescribeAccountError;
use aws_sdk_organizations::types::AccountState;

use super::sdk_failure;
use crate::model::{Account, AccountId, cut};
use crate::ports::Cause;

/// Asks about one account. Its `State` is read; `Status`, which is not always the same, has been retired.
pub(super) async fn account(client: &Client, id: &AccountId) -> Result<Option<Account>, Cause> {
    match client.describe_account().account_id(id.as_str()).send().await {
        Ok(answer) => {
            let said = answer.account.and_then(|account| Some((account.name?, account.state)));
            let (name, state) = said.ok_or("AWS Organizations answered without the account's name")?;
            let state = state.filter(|state| *state != AccountState::Active);
            Ok(Some(Account {
                name: cut(name).into(),
                state: state.map(|state| cut(state.as_str().to_owned()).into()),
            }))
        }
        Err(error) if error.as_service_error().is_some_and(DescribeAccountError::is_account_not_found_exception) => {
            Ok(None)
        }
        Err(error) => Err(sdk_failure(&error)),
    }
}
