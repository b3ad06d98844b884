//! Names of failing accounts: few calls, good for a week, and nothing else different where they
//! cannot be had.

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{OWN, REGION, TOPIC, TestEnv, email};

/// An organization in which so many members of one pack fail, all of which have names.
async fn named(failing: u64) -> TestEnv {
    let mut stage = TestEnv::new().await;
    stage.set("ACCOUNT_NAMES", "on");
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    for number in 0..failing {
        let account = id(number);
        stage.member("baseline", &account, "UPDATE_FAILED");
        stage
            .world
            .put_account(&account, &format!("payments-{number}"), "ACTIVE");
    }
    stage
}

fn id(number: u64) -> String {
    (200_000_000_000 + number).to_string()
}

/// The accounts that were asked about since this was last asked.
fn asked(stage: &TestEnv) -> Vec<String> {
    let calls = stage.world.calls();
    stage.world.forget_calls();
    let calls = calls
        .into_iter()
        .filter(|call| call.operation == "DescribeAccount");
    calls.map(|call| call.target).collect()
}

fn names(stage: &TestEnv) -> Vec<Value> {
    let latest = stage.latest();
    let accounts = latest["packs"][0]["failing_accounts"]
        .as_array()
        .expect("a list");
    accounts
        .iter()
        .map(|account| account["account_name"].clone())
        .collect()
}

fn last_text(stage: &TestEnv) -> String {
    email(stage.publishes(TOPIC).last().expect("a digest"))
}

#[tokio::test]
async fn a_digest_names_the_account_that_fails_and_the_one_that_recovered() {
    let stage = named(2).await;
    stage.run().await;
    assert!(
        last_text(&stage).contains("200000000000 payments-0, 200000000001 payments-1"),
        "{}",
        last_text(&stage)
    );
    assert_eq!(names(&stage), ["payments-0", "payments-1"]);
    stage.member("baseline", &id(1), "UPDATE_SUCCESSFUL");
    stage.run().await;
    assert!(
        last_text(&stage).contains("200000000001 payments-1"),
        "{}",
        last_text(&stage)
    );
    assert_eq!(stage.latest()["cleared"][0]["account_name"], "payments-1");
    assert_eq!(
        stage.digests()[1]["cleared"][0]["account_name"],
        "payments-1"
    );
}

#[tokio::test]
async fn an_account_that_is_not_active_is_marked_by_its_state() {
    let stage = named(2).await;
    stage.world.put_account(&id(0), "payments-0", "SUSPENDED");
    stage
        .world
        .put_account(&id(1), "payments-1", "PENDING_CLOSURE");
    stage.run().await;
    let text = last_text(&stage);
    assert!(
        text.contains("200000000000 payments-0 (suspended)"),
        "{text}"
    );
    assert!(
        text.contains("200000000001 payments-1 (pending closure)"),
        "{text}"
    );
    assert_eq!(
        stage.latest()["packs"][0]["failing_accounts"][0]["account_state"],
        "SUSPENDED"
    );
}

#[tokio::test]
async fn names_are_asked_for_once_in_seven_days() {
    let stage = named(1).await;
    stage.run().await;
    assert_eq!(asked(&stage), [id(0)]);
    stage.world.put_account(&id(0), "billing", "ACTIVE");
    stage.pass(7 * 24 * 60 - 16);
    stage.run().await;
    assert_eq!(asked(&stage).len(), 0, "not within seven days");
    assert_eq!(names(&stage), ["payments-0"]);
    stage.run().await;
    assert_eq!(asked(&stage), [id(0)], "and then again");
    assert_eq!(names(&stage), ["billing"]);
    stage.pass(7 * 24 * 60 - 15);
    stage.run().await;
    assert_eq!(asked(&stage), [id(0)], "to the minute");
}

#[tokio::test]
async fn a_run_asks_for_fifty_at_most_and_the_next_one_for_others() {
    let stage = named(120).await;
    let mut all = Vec::new();
    for expected in [50, 50, 20, 0] {
        stage.run().await;
        let asked = asked(&stage);
        assert_eq!(asked.len(), expected);
        all.extend(asked);
    }
    all.sort();
    assert_eq!(all, (0..120).map(id).collect::<Vec<_>>());
    assert!(names(&stage).iter().all(Value::is_string));
}

#[tokio::test]
async fn nobody_is_asked_when_it_is_off_or_nobody_fails() {
    let mut stage = named(1).await;
    stage.set("ACCOUNT_NAMES", "off");
    stage.run().await;
    assert_eq!((asked(&stage).len(), names(&stage)), (0, vec![json!(null)]));
    let stage = named(0).await;
    stage.member("baseline", &id(0), "UPDATE_SUCCESSFUL");
    stage.run().await;
    assert_eq!(asked(&stage).len(), 0);
}

#[tokio::test]
async fn whatever_fails_there_gives_no_name_and_changes_nothing_else() {
    let plain = {
        let mut stage = named(3).await;
        stage.set("ACCOUNT_NAMES", "off");
        stage.run().await;
        stage.latest()
    };
    let faults = [
        Fault::new(Effect::Denied),
        Fault::new(Effect::Throttle),
        Fault::new(Effect::InternalError),
        Fault::new(Effect::Malformed),
        Fault::new(Effect::Empty),
        Fault::new(Effect::ResetBefore),
    ];
    let faults = faults.map(|fault| fault.service(Service::Organizations));
    for (number, fault) in faults.into_iter().enumerate() {
        let mut stage = named(3).await;
        stage.set("AWS_MAX_ATTEMPTS", "1");
        stage.world.fault(fault);
        let answer = stage.run().await;
        assert_eq!(answer["complete"], true, "fault {number}");
        let latest = stage.latest();
        assert_eq!(
            [&latest["packs"], &latest["totals"], &latest["gaps"]],
            [&plain["packs"], &plain["totals"], &plain["gaps"]],
            "fault {number}"
        );
        stage.world.clear_faults();
        stage.run().await;
        assert!(
            names(&stage).iter().all(Value::is_string),
            "the next run asks again, after fault {number}"
        );
    }
    // What is denied a few times is not tried for every account.
    let stage = named(20).await;
    stage
        .world
        .fault(Fault::new(Effect::Denied).service(Service::Organizations));
    stage.run().await;
    assert!(asked(&stage).len() <= 6, "of twenty");
}

#[tokio::test]
async fn an_account_that_left_the_organization_has_no_name_and_is_not_asked_about_every_run() {
    let stage = named(2).await;
    stage.world.remove_account(&id(0));
    stage.run().await;
    assert_eq!(names(&stage), [json!(null), json!("payments-1")]);
    assert_eq!(asked(&stage).len(), 2);
    stage.run().await;
    assert_eq!(asked(&stage).len(), 0);
}

#[tokio::test]
async fn a_dry_run_shows_names_and_keeps_none() {
    let stage = named(1).await;
    let answer = stage.invoke(json!({"dry_run": true})).await.expect("a run");
    assert!(
        answer["digest"]["text"]
            .as_str()
            .expect("a text")
            .contains("200000000000 payments-0")
    );
    assert_eq!(
        stage
            .world
            .object(crate::support::harness::BUCKET, "ledger.json"),
        None
    );
}

#[tokio::test]
async fn a_narrowed_run_asks_about_what_it_looks_at() {
    let stage = named(2).await;
    stage
        .world
        .put_pack(OWN, REGION, "other", StatusRecord::new("CREATE_SUCCESSFUL"));
    stage.member("other", &id(7), "CREATE_FAILED");
    stage
        .invoke(json!({"packs": ["other"]}))
        .await
        .expect("a run");
    assert_eq!(asked(&stage), [id(7)]);
}

#[tokio::test]
async fn a_name_is_shown_inert() {
    let stage = named(1).await;
    stage
        .world
        .put_account(&id(0), "<!channel> *pay*\u{202e}ments", "ACTIVE");
    stage.run().await;
    let text = last_text(&stage);
    assert!(
        !text.contains("<!channel>") && !text.contains('\u{202e}'),
        "{text}"
    );
    assert_eq!(
        names(&stage),
        ["<!channel> *pay*\u{202e}ments"],
        "in the snapshot it is exact"
    );
}

#[tokio::test]
async fn an_account_that_cannot_be_described_keeps_no_other_without_its_name() {
    let stage = named(3).await;
    let odd = Fault::error(400, "InvalidInputException", "no")
        .service(Service::Organizations)
        .target(&id(0));
    stage.world.fault(odd);
    stage.run().await;
    assert_eq!(
        names(&stage),
        [json!(null), json!("payments-1"), json!("payments-2")]
    );
}
