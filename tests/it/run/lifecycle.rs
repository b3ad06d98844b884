//! A failure's life, as the readers of the digest live it.

use serde_json::json;

use crate::support::harness::{TestEnv, email, keys};

const ACCOUNT: &str = "222233334444";

/// A pack in which one member starts to fail.
async fn failing() -> TestEnv {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "UPDATE_FAILED");
    stage.member("baseline", "333344445555", "UPDATE_SUCCESSFUL");
    stage
}

#[tokio::test]
async fn a_failure_that_appears_goes_on_moves_and_is_closed_gives_two_digests() {
    let stage = failing().await;
    let first = stage.run().await;
    assert_eq!(first["outcome"], "committed");
    assert_eq!(first["digest"]["status"], "published");
    assert_eq!(stage.run().await["digest"]["status"], "none");
    stage.member("baseline", ACCOUNT, "UPDATE_IN_PROGRESS");
    stage.run().await;
    let moving = stage.latest();
    assert_eq!(
        moving["packs"][0]["failing_accounts"][0]["change"],
        "ongoing"
    );
    assert_eq!(
        moving["packs"][0]["failing_accounts"][0]["status"],
        "UPDATE_IN_PROGRESS"
    );
    stage.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    stage.run().await;
    stage.run().await;
    let digests = stage.digests();
    assert_eq!(
        digests.len(),
        2,
        "one when it appeared, one when it was closed"
    );
    assert_eq!(keys(&digests[0]["appeared"]), ["baseline/222233334444"]);
    assert_eq!(keys(&digests[1]["cleared"]), ["baseline/222233334444"]);
    assert_eq!(digests[1]["cleared"][0]["how"], "recovered");
    assert_eq!(digests[1]["cleared"][0]["status_was"], "UPDATE_FAILED");
    println!(
        "{}",
        email(&stage.publishes(crate::support::harness::TOPIC)[0])
    );
}

#[tokio::test]
async fn a_retry_that_fails_again_gives_no_digest() {
    let stage = failing().await;
    stage.run().await;
    for status in [
        "UPDATE_IN_PROGRESS",
        "UPDATE_FAILED",
        "CREATE_IN_PROGRESS",
        "CREATE_FAILED",
    ] {
        stage.member("baseline", ACCOUNT, status);
        stage.run().await;
    }
    assert_eq!(stage.digests().len(), 1);
    assert!(!stage.latest()["packs"][0]["failing_accounts"][0]["changed_at"].is_null());
}

#[tokio::test]
async fn a_failure_that_is_gone_before_it_is_due_gives_no_digest() {
    let mut stage = failing().await;
    stage.set("ANNOUNCE_AFTER_MINUTES", "60");
    stage.run().await;
    assert_eq!(
        stage.latest()["packs"][0]["failing_accounts"][0]["change"],
        "early"
    );
    stage.run().await;
    stage.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    stage.run().await;
    assert_eq!(stage.digests(), Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn a_failure_is_told_when_it_is_due() {
    let mut stage = failing().await;
    stage.set("ANNOUNCE_AFTER_MINUTES", "60");
    for _ in 0..4 {
        stage.run().await;
    }
    assert_eq!(stage.digests().len(), 0, "45 minutes old");
    stage.run().await;
    assert_eq!(stage.digests().len(), 1, "60 minutes old");
}

#[tokio::test]
async fn a_failure_that_stays_open_is_told_again_after_the_reminder_time() {
    let mut stage = failing().await;
    stage.set("REMIND_AFTER_HOURS", "24");
    stage.run().await;
    stage.pass(24 * 60 - 16);
    stage.run().await;
    assert_eq!(stage.digests().len(), 1, "a minute early");
    stage.run().await;
    let digests = stage.digests();
    assert_eq!(digests.len(), 2);
    assert_eq!(keys(&digests[1]["reminded"]), ["baseline/222233334444"]);
    stage.run().await;
    assert_eq!(stage.digests().len(), 2, "and not again at once");
}

#[tokio::test]
async fn who_asks_for_a_digest_gets_one_and_who_asks_for_none_has_been_told() {
    let stage = failing().await;
    let silent = stage
        .invoke(json!({"announce": "never"}))
        .await
        .expect("a run");
    assert_eq!(silent["digest"]["status"], "none");
    assert_eq!(silent["totals"]["appeared"], 1);
    stage.run().await;
    assert_eq!(stage.digests().len(), 0, "it counts as told");
    stage
        .invoke(json!({"announce": "always"}))
        .await
        .expect("a run");
    assert_eq!(stage.digests().len(), 1);
    stage.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    stage.run().await;
    assert_eq!(
        keys(&stage.digests()[1]["cleared"]),
        ["baseline/222233334444"]
    );
}
