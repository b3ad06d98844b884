//! Services of one execution. They record its calls and replay the recorded responses.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use packwatch::model::{
    Account, AccountId, ApiError, BusEvent, PackName, ReceiverArn, SnsMessage, SourceTarget,
    StatusRecord,
};
use packwatch::object_body::ObjectBody;
use packwatch::ports::{
    BoxError, Clock, ConfigApi, ETag, Filter, MembersError, Notifier, ObjectHead, ObjectMetadata,
    ObjectStore, Page, PublishError, PutError, PutMode,
};

use super::digests::{ACCOUNTS, Accounts, is_last_form};
use super::object::{Bytes, LATEST, LEDGER, REPORT};
use crate::support::harness::{OWN, TOPIC, time};
use crate::support::scheduler::yield_now;

/// Milliseconds since the start of the model.
pub type Time = i64;

/// Converts a model time to a timestamp.
pub fn at(at: Time) -> Timestamp {
    time("2026-03-01T08:00:00Z") + SignedDuration::from_millis(at)
}

/// Converts a timestamp to a model time.
pub fn model_time(time: Timestamp) -> Time {
    time.as_millisecond() - at(0).as_millisecond()
}

/// A call of an execution to a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    Get {
        key: String,
    },
    Head {
        key: String,
    },
    Put {
        key: String,
        bytes: Bytes,
        /// Sequence in the metadata.
        sequence: Option<u64>,
        /// Expected `ETag`, or `None` if the object must not exist.
        expect: Option<String>,
    },
    /// Read of the member accounts.
    Read,
    Publish {
        topic: String,
        digest: String,
        message: Bytes,
    },
    PutEvents {
        bus: String,
        digest: String,
        events: Vec<Bytes>,
    },
}

impl Call {
    /// Returns whether the call loads the ledger.
    pub fn is_ledger_get(&self) -> bool {
        matches!(self, Self::Get { key } if key == LEDGER)
    }

    /// Returns whether the call belongs to the update of `latest.json`, which runs concurrently.
    pub fn is_for_latest(&self) -> bool {
        match self {
            Self::Get { key } => key.starts_with("snapshots/"),
            Self::Head { .. } => true,
            Self::Put { key, .. } => key == LATEST,
            Self::Read | Self::Publish { .. } | Self::PutEvents { .. } => false,
        }
    }
}

/// Response to a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Response {
    Object(Option<(Bytes, String)>),
    /// `ETag` and sequence in the metadata.
    Head(Option<(String, Option<u64>)>),
    Stored(String),
    PreconditionFailed,
    Unanswered,
    Rejected,
    /// Which member accounts fail.
    Members(Accounts),
    Published,
    /// The receiver refuses the content.
    ContentRefused,
    /// The event bus accepts only the first event.
    PartlyAccepted,
}

/// The responses so far by call number, each with its arrival time.
pub type Responses = BTreeMap<usize, (Response, Time)>;

/// Number of the first call that updates `latest.json`.
const FIRST_LATEST_CALL: usize = 1_000;

/// Numbers of the first calls that publish a last form to each topic.
const FIRST_LAST_FORM_TO_TOPIC: usize = 2_000;
const FIRST_LAST_FORM_TO_CHAT: usize = 3_000;

/// What an execution has done and received so far.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Arrival time of its latest response.
    pub now: Time,
    /// Start of its last read.
    pub read_started: Time,
    /// Failing accounts and end of its last read.
    pub found: Option<(Accounts, Time)>,
    /// How often it loaded the ledger.
    pub ledger_gets: usize,
    /// Whether its latest response was the ledger.
    pub last_was_ledger_get: bool,
    /// Whether a topic did not accept one of its digests.
    pub publish_failed: bool,
    /// Digest IDs that it has tried to publish, by topic.
    pub published: BTreeMap<String, String>,
}

/// Calls and responses of an execution so far.
pub struct ReplayedServices<'a, F> {
    pub config_denied: bool,
    pub progress: RefCell<Progress>,
    pub calls: Cell<usize>,
    /// Calls that update `latest.json`. They are counted separately, so that concurrent calls do
    /// not change their numbers.
    pub calls_for_latest: Cell<usize>,
    /// Calls that publish a last form to either topic. They follow calls that are concurrent, so
    /// they are counted separately too.
    pub calls_with_last_form: [Cell<usize>; 2],
    /// Calls that were resumed after their yield.
    pub resumed_calls: Cell<usize>,
    pub responses: &'a Responses,
    /// Responds to calls without a recorded response.
    pub respond: RefCell<F>,
    pub waiting: RefCell<Vec<(usize, Call)>>,
}

/// Handle to the replayed services of an execution.
pub struct Replay<'a, F>(pub &'a ReplayedServices<'a, F>);

impl<F> Clone for Replay<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Replay<'_, F> {}

impl<F: FnMut(&Call, &Progress) -> Option<(Response, Time)>> Replay<'_, F> {
    async fn call(&self, call: Call) -> Response {
        let Self(replayed) = self;
        let [to_topic, to_chat] = &replayed.calls_with_last_form;
        let (calls, first) = match &call {
            Call::Publish { topic, message, .. } if is_last_form(message) => {
                if topic == TOPIC {
                    (to_topic, FIRST_LAST_FORM_TO_TOPIC)
                } else {
                    (to_chat, FIRST_LAST_FORM_TO_CHAT)
                }
            }
            call if call.is_for_latest() => (&replayed.calls_for_latest, FIRST_LATEST_CALL),
            _ => (&replayed.calls, 0),
        };
        let number = first + calls.get();
        calls.set(calls.get() + 1);
        // All concurrent calls are made before the first response arrives.
        yield_now().await;
        replayed.resumed_calls.set(replayed.resumed_calls.get() + 1);
        let recorded = replayed.responses.get(&number).cloned();
        let Some((response, at)) =
            recorded.or_else(|| replayed.respond.borrow_mut()(&call, &replayed.progress.borrow()))
        else {
            replayed.waiting.borrow_mut().push((number, call));
            return std::future::pending().await;
        };
        let mut progress = replayed.progress.borrow_mut();
        progress.now = progress.now.max(at);
        progress.last_was_ledger_get = call.is_ledger_get();
        progress.ledger_gets += usize::from(call.is_ledger_get());
        progress.publish_failed |= matches!(
            (&call, &response),
            (
                Call::Publish { .. },
                Response::Rejected | Response::Unanswered
            )
        );
        if let Response::Members(failing) = &response {
            progress.found = Some((*failing, progress.now));
        }
        response
    }
}

impl<F> Clock for Replay<'_, F> {
    fn now(&self) -> Timestamp {
        at(self.0.progress.borrow().now)
    }
}

impl<F: FnMut(&Call, &Progress) -> Option<(Response, Time)>> ConfigApi for Replay<'_, F> {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        Ok(OWN.into())
    }

    async fn account(&self, _: &AccountId) -> Result<Option<Account>, BoxError> {
        Ok(None)
    }

    fn throttle_count(&self) -> u64 {
        0
    }

    async fn packs(
        &self,
        _: &SourceTarget,
        _: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let mut progress = self.0.progress.borrow_mut();
        progress.read_started = progress.now;
        if self.0.config_denied {
            return Err(ApiError {
                operation: "Describe".into(),
                code: "AccessDenied".into(),
                message: "denied".into(),
            });
        }
        Ok(Page {
            rows: vec![("baseline".into(), StatusRecord::new("CREATE_IN_PROGRESS"))],
            next: None,
        })
    }

    async fn pack(&self, _: &SourceTarget, _: &PackName) -> Result<Option<StatusRecord>, ApiError> {
        Ok(Some(StatusRecord::new("CREATE_IN_PROGRESS")))
    }

    async fn members(
        &self,
        _: &SourceTarget,
        _: &PackName,
        _: Option<Filter<'_>>,
        _: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        let Response::Members(failing) = self.call(Call::Read).await else {
            unreachable!("a read returns the member accounts")
        };
        let record = |(account, fails): (&str, bool)| {
            (
                account.into(),
                StatusRecord::new(if fails {
                    "CREATE_FAILED"
                } else {
                    "CREATE_SUCCESSFUL"
                }),
            )
        };
        Ok(Page {
            rows: ACCOUNTS.into_iter().zip(failing).map(record).collect(),
            next: None,
        })
    }
}

impl<F: FnMut(&Call, &Progress) -> Option<(Response, Time)>> ObjectStore for Replay<'_, F> {
    async fn get(&self, key: &str) -> Result<Option<(ObjectBody, ETag)>, BoxError> {
        match self
            .call(Call::Get {
                key: key.to_owned(),
            })
            .await
        {
            Response::Object(object) => {
                Ok(object.map(|(bytes, version)| (bytes.to_vec().into(), ETag(version))))
            }
            _ => Err("no response".into()),
        }
    }

    /// `report.html` follows the same rule as `latest.json`, and no other call depends on it: the
    /// model leaves it out, as if it could not be read.
    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, BoxError> {
        if key == REPORT {
            return Err("not in the model".into());
        }
        match self
            .call(Call::Head {
                key: key.to_owned(),
            })
            .await
        {
            Response::Head(object) => Ok(object.map(|(version, sequence)| ObjectHead {
                etag: ETag(version),
                sequence,
            })),
            _ => Err("no response".into()),
        }
    }

    async fn put(
        &self,
        key: &str,
        body: ObjectBody,
        metadata: ObjectMetadata,
        expect: &PutMode,
    ) -> Result<ETag, PutError> {
        let expect = match expect {
            PutMode::Create => None,
            PutMode::Update(ETag(version)) => Some(version.clone()),
        };
        match self
            .call(Call::Put {
                key: key.to_owned(),
                bytes: body.bytes().expect("bytes").to_vec().into(),
                sequence: metadata.sequence,
                expect,
            })
            .await
        {
            Response::Stored(version) => Ok(ETag(version)),
            Response::PreconditionFailed => Err(PutError::PreconditionFailed),
            Response::Rejected => Err(PutError::Rejected("rejected".into())),
            _ => Err(PutError::Indeterminate("no response".into())),
        }
    }
}

impl<F: FnMut(&Call, &Progress) -> Option<(Response, Time)>> Notifier for Replay<'_, F> {
    async fn publish(&self, topic: &ReceiverArn, message: &SnsMessage) -> Result<(), PublishError> {
        let (topic, digest) = (topic.as_str().to_owned(), message.deduplication_id.clone());
        self.0
            .progress
            .borrow_mut()
            .published
            .insert(topic.clone(), digest.clone());
        let message = serde_json::to_vec(message).expect("JSON").into();
        match self
            .call(Call::Publish {
                topic,
                digest,
                message,
            })
            .await
        {
            Response::Published => Ok(()),
            Response::ContentRefused => Err(PublishError::Content("content refused".into())),
            _ => Err(PublishError::Failed("not accepted".into())),
        }
    }

    async fn put_events(
        &self,
        bus: &ReceiverArn,
        events: &[BusEvent],
    ) -> Result<Vec<Result<(), PublishError>>, PublishError> {
        let first: serde_json::Value = serde_json::from_str(&events[0].detail).expect("JSON");
        let (bus, digest) = (bus.as_str().to_owned(), first["digest_id"].as_str());
        let digest = digest.expect("a digest id").to_owned();
        self.0
            .progress
            .borrow_mut()
            .published
            .insert(bus.clone(), digest.clone());
        let call = Call::PutEvents {
            bus,
            digest,
            events: events.iter().map(Bytes::from).collect(),
        };
        let refused = || PublishError::Failed("not accepted".into());
        match self.call(call).await {
            Response::Published => Ok(events.iter().map(|_| Ok(())).collect()),
            Response::PartlyAccepted => {
                let rest = events[1..].iter().map(|_| Err(refused()));
                Ok(std::iter::once(Ok(())).chain(rest).collect())
            }
            _ => Err(refused()),
        }
    }
}
