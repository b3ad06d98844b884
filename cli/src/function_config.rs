//! The deployed function whose settings are taken, as `aws lambda get-function-configuration`
//! prints it.

use std::collections::BTreeMap;

use packwatch::input::settings::Settings;
use packwatch::model::AccountId;
use packwatch::model::Identity;
use packwatch::ports::ConfigApi;
use serde::Deserialize;

/// Where it runs, and with which variables: what it reads, where it keeps that, and whom it tells.
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

/// Whoever runs it by hand is no caller that the function is.
#[derive(Debug, thiserror::Error)]
#[error(
    "the function runs in account {function} and these credentials are of {here}: as another caller, AWS Config would answer \
     for other packs. Take a profile of {function}"
)]
pub(crate) struct AccountMismatch {
    function: String,
    here: AccountId,
}

impl FunctionConfiguration {
    /// What the function reads from its environment, its region among it.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match name {
            "AWS_REGION" => self.part(3).map(str::to_owned),
            name => self.environment.variables.get(name).cloned(),
        }
    }

    /// Refuses credentials of another account where the function reads as itself. An STS that does
    /// not answer refuses nothing: the run meets that too, and closes nothing then.
    pub(crate) async fn ensure_same_account(
        &self,
        settings: &Settings,
        source: &impl ConfigApi,
    ) -> Result<(), AccountMismatch> {
        if !settings.callers.contains(&Identity::Own) {
            return Ok(());
        }
        match (self.part(4), source.identify().await) {
            (Some(function), Ok(here)) if here.as_str() != function => Err(AccountMismatch {
                function: function.to_owned(),
                here,
            }),
            _ => Ok(()),
        }
    }

    fn part(&self, number: usize) -> Option<&str> {
        self.function_arn
            .split(':')
            .nth(number)
            .filter(|part| !part.is_empty())
    }
}
