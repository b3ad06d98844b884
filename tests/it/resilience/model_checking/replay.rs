//! The world as one execution meets it: what it asks is noted, and answered from a script as far as
//! that goes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use packwatch::model::SnsMessage;
use packwatch::model::SourceTarget;
use packwatch::model::{Account, AccountId, ApiError, PackName, StatusRecord, TopicArn};
use packwatch::ports::{
    BoxError, Clock, ConfigApi, ETag, Filter, MembersError, Notifier, ObjectStore, Page, PutError,
    PutMode,
};

use super::world::{ACCOUNTS, Accounts, Bytes, LATEST, LEDGER};
use crate::support::harness::{OWN, time};
use crate::support::scheduler::yield_now;

/// Milliseconds since the model's first moment.
pub type Time = i64;

/// A time of the model's as one of the program's.
pub fn at(at: Time) -> Timestamp {
    time("2026-03-01T08:00:00Z") + SignedDuration::from_millis(at)
}

/// A time of the program's as one of the model's.
pub fn since_the_first(time: Timestamp) -> Time {
    time.as_millisecond() - at(0).as_millisecond()
}

/// What an execution asks the world for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    Get {
        key: String,
    },
    Put {
        key: String,
        bytes: Bytes,
        expect: Option<String>,
    },
    Read,
    Publish {
        topic: String,
        digest: String,
        message: Bytes,
    },
}

impl Call {
    pub fn is_recall(&self) -> bool {
        matches!(self, Self::Get { key } if key == LEDGER)
    }

    /// Whether it is made to keep `latest.json` at the newest snapshot, beside everything else.
    pub fn is_for_latest(&self) -> bool {
        match self {
            Self::Get { key } => key == LATEST || key.starts_with("snapshots/"),
            Self::Put { key, .. } => key == LATEST,
            Self::Read | Self::Publish { .. } => false,
        }
    }
}

/// What the world answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    Object(Option<(Bytes, String)>),
    Stored(String),
    Lost,
    TimeoutCount,
    Refused,
    Failing(Accounts),
    Delivery,
}

/// The answers so far, by the number of the call, each with the time at which it came.
pub type Answers = BTreeMap<usize, (Answer, Time)>;

/// The number of the first call for `latest.json`.
const FOR_LATEST: usize = 1_000;

/// What an execution has done and seen so far.
#[derive(Debug, Clone, Default)]
pub struct Knows {
    /// The newest time that it was given.
    pub now: Time,
    /// When its last reading began.
    pub reading_began: Time,
    /// What its last reading found, and when that ended.
    pub found: Option<(Accounts, Time)>,
    /// How often it was shown the ledger.
    pub recalls: usize,
    /// Whether the ledger was the last that it was shown.
    pub just_recalled: bool,
    /// Whether a topic has refused a digest of its.
    pub refused: bool,
    /// The digests that it has asked to publish, by topic.
    pub published: BTreeMap<String, String>,
}

/// What was asked and answered so far.
pub struct ReplayedServices<'a, F> {
    pub blind: bool,
    pub knows: RefCell<Knows>,
    pub calls: Cell<usize>,
    /// Those for `latest.json`, which are counted apart: what is made beside them does not change
    /// their numbers.
    pub calls_for_latest: Cell<usize>,
    pub turns: Cell<usize>,
    pub answers: &'a Answers,
    /// What answers where nothing is written.
    pub answer: RefCell<F>,
    pub waiting: RefCell<Vec<(usize, Call)>>,
}

/// The services of an execution.
pub struct Replay<'a, F>(pub &'a ReplayedServices<'a, F>);

impl<F> Clone for Replay<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Replay<'_, F> {}

impl<F: FnMut(&Call, &Knows) -> Option<(Answer, Time)>> Replay<'_, F> {
    async fn ask(&self, call: Call) -> Answer {
        let Self(played) = self;
        let (calls, first) = if call.is_for_latest() {
            (&played.calls_for_latest, FOR_LATEST)
        } else {
            (&played.calls, 0)
        };
        let number = first + calls.get();
        calls.set(calls.get() + 1);
        // Whatever is asked at the same time is asked before the answer comes.
        yield_now().await;
        played.turns.set(played.turns.get() + 1);
        let written = played.answers.get(&number).cloned();
        let Some((answer, at)) =
            written.or_else(|| played.answer.borrow_mut()(&call, &played.knows.borrow()))
        else {
            played.waiting.borrow_mut().push((number, call));
            return std::future::pending().await;
        };
        let mut knows = played.knows.borrow_mut();
        knows.now = knows.now.max(at);
        knows.just_recalled = call.is_recall();
        knows.recalls += usize::from(call.is_recall());
        knows.refused |= matches!(
            (&call, &answer),
            (Call::Publish { .. }, Answer::Refused | Answer::TimeoutCount)
        );
        if let Answer::Failing(failing) = &answer {
            knows.found = Some((*failing, knows.now));
        }
        answer
    }
}

impl<F> Clock for Replay<'_, F> {
    fn now(&self) -> Timestamp {
        at(self.0.knows.borrow().now)
    }
}

impl<F: FnMut(&Call, &Knows) -> Option<(Answer, Time)>> ConfigApi for Replay<'_, F> {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        Ok(OWN.into())
    }

    async fn account(&self, _: &AccountId) -> Result<Option<Account>, BoxError> {
        Ok(None)
    }

    fn throttles(&self) -> u64 {
        0
    }

    async fn packs(
        &self,
        _: &SourceTarget,
        _: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let mut knows = self.0.knows.borrow_mut();
        knows.reading_began = knows.now;
        if self.0.blind {
            return Err(ApiError {
                operation: "Describe".into(),
                code: "AccessDenied".into(),
                message: "no".into(),
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
        let Answer::Failing(failing) = self.ask(Call::Read).await else {
            unreachable!("a reading finds rows")
        };
        let row = |(account, fails): (&str, bool)| {
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
            rows: ACCOUNTS.into_iter().zip(failing).map(row).collect(),
            next: None,
        })
    }
}

impl<F: FnMut(&Call, &Knows) -> Option<(Answer, Time)>> ObjectStore for Replay<'_, F> {
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        match self
            .ask(Call::Get {
                key: key.to_owned(),
            })
            .await
        {
            Answer::Object(object) => {
                Ok(object.map(|(bytes, version)| (bytes.to_vec(), ETag(version))))
            }
            _ => Err("no answer".into()),
        }
    }

    async fn put(
        &self,
        key: &str,
        bytes: bytes::Bytes,
        expect: &PutMode,
    ) -> Result<ETag, PutError> {
        let expect = match expect {
            PutMode::Create => None,
            PutMode::Update(ETag(version)) => Some(version.clone()),
        };
        match self
            .ask(Call::Put {
                key: key.to_owned(),
                bytes: bytes.to_vec().into(),
                expect,
            })
            .await
        {
            Answer::Stored(version) => Ok(ETag(version)),
            Answer::Lost => Err(PutError::PreconditionFailed),
            Answer::Refused => Err(PutError::Rejected("no".into())),
            _ => Err(PutError::Indeterminate("no answer".into())),
        }
    }
}

impl<F: FnMut(&Call, &Knows) -> Option<(Answer, Time)>> Notifier for Replay<'_, F> {
    async fn publish(&self, topic: &TopicArn, message: &SnsMessage) -> Result<(), BoxError> {
        let (topic, digest) = (topic.as_str().to_owned(), message.deduplication_id.clone());
        self.0
            .knows
            .borrow_mut()
            .published
            .insert(topic.clone(), digest.clone());
        let message = serde_json::to_vec(message).expect("JSON").into();
        match self
            .ask(Call::Publish {
                topic,
                digest,
                message,
            })
            .await
        {
            Answer::Delivery => Ok(()),
            _ => Err("no".into()),
        }
    }
}
