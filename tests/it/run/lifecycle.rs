//! The life cycle of a failure, as the digests report it.

use serde_json::json;

use crate::support::harness::{TestEnv, email, keys};

const ACCOUNT: &str = "222233334444";

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
    assert_eq!(
        env.latest()["packs"][0]["failing_accounts"][0]["change"],
        "pending"
    );
    env.run().await;
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(env.digests(), Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn failure_is_notified_when_due() {
    let mut env = failing().await;
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    for _ in 0..4 {
        env.run().await;
    }
    assert_eq!(env.digests().len(), 0, "the failure is 45 minutes old");
    env.run().await;
    assert_eq!(env.digests().len(), 1, "the failure is 60 minutes old");
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
