//! Invalid events and settings: the error names the key or variable, and no AWS API is called.

use packwatch::input::settings::Settings;
use packwatch::report::Outcome;
use serde_json::{Value, json};

use crate::support::harness::TestEnv;

/// Invokes the function with an invalid event and returns the error report.
async fn rejection_report(event: Value) -> String {
    let env = TestEnv::new().await;
    let error = env
        .invoke(event.clone())
        .await
        .expect_err(&event.to_string());
    assert_eq!(error.kind(), "InvalidEvent", "{event}");
    assert_eq!(env.world.calls().len(), 0, "no AWS API is called: {event}");
    error.to_report()
}

#[tokio::test]
async fn invalid_event_error_names_key_and_accepted_values() {
    let scheduled =
        |kind: &str, time: &str| json!({"detail-type": kind, "source": "aws.events", "time": time});
    for (event, expected) in [
        (json!(null), "JSON object"),
        (json!([]), "JSON object"),
        (json!("run"), "JSON object"),
        (
            json!({"pakcs": ["a"]}),
            "\"pakcs\" is not a key of a manual request; accepted: \"packs\"",
        ),
        (
            json!({"packs": "baseline"}),
            "\"packs\" is \"baseline\"; accepted: a non-empty list",
        ),
        (json!({"packs": []}), "\"packs\" is []"),
        (json!({"packs": [1]}), "\"packs\" is [1]"),
        (
            json!({"packs": ["["]}),
            "\"packs\": the glob \"[\" is malformed",
        ),
        (
            json!({"accounts": ["1"]}),
            "\"accounts\" contains \"1\"; accepted: 12-digit account ids",
        ),
        (
            json!({"accounts": [111_122_223_333_u64]}),
            "\"accounts\" is [111122223333]",
        ),
        (
            json!({"accounts": ["11112222333a"]}),
            "\"accounts\" contains",
        ),
        (
            json!({"regions": ["mars-1"]}),
            "\"regions\" contains \"mars-1\", which is not watched; accepted: eu-west-1",
        ),
        (
            json!({"dry_run": "yes"}),
            "\"dry_run\" is \"yes\"; accepted: true or false",
        ),
        (
            json!({"announce": "loud"}),
            "\"announce\" is \"loud\"; accepted: \"changes\", \"always\" or \"never\"",
        ),
        (json!({"announce": true}), "\"announce\" is true"),
        (
            json!({"trigger": "schedule"}),
            "\"scheduled_at\" is missing; accepted: an event such as {\"trigger\": \"schedule\", ",
        ),
        (
            json!({"scheduled_at": "2026-01-01T00:00:00Z"}),
            "\"trigger\" is missing; accepted: an event such as",
        ),
        (
            json!({"detail-type": "Scheduled Event"}),
            "\"time\" is missing; accepted: an event such as {\"detail-type\": ",
        ),
        (
            json!({"trigger": "schedule", "scheduled_at": "<aws.scheduler.scheduled-time>"}),
            "\"scheduled_at\" is",
        ),
        (
            json!({"trigger": "cron", "scheduled_at": "2026-01-01T00:00:00Z"}),
            "\"trigger\" is \"cron\"",
        ),
        (
            json!({"trigger": "schedule", "scheduled_at": "2026-01-01T00:00:00Z", "dry_run": true}),
            "\"dry_run\" is not accepted in the input of a schedule; accepted: \"trigger\", \"scheduled_at\"",
        ),
        (
            scheduled("AWS Console Sign In via CloudTrail", "2026-01-01T00:00:00Z"),
            "\"detail-type\" is \"AWS Console Sign In",
        ),
        (
            scheduled("Scheduled Event", "yesterday"),
            "\"time\" is \"yesterday\"",
        ),
        (
            scheduled("Scheduled Event", "2026-03-01 08:00:00Z"),
            "\"time\" is",
        ),
        (
            scheduled("Scheduled Event", "-002026-03-01T08:00:00Z"),
            "\"time\" is",
        ),
        (
            scheduled("Scheduled Event", "2026-03-01T08:00:00+01:00[Europe/Paris]"),
            "\"time\" is",
        ),
        (
            scheduled("Scheduled Event", "2026-03-01T08:15Z"),
            "\"time\" is",
        ),
        (
            scheduled("Scheduled Event", "2026-03-01T081500Z"),
            "\"time\" is",
        ),
        (
            scheduled("Scheduled Event", "2026-03-01T08:15:00+0530"),
            "\"time\" is",
        ),
        (
            scheduled("Scheduled Event", "2026-03-01T08:15:00,5Z"),
            "\"time\" is",
        ),
        (
            scheduled("Scheduled Event", "2026-03-01T08:15:00+05:30:15"),
            "\"time\" is",
        ),
        (
            scheduled("Scheduled Event", "2026-3-1T8:15:0Z"),
            "\"time\" is",
        ),
        (
            json!({"packs": null}),
            "\"packs\" is null; accepted: a non-empty list",
        ),
        (
            json!({"a, expected `b`": 1}),
            "\"a, expected `b`\" is not a key of a manual request; accepted: \"packs\"",
        ),
        (
            json!({"announce": "missing field `x`"}),
            "\"announce\" is \"missing field `x`\"; accepted: \"changes\"",
        ),
        (json!({"a\nb": 1}), "\"a\\nb\" is not a key"),
        (json!({"packs": ["[\n"]}), "the glob \"[\\n\" is malformed"),
        (
            json!({"regions": ["x\ny"]}),
            "\"regions\" contains \"x\\ny\"",
        ),
        (
            json!({"detail-type": "Scheduled Event", "time": "2026-03-01T08:00:00Z", "dry_run": true}),
            "\"dry_run\" is not accepted in a scheduled event",
        ),
        (
            json!({"detail-type": "Scheduled Event", "time": "2026-03-01T08:00:00Z", "packs": null}),
            "\"packs\" is not accepted in a scheduled event",
        ),
    ] {
        let report = rejection_report(event.clone()).await;
        assert!(report.contains(expected), "{event}: {report}");
    }
}

#[tokio::test]
async fn malformed_json_and_duplicate_keys_are_rejected() {
    let env = TestEnv::new().await;
    let function = env.function().await;
    let deep = format!("{{\"packs\": {}{}}}", "[".repeat(200), "]".repeat(200));
    for (event, expected) in [
        (
            r#"{"dry_run": 1e999}"#,
            "cannot be read: number out of range at line 1 column 17",
        ),
        (r#"{"packs": ["\ud800"]}"#, "cannot be read: "),
        (deep.as_str(), "cannot be read: recursion limit exceeded"),
        (r#"{"dry_run": true"#, "cannot be read: EOF"),
        ("run", "cannot be read: expected value"),
        (
            r#"{"dry_run": true, "announce": "never", "dry_run": false}"#,
            "\"dry_run\" appears twice; each key is allowed once",
        ),
        (
            r#"{"packs": ["a"], "p\u0061cks": ["b"]}"#,
            "\"packs\" appears twice",
        ),
        (
            r#"{"detail-type": "Scheduled Event", "time": "2026-03-01T08:00:00Z", "time": "2026-03-01T09:00:00Z"}"#,
            "\"time\" appears twice",
        ),
    ] {
        let error = function
            .invoke(event, env.context())
            .await
            .expect_err(event);
        assert_eq!(error.kind(), "InvalidEvent", "{event}");
        assert!(
            error.to_report().contains(expected),
            "{event}: {}",
            error.to_report()
        );
    }
    assert_eq!(env.world.calls().len(), 0);
}

#[tokio::test]
async fn blank_payload_is_full_run_and_other_bytes_are_rejected() {
    let env = TestEnv::new().await;
    let function = env.function().await;
    for payload in ["", " ", "\r\n\t "] {
        let response = function.invoke(payload, env.context()).await;
        let response = response.expect("a run").into_run().expect("a run");
        assert_eq!(response.outcome, Outcome::Committed, "{payload:?}");
        env.advance_minutes(1);
    }
    assert_eq!(env.latest()["run"]["trigger"], "manual");
    env.world.forget_calls();
    let not_utf8 = [
        b"\xff".as_slice(),
        b"{\"packs\": [\"\xff\"]}",
        b"\xff\xfe{\0}\0",
    ];
    for payload in not_utf8 {
        let error = function
            .invoke(payload, env.context())
            .await
            .expect_err("the payload is not UTF-8");
        assert_eq!(error.kind(), "InvalidEvent", "{payload:?}");
        let report = error.to_report();
        assert!(report.contains("the event cannot be read: "), "{report}");
    }
    assert_eq!(env.world.calls().len(), 0);
}

/// The sample events of the AWS console and SAM have a time of 1970, and a recorded event has an
/// old one. Under such a day nobody looks for a snapshot.
#[tokio::test]
async fn scheduled_time_far_from_clock_does_not_name_snapshot() {
    for (scheduled_at, day) in [
        ("1970-01-01T00:00:00Z", "2026-03-01/20260301T080000Z"),
        ("9999-12-30T22:00:00Z", "2026-03-01/20260301T080000Z"),
        ("2026-02-22T07:59:59Z", "2026-03-01/20260301T080000Z"),
        ("2026-03-08T08:00:01Z", "2026-03-01/20260301T080000Z"),
        ("2026-02-22T08:00:00Z", "2026-02-22/20260222T080000Z"),
        ("2026-03-08T08:00:00Z", "2026-03-08/20260308T080000Z"),
        ("2026-03-01T07:59:59Z", "2026-03-01/20260301T075959Z"),
    ] {
        for event in [
            json!({"trigger": "schedule", "scheduled_at": scheduled_at}),
            json!({"detail-type": "Scheduled Event", "source": "aws.events", "time": scheduled_at}),
        ] {
            let env = TestEnv::new().await;
            let response = env.invoke(event).await.expect("the run succeeds");
            assert_eq!(
                response["snapshot"],
                format!("s3://packwatch-snapshots/snapshots/dt={day}_run-1.json")
            );
            let run = &env.snapshot(&response)["run"];
            assert_eq!(
                (&run["scheduled_at"], &run["trigger"]),
                (&json!(scheduled_at), &json!("schedule")),
                "the time stays as it was sent"
            );
        }
    }
}

#[tokio::test]
async fn valid_events_run() {
    let env = TestEnv::new().await;
    for event in [
        json!({}),
        json!({"packs": ["base*"], "accounts": ["222233334444"], "regions": ["eu-west-1"], "dry_run": false, "announce": "changes"}),
        json!({"trigger": "schedule", "scheduled_at": "2026-03-01T08:59:30.000+01:00"}),
        json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": "111122223333",
               "time": "2026-03-01T07:59:00Z", "region": "eu-west-1", "resources": [], "detail": {}}),
    ] {
        assert_eq!(
            env.invoke(event.clone()).await.expect("the run succeeds")["outcome"],
            "committed",
            "{event}"
        );
        env.advance_minutes(1);
    }
    let keys: Vec<String> = env
        .world
        .objects(crate::support::harness::BUCKET)
        .into_keys()
        .collect();
    assert!(
        keys.contains(&"snapshots/dt=2026-03-01/20260301T075930Z_run-3.json".to_owned()),
        "{keys:?}"
    );
    assert!(
        keys.contains(&"snapshots/dt=2026-03-01/20260301T075900Z_run-4.json".to_owned()),
        "{keys:?}"
    );
}

/// Returns the errors of valid settings in which the variables of `overrides` are replaced.
fn setting_errors(overrides: &[(&str, &str)]) -> Vec<String> {
    let valid = [
        ("AWS_REGION", "eu-west-1"),
        ("SNAPSHOT_BUCKET", "bucket"),
        ("TOPIC_ARN", crate::support::harness::TOPIC),
    ];
    let lookup = |name: &str| {
        let variable = overrides
            .iter()
            .chain(&valid)
            .find(|(known, _)| *known == name);
        variable.map(|(_, value)| (*value).to_owned())
    };
    Settings::read(lookup)
        .err()
        .map(|errors| errors.0)
        .unwrap_or_default()
}

#[test]
fn invalid_variable_error_names_value_and_accepted_values() {
    for (name, value) in [
        ("SNAPSHOT_BUCKET", "arn:aws:s3:::bucket"),
        ("SNAPSHOT_BUCKET", "Bucket"),
        ("SNAPSHOT_BUCKET", "-bucket-"),
        ("SNAPSHOT_PREFIX", "/config"),
        ("REGIONS", "eu--1"),
        ("ROLE_ARNS", "arn:aws:iam::444455556666:role/two words"),
        ("TOPIC_ARN", "digest"),
        ("TOPIC_ARN", "arn:aws:sqs:eu-west-1:111122223333:queue"),
        ("CHAT_TOPIC_ARN", "arn:aws:sns:eu-west-1:1111:chat"),
        (
            "CHAT_TOPIC_ARN",
            "arn:aws:sns:eu-west-1:111122223333:chat.fifo",
        ),
        ("CHAT_TOPIC_ARN", crate::support::harness::TOPIC),
        ("REGIONS", "eu-west-1,Ireland"),
        ("REGIONS", "eu-west-1,eu-west-1"),
        ("REGIONS", ","),
        ("ROLE_ARNS", "arn:aws:iam::444455556666:user/reader"),
        ("ROLE_ARNS", "self,self"),
        (
            "ROLE_ARNS",
            "arn:aws:iam::444455556666:role/a,arn:aws:iam::444455556666:role/b",
        ),
        ("ROLE_EXTERNAL_ID", "x"),
        ("INCLUDE_PACKS", "[a"),
        ("EXCLUDE_PACKS", "***"),
        ("IGNORE_ACCOUNTS", "1234"),
        ("ANNOUNCE_AFTER_MINUTES", "-1"),
        ("ANNOUNCE_AFTER_MINUTES", "1.5"),
        ("REMIND_AFTER_HOURS", "weekly"),
        ("ACCOUNT_NAMES", "yes"),
        ("CONCURRENCY", "0"),
        ("CONCURRENCY", "65"),
        ("LABEL", "two words"),
        ("AWS_REGION", "Ireland"),
    ] {
        let errors = setting_errors(&[(name, value)]);
        assert_eq!(errors.len(), 1, "{name}={value}: {errors:?}");
        let error = &errors[0];
        assert!(
            error.starts_with(name) && error.contains(value) && error.contains("accepted:"),
            "{error}"
        );
        assert!(!error.contains('\n'), "each error is one line");
    }
}

#[test]
fn fifo_topic_is_accepted_for_digests_and_not_for_chat() {
    let fifo = "arn:aws:sns:eu-west-1:111122223333:team.fifo";
    assert_eq!(setting_errors(&[("TOPIC_ARN", fifo)]), Vec::<String>::new());
    assert_eq!(
        setting_errors(&[("CHAT_TOPIC_ARN", fifo)]),
        [format!(
            "CHAT_TOPIC_ARN is \"{fifo}\"; accepted: the ARN of an SNS topic such as \
             arn:aws:sns:eu-west-1:111122223333:chat, a standard topic, because Amazon Q Developer cannot subscribe to FIFO \
             topics"
        )]
    );
}

#[test]
fn all_invalid_variables_are_reported_together() {
    let errors = setting_errors(&[
        ("SNAPSHOT_BUCKET", ""),
        ("TOPIC_ARN", " "),
        ("CONCURRENCY", "many"),
        ("LABEL", "ok"),
    ]);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(
        errors[0].starts_with("SNAPSHOT_BUCKET is not set; accepted:"),
        "{errors:?}"
    );
    assert!(
        errors[1].starts_with("TOPIC_ARN is not set; accepted:"),
        "{errors:?}"
    );
}

#[test]
fn settings_error_report_has_one_line_per_error() {
    let invalid = Settings::read(|name| (name == "CONCURRENCY").then(|| "0".to_owned()))
        .expect_err("the settings are invalid");
    let report = packwatch::run::RunError::InvalidSettings(invalid).to_report();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.len(), 6, "{report}");
    assert_eq!(
        lines[4],
        "CONCURRENCY is \"0\"; accepted: a whole number from 1 to 64"
    );
}

#[test]
fn empty_variables_count_as_unset_and_valid_ones_parse() {
    let all = [
        "CHAT_TOPIC_ARN",
        "REGIONS",
        "ROLE_ARNS",
        "INCLUDE_PACKS",
        "LABEL",
        "CONCURRENCY",
        "SNAPSHOT_PREFIX",
    ];
    assert_eq!(
        setting_errors(&all.map(|name| (name, ""))),
        Vec::<String>::new()
    );
    let valid = [
        ("SNAPSHOT_PREFIX", "config/packs"),
        ("REGIONS", "eu-west-1, us-gov-west-1"),
        (
            "ROLE_ARNS",
            "self, arn:aws:iam::444455556666:role/path/reader",
        ),
        ("INCLUDE_PACKS", "base*,prod-?,[a-c]*"),
        ("ACCOUNT_NAMES", "on"),
        ("CONCURRENCY", "64"),
        ("REMIND_AFTER_HOURS", "0"),
        ("LABEL", "prod"),
    ];
    assert_eq!(setting_errors(&valid), Vec::<String>::new());
}

#[tokio::test]
async fn role_in_own_account_is_rejected_as_duplicate_source() {
    let mut env = TestEnv::new().await;
    env.set("ROLE_ARNS", "self,arn:aws:iam::111122223333:role/reader");
    let function = env.function().await;
    let error = function.verify_identity().await.unwrap_err();
    assert_eq!(error.kind(), "InvalidSettings");
    assert!(
        error
            .to_report()
            .contains("which names both self and a role in 111122223333"),
        "{}",
        error.to_report()
    );
    let operations: Vec<String> = env
        .world
        .calls()
        .into_iter()
        .map(|call| call.operation)
        .collect();
    assert_eq!(
        operations,
        ["GetCallerIdentity"],
        "only GetCallerIdentity is called before the error"
    );
    assert_eq!(
        env.invoke(json!({})).await.unwrap_err().kind(),
        "InvalidSettings"
    );
}
