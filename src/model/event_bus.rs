//! The event bus of the settings.

use super::ids::{AccountId, ReceiverArn, Region};

/// An event bus, as the settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventBus {
    /// The name of a bus in the function's own account and region.
    Name(String),
    /// The ARN of a bus.
    Arn(ReceiverArn),
}

impl EventBus {
    /// Returns the ARN; `None` without an account for a bus that is only named. The partition is
    /// that of `topic`.
    pub fn arn(
        &self,
        topic: &ReceiverArn,
        region: &Region,
        account: Option<&AccountId>,
    ) -> Option<ReceiverArn> {
        match self {
            Self::Arn(arn) => Some(arn.clone()),
            Self::Name(name) => {
                let partition = topic.as_str().split(':').nth(1).unwrap_or("aws");
                let account = account?;
                let arn = format!("arn:{partition}:events:{region}:{account}:event-bus/{name}");
                Some(arn.as_str().into())
            }
        }
    }
}
