//! Account: the name and state of an AWS account, as AWS Organizations reports them.

use serde::{Deserialize, Serialize};

use super::ids::AwsText;

/// The name and state of an AWS account, as AWS Organizations reports them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Account {
    /// The account name, as the organization's administrator gave it.
    pub name: AwsText,
    /// The [state](https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html)
    /// of the account; `None` if it is `ACTIVE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AwsText>,
}
