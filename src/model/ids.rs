//! Identifiers and texts from AWS: strings with a meaning, interned.

use super::interned::interned_string;

interned_string! {
    /// The id of an AWS account: 12 digits, or the word `self` for a caller that could not be
    /// identified yet.
    AccountId
}

interned_string! {
    /// A region, such as `eu-west-1`.
    Region
}

interned_string! {
    /// The name of an organization conformance pack, as its administrator gave it.
    PackName
}

interned_string! {
    /// The ARN of an SNS topic: the name of an audience.
    TopicArn
}

interned_string! {
    /// A status, word for word as AWS Config said it, known to this version or not.
    Status
}

interned_string! {
    /// What AWS says of something: an error's code or message, the member's own name of its pack,
    /// the name of an account.
    AwsText
}

interned_string! {
    /// The id of a run.
    RunId
}

impl AccountId {
    /// What stands for the function's own account while STS has never said which it is.
    pub fn unknown() -> Self {
        Self::from("self")
    }

    /// Whether `text` has the form of an AWS account id.
    pub fn is_valid(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl TopicArn {
    /// Whether the topic keeps order, which its name says to the letter.
    pub fn is_fifo(&self) -> bool {
        self.as_str()
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ending == "fifo")
    }
}
