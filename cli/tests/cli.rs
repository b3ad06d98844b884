//! Tests of the `packwatch` command-line program, started as a child process.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "a test that cannot continue panics, and the harness is shared with the other tests"
)]

#[path = "../../tests/it/support/harness.rs"]
mod harness;
#[path = "cli/status.rs"]
mod status;

use std::collections::BTreeMap;
use std::process::{Output, Stdio};

use packwatch_simulation::{Fault, Service};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use harness::{BUCKET, TOPIC, TestEnv, email};

/// Runs `packwatch run` with `arguments` and the standard input `input`.
async fn packwatch_run(test_env: &TestEnv, arguments: &[&str], input: &str) -> Output {
    packwatch(test_env, "run", arguments, input).await
}

/// Runs a command of `packwatch` with `arguments` and the standard input `input`. The profile
/// `audit` sets the region and the access keys.
async fn packwatch(test_env: &TestEnv, command: &str, arguments: &[&str], input: &str) -> Output {
    let home = std::env::temp_dir().join(format!(
        "packwatch-cli-{}-{}",
        std::process::id(),
        harness::token()
    ));
    std::fs::create_dir_all(&home).expect("a folder");
    let config = home.join("config");
    let profile = "[profile audit]\nregion = eu-west-1\naws_access_key_id = AKIDOWN\naws_secret_access_key = any\n";
    std::fs::write(&config, profile).expect("a file");
    let credentials = home.join("credentials");
    std::fs::write(&credentials, "").expect("a file");
    let mut env: BTreeMap<String, String> = test_env
        .env
        .iter()
        .filter(|(name, _)| *name != "AWS_REGION")
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    env.insert("AWS_ENDPOINT_URL".to_owned(), test_env.server.url());
    env.insert("AWS_CONFIG_FILE".to_owned(), config.display().to_string());
    env.insert(
        "AWS_SHARED_CREDENTIALS_FILE".to_owned(),
        credentials.display().to_string(),
    );
    env.insert("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned());
    let mut program = Command::new(env!("CARGO_BIN_EXE_packwatch"))
        .arg(command)
        .args(arguments)
        .env_clear()
        .envs(env)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = program.stdin.take().expect("an input");
    // The write fails if the program exits without reading its standard input.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = program.wait_with_output().await.expect("the program ends");
    std::fs::remove_dir_all(&home).expect("the folder is removed");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn run_without_event_is_dry_run_and_prints_digest() {
    let test_env = TestEnv::failing().await;
    let output = packwatch_run(&test_env, &["--profile", "audit"], "").await;
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{err}");
    assert!(
        out.starts_with("  DRY RUN: a run would send this digest now.\n\n"),
        "{out}"
    );
    assert_eq!(
        err,
        "1 pack, 2 calls to AWS Config, 0 throttled. Dry run: nothing was written, nothing was published. --commit does both.\n"
    );
    assert_eq!(
        (
            test_env.world.objects(BUCKET).len(),
            test_env.world.publishes().len()
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn commit_flag_publishes_and_prints_sent_digest() {
    let test_env = TestEnv::failing().await;
    let output = packwatch_run(
        &test_env,
        &["--profile", "audit", "--commit", "events/scheduled.json"],
        "",
    )
    .await;
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{err}");
    let [sent] = &test_env.publishes(TOPIC)[..] else {
        panic!("one digest: {err}")
    };
    assert_eq!(out.trim_end(), email(sent).trim_end());
    assert!(err.ends_with("Committed as run 1.\n"), "{err}");
    let output = packwatch_run(&test_env, &["--profile", "audit", "--commit"], "").await;
    assert_eq!(
        text(&output.stdout),
        "No digest is due: no changes, 1 failure open. `packwatch status` shows them.\n"
    );
    assert_eq!(test_env.publishes(TOPIC).len(), 1);
}

#[tokio::test]
async fn commit_requires_flag_and_event_without_dry_run() {
    let test_env = TestEnv::failing().await;
    for (arguments, event) in [
        (
            vec!["--profile", "audit", "--commit", "--json", "-"],
            json!({"dry_run": true}),
        ),
        (
            vec!["--profile", "audit", "--json", "-"],
            json!({"announce": "always"}),
        ),
        (
            vec!["--profile", "audit", "--json", "events/scheduled.json"],
            json!(null),
        ),
    ] {
        let output = packwatch_run(&test_env, &arguments, &event.to_string()).await;
        let response: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        assert_eq!(response["outcome"], "dry_run", "{arguments:?}");
        assert_eq!(
            text(&output.stderr).contains("--commit does both"),
            !arguments.contains(&"--commit")
        );
        assert_eq!(response["totals"]["failures"], 1);
    }
    assert_eq!(
        (
            test_env.world.objects(BUCKET).len(),
            test_env.world.publishes().len()
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn unread_source_is_reported_on_stderr() {
    let mut test_env = TestEnv::failing().await;
    test_env.set("REGIONS", "eu-west-1,us-east-1");
    test_env.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region("us-east-1"),
    );
    let output = packwatch_run(&test_env, &["--profile", "audit"], "").await;
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(out.contains("\n  NO DATA us-east-1"), "{out}");
    assert!(!err.contains("NO DATA"), "the digest has it: {err}");
    let arguments = ["--profile", "audit", "--json"];
    let output = packwatch_run(&test_env, &arguments, "").await;
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    let expected = "NO DATA  us-east-1 of 111122223333: DescribeOrganizationConformancePackStatuses: AccessDeniedException: no\n";
    assert!(err.starts_with(expected), "{err}");
}

#[tokio::test]
async fn equal_failed_reads_are_one_line() {
    let test_env = TestEnv::failing().await;
    for pack in ["guardrails", "tags"] {
        test_env.pack(pack, "UPDATE_SUCCESSFUL");
    }
    test_env.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .operation("GetOrganizationConformancePackDetailedStatus"),
    );
    let arguments = ["--profile", "audit", "--json"];
    let output = packwatch_run(&test_env, &arguments, "").await;
    let err = text(&output.stderr);
    let lines: Vec<&str> = err.lines().filter(|line| line.contains("no")).collect();
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert_eq!(
        lines[0],
        "NO DATA  3 packs in eu-west-1 of 111122223333: GetOrganizationConformancePackDetailedStatus: AccessDeniedException: no"
    );
    assert_eq!(err.matches("AccessDeniedException").count(), 1, "{err}");
}

#[tokio::test]
async fn quiet_run_prints_only_digest() {
    let test_env = TestEnv::failing().await;
    let arguments = ["--profile", "audit", "--quiet"];
    let output = packwatch_run(&test_env, &arguments, "").await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    assert!(text(&output.stdout).contains("\n  FAILING "));
}

#[tokio::test]
async fn colors_are_shown_only_if_wanted() {
    let mut test_env = TestEnv::failing().await;
    let arguments = ["--profile", "audit"];
    let plain = packwatch_run(&test_env, &arguments, "").await;
    assert!(!text(&plain.stdout).contains('\u{1b}'), "no terminal");
    test_env.set("CLICOLOR_FORCE", "1");
    let forced = packwatch_run(&test_env, &arguments, "").await;
    let colored = "\u{1b}[1m\u{1b}[31mFAILING\u{1b}[0m No reason";
    assert!(
        text(&forced.stdout).contains(colored),
        "{}",
        text(&forced.stdout)
    );
    test_env.env.remove("CLICOLOR_FORCE");
    test_env.set("NO_COLOR", "1");
    let output = packwatch_run(&test_env, &arguments, "").await;
    assert!(!text(&output.stdout).contains('\u{1b}'));
}

#[tokio::test]
async fn invalid_input_fails_with_one_error_message() {
    let mut test_env = TestEnv::failing().await;
    let cases: [(&[&str], &str, &str); 5] = [
        (
            &["no-such-event.json"],
            "",
            "no-such-event.json cannot be read: No such file or directory (os error 2)\n",
        ),
        (
            &["-"],
            "{",
            "standard input is not JSON: EOF while parsing an object at line 1 column 1\n",
        ),
        (
            &["-"],
            "{\"pack\": 1}",
            "InvalidEvent: the event is invalid: ",
        ),
        (
            &["--function", "-"],
            "{}",
            "standard input is not what `aws lambda get-function-configuration` prints: missing field `FunctionArn`",
        ),
        (
            &["--dry-run"],
            "",
            "error: unexpected argument '--dry-run' found",
        ),
    ];
    for (arguments, input, expected) in cases {
        let arguments = [&["--profile", "audit"], arguments].concat();
        let output = packwatch_run(&test_env, &arguments, input).await;
        let err = text(&output.stderr);
        assert!(err.starts_with(expected), "{arguments:?}: {err}");
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
    test_env.env.remove("SNAPSHOT_BUCKET");
    let output = packwatch_run(&test_env, &["--profile", "audit"], "").await;
    assert!(
        text(&output.stderr).contains("SNAPSHOT_BUCKET is not set"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        test_env.world.calls().len(),
        1,
        "the only call is to STS, for the event that is valid JSON"
    );
}

/// A dry run writes nothing, so it cannot change the ledger either.
#[tokio::test]
async fn event_is_given_inline_and_changes_ledger_only_with_commit() {
    let test_env = TestEnv::failing().await;
    let mute = json!({"packs": ["base*"], "until": in_a_week(), "reason": "known"});
    let mute = json!({ "mute": mute }).to_string();
    let run = async |event: &str, options: &[&str]| {
        let arguments = [&["--profile", "audit", event], options].concat();
        let output = packwatch_run(&test_env, &arguments, "").await;
        (output.status.code(), text(&output.stderr))
    };
    let (code, err) = run(r#"{"dry_run": true}"#, &[]).await;
    assert_eq!(code, Some(0), "{err}");
    for (event, reason) in [
        (mute.as_str(), "--commit"),
        (r#"{"unmute": "m1"}"#, "--commit"),
        (r#"{"adopt_ledger": true}"#, "only by a deployed function"),
    ] {
        let (code, err) = run(event, &[]).await;
        assert_eq!(code, Some(1), "{err}");
        assert!(
            err.starts_with("InvalidEvent: ") && err.contains(reason),
            "{err}"
        );
    }
    let calls = test_env.world.calls().into_iter();
    let writes = calls.filter(|call| call.operation == "PutObject");
    assert_eq!(writes.count(), 0);
    let (code, err) = run(&mute, &["--commit"]).await;
    assert_eq!(code, Some(0), "{err}");
    let (code, err) = run(r#"{"mutes": true}"#, &[]).await;
    assert_eq!(code, Some(0), "{err}");
    let (code, err) = run(r#" {"packs": ["a"], "packs": ["b"]}"#, &[]).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("\"packs\" appears twice"), "{err}");
    let (code, err) = run(r#"{"mutes": "#, &[]).await;
    assert_eq!(code, Some(1));
    assert!(err.starts_with("the event is not JSON: "), "{err}");
}

/// Returns the date in seven days.
#[expect(
    clippy::disallowed_methods,
    reason = "the program uses the clock of the machine"
)]
fn in_a_week() -> String {
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(7 * 24);
    end.strftime("%F").to_string()
}

#[tokio::test]
async fn function_option_uses_only_deployed_settings_and_region() {
    let mut test_env = TestEnv::failing().await;
    let function = json!({
        "FunctionName": "packwatch",
        "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:packwatch",
        "Environment": {"Variables": {"SNAPSHOT_BUCKET": BUCKET, "TOPIC_ARN": TOPIC, "REGIONS": "", "LABEL": "prod"}},
    });
    test_env.env.clear();
    for (name, value) in [
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("LABEL", "mine"),
        ("IGNORE_ACCOUNTS", "no id"),
    ] {
        test_env.set(name, value);
    }
    let arguments = ["--profile", "audit", "--function", "-", "--commit"];
    let output = packwatch_run(&test_env, &arguments, &function.to_string()).await;
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(err.ends_with("Committed as run 1.\n"), "{err}");
    assert!(
        out.contains("\n  FAILING No reason given: 1 account, baseline\n")
            && out.contains("\n  prod, run 1, "),
        "{out}"
    );
    let regions = test_env
        .world
        .calls()
        .into_iter()
        .map(|call| call.region)
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(regions.into_iter().collect::<Vec<_>>(), ["eu-west-1"]);

    let elsewhere = function.to_string().replace("111122223333", "444455556666");
    let calls = test_env.world.calls().len();
    let output = packwatch_run(&test_env, &arguments, &elsewhere).await;
    assert_eq!(
        text(&output.stderr),
        "the function runs in account 444455556666, but these credentials belong to 111122223333: AWS Config shows each account \
         only its own packs. Use a profile of account 444455556666\n"
    );
    assert!(!output.status.success());
    assert_eq!(
        test_env.world.calls().len(),
        calls + 1,
        "the only call is to STS"
    );
}

#[tokio::test]
async fn named_profile_overrides_environment_credentials() {
    let mut test_env = TestEnv::failing().await;
    test_env.set("AWS_ACCESS_KEY_ID", "AKIDOTHER");
    test_env.set("AWS_SECRET_ACCESS_KEY", "any");
    let output = packwatch_run(&test_env, &["--profile", "audit"], "").await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        test_env
            .world
            .calls()
            .iter()
            .all(|call| call.caller == "111122223333"),
        "every call uses the account of the profile"
    );
    test_env.set("AWS_DEFAULT_REGION", "eu-west-1");
    let calls = test_env.world.calls().len();
    let output = packwatch_run(&test_env, &["--profile", "nobody"], "").await;
    let err = text(&output.stderr);
    assert!(
        !output.status.success()
            && err.starts_with("the profile nobody provides no credentials; ")
            && err.contains("the profile nobody is not defined"),
        "{err}"
    );
    assert_eq!(test_env.world.calls().len(), calls, "no AWS API is called");
}

#[tokio::test]
async fn check_prints_table_and_exits_with_3_if_one_failed() {
    let test_env = TestEnv::failing().await;
    test_env.world.subscriptions(TOPIC, 1, 0);
    let arguments = ["--profile", "audit"];
    let output = packwatch(&test_env, "check", &arguments, "").await;
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(out.starts_with("packwatch check at 2"), "{out}");
    assert!(out.contains("\nok       topic "), "{out}");
    assert_eq!(err, "");
    let objects = test_env.world.objects(BUCKET);
    assert_eq!(objects.into_keys().collect::<Vec<_>>(), ["preflight.json"]);

    test_env.world.remove_topic(TOPIC);
    let output = packwatch(&test_env, "check", &arguments, "").await;
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{out}");
    assert!(
        out.contains("\naws sns create-topic --name digest"),
        "{out}"
    );
    let output = packwatch(&test_env, "check", &["--profile", "audit", "--json"], "").await;
    let response: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(response["outcome"], "checked");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(test_env.world.publishes().len(), 0);
}

#[tokio::test]
async fn check_event_without_commit_writes_nothing() {
    let test_env = TestEnv::failing().await;
    let arguments = ["--profile", "audit", "events/manual-check.json"];
    let output = packwatch_run(&test_env, &arguments, "").await;
    let out = text(&output.stdout);
    assert!(out.contains("skipped  bucket_write"), "{out}");
    assert!(test_env.world.objects(BUCKET).is_empty());
}
