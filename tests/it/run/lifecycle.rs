//! The life cycle of a failure, as the digests report it.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{OWN, TestEnv, email, keys, time};
use crate::support::logs::LogCapture;

const ACCOUNT: &str = "222233334444";
const FAR: &str = "us-east-1";

/// Returns an organization with one pack, in which one of two member accounts fails.
async fn failing() -> TestEnv {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.member("baseline", "333344445555", "UPDATE_SUCCESSFUL");
    env
}

#[tokio::test]
async fn failure_lifecycle_sends_appeared_and_cleared_digests() {
    let env = failing().await;
    let first = env.run().await;
    assert_eq!(first["outcome"], "committed");
    assert_eq!(first["digest"]["status"], "published");
    assert_eq!(env.run().await["digest"]["status"], "none");
    env.member("baseline", ACCOUNT, "UPDATE_IN_PROGRESS");
    env.run().await;
    let in_progress = env.latest();
    assert_eq!(
        in_progress["packs"][0]["failing_accounts"][0]["change"],
        "ongoing"
    );
    assert_eq!(
        in_progress["packs"][0]["failing_accounts"][0]["status"],
        "UPDATE_IN_PROGRESS"
    );
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    env.run().await;
    let digests = env.digests();
    assert_eq!(
        digests.len(),
        2,
        "one digest when the failure appeared, one when it cleared"
    );
    assert_eq!(keys(&digests[0]["appeared"]), ["baseline/222233334444"]);
    assert_eq!(keys(&digests[1]["cleared"]), ["baseline/222233334444"]);
    assert_eq!(digests[1]["cleared"][0]["resolution"], "recovered");
    assert_eq!(digests[1]["cleared"][0]["last_status"], "UPDATE_FAILED");
    println!(
        "{}",
        email(&env.publishes(crate::support::harness::TOPIC)[0])
    );
}

#[tokio::test]
async fn failed_retry_sends_no_digest() {
    let env = failing().await;
    env.run().await;
    for status in [
        "UPDATE_IN_PROGRESS",
        "UPDATE_FAILED",
        "CREATE_IN_PROGRESS",
        "CREATE_FAILED",
    ] {
        env.member("baseline", ACCOUNT, status);
        env.run().await;
    }
    assert_eq!(env.digests().len(), 1);
    assert!(!env.latest()["packs"][0]["failing_accounts"][0]["changed_at"].is_null());
}

#[tokio::test]
async fn failure_cleared_before_due_sends_no_digest() {
    let mut env = failing().await;
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    env.run().await;
    env.world.forget_publishes();
    assert_eq!(
        env.latest()["packs"][0]["failing_accounts"][0]["change"],
        "pending"
    );
    env.run().await;
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(env.digests(), Vec::<Value>::new());
}

#[tokio::test]
async fn failure_is_notified_when_due() {
    let mut env = failing().await;
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    for _ in 0..4 {
        env.run().await;
    }
    assert_eq!(
        notified(&env, "appeared"),
        Vec::<String>::new(),
        "it is 45 minutes old"
    );
    assert_eq!(env.digests().len(), 1, "the first look");
    env.run().await;
    assert_eq!(
        notified(&env, "appeared"),
        ["baseline/222233334444"],
        "it is 60 minutes old"
    );
    assert_eq!(env.digests().len(), 2);
}

#[tokio::test]
async fn open_failure_is_reminded_after_reminder_period() {
    let mut env = failing().await;
    env.set("REMIND_AFTER_HOURS", "24");
    env.run().await;
    env.advance_minutes(24 * 60 - 16);
    env.run().await;
    assert_eq!(
        env.digests().len(),
        1,
        "one minute before the reminder is due"
    );
    env.run().await;
    let digests = env.digests();
    assert_eq!(digests.len(), 2);
    assert_eq!(keys(&digests[1]["reminders"]), ["baseline/222233334444"]);
    env.run().await;
    assert_eq!(
        env.digests().len(),
        2,
        "the next run does not repeat the reminder"
    );
}

#[tokio::test]
async fn announce_always_sends_digest_and_never_marks_notified() {
    let env = failing().await;
    let suppressed = env
        .invoke(json!({"announce": "never"}))
        .await
        .expect("the run succeeds");
    assert_eq!(suppressed["digest"]["status"], "none");
    assert_eq!(suppressed["totals"]["appeared"], 1);
    env.run().await;
    assert_eq!(env.digests().len(), 0, "the failure counts as notified");
    env.invoke(json!({"announce": "always"}))
        .await
        .expect("the run succeeds");
    assert_eq!(env.digests().len(), 1);
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(
        keys(&env.digests()[1]["cleared"]),
        ["baseline/222233334444"]
    );
}

/// Returns an organization in which a member account fails in a second region since two minutes,
/// and the pending period is an hour.
async fn failing_in_second_region() -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    let record = StatusRecord::new("UPDATE_FAILED").updated("2026-03-01T07:58:00Z");
    assert!(env.now() == time("2026-03-01T08:00:00Z"));
    env.world.put_member(OWN, FAR, "far", ACCOUNT, record);
    env
}

fn far_denied() -> Fault {
    Fault::error(400, "AccessDeniedException", "no")
        .service(Service::Config)
        .region(FAR)
}

/// Returns the failures in the lists `name` of all digests.
fn notified(env: &TestEnv, name: &str) -> Vec<String> {
    let digests = env.digests().into_iter();
    digests.flat_map(|digest| keys(&digest[name])).collect()
}

#[tokio::test]
async fn failure_that_ends_without_data_is_not_notified() {
    let env = failing_in_second_region().await;
    env.run().await;
    env.world.fault(far_denied());
    let successful = StatusRecord::new("UPDATE_SUCCESSFUL");
    env.world.put_member(OWN, FAR, "far", ACCOUNT, successful);
    for _ in 0..8 {
        env.run().await;
    }
    env.world.clear_faults();
    env.run().await;
    env.run().await;
    let digests = env.digests();
    assert_eq!(digests.len(), 3, "the first look, the gap, and its end");
    assert_eq!(notified(&env, "appeared"), Vec::<String>::new());
    assert_eq!(notified(&env, "cleared"), Vec::<String>::new());
}

#[tokio::test]
async fn old_failure_is_notified_when_it_is_read_again() {
    let env = failing_in_second_region().await;
    env.run().await;
    env.world.fault(far_denied());
    for _ in 0..8 {
        let response = env.run().await;
        let always = env.invoke(json!({"announce": "always"})).await;
        always.expect("the run succeeds");
        assert_eq!(response["totals"]["appeared"], 0);
    }
    assert_eq!(notified(&env, "appeared"), Vec::<String>::new());
    env.world.clear_faults();
    env.run().await;
    env.run().await;
    assert_eq!(notified(&env, "appeared"), ["far/222233334444"]);
}

/// The run that reads the failure as failing an hour after its start makes it due. A read with
/// another status does not.
#[tokio::test]
async fn failure_in_progress_is_due_once_it_fails_again() {
    let env = failing_in_second_region().await;
    env.run().await;
    let in_progress = StatusRecord::new("UPDATE_IN_PROGRESS");
    env.world.put_member(OWN, FAR, "far", ACCOUNT, in_progress);
    for _ in 0..6 {
        env.run().await;
    }
    assert_eq!(env.digests().len(), 1, "the first look");
    let failed = StatusRecord::new("UPDATE_FAILED");
    env.world.put_member(OWN, FAR, "far", ACCOUNT, failed);
    env.run().await;
    assert_eq!(notified(&env, "appeared"), ["far/222233334444"]);
}

#[tokio::test]
async fn suppressed_changes_are_counted_in_log_and_snapshot() {
    let env = failing().await;
    env.member("baseline", "333344445555", "UPDATE_FAILED");
    let logs = LogCapture::start();
    for (announce, suppressed) in [("never", Some(2)), ("changes", None), ("always", None)] {
        let response = env.invoke(json!({"announce": announce})).await;
        let response = response.expect("the run succeeds");
        assert_eq!(env.snapshot(&response)["run"]["announce"], announce);
        let warnings = logs.take("will not be notified");
        let changes: Vec<_> = warnings.iter().map(|warning| &warning["changes"]).collect();
        let expected: Vec<Value> = suppressed.into_iter().map(Value::from).collect();
        assert_eq!(changes, expected.iter().collect::<Vec<_>>(), "{announce}");
        env.advance_minutes(15);
    }
    let default = env.run().await;
    assert_eq!(env.snapshot(&default)["run"]["announce"], "changes");
}

#[tokio::test]
async fn gap_suppressed_by_run_without_data_is_logged() {
    let env = failing().await;
    env.run().await;
    env.world.deny_caller(OWN);
    let logs = LogCapture::start();
    for suppressed in [0, 1] {
        let never = env.invoke(json!({"announce": "never"})).await;
        never.expect_err("nothing is read");
        let warnings = logs.take("will not be notified");
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0]["changes"], suppressed);
        env.advance_minutes(15);
    }
    env.invoke(json!({})).await.expect_err("nothing is read");
    assert_eq!(env.digests().len(), 1, "the gap counts as notified");
}
