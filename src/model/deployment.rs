//! Deployment: where a run executes, and as which function.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{AccountId, Region};

/// A deployed Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FunctionId {
    /// The account of the function.
    pub account: AccountId,
    /// The region of the function.
    pub region: Region,
    /// The name of the function.
    pub name: String,
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            region,
            name,
        } = self;
        write!(f, "the function {name} in account {account}, {region}")
    }
}

/// Where a run executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deployment {
    /// In a deployed Lambda function.
    Function(FunctionId),
    /// In a deployed function or an emulator of Lambda: STS did not say whose account it is.
    Unverified(FunctionId),
    /// Anywhere else: in the CLI, in SAM local or in an emulator of Lambda.
    Local,
}
