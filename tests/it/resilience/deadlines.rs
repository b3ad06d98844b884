//! Time that runs out, on a paused clock: what is not read is a gap, what is read is stored, and no
//! pack starves.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use lambda_runtime::Context;
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::model::SnsMessage;
use packwatch::model::SourceTarget;
use packwatch::model::{Account, AccountId, ApiError, PackName, StatusRecord, TopicArn};
use packwatch::ports::{
    BoxError, Clock, ConfigApi, ETag, Filter, MembersError, Notifier, ObjectStore, Page, PutError,
    PutMode,
};
use packwatch::report::RunResponse;
use packwatch::run::RunError;
use packwatch::run::Services;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::harness::{OWN, TOPIC, time};

/// Fifty packs that take a second each, one after another.
#[derive(Default)]
struct Slow {
    read: RefCell<Vec<PackName>>,
}

impl ConfigApi for Slow {
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

/// A bucket in memory; where `silent` is part of a key, it never answers a write.
#[derive(Default)]
struct Bucket {
    objects: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    silent: Option<&'static str>,
}

impl ObjectStore for Bucket {
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        let objects = self.objects.borrow();
        Ok(objects
            .get(key)
            .map(|(bytes, version)| (bytes.clone(), ETag(version.to_string()))))
    }

    async fn put(&self, key: &str, bytes: Bytes, expect: &PutMode) -> Result<ETag, PutError> {
        if self.silent.is_some_and(|part| key.contains(part)) {
            std::future::pending::<()>().await;
        }
        let mut objects = self.objects.borrow_mut();
        let there = objects.get(key).map(|(_, version)| *version);
        let holds = match expect {
            PutMode::Create => there.is_none(),
            PutMode::Update(ETag(version)) => {
                there.map(|there| there.to_string()).as_ref() == Some(version)
            }
        };
        if !holds {
            return Err(PutError::PreconditionFailed);
        }
        let version = there.unwrap_or(0) + 1;
        objects.insert(key.to_owned(), (bytes.into(), version));
        Ok(ETag(version.to_string()))
    }
}

/// Topics in memory; one of them never answers.
#[derive(Default)]
struct Topics {
    sent: RefCell<Vec<TopicArn>>,
    silent: Option<&'static str>,
}

impl Notifier for Topics {
    async fn publish(&self, topic: &TopicArn, _: &SnsMessage) -> Result<(), BoxError> {
        if self.silent == Some(topic.as_str()) {
            std::future::pending::<()>().await;
        }
        self.sent.borrow_mut().push(topic.clone());
        Ok(())
    }
}

/// The paused clock of the runtime, as a time of day.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        time("2026-03-01T08:00:00Z")
            + jiff::SignedDuration::try_from(self.0.elapsed()).expect("a day at most")
    }
}

fn function(bucket: Bucket, topics: Topics) -> Handler<Slow, Bucket, Topics, Paused> {
    let settings = Settings::read(|name| {
        let value = match name {
            "AWS_REGION" => "eu-west-1",
            "SNAPSHOT_BUCKET" => "bucket",
            "TOPIC_ARN" => TOPIC,
            "CHAT_TOPIC_ARN" => crate::support::harness::CHAT,
            "CONCURRENCY" => "1",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let services = Services {
        config: Slow::default(),
        store: bucket,
        notifier: topics,
        clock: Paused(Instant::now()),
    };
    Handler::new(
        settings.expect("right settings"),
        services,
        crate::support::harness::token,
        None,
    )
}

async fn invoke(
    function: &Handler<Slow, Bucket, Topics, Paused>,
    clock: &Paused,
    id: &str,
    seconds: i64,
) -> Result<RunResponse, RunError> {
    let mut context = Context::default();
    id.clone_into(&mut context.request_id);
    let deadline = clock.now().as_millisecond() + seconds * 1_000;
    context.deadline = u64::try_from(deadline).expect("after 1970");
    function.invoke("{}", context).await
}

#[tokio::test(start_paused = true)]
async fn with_time_for_forty_of_fifty_packs_all_are_read_within_two_runs() {
    let clock = Paused(Instant::now());
    let function = function(Bucket::default(), Topics::default());
    let mut read = BTreeSet::new();
    for (run, id) in ["one", "two"].into_iter().enumerate() {
        // Of fifty seconds a fifth is kept for storing and publishing.
        let report = invoke(&function, &clock, id, 50).await.expect("a run");
        assert!(!report.complete);
        let now: Vec<PackName> = function.services().config.read.take();
        assert!(
            (38..=40).contains(&now.len()),
            "run {run} read {}",
            now.len()
        );
        read.extend(now);
    }
    assert_eq!(read.len(), 50, "oldest attempt first");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_never_answers_is_a_store_that_failed_before_the_time_is_over() {
    let clock = Paused(Instant::now());
    let bucket = Bucket {
        silent: Some("snapshots/"),
        ..Bucket::default()
    };
    let function = function(bucket, Topics::default());
    let error = invoke(&function, &clock, "one", 50)
        .await
        .expect_err("no store");
    assert_eq!(error.kind(), "StoreFailed", "{}", error.to_report());
    assert!(
        clock.now() < time("2026-03-01T08:00:50Z"),
        "it answers in time"
    );
    assert!(function.services().store.objects.borrow().is_empty());
    assert!(
        function.services().notifier.sent.borrow().is_empty(),
        "nothing told"
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_never_answers_hides_no_other_and_its_digest_is_kept() {
    let clock = Paused(Instant::now());
    let topics = Topics {
        silent: Some(crate::support::harness::CHAT),
        ..Topics::default()
    };
    let function = function(Bucket::default(), topics);
    let error = invoke(&function, &clock, "one", 50)
        .await
        .expect_err("one topic is silent");
    assert_eq!(error.kind(), "PublishFailed", "{}", error.to_report());
    assert!(
        clock.now() < time("2026-03-01T08:00:50Z"),
        "there was time to note it"
    );
    assert_eq!(
        *function.services().notifier.sent.borrow(),
        [TopicArn::from(TOPIC)]
    );
    let ledger = function.services().store.objects.borrow()["ledger.json"]
        .0
        .clone();
    let ledger: Value = serde_json::from_slice(&ledger).expect("JSON");
    assert_eq!(
        ledger["audiences"][TOPIC]["head"],
        json!(null),
        "it is noted as sent"
    );
    assert_eq!(
        ledger["audiences"][crate::support::harness::CHAT]["head"]["owner"],
        json!(null),
        "and the other is free for the next"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_is_none() {
    let clock = Paused(Instant::now());
    let function = function(Bucket::default(), Topics::default());
    let mut context = Context::default();
    context.deadline = 600_000;
    let report = function.invoke("{}", context).await.expect("a run");
    assert!(
        (47..=48).contains(&function.services().config.read.borrow().len()),
        "48 of 60 seconds are for reading"
    );
    assert!(!report.complete);
    assert!(clock.now() < time("2026-03-01T08:01:00Z"));
}
