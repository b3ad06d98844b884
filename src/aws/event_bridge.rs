//! Adapter for EventBridge: puts events on a bus.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::called_host::CalledHost;
use super::sdk_error::service_failure;
use crate::model::{BusEvent, EVENT_SOURCE, ReceiverArn, cap_text};
use crate::ports::{FailureCause, PublishError, ServiceFailure};

/// Puts events on a bus in one call. Returns for each whether the bus accepted it.
pub(super) async fn put_events(
    client: &Client,
    bus: &ReceiverArn,
    events: &[BusEvent],
) -> Result<Vec<Result<(), PublishError>>, PublishError> {
    let entries = events.iter().map(|event| {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus.as_str())
            .source(EVENT_SOURCE)
            .detail_type(event.detail_type.as_str())
            .detail(&event.detail)
            .build()
    });
    let host = CalledHost::default();
    let request = client.put_events().set_entries(Some(entries.collect()));
    match request.customize().interceptor(host.clone()).send().await {
        Ok(response) => Ok(response
            .entries
            .unwrap_or_default()
            .iter()
            .map(entry_result)
            .collect()),
        Err(error) => {
            let refuses_content = error.code() == Some("ValidationException");
            let cause = Box::new(service_failure(&error, &host));
            Err(if refuses_content {
                PublishError::Content(cause)
            } else {
                PublishError::Failed(cause)
            })
        }
    }
}

/// Returns whether an event was accepted: an [entry of the
/// response](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html)
/// has an event id or an error code.
fn entry_result(entry: &PutEventsResultEntry) -> Result<(), PublishError> {
    let given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    let code = match entry.error_code() {
        Some(code) if !code.is_empty() => code,
        _ if given(entry.event_id()) => return Ok(()),
        _ => "EventBridge returned neither an event id nor an error code",
    };
    let message = match entry.error_message() {
        None | Some("") => code.to_owned(),
        Some(message) => format!("{code}: {message}"),
    };
    let is_denied = code.starts_with("AccessDenied") || code.starts_with("NotAuthorized");
    let failure = Box::new(ServiceFailure {
        cause: if is_denied {
            FailureCause::AccessDenied
        } else {
            FailureCause::Other
        },
        message: cap_text(message),
    });
    Err(if matches!(code, "MalformedDetail" | "RedactionFailure") {
        PublishError::Content(failure)
    } else {
        PublishError::Failed(failure)
    })
}
