//! Targets: sources, and the identity that reads each.

use std::fmt;

use super::ids::AccountId;
use super::keys::Source;

/// Whose packs are read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The function's own identity.
    Own,
    /// A role that is assumed.
    Role(RoleArn),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "self",
            Self::Role(role) => &role.arn,
        })
    }
}

/// The ARN of an IAM role, `arn:<partition>:iam::<account>:role/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleArn {
    /// The whole ARN.
    pub arn: String,
    /// The account in it: the caller.
    pub account: AccountId,
}

/// A source and the caller it is read as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceTarget {
    /// The source.
    pub source: Source,
    /// Whose credentials reach it.
    pub caller: Identity,
}
