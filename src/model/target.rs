//! Source target: a source and the identity that reads it.

use std::fmt;

use super::ids::AccountId;
use super::keys::Source;

/// The identity that AWS Config is called as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The execution role of the function.
    Own,
    /// An IAM role that the function assumes.
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
    /// The account id in the ARN, which is the caller account of the source.
    pub account: AccountId,
}

/// A source and the identity that reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceTarget {
    /// The source.
    pub source: Source,
    /// The identity whose credentials are used.
    pub identity: Identity,
}
