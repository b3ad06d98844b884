//! Time: questions are asked side by side, and what is not answered in time is skipped.

use std::time::Duration;

use lambda_runtime::Context;
use packwatch::lambda::Handler;
use packwatch::ports::Clock;
use packwatch::preflight::PARTITIONS;
use packwatch::report::{CheckStatus, Response};
use packwatch::run::ServiceSet;
use tokio::time::Instant;

use super::in_order;
use crate::support::harness::{FUNCTION_ARN, token};
use crate::support::in_memory_preflight::InMemoryPreflight;

/// Checks the setup with an invocation of `seconds`; returns the result and how long it took.
async fn check_in(seconds: i64, preflight: InMemoryPreflight) -> (Response, Duration, usize) {
    let env = in_order().await;
    let (settings, services) = env.connected().await;
    let services = ServiceSet {
        config: services.config,
        store: services.store,
        notifier: services.notifier,
        preflight,
        clock: services.clock,
    };
    let mut context = Context::default();
    "run".clone_into(&mut context.request_id);
    FUNCTION_ARN.clone_into(&mut context.invoked_function_arn);
    let deadline = services.clock.now().as_millisecond() + seconds * 1_000;
    context.deadline = u64::try_from(deadline).expect("the clock is after 1970");
    let handler = Handler::new(settings, services, token, None);
    let started = Instant::now();
    let response = handler.invoke(r#"{"check": true}"#, context).await;
    (
        response.expect("the check ends"),
        started.elapsed(),
        handler.services().preflight.most_regions_at_once(),
    )
}

#[tokio::test]
async fn unanswered_questions_are_skipped_in_time() {
    let mut silent = InMemoryPreflight::default();
    silent.silent = true;
    let (response, elapsed, _) = check_in(2, silent).await;
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    let Response::Checked(checked) = response else {
        panic!("a check")
    };
    let status = |name: &str| {
        let mut checks = checked.checks.iter().filter(|check| check.name == name);
        checks.next().expect("the check").status
    };
    for name in [
        "identity",
        "account_kind",
        "unwatched_regions",
        "other_administrators",
        "bucket_versioning",
        "topic",
    ] {
        assert_eq!(status(name), CheckStatus::Skipped, "{name}");
    }
    assert!(
        checked
            .checks
            .iter()
            .all(|check| check.status != CheckStatus::Failed),
        "{}",
        checked.text
    );
}

#[tokio::test]
async fn regions_are_asked_side_by_side_up_to_a_limit() {
    let (_, _, most) = check_in(120, InMemoryPreflight::default()).await;
    assert!((8..=16).contains(&most), "{most} at the same time");
}

#[test]
fn regions_are_sorted_and_belong_to_their_partition() {
    for partition in PARTITIONS {
        assert!(partition.regions.is_sorted(), "{}", partition.name);
        for region in partition.regions {
            let found = packwatch::preflight::Partition::of(&(*region).into());
            assert_eq!(found, partition, "{region}");
        }
    }
}
