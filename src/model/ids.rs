//! Identifiers and texts from AWS, each a distinct type over an interned string.

use super::interned::interned_string;

interned_string! {
    /// The id of an AWS account: 12 digits, or `self` for the function's own account while STS has
    /// never identified it.
    AccountId
}

interned_string! {
    /// An AWS region, such as `eu-west-1`.
    Region
}

interned_string! {
    /// The name of an organization conformance pack, as its administrator gave it.
    PackName
}

interned_string! {
    /// The ARN of an SNS topic or of an event bus, which identifies a receiver.
    ReceiverArn
}

interned_string! {
    /// A status exactly as AWS Config returned it. It may be one that this version does not know.
    Status
}

interned_string! {
    /// A text from AWS: an error code or message, the name of a pack inside a member account, or
    /// the name or state of an account.
    AwsText
}

interned_string! {
    /// The id of a run, which is Lambda's request id.
    RunId
}

impl AccountId {
    /// Returns the placeholder `self` for the function's own account while STS has never identified
    /// it.
    pub fn unknown() -> Self {
        Self::from("self")
    }

    /// Returns whether `text` has the form of an AWS account id.
    pub fn is_valid(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl ReceiverArn {
    /// Returns whether this is an event bus and not a topic.
    pub fn is_event_bus(&self) -> bool {
        self.as_str().split(':').nth(2) == Some("events")
    }

    /// Returns the region, the fourth part of every ARN.
    pub fn region(&self) -> &str {
        self.as_str().split(':').nth(3).unwrap_or_default()
    }

    /// Returns whether this is a FIFO topic. SNS requires the name of a FIFO topic to end in
    /// `.fifo`, in lower case.
    pub fn is_fifo(&self) -> bool {
        self.as_str()
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ending == "fifo")
    }
}
