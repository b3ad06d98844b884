//! Deadlines, on a paused clock.
//!
//! Packs that a run has no time to read become gaps, the others are stored, and no pack stays
//! unread forever.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::Context;
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::model::{
    Account, AccountId, ApiError, BusEvent, PackName, ReceiverArn, SnsMessage, SourceTarget,
    StatusRecord,
};
use packwatch::object_body::ObjectBody;
use packwatch::ports::{
    BoxError, Clock, ConfigApi, ETag, Filter, MembersError, Notifier, ObjectHead, ObjectMetadata,
    ObjectStore, Page, PublishError, PutError, PutMode,
};
use packwatch::report::RunResponse;
use packwatch::run::{RunError, ServiceSet};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::harness::{CHAT, OWN, TOPIC, time, token};
use crate::support::in_memory_preflight::InMemoryPreflight;

/// Fifty packs. Each takes one second to read.
#[derive(Default)]
struct SlowConfig {
    read: RefCell<Vec<PackName>>,
}

impl ConfigApi for SlowConfig {
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
        let rows = (0..50)
            .map(|n| {
                (
                    format!("pack-{n:02}").as_str().into(),
                    StatusRecord::new("CREATE_SUCCESSFUL"),
                )
            })
            .collect();
        Ok(Page { rows, next: None })
    }

    async fn pack(&self, _: &SourceTarget, _: &PackName) -> Result<Option<StatusRecord>, ApiError> {
        Ok(Some(StatusRecord::new("CREATE_SUCCESSFUL")))
    }

    async fn members(
        &self,
        _: &SourceTarget,
        pack: &PackName,
        _: Option<Filter<'_>>,
        _: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        sleep(Duration::from_secs(1)).await;
        self.read.borrow_mut().push(pack.clone());
        Ok(Page {
            rows: vec![("222233334444".into(), StatusRecord::new("CREATE_FAILED"))],
            next: None,
        })
    }
}

/// Bytes, version and metadata of an object.
type StoredObject = (Vec<u8>, u32, ObjectMetadata);

/// In-memory bucket. A write never gets a response if its key contains `unresponsive`.
#[derive(Default)]
struct Bucket {
    objects: RefCell<BTreeMap<String, StoredObject>>,
    unresponsive: Option<&'static str>,
}

impl ObjectStore for Bucket {
    async fn get(&self, key: &str) -> Result<Option<(ObjectBody, ETag)>, BoxError> {
        let objects = self.objects.borrow();
        Ok(objects
            .get(key)
            .map(|(bytes, version, _)| (bytes.clone().into(), ETag(version.to_string()))))
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, BoxError> {
        let objects = self.objects.borrow();
        Ok(objects.get(key).map(|(_, version, metadata)| ObjectHead {
            etag: ETag(version.to_string()),
            sequence: metadata.sequence,
        }))
    }

    async fn put(
        &self,
        key: &str,
        body: ObjectBody,
        metadata: ObjectMetadata,
        expect: &PutMode,
    ) -> Result<ETag, PutError> {
        if self.unresponsive.is_some_and(|part| key.contains(part)) {
            std::future::pending::<()>().await;
        }
        let mut objects = self.objects.borrow_mut();
        let current = objects.get(key).map(|(_, version, _)| *version);
        let precondition_holds = match expect {
            PutMode::Create => current.is_none(),
            PutMode::Update(ETag(version)) => {
                current.map(|current| current.to_string()).as_ref() == Some(version)
            }
        };
        if !precondition_holds {
            return Err(PutError::PreconditionFailed);
        }
        let version = current.unwrap_or(0) + 1;
        objects.insert(
            key.to_owned(),
            (body.bytes().expect("bytes").into(), version, metadata),
        );
        Ok(ETag(version.to_string()))
    }
}

/// In-memory topics, which respond after `delay`. The topic `unresponsive` never responds.
#[derive(Default)]
struct Topics {
    sent: RefCell<Vec<ReceiverArn>>,
    delay: Duration,
    unresponsive: Option<&'static str>,
}

impl Notifier for Topics {
    async fn publish(&self, topic: &ReceiverArn, _: &SnsMessage) -> Result<(), PublishError> {
        if self.unresponsive == Some(topic.as_str()) {
            std::future::pending::<()>().await;
        }
        sleep(self.delay).await;
        self.sent.borrow_mut().push(topic.clone());
        Ok(())
    }

    async fn put_events(
        &self,
        _: &ReceiverArn,
        _: &[BusEvent],
    ) -> Result<Vec<Result<(), PublishError>>, PublishError> {
        unreachable!("there is no event bus")
    }
}

/// The paused clock of the runtime, as a timestamp.
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        time("2026-03-01T08:00:00Z")
            + jiff::SignedDuration::try_from(self.0.elapsed())
                .expect("the test takes less than a day")
    }
}

fn function(
    bucket: Bucket,
    topics: Topics,
) -> Handler<ServiceSet<SlowConfig, Bucket, Topics, InMemoryPreflight, PausedClock>> {
    let settings = Settings::read(|name| {
        let value = match name {
            "AWS_REGION" => "eu-west-1",
            "SNAPSHOT_BUCKET" => "bucket",
            "TOPIC_ARN" => TOPIC,
            "CHAT_TOPIC_ARN" => CHAT,
            "CONCURRENCY" => "1",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let services = ServiceSet {
        config: SlowConfig::default(),
        store: bucket,
        notifier: topics,
        preflight: InMemoryPreflight::default(),
        clock: PausedClock(Instant::now()),
    };
    Handler::new(settings.expect("valid settings"), services, token, None)
}

async fn invoke(
    function: &Handler<ServiceSet<SlowConfig, Bucket, Topics, InMemoryPreflight, PausedClock>>,
    clock: &PausedClock,
    id: &str,
    seconds: i64,
) -> Result<RunResponse, RunError> {
    let mut context = Context::default();
    id.clone_into(&mut context.request_id);
    let deadline = clock.now().as_millisecond() + seconds * 1_000;
    context.deadline = u64::try_from(deadline).expect("the clock is after 1970");
    let response = function.invoke("{}", context).await?;
    Ok(response.into_run().expect("a run"))
}

#[tokio::test(start_paused = true)]
async fn fifty_packs_are_read_in_two_runs_with_time_for_forty() {
    let clock = PausedClock(Instant::now());
    let function = function(Bucket::default(), Topics::default());
    let mut read = BTreeSet::new();
    for (run, id) in ["one", "two"].into_iter().enumerate() {
        // A run reserves a fifth of its 50 seconds for the commit and the delivery.
        let response = invoke(&function, &clock, id, 50)
            .await
            .expect("the run succeeds");
        assert!(!response.complete);
        let packs: Vec<PackName> = function.services().config.read.take();
        assert!(
            (38..=40).contains(&packs.len()),
            "run {run} read {} packs",
            packs.len()
        );
        read.extend(packs);
    }
    assert_eq!(
        read.len(),
        50,
        "packs that were attempted longest ago are not read first"
    );
}

#[tokio::test(start_paused = true)]
async fn unresponsive_bucket_fails_the_run_before_its_deadline() {
    let clock = PausedClock(Instant::now());
    let bucket = Bucket {
        unresponsive: Some("snapshots/"),
        ..Bucket::default()
    };
    let function = function(bucket, Topics::default());
    let error = invoke(&function, &clock, "one", 50)
        .await
        .expect_err("the bucket is unresponsive");
    assert_eq!(error.kind(), "StoreFailed", "{}", error.to_report());
    assert!(
        clock.now() < time("2026-03-01T08:00:50Z"),
        "the run ended after its deadline"
    );
    assert!(function.services().store.objects.borrow().is_empty());
    assert!(
        function.services().notifier.sent.borrow().is_empty(),
        "the run sent a digest"
    );
}

#[tokio::test(start_paused = true)]
async fn unresponsive_topic_keeps_its_digest_and_blocks_no_other() {
    let clock = PausedClock(Instant::now());
    let topics = Topics {
        unresponsive: Some(CHAT),
        ..Topics::default()
    };
    let function = function(Bucket::default(), topics);
    let error = invoke(&function, &clock, "one", 50)
        .await
        .expect_err("one topic is unresponsive");
    assert_eq!(error.kind(), "PublishFailed", "{}", error.to_report());
    assert!(
        clock.now() < time("2026-03-01T08:00:50Z"),
        "the run ended after its deadline"
    );
    assert_eq!(
        *function.services().notifier.sent.borrow(),
        [ReceiverArn::from(TOPIC)]
    );
    let ledger = function.services().store.objects.borrow()["ledger.json"]
        .0
        .clone();
    let ledger: Value = serde_json::from_slice(&ledger).expect("JSON");
    assert_eq!(
        ledger["receivers"][TOPIC]["outgoing"],
        json!(null),
        "the delivered digest is not settled"
    );
    assert_eq!(
        ledger["receivers"][CHAT]["outgoing"]["lease"],
        json!(null),
        "the lease of the other digest is not released"
    );
}

/// A fifth of the eight seconds is left after the read, and 200 ms of that are reserved for the
/// response.
#[tokio::test(start_paused = true)]
async fn topic_may_take_three_quarters_of_the_time_that_is_left() {
    for (milliseconds, is_sent) in [(1_000, true), (1_200, false)] {
        let clock = PausedClock(Instant::now());
        let topics = Topics {
            delay: Duration::from_millis(milliseconds),
            ..Topics::default()
        };
        let function = function(Bucket::default(), topics);
        let result = invoke(&function, &clock, "one", 8).await;
        assert_eq!(result.is_ok(), is_sent, "{result:?}");
        assert!(clock.now() < time("2026-03-01T08:00:08Z"));
        let objects = function.services().store.objects.borrow();
        let ledger: Value = serde_json::from_slice(&objects["ledger.json"].0).expect("JSON");
        let left = &ledger["receivers"][TOPIC]["outgoing"];
        assert_eq!(left.is_null(), is_sent, "the result is settled: {left}");
        assert!(is_sent || left["lease"].is_null(), "{left}");
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_in_the_past_is_ignored() {
    let clock = PausedClock(Instant::now());
    let function = function(Bucket::default(), Topics::default());
    let mut context = Context::default();
    context.deadline = 600_000;
    let response = function
        .invoke("{}", context)
        .await
        .expect("the run succeeds")
        .into_run()
        .expect("a run");
    assert!(
        (47..=48).contains(&function.services().config.read.borrow().len()),
        "a run reads for 48 of 60 seconds"
    );
    assert!(!response.complete);
    assert!(clock.now() < time("2026-03-01T08:01:00Z"));
}
