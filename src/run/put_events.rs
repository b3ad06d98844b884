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
    use std::cell::RefCell;

    use proptest::prelude::*;
    use tokio::time::{Duration, Instant};

    use super::{calls, put_events};
    use crate::ledger::Delivery;
    use crate::model::{
        BusEvent, BusEventType, MAX_EVENTS_IN_CALL, MAX_EVENTS_SIZE, ReceiverArn, SnsMessage,
    };
    use crate::ports::{Notifier, PublishError};

    const REFUSED: &str = "refused";

    /// A bus that refuses the whole call if it refuses one of its events.
    #[derive(Default)]
    struct StrictBus {
        calls: RefCell<Vec<Vec<String>>>,
    }

    impl Notifier for StrictBus {
        async fn publish(&self, _: &ReceiverArn, _: &SnsMessage) -> Result<(), PublishError> {
            unreachable!("a bus gets events")
        }

        async fn put_events(
            &self,
            _: &ReceiverArn,
            events: &[BusEvent],
        ) -> Result<Vec<Result<(), PublishError>>, PublishError> {
            let details = events.iter().map(|event| event.detail.clone());
            self.calls.borrow_mut().push(details.collect());
            if events.iter().any(|event| event.detail == REFUSED) {
                return Err(PublishError::Content("the event is not valid".into()));
            }
            Ok(events.iter().map(|_| Ok(())).collect())
        }
    }

    #[tokio::test]
    async fn events_of_refused_call_are_sent_one_by_one() {
        let details = [
            "0", "1", "2", REFUSED, "4", "5", "6", "7", "8", "9", "10", REFUSED,
        ];
        let events = details.map(|detail| BusEvent {
            detail_type: BusEventType::Cause,
            detail: detail.to_owned(),
        });
        let bus = StrictBus::default();
        let arn = ReceiverArn::from("arn:aws:events:eu-west-1:111122223333:event-bus/ops");
        let deadline = Instant::now() + Duration::from_mins(1);
        let result = put_events(&bus, deadline, &arn, &events).await;

        let (first, rest) = details.split_at(MAX_EVENTS_IN_CALL);
        let expected = [first]
            .into_iter()
            .chain(first.chunks(1))
            .chain([rest])
            .chain(rest.chunks(1));
        assert!(bus.calls.borrow().iter().eq(expected));
        assert!(result.refused.iter().eq(&[3, 11]));
        assert_eq!(result.accepted.len(), 10);
        let (delivery, cause) = result.settled();
        assert_eq!(delivery, Delivery::Dropped);
        assert!(cause.is_some());
    }

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
