//! Sanitization of whole records.

use super::sanitize::sanitize;
use crate::model::{AwsText, StatusRecord};
use crate::report::{FailureDetails, ResolvedRecord};

/// A record with texts from AWS that can be sanitized.
pub(super) trait Sanitized {
    /// Returns the record with every text from AWS sanitized.
    fn sanitized(self) -> Self;
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "`Option::map` passes it by value"
)]
fn sanitized_text(text: AwsText) -> AwsText {
    sanitize(text.as_str()).into()
}

impl Sanitized for StatusRecord {
    fn sanitized(mut self) -> Self {
        self.status = sanitize(self.status.as_str()).into();
        self.error_code = self.error_code.map(sanitized_text);
        self.error_message = self.error_message.map(sanitized_text);
        self
    }
}

impl Sanitized for FailureDetails {
    fn sanitized(mut self) -> Self {
        self.status = sanitize(self.status.as_str()).into();
        self.error_code = self.error_code.map(sanitized_text);
        self.error_message = self.error_message.map(sanitized_text);
        self.conformance_pack_name = self.conformance_pack_name.map(sanitized_text);
        self.account_name = self.account_name.map(sanitized_text);
        self.account_state = self.account_state.map(sanitized_text);
        self
    }
}

impl Sanitized for ResolvedRecord {
    fn sanitized(mut self) -> Self {
        self.last_status = sanitize(self.last_status.as_str()).into();
        self.last_error_code = self.last_error_code.map(sanitized_text);
        self.account_name = self.account_name.map(sanitized_text);
        self.account_state = self.account_state.map(sanitized_text);
        self
    }
}
