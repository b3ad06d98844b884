//! What AWS Organizations says of an account.

use serde::{Deserialize, Serialize};

use super::ids::AwsText;

/// What AWS Organizations says of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name, as people gave it.
    pub name: AwsText,
    /// Its [state](https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html),
    /// where it is not `ACTIVE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AwsText>,
}
