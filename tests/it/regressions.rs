//! What was once wrong: each test is the story of a mistake that must not come back.

use packwatch::run::RunError;
use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, email, keys, program_json};

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";
const FAR: &str = "us-east-1";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";

/// A run with so many seconds until its deadline.
async fn in_seconds(stage: &TestEnv, seconds: i64, event: Value) -> Result<Value, RunError> {
    let function = stage.function().await;
    let mut context = stage.context();
    context.deadline = u64::try_from(stage.now().as_millisecond() + seconds * 1_000).unwrap();
    let report = function.invoke(&event.to_string(), context).await?;
    Ok(serde_json::to_value(report).unwrap())
}

fn no_sns() -> Fault {
    Fault::error(403, "AuthorizationError", "no").service(Service::Sns)
}

fn last_text(stage: &TestEnv) -> String {
    email(stage.publishes(TOPIC).last().expect("a digest"))
}

#[tokio::test]
async fn an_answer_without_its_list_hid_the_pages_behind_it() {
    let stage = TestEnv::failing().await;
    stage.member("baseline", "111100002222", "UPDATE_SUCCESSFUL");
    stage.member("baseline", OTHER, "UPDATE_FAILED");
    stage.world.page_size(Some(1));
    stage.world.fault(
        Fault::new(Effect::Empty)
            .service(Service::Config)
            .operation(MEMBERS)
            .nth(2),
    );
    let answer = stage.run().await;
    assert_eq!(
        (&answer["complete"], &answer["totals"]["gaps"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(stage.snapshot(&answer)["packs"][0]["reading"], "partial");
    assert_eq!(
        stage.snapshot(&answer)["gaps"][0]["code"],
        "UnreadableAnswer"
    );
}

#[tokio::test]
async fn a_silent_sts_ate_the_time_of_the_run() {
    let stage = TestEnv::failing().await;
    stage
        .world
        .fault(Fault::new(Effect::Silence).service(Service::Sts));
    let error = in_seconds(&stage, 2, json!({}))
        .await
        .expect_err("nothing is read");
    assert_eq!(error.kind(), "NothingRead");
    assert!(
        error.to_report().contains("OutOfTime"),
        "{}",
        error.to_report()
    );
    assert_eq!(
        stage.document("ledger.json")["gaps"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "the gap is recorded in time"
    );
}

#[tokio::test]
async fn a_silent_run_swallowed_what_other_runs_had_still_to_tell() {
    let stage = TestEnv::failing().await;
    stage.world.fault(no_sns());
    stage.invoke(json!({})).await.expect_err("refused");
    stage.pass(15);
    stage.member("baseline", OTHER, "UPDATE_FAILED");
    stage.invoke(json!({})).await.expect_err("refused");
    stage.pass(15);
    stage.member("baseline", "444455556666", "UPDATE_FAILED");
    stage
        .invoke(json!({"announce": "never"}))
        .await
        .expect_err("refused");
    stage.pass(15);
    stage.world.clear_faults();
    stage.run().await;
    stage.run().await;
    let told: Vec<_> = stage
        .digests()
        .iter()
        .flat_map(|digest| keys(&digest["appeared"]))
        .collect();
    assert_eq!(
        told,
        ["baseline/222233334444", "baseline/333344445555"],
        "the third was the silent run's own"
    );
}

#[tokio::test]
async fn a_silent_run_that_read_nothing_told_of_it() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    stage.world.deny_caller(OWN);
    stage.invoke(json!({})).await.expect_err("nothing read");
    stage.pass(15);
    stage
        .invoke(json!({"announce": "never"}))
        .await
        .expect_err("nothing read");
    assert_eq!(stage.digests().len(), 1);
}

#[tokio::test]
async fn a_digest_after_the_first_run_said_first_run_and_an_old_time() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    stage.world.deny_caller(OWN);
    for _ in 0..2 {
        stage.invoke(json!({})).await.expect_err("nothing read");
        stage.pass(15);
    }
    let publish = stage.publishes(TOPIC).pop().unwrap();
    assert_eq!(
        publish.subject.as_deref(),
        Some("packwatch: 0 appeared, 0 cleared, 1 open in baseline, 1 not read")
    );
    assert_eq!(program_json(&publish)["created_at"], "2026-03-01T08:30:00Z");
    assert!(
        email(&publish).contains("since 2026-03-01 08:15 UTC (15 mins)"),
        "{}",
        email(&publish)
    );
    assert!(
        email(&publish).contains("as of 2026-03-01 08:00 UTC"),
        "{}",
        email(&publish)
    );
}

#[tokio::test]
async fn a_store_that_failed_blamed_other_runs_and_lost_its_cause() {
    let ledger = || {
        Fault::error(500, "InternalError", "we failed inside")
            .service(Service::S3)
            .operation("PutObject")
            .target("ledger")
    };
    let mut stage = TestEnv::failing().await;
    stage.timeouts.initial_backoff = std::time::Duration::from_millis(5);
    stage.world.fault(ledger());
    let to_report = stage
        .invoke(json!({}))
        .await
        .expect_err("no store")
        .to_report();
    assert!(
        to_report.contains("InternalError: we failed inside") && !to_report.contains("other runs"),
        "{to_report}"
    );
    stage.world.clear_faults();
    stage.world.fault(
        Fault::error(409, "ConditionalRequestConflict", "x")
            .service(Service::S3)
            .operation("PutObject")
            .target("ledger")
            .from_nth(2),
    );
    let error = stage.invoke(json!({})).await.expect_err("no settle");
    assert_eq!(error.kind(), "SettleFailed");
    assert!(
        error.to_report().contains("changed by another writer"),
        "{}",
        error.to_report()
    );
}

#[tokio::test]
async fn a_gap_whose_region_was_taken_out_was_called_read_again() {
    let mut stage = TestEnv::failing().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region(FAR),
    );
    stage.run().await;
    stage.run().await;
    stage.set("REGIONS", "eu-west-1");
    stage.run().await;
    let text = last_text(&stage);
    assert!(
        text.contains("? 111122223333 us-east-1 is no longer watched")
            && !text.contains("read again"),
        "{text}"
    );
    assert_eq!(stage.digests().last().unwrap()["gaps"][0]["state"], "ended");
}

#[tokio::test]
async fn a_gap_of_a_pack_that_was_deleted_lasted_for_ever() {
    let mut stage = TestEnv::new().await;
    stage.set("CONCURRENCY", "1");
    for pack in ["a", "b", "z"] {
        stage.pack(pack, "UPDATE_SUCCESSFUL");
    }
    stage.world.fault(
        Fault::new(Effect::Silence)
            .service(Service::Config)
            .operation(MEMBERS),
    );
    for _ in 0..2 {
        in_seconds(&stage, 2, json!({})).await.expect("a run");
        stage.pass(15);
    }
    stage.world.clear_faults();
    stage.world.remove_pack(OWN, REGION, "z");
    stage.world.page_size(Some(1));
    stage.run().await;
    assert_eq!(
        stage.digests().last().unwrap()["gaps"]
            .as_array()
            .unwrap()
            .len(),
        3,
        "each of them ended"
    );
    assert_eq!(stage.document("ledger.json")["gaps"], json!([]));
    assert!(
        last_text(&stage).contains("z is no longer there"),
        "{}",
        last_text(&stage)
    );
}

#[tokio::test]
async fn a_pack_itself_stayed_open_beside_its_open_member() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "UPDATE_FAILED");
    stage.run().await;
    stage.run().await;
    stage.member("baseline", ACCOUNT, "UPDATE_FAILED");
    stage
        .invoke(json!({"accounts": [ACCOUNT]}))
        .await
        .expect("a run");
    stage.pass(15);
    stage.member("baseline", ACCOUNT, "UPDATE_IN_PROGRESS");
    assert_eq!(stage.run().await["totals"]["failures"], 1);
    assert_eq!(
        stage.digests().last().unwrap()["cleared"][0]["how"],
        "explained"
    );
}

#[tokio::test]
async fn a_narrowed_run_failed_on_a_topic_that_was_no_longer_configured() {
    let mut stage = TestEnv::failing().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage
        .invoke(json!({}))
        .await
        .expect_err("the chat topic is missing");
    stage.pass(15);
    stage.set("CHAT_TOPIC_ARN", "");
    stage
        .invoke(json!({"packs": ["base*"]}))
        .await
        .expect("nobody sends to it any more");
}

#[tokio::test]
async fn names_from_aws_were_shown_as_they_came() {
    let mut stage = TestEnv::new().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    let name = "<!channel>*x*[a](http://b)\u{1b}[31m\u{202e}`q`";
    stage.pack(name, "UPDATE_SUCCESSFUL");
    stage.member(name, ACCOUNT, "UPDATE_FAILED");
    stage.run().await;
    let (publish, chat) = (&stage.publishes(TOPIC)[0], &stage.publishes(CHAT)[0]);
    for shown in [
        publish.subject.clone().unwrap(),
        email(publish),
        chat.message.clone(),
    ] {
        for mark in [
            "<!channel>",
            "*x*",
            "[a]",
            "\u{1b}",
            "\\u001b",
            "\u{202e}",
            "`",
        ] {
            assert!(!shown.contains(mark), "{mark:?} in {shown}");
        }
    }
    assert_eq!(
        program_json(publish)["appeared"][0]["pack"],
        name,
        "programs get the name itself"
    );
}

#[tokio::test]
async fn one_account_in_two_regions_was_counted_twice_when_it_recovered() {
    let mut stage = TestEnv::new().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    for (status, runs) in [("UPDATE_FAILED", 2), ("UPDATE_SUCCESSFUL", 1)] {
        for region in [REGION, FAR] {
            stage.world.put_pack(
                OWN,
                region,
                "baseline",
                StatusRecord::new("UPDATE_SUCCESSFUL"),
            );
            stage
                .world
                .put_member(OWN, region, "baseline", ACCOUNT, StatusRecord::new(status));
            stage
                .world
                .put_pack(OWN, region, "lonely", StatusRecord::new(status));
        }
        for _ in 0..runs {
            stage.run().await;
        }
    }
    let text = last_text(&stage);
    assert!(text.contains("- baseline: 1 account recovered"), "{text}");
    assert!(
        text.contains("- lonely: the pack itself recovered"),
        "{text}"
    );
}

#[tokio::test]
async fn what_was_explained_was_listed_under_cleared() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_FAILED");
    stage.run().await;
    stage.run().await;
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    stage.run().await;
    let text = last_text(&stage);
    assert!(
        text.contains("Explained (not cleared) (1)") && !text.contains("Cleared ("),
        "{text}"
    );
}

#[tokio::test]
async fn groups_that_fitted_stood_under_a_pack_that_did_not() {
    let stage = TestEnv::new().await;
    for n in 0..131 {
        let pack = format!("pack-{n:03}");
        stage.pack(&pack, "UPDATE_SUCCESSFUL");
        for (at, account) in [ACCOUNT, OTHER].into_iter().enumerate() {
            let message = if at == 0 || n % 3 > 0 {
                "w ".repeat(190)
            } else {
                "s".to_owned()
            };
            let row = StatusRecord::new("CREATE_FAILED")
                .code(format!("Code{at}-of-{pack}"))
                .message(message);
            stage.world.put_member(OWN, REGION, &pack, account, row);
        }
    }
    stage.run().await;
    let mut heading = String::new();
    for line in last_text(&stage).lines() {
        if line.starts_with("pack-") {
            line.trim_end_matches(':').clone_into(&mut heading);
        }
        assert!(
            !line.starts_with("  1 account: ") || line.ends_with(&heading),
            "under {heading}: {line}"
        );
    }
}

#[tokio::test]
async fn a_commit_that_landed_late_was_answered_with_another_snapshot() {
    let mut stage = TestEnv::failing().await;
    stage.timeouts.attempt = std::time::Duration::from_millis(300);
    stage.timeouts.initial_backoff = std::time::Duration::from_millis(1);
    let put = |effect| {
        Fault::new(effect)
            .service(Service::S3)
            .operation("PutObject")
            .target("ledger")
    };
    // The first attempt lands while the second commit waits; its three tries are given up before.
    stage
        .world
        .fault(put(Effect::Hold(std::time::Duration::from_millis(1_200))).nth(1));
    stage.world.fault(put(Effect::InternalError).nth(2));
    stage.world.fault(put(Effect::InternalError).nth(3));
    stage
        .world
        .fault(put(Effect::Hold(std::time::Duration::from_millis(1_500))).nth(4));
    stage
        .world
        .fault(put(Effect::Hold(std::time::Duration::from_millis(1_500))).nth(5));
    stage
        .world
        .fault(put(Effect::Hold(std::time::Duration::from_millis(1_500))).nth(6));
    let answer = stage.run().await;
    let named = format!(
        "s3://{}/{}",
        crate::support::harness::BUCKET,
        stage.document("ledger.json")["snapshot"].as_str().unwrap()
    );
    assert_eq!(answer["snapshot"], named);
    assert_eq!(stage.latest(), stage.snapshot(&answer));
    assert_eq!(stage.digests().len(), 1);
}

#[tokio::test]
async fn a_gap_that_came_back_was_told_at_first_sight_where_another_topic_lagged() {
    let mut stage = TestEnv::failing().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    let dark = || {
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region(FAR)
    };
    stage.world.fault(dark());
    stage.run().await;
    stage.run().await;
    stage.world.fault(no_sns().target(CHAT));
    stage.member("baseline", OTHER, "UPDATE_FAILED");
    stage.invoke(json!({})).await.expect_err("chat is mute");
    stage.pass(15);
    stage.world.clear_faults();
    stage.world.fault(no_sns().target(CHAT));
    stage.invoke(json!({})).await.expect_err("chat is mute");
    stage.pass(15);
    assert_eq!(stage.digests().last().unwrap()["gaps"][0]["state"], "ended");
    let before = stage.digests().len();
    stage.world.fault(dark());
    stage.invoke(json!({})).await.expect_err("chat is mute");
    assert_eq!(
        stage.digests().len(),
        before,
        "the first run of another gap"
    );
}

#[tokio::test]
async fn a_dry_run_named_a_snapshot_that_would_never_be_and_hid_behind_a_waiting_digest() {
    let stage = TestEnv::failing().await;
    let dry = stage.invoke(json!({"dry_run": true})).await.expect("a run");
    assert!(
        !dry["digest"]["text"].as_str().unwrap().contains("s3://"),
        "{dry}"
    );
    stage.world.fault(no_sns());
    stage.invoke(json!({})).await.expect_err("refused");
    stage.pass(15);
    stage.member("baseline", OTHER, "UPDATE_FAILED");
    let dry = stage.invoke(json!({"dry_run": true})).await.expect("a run");
    assert!(
        dry["digest"]["text"].as_str().unwrap().contains(OTHER),
        "{dry}"
    );
}

#[tokio::test]
async fn a_clearing_that_was_undone_made_the_failure_young() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    stage.world.fault(no_sns());
    for (account, status) in [
        (OTHER, "UPDATE_FAILED"),
        (ACCOUNT, "UPDATE_SUCCESSFUL"),
        (ACCOUNT, "UPDATE_FAILED"),
    ] {
        stage.member("baseline", account, status);
        stage.invoke(json!({})).await.expect_err("refused");
        stage.pass(15);
    }
    let account = &stage.latest()["packs"][0]["failing_accounts"][0];
    assert_eq!(
        (&account["change"], &account["failing_since"]),
        (&json!("ongoing"), &json!("2026-03-01T08:00:00Z"))
    );
}

#[tokio::test]
async fn newly_watched_was_forgotten_before_anybody_heard_of_it() {
    let mut stage = TestEnv::failing().await;
    stage.run().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.set("ANNOUNCE_AFTER_MINUTES", "60");
    stage
        .world
        .put_member(OWN, FAR, "far", ACCOUNT, StatusRecord::new("UPDATE_FAILED"));
    for _ in 0..6 {
        stage.run().await;
    }
    assert!(
        last_text(&stage).contains("Newly watched (1)"),
        "{}",
        last_text(&stage)
    );
}

#[tokio::test]
async fn a_link_to_a_key_broke_at_a_space() {
    let mut stage = TestEnv::failing().await;
    stage.set("SNAPSHOT_PREFIX", "a b&c#d?e)f%20+");
    stage.run().await;
    let text = last_text(&stage);
    assert!(
        text.contains("prefix=a%20b%26c%23d%3Fe%29f%2520%2B/snapshots/"),
        "{text}"
    );
}

#[tokio::test]
async fn a_pack_itself_under_a_gap_was_not_unconfirmed() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "UPDATE_FAILED");
    stage.run().await;
    stage.run().await;
    stage.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .operation(MEMBERS),
    );
    let answer = stage.run().await;
    assert_eq!(
        keys(&stage.snapshot(&answer)["unconfirmed"]),
        ["baseline/-"]
    );
}

#[tokio::test]
async fn a_refused_digest_hid_that_its_claim_could_not_be_given_back() {
    let stage = TestEnv::failing().await;
    stage.world.fault(no_sns());
    let no = Fault::error(403, "AccessDenied", "denied here")
        .service(Service::S3)
        .operation("PutObject")
        .target("ledger");
    stage.world.fault(no.nth(2));
    let error = stage.invoke(json!({})).await.expect_err("both");
    assert_eq!(error.kind(), "PublishFailed");
    assert!(
        error.to_report().contains("AuthorizationError")
            && error.to_report().contains("denied here"),
        "{}",
        error.to_report()
    );
}

#[tokio::test]
async fn a_dead_topic_made_later_failures_of_an_account_old() {
    let mut stage = TestEnv::failing().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.set("ANNOUNCE_AFTER_MINUTES", "60");
    for status in ["UPDATE_FAILED", "UPDATE_SUCCESSFUL"] {
        stage.member("baseline", ACCOUNT, status);
        for _ in 0..6 {
            let _ = stage.invoke(json!({})).await;
            stage.pass(15);
        }
    }
    assert_eq!(
        stage.digests().len(),
        2,
        "told, and told to have ended; chat has heard of neither"
    );
    stage.member("baseline", ACCOUNT, "UPDATE_FAILED");
    stage.invoke(json!({})).await.expect_err("chat is dead");
    assert_eq!(stage.digests().len(), 2, "too new to be told");
    assert_eq!(
        stage.latest()["packs"][0]["failing_accounts"][0]["change"],
        "early"
    );
}

#[tokio::test]
async fn an_empty_answer_by_name_was_taken_for_a_pack_that_is_gone() {
    let stage = TestEnv::failing().await;
    stage.member("baseline", OTHER, "UPDATE_FAILED");
    stage.run().await;
    stage.world.remove_member(OWN, REGION, "baseline", ACCOUNT);
    let empty = "{\"OrganizationConformancePackStatuses\":[]}".to_owned();
    let effect = Effect::Raw {
        status: 200,
        content_type: "application/x-amz-json-1.1".into(),
        body: empty,
    };
    let by_name = Fault::new(effect)
        .service(Service::Config)
        .operation("DescribeOrganizationConformancePackStatuses");
    stage.world.fault(by_name.nth(2));
    let answer = stage.run().await;
    assert_eq!(
        (&answer["totals"]["failures"], &answer["totals"]["gaps"]),
        (&json!(2), &json!(1)),
        "{answer}"
    );
    assert_eq!(stage.digests().len(), 1);
}

#[tokio::test]
async fn a_clock_that_had_been_wrong_kept_a_blackout_from_being_recorded() {
    let stage = TestEnv::failing().await;
    stage.pass(2 * 24 * 60);
    stage.run().await;
    stage.pass(-2 * 24 * 60);
    stage.world.deny_caller(OWN);
    for _ in 0..2 {
        stage.invoke(json!({})).await.expect_err("nothing read");
        stage.pass(15);
    }
    assert_eq!(
        stage.digests().len(),
        2,
        "the gap is told in its second run"
    );
}

#[tokio::test]
async fn a_source_that_was_not_identified_was_called_unwatched_when_it_was_read() {
    let stage = TestEnv::failing().await;
    stage
        .world
        .fault(Fault::error(403, "AccessDenied", "no").service(Service::Sts));
    for _ in 0..2 {
        stage.invoke(json!({})).await.expect_err("nothing read");
        stage.pass(15);
    }
    stage.world.clear_faults();
    stage.run().await;
    let publish = stage.publishes(TOPIC).pop().unwrap();
    assert!(
        email(&publish).contains("? self eu-west-1 is read again"),
        "{}",
        email(&publish)
    );
    assert!(publish.subject.unwrap().contains(", 1 gap ended"));
}

#[tokio::test]
async fn who_asked_for_a_digest_got_only_an_older_one() {
    let stage = TestEnv::failing().await;
    stage.world.fault(no_sns());
    stage.invoke(json!({})).await.expect_err("refused");
    stage.pass(15);
    stage.world.clear_faults();
    let answer = stage
        .invoke(json!({"announce": "always"}))
        .await
        .expect("a run");
    let ids: Vec<String> = stage
        .digests()
        .iter()
        .map(|digest| digest["digest_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["run-1.0.1", "run-2.0.2"]);
    assert_eq!(answer["digest"]["id"], "run-2.0.2");
}

#[tokio::test]
async fn each_retry_gave_one_topic_the_digest_it_had_asked_for_while_the_other_refused() {
    let mut stage = TestEnv::new().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    stage.world.fault(no_sns().target(CHAT));
    let function = stage.function().await;
    let invoke = || function.invoke(r#"{"announce": "always"}"#, stage.context_of("one"));
    for _ in 0..2 {
        assert_eq!(invoke().await.unwrap_err().kind(), "PublishFailed");
    }
    stage.world.clear_faults();
    invoke().await.expect("what was left is sent");
    assert_eq!(
        (stage.publishes(TOPIC).len(), stage.publishes(CHAT).len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_lasting_gap_began_anew_in_a_run_of_one_account() {
    let stage = TestEnv::failing().await;
    stage.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .operation(MEMBERS),
    );
    stage.run().await;
    let answer = stage
        .invoke(json!({"accounts": [ACCOUNT]}))
        .await
        .expect("a run");
    let gap = &stage.snapshot(&answer)["gaps"][0];
    assert_eq!(
        (&gap["state"], &gap["since"]),
        (&json!("lasting"), &json!("2026-03-01T08:00:00Z"))
    );
}

#[tokio::test]
async fn a_narrowed_digest_did_not_account_for_all_that_is_open() {
    let stage = TestEnv::failing().await;
    stage.pack("guardrails", "UPDATE_SUCCESSFUL");
    stage.member("guardrails", ACCOUNT, "UPDATE_FAILED");
    let mut stage = stage;
    stage.set("ANNOUNCE_AFTER_MINUTES", "30");
    stage.run().await;
    stage.pass(30);
    stage
        .invoke(json!({"packs": ["baseline"]}))
        .await
        .expect("a run");
    let text = last_text(&stage);
    assert!(
        text.contains("2 open in 2 packs") && text.contains("  guardrails: 1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_code_without_an_end_was_stored_whole() {
    let stage = TestEnv::failing().await;
    stage.world.fault(
        Fault::error(400, &"X".repeat(20_000), "no")
            .service(Service::Config)
            .operation(MEMBERS),
    );
    let answer = stage.run().await;
    let code = stage.snapshot(&answer)["gaps"][0]["code"]
        .as_str()
        .unwrap()
        .len();
    assert!(code <= 1_024, "{code}");
}
