//! Regression tests: each test covers a defect that was fixed and must not return.

use packwatch::run::RunError;
use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, email, keys, program_json};

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";
const OTHER_REGION: &str = "us-east-1";
const GET_DETAILED_STATUS: &str = "GetOrganizationConformancePackDetailedStatus";

/// Invokes the function with a deadline `seconds` from now.
async fn invoke_with_deadline(
    env: &TestEnv,
    seconds: i64,
    event: Value,
) -> Result<Value, RunError> {
    let handler = env.function().await;
    let mut context = env.context();
    context.deadline = u64::try_from(env.now().as_millisecond() + seconds * 1_000).unwrap();
    let response = handler.invoke(&event.to_string(), context).await?;
    Ok(serde_json::to_value(response).unwrap())
}

/// Returns a fault that rejects every publish.
fn sns_denied() -> Fault {
    Fault::error(403, "AuthorizationError", "no").service(Service::Sns)
}

/// Returns the email text of the last digest.
fn last_email(env: &TestEnv) -> String {
    email(env.publishes(TOPIC).last().expect("a digest"))
}

#[tokio::test]
async fn member_page_without_list_is_recorded_as_gap() {
    let env = TestEnv::failing().await;
    env.member("baseline", "111100002222", "UPDATE_SUCCESSFUL");
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.world.page_size(Some(1));
    env.world.fault(
        Fault::new(Effect::Empty)
            .service(Service::Config)
            .operation(GET_DETAILED_STATUS)
            .nth(2),
    );
    let response = env.run().await;
    assert_eq!(
        (&response["complete"], &response["totals"]["gaps"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(env.snapshot(&response)["packs"][0]["coverage"], "partial");
    assert_eq!(
        env.snapshot(&response)["gaps"][0]["code"],
        "MalformedResponse"
    );
}

#[tokio::test]
async fn unresponsive_sts_leaves_time_to_record_gap() {
    let env = TestEnv::failing().await;
    env.world
        .fault(Fault::new(Effect::NoResponse).service(Service::Sts));
    let error = invoke_with_deadline(&env, 2, json!({}))
        .await
        .expect_err("nothing is read");
    assert_eq!(error.kind(), "AllSourcesFailed");
    assert!(
        error.to_report().contains("DeadlineExceeded"),
        "{}",
        error.to_report()
    );
    assert_eq!(
        env.document("ledger.json")["gaps"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "the gap is recorded before the deadline"
    );
}

#[tokio::test]
async fn announce_never_keeps_undelivered_changes_of_other_runs() {
    let env = TestEnv::failing().await;
    env.world.fault(sns_denied());
    env.invoke(json!({}))
        .await
        .expect_err("SNS rejects the publish");
    env.advance_minutes(15);
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.invoke(json!({})).await.expect("the digest waits");
    env.advance_minutes(15);
    env.member("baseline", "444455556666", "UPDATE_FAILED");
    env.invoke(json!({"announce": "never"}))
        .await
        .expect("the digest waits");
    env.advance_minutes(15);
    env.world.clear_faults();
    env.run().await;
    env.run().await;
    let notified: Vec<_> = env
        .digests()
        .iter()
        .flat_map(|digest| keys(&digest["appeared"]))
        .collect();
    assert_eq!(
        notified,
        ["baseline/222233334444", "baseline/333344445555"],
        "the run with announce never suppresses only its own change"
    );
}

#[tokio::test]
async fn announce_never_run_that_reads_nothing_sends_no_digest() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.deny_caller(OWN);
    env.invoke(json!({})).await.expect_err("nothing is read");
    env.advance_minutes(15);
    env.invoke(json!({"announce": "never"}))
        .await
        .expect_err("nothing is read");
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn gap_digest_is_not_first_run_and_has_current_time() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.deny_caller(OWN);
    for _ in 0..2 {
        env.invoke(json!({})).await.expect_err("nothing is read");
        env.advance_minutes(15);
    }
    let publish = env.publishes(TOPIC).pop().unwrap();
    assert_eq!(
        publish.subject.as_deref(),
        Some("[packwatch] NO DATA eu-west-1: OrganizationAccessDeniedException; 1 failure open")
    );
    assert_eq!(program_json(&publish)["created_at"], "2026-03-01T08:30:00Z");
    assert!(
        email(&publish).contains("Sun 1 Mar 08:15 UTC (15 min)"),
        "{}",
        email(&publish)
    );
    assert!(
        email(&publish).contains("as of Sun 1 Mar 08:00"),
        "{}",
        email(&publish)
    );
}

#[tokio::test]
async fn failed_ledger_write_reports_its_own_cause() {
    let ledger_error = || {
        Fault::error(500, "InternalError", "internal failure")
            .service(Service::S3)
            .operation("PutObject")
            .target("ledger")
    };
    let mut env = TestEnv::failing().await;
    env.timeouts.initial_backoff = std::time::Duration::from_millis(5);
    env.world.fault(ledger_error());
    let report = env
        .invoke(json!({}))
        .await
        .expect_err("the ledger is not stored")
        .to_report();
    assert!(
        report.contains("InternalError: internal failure") && !report.contains("other runs"),
        "{report}"
    );
    env.world.clear_faults();
    env.world.fault(
        Fault::error(409, "ConditionalRequestConflict", "x")
            .service(Service::S3)
            .operation("PutObject")
            .target("ledger")
            .from_nth(2),
    );
    let error = env.invoke(json!({})).await.expect_err("the settle fails");
    assert_eq!(error.kind(), "SettleFailed");
    assert!(
        error.to_report().contains("changed by another writer"),
        "{}",
        error.to_report()
    );
}

#[tokio::test]
async fn gap_of_removed_region_ends_as_no_longer_watched() {
    let mut env = TestEnv::failing().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region(OTHER_REGION),
    );
    env.run().await;
    env.run().await;
    env.set("REGIONS", "eu-west-1");
    env.run().await;
    let text = last_email(&env);
    assert!(
        text.contains("NO LONGER WATCHED us-east-1 in account 111122223333"),
        "{text}"
    );
    assert_eq!(
        env.digests().last().unwrap()["gaps"][0]["state"],
        "unwatched"
    );
}

#[tokio::test]
async fn gap_of_deleted_pack_ends() {
    let mut env = TestEnv::new().await;
    env.set("CONCURRENCY", "1");
    for pack in ["a", "b", "z"] {
        env.pack(pack, "UPDATE_SUCCESSFUL");
    }
    env.world.fault(
        Fault::new(Effect::NoResponse)
            .service(Service::Config)
            .operation(GET_DETAILED_STATUS),
    );
    for _ in 0..2 {
        invoke_with_deadline(&env, 2, json!({}))
            .await
            .expect("the run succeeds");
        env.advance_minutes(15);
    }
    env.world.clear_faults();
    env.world.remove_pack(OWN, REGION, "z");
    env.world.page_size(Some(1));
    env.run().await;
    assert_eq!(
        env.digests().last().unwrap()["gaps"]
            .as_array()
            .unwrap()
            .len(),
        3,
        "every gap ended"
    );
    assert_eq!(env.document("ledger.json")["gaps"], json!([]));
    assert!(
        last_email(&env).contains("GONE pack z in eu-west-1: the pack no longer exists"),
        "{}",
        last_email(&env)
    );
}

#[tokio::test]
async fn pack_failure_is_attributed_to_open_in_progress_member() {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_FAILED");
    env.run().await;
    env.run().await;
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.invoke(json!({"accounts": [ACCOUNT]}))
        .await
        .expect("the run succeeds");
    env.advance_minutes(15);
    env.member("baseline", ACCOUNT, "UPDATE_IN_PROGRESS");
    assert_eq!(env.run().await["totals"]["failures"], 1);
    let always = env.invoke(json!({"announce": "always"})).await;
    always.expect("a digest that the end of the failure joins");
    assert_eq!(
        env.digests().last().unwrap()["cleared"][0]["resolution"],
        "attributed"
    );
}

#[tokio::test]
async fn narrowed_run_ignores_topic_no_longer_configured() {
    let mut env = TestEnv::failing().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.invoke(json!({}))
        .await
        .expect_err("the chat topic is missing");
    env.advance_minutes(15);
    env.set("CHAT_TOPIC_ARN", "");
    env.invoke(json!({"packs": ["base*"]}))
        .await
        .expect("the run does not publish to the removed topic");
}

#[tokio::test]
async fn pack_names_are_sanitized_in_digests() {
    let mut env = TestEnv::new().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    let name = "<!channel>*x*[a](http://b)\u{1b}[31m\u{202e}`q`";
    env.pack(name, "UPDATE_SUCCESSFUL");
    env.member(name, ACCOUNT, "UPDATE_FAILED");
    env.run().await;
    let (publish, chat) = (&env.publishes(TOPIC)[0], &env.publishes(CHAT)[0]);
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
        "the JSON has the original name"
    );
}

#[tokio::test]
async fn account_recovered_in_two_regions_is_counted_once() {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    for (status, runs) in [("UPDATE_FAILED", 2), ("UPDATE_SUCCESSFUL", 1)] {
        for region in [REGION, OTHER_REGION] {
            env.world.put_pack(
                OWN,
                region,
                "baseline",
                StatusRecord::new("UPDATE_SUCCESSFUL"),
            );
            env.world
                .put_member(OWN, region, "baseline", ACCOUNT, StatusRecord::new(status));
            env.world
                .put_pack(OWN, region, "lonely", StatusRecord::new(status));
        }
        for _ in 0..runs {
            env.run().await;
        }
    }
    let text = last_email(&env);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.starts_with("1 account, 2 packs themselves no longer fail."),
        "{text}"
    );
}

#[tokio::test]
async fn attributed_failure_is_not_listed_as_cleared() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_FAILED");
    env.run().await;
    env.run().await;
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    env.run().await;
    let text = last_email(&env);
    assert!(
        text.starts_with("  1 account began to fail") && !text.contains("CLEARED"),
        "{text}"
    );
}

#[tokio::test]
async fn failure_groups_are_listed_under_their_own_pack() {
    let env = TestEnv::new().await;
    for n in 0..131 {
        let pack = format!("pack-{n:03}");
        env.pack(&pack, "UPDATE_SUCCESSFUL");
        for (at, account) in [ACCOUNT, OTHER].into_iter().enumerate() {
            let message = if at == 0 || n % 3 > 0 {
                "w ".repeat(190)
            } else {
                "s".to_owned()
            };
            let record = StatusRecord::new("CREATE_FAILED")
                .code(format!("Code{at}-of-{pack}"))
                .message(message);
            env.world.put_member(OWN, REGION, &pack, account, record);
        }
    }
    env.run().await;
    let mut heading = String::new();
    for line in last_email(&env).lines() {
        if line.starts_with("pack-") {
            line.trim_end_matches(':').clone_into(&mut heading);
        }
        assert!(
            !line.starts_with("  1 account: ") || line.ends_with(&heading),
            "a group of another pack under {heading}: {line}"
        );
    }
}

#[tokio::test]
async fn late_commit_response_names_the_committed_snapshot() {
    let mut env = TestEnv::failing().await;
    env.timeouts.attempt = std::time::Duration::from_millis(300);
    env.timeouts.initial_backoff = std::time::Duration::from_millis(1);
    let put = |effect| {
        Fault::new(effect)
            .service(Service::S3)
            .operation("PutObject")
            .target("ledger")
    };
    // The first write takes effect during the second commit attempt. The three tries of the second
    // commit attempt time out before they take effect.
    env.world
        .fault(put(Effect::Hold(std::time::Duration::from_millis(1_200))).nth(1));
    env.world.fault(put(Effect::InternalError).nth(2));
    env.world.fault(put(Effect::InternalError).nth(3));
    env.world
        .fault(put(Effect::Hold(std::time::Duration::from_millis(1_500))).nth(4));
    env.world
        .fault(put(Effect::Hold(std::time::Duration::from_millis(1_500))).nth(5));
    env.world
        .fault(put(Effect::Hold(std::time::Duration::from_millis(1_500))).nth(6));
    let response = env.run().await;
    let committed = format!(
        "s3://{}/{}",
        crate::support::harness::BUCKET,
        env.document("ledger.json")["snapshot"].as_str().unwrap()
    );
    assert_eq!(response["snapshot"], committed);
    assert_eq!(env.latest(), env.snapshot(&response));
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn recurring_gap_with_lagging_topic_waits_for_second_run() {
    let mut env = TestEnv::failing().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    let region_denied = || {
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region(OTHER_REGION)
    };
    env.world.fault(region_denied());
    env.run().await;
    env.run().await;
    env.world.fault(sns_denied().target(CHAT));
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.invoke(json!({}))
        .await
        .expect_err("the chat topic rejects the publish");
    env.advance_minutes(15);
    env.world.clear_faults();
    env.world.fault(sns_denied().target(CHAT));
    env.invoke(json!({})).await.expect("the chat digest waits");
    env.advance_minutes(15);
    assert_eq!(env.digests().last().unwrap()["gaps"][0]["state"], "ended");
    let before = env.digests().len();
    env.world.fault(region_denied());
    env.invoke(json!({})).await.expect("the chat digest waits");
    assert_eq!(
        env.digests().len(),
        before,
        "a new gap is not notified in its first run"
    );
}

#[tokio::test]
async fn dry_run_names_no_snapshot_and_ignores_outgoing_digest() {
    let env = TestEnv::failing().await;
    let response = env
        .invoke(json!({"dry_run": true}))
        .await
        .expect("the run succeeds");
    assert!(
        !response["digest"]["text"]
            .as_str()
            .unwrap()
            .contains("s3://"),
        "{response}"
    );
    env.world.fault(sns_denied());
    env.invoke(json!({}))
        .await
        .expect_err("SNS rejects the publish");
    env.advance_minutes(15);
    env.member("baseline", OTHER, "UPDATE_FAILED");
    let response = env
        .invoke(json!({"dry_run": true}))
        .await
        .expect("the run succeeds");
    assert!(
        response["digest"]["text"].as_str().unwrap().contains(OTHER),
        "{response}"
    );
}

#[tokio::test]
async fn failure_with_cancelled_resolution_keeps_failing_since() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.fault(sns_denied());
    for (account, status) in [
        (OTHER, "UPDATE_FAILED"),
        (ACCOUNT, "UPDATE_SUCCESSFUL"),
        (ACCOUNT, "UPDATE_FAILED"),
    ] {
        env.member("baseline", account, status);
        // Fails only the first time that SNS rejects the digest.
        let _ = env.invoke(json!({})).await;
        env.advance_minutes(15);
    }
    let account = &env.latest()["packs"][0]["failing_accounts"][0];
    assert_eq!(
        (&account["change"], &account["failing_since"]),
        (&json!("ongoing"), &json!("2026-03-01T08:00:00Z"))
    );
}

#[tokio::test]
async fn newly_watched_source_is_marked_until_notified() {
    let mut env = TestEnv::failing().await;
    env.run().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    env.world.put_member(
        OWN,
        OTHER_REGION,
        "far",
        ACCOUNT,
        StatusRecord::new("UPDATE_FAILED"),
    );
    for _ in 0..6 {
        env.run().await;
    }
    assert!(
        last_email(&env).to_lowercase().contains("newly watched"),
        "{}",
        last_email(&env)
    );
}

#[tokio::test]
async fn console_link_percent_encodes_snapshot_prefix() {
    let mut env = TestEnv::failing().await;
    env.set("SNAPSHOT_PREFIX", "a b&c#d?e)f%20+");
    env.run().await;
    let text = last_email(&env);
    assert!(
        text.contains("prefix=a%20b%26c%23d%3Fe%29f%2520%2B/snapshots/"),
        "{text}"
    );
}

#[tokio::test]
async fn pack_failure_under_gap_is_unconfirmed() {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_FAILED");
    env.run().await;
    env.run().await;
    env.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .operation(GET_DETAILED_STATUS),
    );
    let response = env.run().await;
    assert_eq!(
        keys(&env.snapshot(&response)["unconfirmed"]),
        ["baseline/-"]
    );
}

#[tokio::test]
async fn publish_error_includes_failed_lease_release() {
    let env = TestEnv::failing().await;
    env.world.fault(sns_denied());
    let release_denied = Fault::error(403, "AccessDenied", "denied here")
        .service(Service::S3)
        .operation("PutObject")
        .target("ledger");
    env.world.fault(release_denied.nth(2));
    let error = env
        .invoke(json!({}))
        .await
        .expect_err("publish and lease release fail");
    assert_eq!(error.kind(), "PublishFailed");
    assert!(
        error.to_report().contains("AuthorizationError")
            && error.to_report().contains("denied here"),
        "{}",
        error.to_report()
    );
}

#[tokio::test]
async fn recurring_failure_with_dead_topic_is_pending_again() {
    let mut env = TestEnv::failing().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    for status in ["UPDATE_FAILED", "UPDATE_SUCCESSFUL"] {
        env.member("baseline", ACCOUNT, status);
        for _ in 0..6 {
            let _ = env.invoke(json!({})).await;
            env.advance_minutes(15);
        }
    }
    assert_eq!(
        env.digests().len(),
        3,
        "the digest topic gets the first look, the failure and its resolution, the chat topic none"
    );
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.invoke(json!({})).await.expect("the chat digest waits");
    assert_eq!(env.digests().len(), 3, "the failure is not due yet");
    assert_eq!(
        env.latest()["packs"][0]["failing_accounts"][0]["change"],
        "pending"
    );
}

#[tokio::test]
async fn empty_status_response_by_name_is_gap_not_deletion() {
    let env = TestEnv::failing().await;
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.run().await;
    env.world.remove_member(OWN, REGION, "baseline", ACCOUNT);
    let empty = "{\"OrganizationConformancePackStatuses\":[]}".to_owned();
    let effect = Effect::Raw {
        status: 200,
        content_type: "application/x-amz-json-1.1".into(),
        body: empty,
    };
    let by_name = Fault::new(effect)
        .service(Service::Config)
        .operation("DescribeOrganizationConformancePackStatuses");
    env.world.fault(by_name.nth(2));
    let response = env.run().await;
    assert_eq!(
        (&response["totals"]["failures"], &response["totals"]["gaps"]),
        (&json!(2), &json!(1)),
        "{response}"
    );
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn clock_set_back_does_not_block_gap_notification() {
    let env = TestEnv::failing().await;
    env.advance_minutes(2 * 24 * 60);
    env.run().await;
    env.advance_minutes(-2 * 24 * 60);
    env.world.deny_caller(OWN);
    for _ in 0..2 {
        env.invoke(json!({})).await.expect_err("nothing is read");
        env.advance_minutes(15);
    }
    assert_eq!(
        env.digests().len(),
        2,
        "the gap is notified in its second run"
    );
}

#[tokio::test]
async fn gap_of_unidentified_source_ends_as_read_again() {
    let env = TestEnv::failing().await;
    env.world
        .fault(Fault::error(403, "AccessDenied", "no").service(Service::Sts));
    for _ in 0..2 {
        env.invoke(json!({})).await.expect_err("nothing is read");
        env.advance_minutes(15);
    }
    env.world.clear_faults();
    env.run().await;
    let publish = env.publishes(TOPIC).pop().unwrap();
    assert!(email(&publish).contains("DATA BACK"), "{}", email(&publish));
    let subject = publish.subject.unwrap();
    assert!(subject.to_lowercase().contains("data back"), "{subject}");
}

#[tokio::test]
async fn forced_digest_is_sent_after_pending_one() {
    let env = TestEnv::failing().await;
    env.world.fault(sns_denied());
    env.invoke(json!({}))
        .await
        .expect_err("SNS rejects the publish");
    env.advance_minutes(15);
    env.world.clear_faults();
    let response = env
        .invoke(json!({"announce": "always"}))
        .await
        .expect("the run succeeds");
    let ids: Vec<String> = env
        .digests()
        .iter()
        .map(|digest| digest["digest_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["run-1.0.1", "run-2.0.2"]);
    assert_eq!(response["digest"]["id"], "run-2.0.2");
}

#[tokio::test]
async fn forced_digest_is_sent_once_per_topic_across_retries() {
    let mut env = TestEnv::new().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    env.world.fault(sns_denied().target(CHAT));
    let handler = env.function().await;
    let invoke = || handler.invoke(r#"{"announce": "always"}"#, env.context_of("one"));
    assert_eq!(invoke().await.unwrap_err().kind(), "PublishFailed");
    invoke().await.expect("the chat digest waits");
    env.world.clear_faults();
    invoke().await.expect("the remaining digest is sent");
    assert_eq!(
        (env.publishes(TOPIC).len(), env.publishes(CHAT).len()),
        (1, 1)
    );
}

#[tokio::test]
async fn persisting_gap_keeps_start_in_account_scoped_run() {
    let env = TestEnv::failing().await;
    env.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .operation(GET_DETAILED_STATUS),
    );
    env.run().await;
    let response = env
        .invoke(json!({"accounts": [ACCOUNT]}))
        .await
        .expect("the run succeeds");
    let gap = &env.snapshot(&response)["gaps"][0];
    assert_eq!(
        (&gap["state"], &gap["since"]),
        (&json!("lasting"), &json!("2026-03-01T08:00:00Z"))
    );
}

#[tokio::test]
async fn narrowed_digest_counts_open_failures_of_all_packs() {
    let env = TestEnv::failing().await;
    env.pack("guardrails", "UPDATE_SUCCESSFUL");
    env.member("guardrails", ACCOUNT, "UPDATE_FAILED");
    env.run().await;
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.invoke(json!({"packs": ["baseline"]}))
        .await
        .expect("the run succeeds");
    let text = last_email(&env)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        text.contains("packs baseline") && text.contains("ALSO FAILING, reported before"),
        "{text}"
    );
}

#[tokio::test]
async fn long_error_code_is_truncated() {
    let env = TestEnv::failing().await;
    env.world.fault(
        Fault::error(400, &"X".repeat(20_000), "no")
            .service(Service::Config)
            .operation(GET_DETAILED_STATUS),
    );
    let response = env.run().await;
    let code = env.snapshot(&response)["gaps"][0]["code"]
        .as_str()
        .unwrap()
        .len();
    assert!(code <= 1_024, "{code}");
}
