//! `packwatch-once`, the program for people, as they start it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "a test that cannot go on panics; the harness is shared with the other tests"
)]

#[path = "../../tests/it/support/harness.rs"]
mod harness;

use std::collections::BTreeMap;
use std::process::{Output, Stdio};

use packwatch_simulation::{Fault, Service};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use harness::{BUCKET, TOPIC, TestEnv, email};

/// Runs the program with these arguments and this standard input, as a user whose profile says
/// region and keys.
async fn once(stage: &TestEnv, arguments: &[&str], input: &str) -> Output {
    let home = std::env::temp_dir().join(format!(
        "packwatch-once-{}-{}",
        std::process::id(),
        harness::token()
    ));
    std::fs::create_dir_all(&home).expect("a folder");
    let config = home.join("config");
    let profile = "[profile audit]\nregion = eu-west-1\naws_access_key_id = AKIDOWN\naws_secret_access_key = any\n";
    std::fs::write(&config, profile).expect("a file");
    let none = home.join("credentials");
    std::fs::write(&none, "").expect("a file");
    let mut env: BTreeMap<String, String> = stage
        .env
        .iter()
        .filter(|(name, _)| *name != "AWS_REGION")
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    env.insert("AWS_ENDPOINT_URL".to_owned(), stage.server.url());
    env.insert("AWS_CONFIG_FILE".to_owned(), config.display().to_string());
    env.insert(
        "AWS_SHARED_CREDENTIALS_FILE".to_owned(),
        none.display().to_string(),
    );
    env.insert("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned());
    let mut program = Command::new(env!("CARGO_BIN_EXE_packwatch"))
        .arg("run")
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
    // Who does not read it may be gone already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = program.wait_with_output().await.expect("the program ends");
    std::fs::remove_dir_all(&home).expect("the folder goes");
    output
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn without_an_event_it_says_what_would_be_sent_and_does_nothing() {
    let stage = TestEnv::failing().await;
    let output = once(&stage, &["--profile", "audit"], "").await;
    let (out, err) = (words(&output.stdout), words(&output.stderr));
    assert!(output.status.success(), "{err}");
    assert!(
        out.starts_with("packwatch: first run, 1 open in baseline\n"),
        "{out}"
    );
    assert_eq!(
        err,
        "1 pack, 2 calls to AWS Config, 0 throttled. Dry run: nothing was written, nothing was published. --commit does both.\n"
    );
    assert_eq!(
        (
            stage.world.objects(BUCKET).len(),
            stage.world.publishes().len()
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn it_commits_when_it_is_told_to_and_prints_what_was_sent() {
    let stage = TestEnv::failing().await;
    let output = once(
        &stage,
        &["--profile", "audit", "--commit", "events/scheduled.json"],
        "",
    )
    .await;
    let (out, err) = (words(&output.stdout), words(&output.stderr));
    assert!(output.status.success(), "{err}");
    let [sent] = &stage.publishes(TOPIC)[..] else {
        panic!("one digest: {err}")
    };
    assert_eq!(out.trim_end(), email(sent).trim_end());
    assert!(err.ends_with("Committed as run 1.\n"), "{err}");
    let output = once(&stage, &["--profile", "audit", "--commit"], "").await;
    assert_eq!(
        words(&output.stdout),
        "packwatch: nothing to tell, 1 open\n"
    );
    assert_eq!(stage.publishes(TOPIC).len(), 1);
}

#[tokio::test]
async fn an_event_that_asks_for_a_dry_run_stays_one_and_every_event_is_one_without_commit() {
    let stage = TestEnv::failing().await;
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
        let output = once(&stage, &arguments, &event.to_string()).await;
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", words(&output.stderr)));
        assert_eq!(answer["outcome"], "dry_run", "{arguments:?}");
        assert_eq!(
            words(&output.stderr).contains("--commit does both"),
            !arguments.contains(&"--commit")
        );
        assert_eq!(answer["totals"]["failures"], 1);
    }
    assert_eq!(
        (
            stage.world.objects(BUCKET).len(),
            stage.world.publishes().len()
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn what_could_not_be_read_is_named() {
    let mut stage = TestEnv::failing().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region("us-east-1"),
    );
    let output = once(&stage, &["--profile", "audit"], "").await;
    let err = words(&output.stderr);
    assert!(output.status.success(), "{err}");
    let expected = "? 111122223333 us-east-1 is not read: DescribeOrganizationConformancePackStatuses: AccessDeniedException: no\n";
    assert!(err.starts_with(expected), "{err}");
}

#[tokio::test]
async fn what_is_wrong_is_said_once_and_the_exit_code_tells() {
    let mut stage = TestEnv::failing().await;
    let cases: [(&[&str], &str, &str); 5] = [
        (
            &["no-such-event.json"],
            "",
            "no-such-event.json cannot be read: No such file or directory (os error 2)\n",
        ),
        (
            &["-"],
            "{",
            "- is not JSON: EOF while parsing an object at line 1 column 1\n",
        ),
        (
            &["-"],
            "{\"pack\": 1}",
            "InvalidEvent: the event is refused: ",
        ),
        (
            &["--function", "-"],
            "{}",
            "- is not what `aws lambda get-function-configuration` prints: missing field `FunctionArn`",
        ),
        (
            &["--dry-run"],
            "",
            "error: unexpected argument '--dry-run' found",
        ),
    ];
    for (arguments, input, expected) in cases {
        let arguments = [&["--profile", "audit"], arguments].concat();
        let output = once(&stage, &arguments, input).await;
        let err = words(&output.stderr);
        assert!(err.starts_with(expected), "{arguments:?}: {err}");
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
    stage.env.remove("SNAPSHOT_BUCKET");
    let output = once(&stage, &["--profile", "audit"], "").await;
    assert!(
        words(&output.stderr).contains("SNAPSHOT_BUCKET is not set"),
        "{}",
        words(&output.stderr)
    );
    assert_eq!(
        stage.world.calls().len(),
        1,
        "nobody is called but STS, for the event that was JSON"
    );
}

#[tokio::test]
async fn as_a_deployed_function_it_has_its_settings_and_its_region_and_none_of_its_own() {
    let mut stage = TestEnv::failing().await;
    let function = json!({
        "FunctionName": "packwatch",
        "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:packwatch",
        "Environment": {"Variables": {"SNAPSHOT_BUCKET": BUCKET, "TOPIC_ARN": TOPIC, "REGIONS": "", "LABEL": "prod"}},
    });
    stage.env.clear();
    for (name, value) in [
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("LABEL", "mine"),
        ("IGNORE_ACCOUNTS", "no id"),
    ] {
        stage.set(name, value);
    }
    let arguments = ["--profile", "audit", "--function", "-", "--commit"];
    let output = once(&stage, &arguments, &function.to_string()).await;
    let (out, err) = (words(&output.stdout), words(&output.stderr));
    assert!(err.ends_with("Committed as run 1.\n"), "{err}");
    assert!(
        out.starts_with("packwatch prod: first run, 1 open in baseline\n"),
        "{out}"
    );
    let regions = stage
        .world
        .calls()
        .into_iter()
        .map(|call| call.region)
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(regions.into_iter().collect::<Vec<_>>(), ["eu-west-1"]);

    let elsewhere = function.to_string().replace("111122223333", "444455556666");
    let calls = stage.world.calls().len();
    let output = once(&stage, &arguments, &elsewhere).await;
    assert_eq!(
        words(&output.stderr),
        "the function runs in account 444455556666 and these credentials are of 111122223333: as another caller, AWS Config \
         would answer for other packs. Take a profile of 444455556666\n"
    );
    assert!(!output.status.success());
    assert_eq!(
        stage.world.calls().len(),
        calls + 1,
        "nobody is called but STS"
    );
}

#[tokio::test]
async fn a_profile_that_is_named_goes_before_keys_in_the_environment() {
    let mut stage = TestEnv::failing().await;
    stage.set("AWS_ACCESS_KEY_ID", "AKIDOTHER");
    stage.set("AWS_SECRET_ACCESS_KEY", "any");
    let output = once(&stage, &["--profile", "audit"], "").await;
    assert!(output.status.success(), "{}", words(&output.stderr));
    assert!(
        stage
            .world
            .calls()
            .iter()
            .all(|call| call.caller == "111122223333"),
        "the account of the profile"
    );
    stage.set("AWS_DEFAULT_REGION", "eu-west-1");
    let calls = stage.world.calls().len();
    let output = once(&stage, &["--profile", "nobody"], "").await;
    let err = words(&output.stderr);
    assert!(
        !output.status.success() && err.starts_with("the profile nobody gives no credentials; "),
        "{err}"
    );
    assert_eq!(stage.world.calls().len(), calls, "nobody is called");
}
