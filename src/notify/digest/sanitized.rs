//! Sanitization of whole records.

use super::sanitize::sanitize;
use crate::model::{AwsText, StatusRecord};
use crate::report::{FailureDetails, ResolvedRecord};

/// A record with texts from AWS that can be sanitized.
pub(super) trait Sanitized {
    /// Returns the record with every text from AWS sanitized.
    fn sanitized(self) -> Self;
}

/// Returns the sanitized text, or `None` if nothing visible is left of it.
fn sanitized_text(text: Option<AwsText>) -> Option<AwsText> {
    let text = sanitize(text?.as_str());
    (!text.is_empty()).then(|| text.into())
}

impl Sanitized for StatusRecord {
    fn sanitized(mut self) -> Self {
        self.status = sanitize(self.status.as_str()).into();
        self.error_code = sanitized_text(self.error_code);
        self.error_message = sanitized_text(self.error_message);
        self
    }
}

impl Sanitized for FailureDetails {
    fn sanitized(mut self) -> Self {
        self.status = sanitize(self.status.as_str()).into();
        self.error_code = sanitized_text(self.error_code);
        self.error_message = sanitized_text(self.error_message);
        self.conformance_pack_name = sanitized_text(self.conformance_pack_name);
        self.account_name = sanitized_text(self.account_name);
        self.account_state = sanitized_text(self.account_state);
        self
    }
}

impl Sanitized for ResolvedRecord {
    fn sanitized(mut self) -> Self {
        self.last_status = sanitize(self.last_status.as_str()).into();
        self.last_error_code = sanitized_text(self.last_error_code);
        self.account_name = sanitized_text(self.account_name);
        self.account_state = sanitized_text(self.account_state);
        self
    }
}
