//! Links that packwatch builds: to objects in S3, and to AWS Config in a member account. They are
//! the only live addresses in a digest.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::{AccountId, Region};

/// Characters of a key to escape because they have a meaning in a URL or in Markdown around it.
const ESCAPED_IN_LINK: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'=')
    .remove(b'~');

/// Characters to escape in an address that is the value of a parameter of another one.
const ESCAPED_IN_PARAMETER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Address of an object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectAddress {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
    /// Region of the console link, which also determines the partition.
    pub region: Region,
}

impl ObjectAddress {
    /// Returns the `s3://` address.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// Returns the link to the object in the AWS console of its partition.
    pub fn console(&self) -> String {
        let region = &self.region;
        let key = utf8_percent_encode(&self.key, ESCAPED_IN_LINK);
        format!(
            "https://{}/s3/object/{}?region={region}&prefix={key}",
            console_host(region),
            self.bucket
        )
    }
}

/// Returns the host of the AWS console in the partition of a region.
fn console_host(region: &Region) -> &'static str {
    let region = region.as_str();
    if region.starts_with("cn-") {
        "console.amazonaws.cn"
    } else if region.starts_with("us-gov-") {
        "console.amazonaws-us-gov.com"
    } else if region.starts_with("eusc-") {
        "console.amazonaws-eusc.eu"
    } else {
        "console.aws.amazon.com"
    }
}

/// How links lead into an account: directly, or through the access portal of IAM Identity Center.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkTarget {
    /// The access portal, if there is one.
    pub portal: Option<String>,
    /// The function's own account, if it is known.
    pub own_account: Option<AccountId>,
}

impl LinkTarget {
    /// Returns the link to an object in the bucket.
    pub fn object(&self, address: &ObjectAddress) -> String {
        let console = address.console();
        match &self.own_account {
            Some(account) => self.through_portal(account, &console).unwrap_or(console),
            None => console,
        }
    }

    /// Returns the link to AWS Config in a member account; `None` without an access portal, because
    /// a link to the console alone opens it in another account.
    pub fn config(&self, account: &AccountId, region: &Region) -> Option<String> {
        let console = format!(
            "https://{}/config/home?region={region}#/conformance-packs",
            console_host(region)
        );
        self.through_portal(account, &console)
    }

    fn through_portal(&self, account: &AccountId, destination: &str) -> Option<String> {
        let portal = self.portal.as_ref()?;
        let destination = utf8_percent_encode(destination, ESCAPED_IN_PARAMETER);
        Some(format!(
            "{portal}/#/console?account_id={account}&destination={destination}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{LinkTarget, ObjectAddress};

    #[test]
    fn links_go_through_the_portal_with_an_encoded_destination() {
        let address = ObjectAddress {
            bucket: "bucket".to_owned(),
            key: "a b/c.json".to_owned(),
            region: "eu-west-1".into(),
        };
        let mut target = LinkTarget::default();
        let console =
            "https://console.aws.amazon.com/s3/object/bucket?region=eu-west-1&prefix=a%20b/c.json";
        assert_eq!(target.object(&address), console);
        assert_eq!(
            target.config(&"222233334444".into(), &"eu-west-1".into()),
            None
        );
        target.portal = Some("https://example.awsapps.com/start".to_owned());
        assert_eq!(target.object(&address), console, "the account is unknown");
        target.own_account = Some("111122223333".into());
        assert_eq!(
            target.object(&address),
            "https://example.awsapps.com/start/#/console?account_id=111122223333&destination=https%3A%2F%2F\
             console.aws.amazon.com%2Fs3%2Fobject%2Fbucket%3Fregion%3Deu-west-1%26prefix%3Da%2520b%2Fc.json"
        );
        assert_eq!(
            target
                .config(&"222233334444".into(), &"cn-north-1".into())
                .as_deref(),
            Some(
                "https://example.awsapps.com/start/#/console?account_id=222233334444&destination=https%3A%2F%2F\
                 console.amazonaws.cn%2Fconfig%2Fhome%3Fregion%3Dcn-north-1%23%2Fconformance-packs"
            )
        );
    }
}
