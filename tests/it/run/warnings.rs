//! Warnings: a glob or an account that matches nothing in a complete read, and the reads that do
//! not show whether it does.

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, OWN, REGION, TestEnv};
use crate::support::logs::LogCapture;

const ACCOUNT: &str = "222233334444";
const UNKNOWN: &str = "999999999999";

/// Invokes the function. Returns the codes and subjects of the warnings, which are the same in the
/// response and in the snapshot.
async fn warned(env: &TestEnv, event: Value) -> Vec<(String, String)> {
    let response = env.invoke(event).await.expect("the run succeeds");
    env.advance_minutes(15);
    assert_eq!(
        env.snapshot(&response)["run"]["warnings"],
        response["warnings"],
        "the snapshot has the warnings of the response"
    );
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let warnings = response["warnings"].as_array().expect("a list");
    warnings
        .iter()
        .map(|warning| (text(&warning["code"]), text(&warning["subject"])))
        .collect()
}

fn glob(glob: &str) -> (String, String) {
    ("pack_glob_matches_nothing".to_owned(), glob.to_owned())
}

fn account(account: &str) -> (String, String) {
    ("account_matches_nothing".to_owned(), account.to_owned())
}

/// Returns the messages of the warnings of a run.
async fn messages(env: &TestEnv, event: Value) -> Vec<String> {
    let response = env.invoke(event).await.expect("the run succeeds");
    env.advance_minutes(15);
    let warnings = response["warnings"].as_array().expect("a list");
    let message = |warning: &Value| warning["message"].as_str().expect("a message").to_owned();
    warnings.iter().map(message).collect()
}

#[tokio::test]
async fn each_warning_is_logged_once() {
    let mut env = TestEnv::failing().await;
    env.set("INCLUDE_PACKS", "base*,typo*");
    for event in [json!({}), json!({"dry_run": true})] {
        let logs = LogCapture::start();
        let response = env.invoke(event.clone()).await.expect("the run succeeds");
        let logged = logs.take("INCLUDE_PACKS contains typo*");
        assert_eq!(logged.len(), 1, "{event}");
        let warning = &response["warnings"][0];
        for field in ["code", "subject", "message"] {
            assert_eq!(logged[0][field], warning[field], "{event}");
        }
    }
}

#[tokio::test]
async fn include_glob_that_matches_no_pack_is_warned_about() {
    let mut env = TestEnv::failing().await;
    env.pack("guardrails", "CREATE_SUCCESSFUL");
    env.set("INCLUDE_PACKS", "Baseline*,guard*");
    let response = env.run().await;
    let warning = json!({
        "code": "pack_glob_matches_nothing",
        "subject": "Baseline*",
        "message": "INCLUDE_PACKS contains Baseline*, which matches none of the 2 packs in 1 source; names are case-sensitive",
    });
    assert_eq!(response["warnings"], json!([warning]));
    assert_eq!(env.latest()["run"]["warnings"], json!([warning]));
    assert_eq!(
        (&response["outcome"], &response["complete"]),
        (&json!("committed"), &json!(true))
    );
    let latest = env.world.object(BUCKET, "latest.json").expect("an object");
    let latest = String::from_utf8(latest).expect("UTF-8");
    assert!(
        latest.contains(
            r#""announce":"changes","warnings":[{"code":"pack_glob_matches_nothing","subject":"#
        ),
        "{latest}"
    );
    env.set("INCLUDE_PACKS", "base*,guard*");
    assert_eq!(env.run().await["warnings"], json!([]));
}

#[tokio::test]
async fn requested_glob_or_account_without_match_is_warned_about() {
    let env = TestEnv::failing().await;
    assert_eq!(
        warned(&env, json!({"packs": ["bassline", "base*", "*"]})).await,
        [glob("bassline")]
    );
    assert_eq!(
        warned(&env, json!({"accounts": [UNKNOWN, ACCOUNT]})).await,
        [account(UNKNOWN)]
    );
    assert_eq!(
        messages(&env, json!({"packs": ["a\nb"], "accounts": [UNKNOWN]})).await,
        [
            "\"packs\" contains a\u{fffd}b, which matches none of the 1 watched pack in 1 source; names are case-sensitive",
            "\"accounts\" contains 999999999999, which is not a member of any of the 0 packs in 1 source"
        ]
    );
    let empty = TestEnv::new().await;
    assert_eq!(
        warned(&empty, json!({"packs": ["baseline"]})).await,
        [glob("baseline")]
    );
    assert_eq!(
        warned(&empty, json!({})).await,
        [],
        "a source without packs says nothing about the default of INCLUDE_PACKS"
    );
}

#[tokio::test]
async fn requested_pack_that_settings_leave_out_is_warned_about() {
    let mut env = TestEnv::failing().await;
    env.pack("guardrails", "CREATE_SUCCESSFUL");
    for (variable, value) in [("EXCLUDE_PACKS", "base*"), ("INCLUDE_PACKS", "guard*")] {
        env.set(variable, value);
        assert_eq!(
            messages(&env, json!({"packs": ["baseline"]})).await,
            [
                "\"packs\" contains baseline, which matches none of the 1 watched pack in 1 source; INCLUDE_PACKS or EXCLUDE_PACKS \
                 leaves out the packs that it matches"
            ]
        );
        env.set(variable, "");
    }
    // What EXCLUDE_PACKS leaves out on purpose is no reason to warn about INCLUDE_PACKS.
    env.set("INCLUDE_PACKS", "base*,guard*");
    env.set("EXCLUDE_PACKS", "base*");
    assert_eq!(warned(&env, json!({})).await, []);
    assert_eq!(warned(&env, json!({"packs": ["guard*"]})).await, []);
}

#[tokio::test]
async fn incomplete_listing_causes_no_warning() {
    let mut env = TestEnv::failing().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.set("INCLUDE_PACKS", "base*,far*");
    let event = || json!({"packs": ["bassline"], "accounts": [UNKNOWN]});
    let denied = Fault::new(Effect::Denied)
        .service(Service::Config)
        .operation("DescribeOrganizationConformancePackStatuses");
    env.world.fault(denied.first(1));
    assert_eq!(warned(&env, event()).await, []);
    env.world.clear_faults();
    assert_eq!(
        warned(&env, event()).await,
        [glob("far*"), glob("bassline"), account(UNKNOWN)]
    );
}

#[tokio::test]
async fn run_of_one_region_does_not_judge_include_globs() {
    let mut env = TestEnv::failing().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.set("INCLUDE_PACKS", "base*,far");
    env.world.put_pack(
        OWN,
        "us-east-1",
        "far",
        StatusRecord::new("CREATE_SUCCESSFUL"),
    );
    assert_eq!(
        warned(&env, json!({"regions": [REGION]})).await,
        [],
        "`far` is in the region that the run does not list"
    );
    assert_eq!(
        warned(&env, json!({"regions": [REGION], "packs": ["far"]})).await,
        [glob("far")]
    );
    assert_eq!(warned(&env, json!({})).await, []);
}

/// Of the members of a large pack that are successful, a full read keeps only those that are asked
/// for. A failing-only read sees none of them.
#[tokio::test]
async fn account_is_judged_only_by_reads_of_all_members() {
    let env = TestEnv::new().await;
    env.pack("large", "CREATE_SUCCESSFUL");
    for number in 0..150_u64 {
        env.member(
            "large",
            &(200_000_000_000 + number).to_string(),
            "CREATE_SUCCESSFUL",
        );
    }
    let event = || json!({"accounts": ["200000000149", UNKNOWN]});
    assert_eq!(warned(&env, event()).await, [], "a failing-only read");
    env.world.sparse_filters(true);
    env.member("large", "200000000149", "CREATE_FAILED");
    env.member("large", "200000000148", "CREATE_FAILED");
    env.run().await;
    env.member("large", "200000000149", "CREATE_SUCCESSFUL");
    env.run().await;
    let response = env.invoke(event()).await.expect("the run succeeds");
    env.advance_minutes(15);
    assert_eq!(
        env.snapshot(&response)["packs"][0]["coverage"],
        "full",
        "the filters save nothing, so the pack is read in full"
    );
    assert_eq!(warned(&env, event()).await, [account(UNKNOWN)]);
}

#[tokio::test]
async fn account_under_gap_or_just_removed_is_not_warned_about() {
    let env = TestEnv::failing().await;
    env.pack("other", "CREATE_SUCCESSFUL");
    env.world.fault(
        Fault::new(Effect::Denied)
            .operation("GetOrganizationConformancePackDetailedStatus")
            .target("other"),
    );
    assert_eq!(warned(&env, json!({"accounts": [UNKNOWN]})).await, []);
    env.world.clear_faults();
    env.run().await;
    env.world.remove_member(OWN, REGION, "baseline", ACCOUNT);
    let response = env
        .invoke(json!({"accounts": [ACCOUNT]}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        (&response["totals"]["cleared"], &response["warnings"]),
        (&json!(1), &json!([]))
    );
    env.advance_minutes(15);
    assert_eq!(
        warned(&env, json!({"accounts": [ACCOUNT]})).await,
        [account(ACCOUNT)]
    );
}

#[tokio::test]
async fn dry_run_text_has_warnings_with_and_without_digest() {
    let env = TestEnv::failing().await;
    let text = async |event: Value| {
        let response = env.invoke(event).await.expect("the run succeeds");
        assert_eq!(response["outcome"], "dry_run");
        response["digest"]["text"].as_str().map(str::to_owned)
    };
    let warning = "\n\n  Warning: \"packs\" contains bassline, which matches none of\n  the 1 watched pack in 1 source; names are case-sensitive.\n\n";
    let without_digest = text(json!({"packs": ["bassline"], "dry_run": true})).await;
    let without_digest = without_digest.expect("a text");
    assert!(
        without_digest.contains("a run would send no digest now")
            && without_digest.contains(warning),
        "{without_digest}"
    );
    let with_digest = text(json!({"packs": ["bassline", "base*"], "dry_run": true})).await;
    let with_digest = with_digest.expect("a text");
    assert!(
        with_digest.contains(ACCOUNT) && with_digest.contains(warning),
        "{with_digest}"
    );
    let plain = text(json!({"packs": ["base*"], "dry_run": true})).await;
    assert!(!plain.expect("a text").contains("Warning"));
}

/// Log queries find a gap by these fields, so a gap of a whole source has them, too.
#[tokio::test]
async fn gap_is_logged_with_its_place_its_cause_and_its_effect() {
    let env = TestEnv::failing().await;
    for (operation, pack) in [
        ("DescribeOrganizationConformancePackStatuses", "-"),
        ("GetOrganizationConformancePackDetailedStatus", "baseline"),
    ] {
        env.world.clear_faults();
        env.world.fault(
            Fault::error(400, "AccessDeniedException", "the policy denies it").operation(operation),
        );
        let logs = LogCapture::start();
        // A run that reads no source fails.
        let _ = env.invoke(json!({})).await;
        let warnings = logs.take("the policy denies it");
        let warning = warnings.first().unwrap_or_else(|| panic!("{operation}"));
        for (field, expected) in [
            ("message", "the policy denies it"),
            ("caller", OWN),
            ("region", REGION),
            ("pack", pack),
            ("operation", operation),
            ("code", "AccessDeniedException"),
            (
                "effect",
                "no data: the failures that are open there stay open",
            ),
        ] {
            assert_eq!(warning[field], expected, "{operation}: {field}");
        }
    }
}
