//! Where a snapshot is: its `s3://` address and its page in the AWS console.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::Region;

/// Where a snapshot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotAddress {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The region of the console.
    pub region: Region,
}

/// What a key may hold that means something else in a link, or in the markdown around it.
const IN_A_LINK: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'=')
    .remove(b'~');

impl SnapshotAddress {
    /// The `s3://` address.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// The page of the object in the console of its partition.
    pub fn console(&self) -> String {
        let region = self.region.as_str();
        let host = if region.starts_with("cn-") {
            "console.amazonaws.cn"
        } else if region.starts_with("us-gov-") {
            "console.amazonaws-us-gov.com"
        } else if region.starts_with("eusc-") {
            "console.amazonaws-eusc.eu"
        } else {
            "console.aws.amazon.com"
        };
        let key = utf8_percent_encode(&self.key, IN_A_LINK);
        format!(
            "https://{host}/s3/object/{}?region={region}&prefix={key}",
            self.bucket
        )
    }
}
