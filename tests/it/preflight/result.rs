//! The result as a whole: the checks of a setup in order, the text, `preflight.json`.

use std::collections::BTreeSet;

use futures_util::future::join;
use packwatch_simulation::{Effect, Fault, Service};
use serde_json::{Value, json};

use super::{ADMIN, ROLE, check, in_order, named, own_arn, statuses, text};
use crate::support::harness::{BUCKET, CHAT, OWN, TestEnv};

#[tokio::test]
async fn set_up_in_order_is_ok_before_first_run() {
    let env = in_order().await;
    let response = check(&env).await;
    assert_eq!(
        statuses(&response),
        [
            "identity ok",
            "account_kind ok",
            "source ok",
            "unwatched_regions ok",
            "other_administrators ok",
            "bucket_write ok",
            "bucket_encryption ok",
            "bucket_conditions ok",
            "bucket_versioning ok",
            "ledger ok",
            "ledger_owner ok",
            "topic ok",
            "include_packs ok",
            "exclude_packs ok",
            "mutes ok",
        ]
    );
    for check in response["checks"].as_array().expect("a list") {
        assert_eq!(check["action"], Value::Null, "{check}");
    }
    assert_eq!(response["run_id"], "run-1");
    assert_eq!(env.world.object(BUCKET, "ledger.json"), None);
    insta::assert_snapshot!("in-order", text(&response, "text"));
}

#[tokio::test]
async fn set_up_in_order_is_ok_after_runs() {
    let env = in_order().await;
    env.world.management_account(ADMIN);
    env.run().await;
    let sent = env.world.publishes().len();
    env.world.forget_calls();
    let response = check(&env).await;
    assert_eq!(env.world.publishes().len(), sent);
    assert!(
        statuses(&response)
            .iter()
            .all(|check| check.ends_with(" ok")),
        "{response:#}"
    );
    let [kind] = named(&response, "account_kind")[..] else {
        panic!("one check")
    };
    assert!(
        text(kind, "detail").contains("is a delegated administrator"),
        "{kind}"
    );
    let [ledger] = named(&response, "ledger")[..] else {
        panic!("one check")
    };
    assert!(text(ledger, "detail").contains("sequence 1"), "{ledger}");
}

/// Breaks many parts of the setup at once.
async fn with_many_faults() -> TestEnv {
    let mut env = in_order().await;
    env.set("ROLE_ARNS", &format!("self,{ROLE}"));
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.set("INCLUDE_PACKS", "base*,gdpr*");
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.set("SNAPSHOT_PREFIX", "packwatch/");
    env.world.management_account(OWN);
    env.world.allow_caller(ADMIN);
    env.world.allow_caller("888877776666");
    env.world.put_pack(
        OWN,
        "us-west-2",
        "baseline",
        packwatch_simulation::StatusRecord::new("CREATE_SUCCESSFUL"),
    );
    env.world.versioning(BUCKET, "Suspended");
    env.world.remove_topic(&own_arn("digest"));
    env.world.subscriptions(CHAT, 0, 1);
    env.world.fault(
        Fault::error(400, "UnrecognizedClientException", "no")
            .service(Service::Config)
            .region("ap-east-1"),
    );
    env
}

#[tokio::test]
async fn text_is_table_of_at_most_78_ascii_columns() {
    let env = with_many_faults().await;
    let response = check(&env).await;
    let table = text(&response, "text");
    for line in table.lines() {
        assert!(line.len() <= 78, "{} columns: {line}", line.len());
        assert!(
            line.chars().all(|c| (' '..='~').contains(&c)) && line.trim_end() == line,
            "{line:?}"
        );
    }
    for check in response["checks"].as_array().expect("a list") {
        for part in [text(check, "name"), text(check, "status")] {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
    }
    insta::assert_snapshot!("many-faults", table);
}

#[tokio::test]
async fn preflight_json_holds_the_same_checks() {
    let env = with_many_faults().await;
    let response = check(&env).await;
    let stored = env.document("packwatch/preflight.json");
    assert_eq!(stored["checks"], response["checks"]);
    assert_eq!(stored["text"], response["text"]);
    assert_eq!(stored["run_id"], response["run_id"]);
    assert_eq!(stored["finished"], true);
    assert_eq!(stored["schema_version"], 1);
    assert_eq!(stored["checked_at"], "2026-03-01T08:00:00Z");
}

#[tokio::test]
async fn every_write_is_conditional() {
    let env = in_order().await;
    check(&env).await;
    check(&env).await;
    let puts: Vec<_> = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "PutObject")
        .collect();
    let etags: BTreeSet<_> = env
        .world
        .versions(BUCKET, "preflight.json")
        .into_iter()
        .map(|version| format!("If-Match: {}", version.etag))
        .collect();
    assert_eq!(puts.len(), 8);
    for put in puts {
        assert_eq!(put.target, format!("{BUCKET}/preflight.json"));
        let condition = put.condition.expect("a condition");
        let accepted = put.status == Some(200);
        let named_version = condition == "If-None-Match: *" || etags.contains(&condition);
        assert!(!accepted || named_version, "{condition}");
    }
    assert_eq!(
        env.world.versions(BUCKET, "preflight.json").len(),
        4,
        "two accepted writes a check"
    );
}

#[tokio::test]
async fn concurrent_checks_both_succeed() {
    let env = in_order().await;
    let (first, second) = join(check(&env), check(&env)).await;
    for response in [first, second] {
        assert!(
            !statuses(&response)
                .iter()
                .any(|check| check.ends_with(" failed")),
            "{response:#}"
        );
    }
    assert_eq!(env.document("preflight.json")["finished"], true);
}

#[tokio::test]
async fn last_write_that_fails_is_in_response() {
    let env = in_order().await;
    let refused = Fault::error(403, "AccessDenied", "Access Denied")
        .service(Service::S3)
        .operation("PutObject")
        .nth(4);
    env.world.fault(refused);
    let response = check(&env).await;
    let [write] = named(&response, "bucket_write")[..] else {
        panic!("one check")
    };
    assert_eq!(write["status"], "failed", "{write}");
    assert!(
        text(&response, "text").contains("failed   bucket_write"),
        "{response:#}"
    );
    assert_eq!(env.document("preflight.json")["finished"], false);
}

#[tokio::test]
async fn check_is_allowed_to_anyone_and_changes_no_ledger() {
    let mut env = in_order().await;
    env.run().await;
    let ledger = env.world.object(BUCKET, "ledger.json");
    // `env.invoke` would refuse a full run of this function.
    env.set("AWS_LAMBDA_FUNCTION_NAME", "second");
    env.world.forget_calls();
    check(&env).await;
    env.set("AWS_SAM_LOCAL", "true");
    check(&env).await;
    assert_eq!(env.world.object(BUCKET, "ledger.json"), ledger);
}

#[tokio::test]
async fn local_run_with_other_settings_is_warned() {
    let mut env = in_order().await;
    env.run().await;
    env.world.forget_calls();
    env.set("AWS_SAM_LOCAL", "true");
    let response = check(&env).await;
    let [owner] = named(&response, "ledger_owner")[..] else {
        panic!("one check")
    };
    assert_eq!(owner["status"], "ok", "{owner}");
    env.set("EXCLUDE_PACKS", "other*");
    let response = check(&env).await;
    let [owner] = named(&response, "ledger_owner")[..] else {
        panic!("one check")
    };
    assert_eq!(owner["status"], "warning", "{owner}");
    assert!(
        text(owner, "detail").contains("EXCLUDE_PACKS are other*"),
        "{owner}"
    );
    assert!(
        text(owner, "action").contains("get-function-configuration --function-name packwatch"),
        "{owner}"
    );
}

#[tokio::test]
async fn dry_run_writes_nothing() {
    let env = in_order().await;
    let function = env.function().await.force_dry_run();
    let response = env
        .invoke_in(&function, json!({"check": true}))
        .await
        .expect("the check ends");
    assert_eq!(env.world.objects(BUCKET).len(), 0);
    for name in ["bucket_write", "bucket_encryption", "bucket_conditions"] {
        let [check] = named(&response, name)[..] else {
            panic!("one check")
        };
        assert_eq!(check["status"], "skipped", "{check}");
    }
}

#[tokio::test]
async fn check_beside_other_keys_is_refused() {
    let env = in_order().await;
    for (event, part) in [
        (
            json!({"check": false}),
            "\"check\" is false; accepted: true",
        ),
        (json!({"check": "true"}), "\"check\" is \"true\""),
        (
            json!({"check": true, "dry_run": true}),
            "\"dry_run\" is not accepted beside \"check\"",
        ),
        (
            json!({"check": true, "packs": ["a"]}),
            "\"packs\" is not accepted beside \"check\"",
        ),
        (
            json!({"check": true, "adopt_ledger": true}),
            "\"check\" is not accepted beside \"adopt_ledger\"",
        ),
        (
            json!({"check": true, "detail-type": "Scheduled Event", "time": "2026-03-01T08:00:00Z"}),
            "\"check\" is not accepted in a scheduled event",
        ),
        (
            json!({"check": true, "trigger": "schedule", "scheduled_at": "2026-03-01T08:00:00Z"}),
            "\"check\" is not accepted in the input of a schedule",
        ),
    ] {
        let error = env.invoke(event.clone()).await.expect_err("it is refused");
        assert_eq!(error.kind(), "InvalidEvent", "{event}");
        assert!(error.to_report().contains(part), "{}", error.to_report());
    }
    assert!(env.world.calls().is_empty());
}

#[tokio::test]
async fn rejected_credentials_end_the_check() {
    let env = in_order().await;
    env.world.fault(Fault::new(Effect::ExpiredToken));
    let error = env.invoke(json!({"check": true})).await;
    let error = error.expect_err("there are no credentials");
    assert_eq!(error.kind(), "CredentialsUnavailable");
}
