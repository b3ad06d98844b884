//! The address of a snapshot, as an `s3://` address and as a link to the AWS console.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::Region;

/// Address of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotAddress {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
    /// Region of the console link, which also determines the partition.
    pub region: Region,
}

/// Characters of a key to escape because they have a meaning in a URL or in Markdown around it.
const ESCAPED_IN_LINK: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'=')
    .remove(b'~');

impl SnapshotAddress {
    /// Returns the `s3://` address.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// Returns the link to the object in the AWS console of its partition.
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
        let key = utf8_percent_encode(&self.key, ESCAPED_IN_LINK);
        format!(
            "https://{host}/s3/object/{}?region={region}&prefix={key}",
            self.bucket
        )
    }
}
