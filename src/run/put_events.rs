//! Sends the events of a digest to a bus, in as many calls as they need.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::publish::publish_before;
use crate::ledger::Delivery;
use crate::model::{BusEvent, MAX_EVENTS_IN_CALL, MAX_EVENTS_SIZE, ReceiverArn, display_chain};
use crate::ports::{BoxError, Notifier, PublishError};

/// What became of the events.
#[derive(Debug, Default)]
pub(super) struct PutEventsResult {
    /// Number of all events.
    total: usize,
    /// The positions of those that the bus accepted.
    accepted: BTreeSet<usize>,
    /// The positions of those whose content it refused. They are not sent again.
    refused: BTreeSet<usize>,
    /// Why others were not accepted; of those that were refused if there are no others.
    cause: Option<BoxError>,
}

impl PutEventsResult {
    /// Returns how the digest is settled, and the error if not all events were accepted.
    pub(super) fn settled(self) -> (Delivery, Option<BoxError>) {
        let done: BTreeSet<usize> = self.accepted.union(&self.refused).copied().collect();
        let delivery = if done.len() < self.total {
            let cause = self
                .cause
                .unwrap_or_else(|| "the event bus did not answer for every event".into());
            return (Delivery::PartlySent(done), Some(cause));
        } else if self.refused.is_empty() {
            Delivery::Published
        } else {
            Delivery::Dropped
        };
        (delivery, self.cause)
    }

    fn record(&mut self, bus: &ReceiverArn, at: usize, result: Result<(), PublishError>) {
        match result {
            Ok(()) => {
                self.accepted.insert(at);
            }
            Err(PublishError::Content(cause)) => {
                tracing::error!(
                    receiver = bus.as_str(),
                    event = at,
                    cause = display_chain(cause.as_ref()),
                    "the event bus refuses the content of this event, so it is dropped"
                );
                self.refused.insert(at);
                self.cause.get_or_insert(cause);
            }
            Err(PublishError::Failed(cause)) => self.cause = Some(cause),
        }
    }
}

/// Sends the events in their order, and stops at the first call that fails.
pub(super) async fn put_events<N: Notifier>(
    notifier: &N,
    deadline: Instant,
    bus: &ReceiverArn,
    events: &[BusEvent],
) -> PutEventsResult {
    let mut result = PutEventsResult {
        total: events.len(),
        ..PutEventsResult::default()
    };
    let mut calls: Vec<&[BusEvent]> = calls(events);
    calls.reverse();
    let mut at = 0;
    while let Some(call) = calls.pop() {
        match publish_before(deadline, notifier.put_events(bus, call)).await {
            Ok(results) => {
                for (position, event_result) in results.into_iter().take(call.len()).enumerate() {
                    result.record(bus, at + position, event_result);
                }
            }
            // One of them is refused: each is sent alone.
            Err(PublishError::Content(_)) if call.len() > 1 => {
                calls.extend(call.chunks(1).rev());
                continue;
            }
            Err(PublishError::Content(cause)) => {
                result.record(bus, at, Err(PublishError::Content(cause)));
            }
            Err(PublishError::Failed(cause)) => {
                result.cause = Some(cause);
                return result;
            }
        }
        at += call.len();
    }
    result
}

/// Splits events into calls that stay below the limits of EventBridge.
fn calls(events: &[BusEvent]) -> Vec<&[BusEvent]> {
    let mut calls = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let mut size = 0;
        let fits = rest.iter().take(MAX_EVENTS_IN_CALL).take_while(|event| {
            size += event.size();
            size <= MAX_EVENTS_SIZE
        });
        let (call, left) = rest.split_at(fits.count().max(1));
        calls.push(call);
        rest = left;
    }
    calls
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::calls;
    use crate::model::{BusEvent, BusEventType, MAX_EVENTS_IN_CALL, MAX_EVENTS_SIZE};

    proptest! {
        #[test]
        fn calls_have_all_events_in_order_within_limits(
            sizes in prop::collection::vec(prop_oneof![0..2_000_usize, 0..255_000_usize], 0..60)
        ) {
            let events: Vec<BusEvent> = sizes
                .into_iter()
                .map(|size| BusEvent {
                    detail_type: BusEventType::Cause,
                    detail: "x".repeat(size),
                })
                .collect();
            let calls = calls(&events);
            prop_assert_eq!(calls.concat(), events.clone());
            for call in calls {
                prop_assert!((1..=MAX_EVENTS_IN_CALL).contains(&call.len()));
                prop_assert!(call.iter().map(BusEvent::size).sum::<usize>() <= MAX_EVENTS_SIZE);
            }
        }
    }
}
