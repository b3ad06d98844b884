//! Tests of `packwatch status`.

use std::process::Output;

use packwatch_simulation::{Fault, Service};
use serde_json::{Value, json};

use super::harness::{BUCKET, FUNCTION_ARN, TestEnv};
use super::{packwatch, text};

const FIXTURES: &str = "cli/tests/cli/fixtures";

async fn status(test_env: &TestEnv, arguments: &[&str]) -> Output {
    packwatch(test_env, "status", arguments, "").await
}

/// Returns the text about a file with the snapshot of a situation, without the age of the snapshot,
/// and the exit code.
async fn situation(name: &str, by: &str) -> (String, Option<i32>) {
    let test_env = TestEnv::new().await;
    let file = format!("{FIXTURES}/{name}.json");
    let output = status(&test_env, &[&file, "--by", by]).await;
    assert_eq!(text(&output.stderr), "");
    assert_eq!(test_env.world.calls().len(), 0, "a file needs no call");
    let out = text(&output.stdout);
    let (before, rest) = out.split_once(" UTC, ").expect("a time");
    let (_, after) = rest.split_once(" ago (run 42).").expect("an age");
    let out = format!("{before} UTC, AGE ago (run 42).{after}");
    for line in out
        .lines()
        .filter(|line| line.trim().contains(' ') && !line.contains("aws configservice"))
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
    (out, output.status.code())
}

#[tokio::test]
async fn failing_accounts_are_shown_by_cause_account_and_pack() {
    for by in ["cause", "account", "pack"] {
        let (out, code) = situation("failing", by).await;
        assert_eq!(code, Some(0), "failing accounts are no error: {out}");
        insta::assert_snapshot!(format!("failing-by-{by}"), out);
    }
}

#[tokio::test]
async fn missing_data_is_shown_first_and_exits_with_3() {
    for by in ["cause", "account"] {
        let (out, code) = situation("incomplete", by).await;
        assert_eq!(code, Some(3), "{out}");
        insta::assert_snapshot!(format!("incomplete-by-{by}"), out);
    }
}

#[tokio::test]
async fn nothing_fails_is_said_only_if_everything_was_read() {
    let (out, code) = situation("healthy", "cause").await;
    assert_eq!(code, Some(0), "{out}");
    insta::assert_snapshot!("healthy", out);
}

#[tokio::test]
async fn json_has_failures_of_every_group() {
    let test_env = TestEnv::new().await;
    let file = format!("{FIXTURES}/failing.json");
    for by in ["cause", "account", "pack"] {
        let output = status(&test_env, &[&file, "--json", "--by", by]).await;
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let groups = document["groups"].as_array().expect("groups");
        let failures = |group: &Value| group["failures"].as_u64().expect("a number");
        let total: u64 = groups.iter().map(failures).sum();
        assert_eq!(document["by"], by);
        assert_eq!(json!(total), document["totals"]["failures"], "{by}");
        assert_eq!(document["complete"], true);
        assert_eq!(document["as_of"], "2026-03-02T03:00:09Z");
    }
}

#[tokio::test]
async fn latest_snapshot_is_read_from_s3_without_aws_config() {
    let mut test_env = TestEnv::failing().await;
    test_env.set("SNAPSHOT_PREFIX", "prod");
    test_env.run().await;
    let function = json!({
        "FunctionArn": FUNCTION_ARN,
        "Environment": {"Variables": {"SNAPSHOT_BUCKET": BUCKET, "SNAPSHOT_PREFIX": "prod"}},
    });
    let address = format!("s3://{BUCKET}/prod/latest.json");
    let folder = format!("s3://{BUCKET}/prod/");
    let expected = "1 account fails in 1 of 1 pack, since ";
    for (arguments, input) in [
        (vec![address.as_str()], String::new()),
        (vec![folder.as_str()], String::new()),
        (vec![], String::new()),
        (vec!["--function", "-"], function.to_string()),
    ] {
        let calls = test_env.world.calls().len();
        let arguments = [&["--profile", "audit"], arguments.as_slice()].concat();
        let output = packwatch(&test_env, "status", &arguments, &input).await;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {err}");
        assert!(out.starts_with(expected), "{arguments:?}: {out}");
        assert!(
            out.contains("\n         222233334444\n") || out.contains(" 222233334444\n"),
            "{out}"
        );
        let calls = &test_env.world.calls()[calls..];
        let services: Vec<Service> = calls.iter().map(|call| call.service).collect();
        assert_eq!(services, [Service::S3], "only the object is read");
    }
}

#[tokio::test]
async fn status_of_incomplete_run_exits_with_3() {
    let mut test_env = TestEnv::failing().await;
    test_env.set("REGIONS", "eu-west-1,us-east-1");
    test_env.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region("us-east-1"),
    );
    test_env.run().await;
    let output = status(&test_env, &["--profile", "audit"]).await;
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{out}");
    assert!(
        out.contains("\nNO DATA  us-east-1 of 111122223333: access denied\n"),
        "{out}"
    );
    assert!(out.contains("\nFAILING  "), "{out}");
}

#[tokio::test]
async fn unusable_snapshot_is_an_error_that_names_it() {
    let test_env = TestEnv::new().await;
    let missing = format!("s3://{BUCKET}/latest.json");
    let cases = [
        ("none.json", "", "none.json cannot be read: No such file"),
        (
            "-",
            "{",
            "standard input is not a snapshot of packwatch, such as latest.json: EOF",
        ),
        (
            "-",
            "{\"schema_version\": 1}",
            "standard input is not a snapshot of packwatch, such as latest.json: missing field",
        ),
        (
            "-",
            "{\"schema_version\": 2}",
            "standard input has schema version 2, which this version of packwatch does not know",
        ),
        (
            &missing,
            "",
            "s3://packwatch-snapshots/latest.json does not exist: either no full run has been committed yet",
        ),
        (
            "s3://no-such-bucket/latest.json",
            "",
            "s3://no-such-bucket/latest.json cannot be read: ",
        ),
    ];
    for (source, input, expected) in cases {
        let arguments = ["--profile", "audit", source];
        let output = packwatch(&test_env, "status", &arguments, input).await;
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{source}: {err}");
        assert!(err.starts_with(expected), "{source}: {err}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[tokio::test]
async fn wrong_usage_exits_with_2() {
    let mut test_env = TestEnv::new().await;
    test_env.env.remove("SNAPSHOT_BUCKET");
    for arguments in [
        &["--by", "region"][..],
        &["file.json", "--function", "function.json"],
        &["s3://"],
        &[],
    ] {
        let output = status(&test_env, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
}

#[tokio::test]
async fn status_is_colored_only_if_wanted() {
    let mut test_env = TestEnv::new().await;
    let file = format!("{FIXTURES}/failing.json");
    test_env.set("CLICOLOR_FORCE", "1");
    let output = status(&test_env, &[&file]).await;
    assert!(text(&output.stdout).contains("\u{1b}[1m\u{1b}[31mFAILING\u{1b}[0m  "));
    test_env.env.remove("CLICOLOR_FORCE");
    test_env.set("NO_COLOR", "1");
    let output = status(&test_env, &[&file]).await;
    assert!(!text(&output.stdout).contains('\u{1b}'));
}
