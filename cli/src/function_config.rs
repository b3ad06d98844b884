//! The configuration of a deployed function, as `aws lambda get-function-configuration` prints it.

use std::collections::BTreeMap;

use packwatch::input::settings::Settings;
use packwatch::model::{AccountId, Identity};
use packwatch::ports::ConfigApi;
use serde::Deserialize;

/// The ARN of the function, which contains its region and account, and its environment variables.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FunctionConfiguration {
    /// `arn:aws:lambda:<region>:<account>:function:<name>`.
    function_arn: String,
    #[serde(default)]
    environment: Environment,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// The credentials belong to another account than the function. AWS Config returns the packs of
/// the caller account, so the run would read other packs.
#[derive(Debug, thiserror::Error)]
#[error(
    "the function runs in account {function}, but these credentials belong to {here}: AWS Config shows each account only its own packs. \
     Use a profile of account {function}"
)]
pub(crate) struct AccountMismatch {
    function: String,
    here: AccountId,
}

impl FunctionConfiguration {
    /// Returns an environment variable of the function. `AWS_REGION` is the region of its ARN.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match name {
            "AWS_REGION" => self.arn_field(3).map(str::to_owned),
            name => self.environment.variables.get(name).cloned(),
        }
    }

    /// Checks that the credentials belong to the account of the function, if the settings read AWS
    /// Config with the function's own identity. If STS fails, the check passes: the run gets the
    /// same error, and then closes nothing.
    pub(crate) async fn ensure_same_account(
        &self,
        settings: &Settings,
        config: &impl ConfigApi,
    ) -> Result<(), AccountMismatch> {
        if !settings.identities.contains(&Identity::Own) {
            return Ok(());
        }
        match (self.arn_field(4), config.identify().await) {
            (Some(function), Ok(here)) if here.as_str() != function => Err(AccountMismatch {
                function: function.to_owned(),
                here,
            }),
            _ => Ok(()),
        }
    }

    /// Returns the field of the function ARN at this index; `None` if it is missing or empty.
    fn arn_field(&self, index: usize) -> Option<&str> {
        self.function_arn
            .split(':')
            .nth(index)
            .filter(|field| !field.is_empty())
    }
}
