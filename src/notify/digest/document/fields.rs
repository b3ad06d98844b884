//! Fields that several documents have.

use serde::Serialize;

use crate::notify::digest::contents::Digest;
use crate::report::ObjectAddress;

/// Links to the console, or through the access portal.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(super) struct Links {
    snapshot: Option<String>,
    report: Option<String>,
}

impl Links {
    /// Returns the links of a digest.
    pub(super) fn of(digest: &Digest) -> Self {
        let link = |address: &Option<ObjectAddress>| {
            let address = address.as_ref()?;
            Some(digest.link_target.object(address))
        };
        Self {
            snapshot: link(&digest.snapshot),
            report: link(&digest.report),
        }
    }
}

/// For serde: a flag that is not set is left out.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}
