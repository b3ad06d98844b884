//! Account names from AWS Organizations: the number of lookups, the seven-day cache, and runs in
//! which the lookup fails.

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{OWN, REGION, TOPIC, TestEnv, email};

/// Returns an organization with one pack in which `failing` member accounts fail. Every account
/// has a name.
async fn named_accounts(failing: u64) -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("ACCOUNT_NAMES", "on");
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    for number in 0..failing {
        let account = account_id(number);
        env.member("baseline", &account, "UPDATE_FAILED");
        env.world
            .put_account(&account, &format!("payments-{number}"), "ACTIVE");
    }
    env
}

fn account_id(number: u64) -> String {
    (200_000_000_000 + number).to_string()
}

/// Returns the accounts that were looked up since the last call of this function, in this order:
/// the caller, if its name is not cached, and member accounts.
fn take_lookups(env: &TestEnv) -> Vec<String> {
    let calls = env.world.calls();
    env.world.forget_calls();
    let calls = calls
        .into_iter()
        .filter(|call| call.operation == "DescribeAccount");
    calls.map(|call| call.target).collect()
}

fn names(env: &TestEnv) -> Vec<Value> {
    let latest = env.latest();
    let accounts = latest["packs"][0]["failing_accounts"]
        .as_array()
        .expect("the field is a list");
    accounts
        .iter()
        .map(|account| account["account_name"].clone())
        .collect()
}

fn last_email(env: &TestEnv) -> String {
    email(env.publishes(TOPIC).last().expect("a digest was published"))
}

#[tokio::test]
async fn digest_names_failing_and_recovered_accounts() {
    let env = named_accounts(2).await;
    env.run().await;
    assert!(
        last_email(&env).contains("\n    200000000000 payments-0\n    200000000001 payments-1\n"),
        "{}",
        last_email(&env)
    );
    assert_eq!(names(&env), ["payments-0", "payments-1"]);
    env.member("baseline", &account_id(1), "UPDATE_SUCCESSFUL");
    env.run().await;
    assert!(
        last_email(&env).contains("200000000001 \"payments-1\""),
        "{}",
        last_email(&env)
    );
    assert_eq!(env.latest()["cleared"][0]["account_name"], "payments-1");
    assert_eq!(env.digests()[1]["cleared"][0]["account_name"], "payments-1");
}

#[tokio::test]
async fn inactive_account_is_labeled_with_its_state() {
    let env = named_accounts(2).await;
    env.world
        .put_account(&account_id(0), "payments-0", "SUSPENDED");
    env.world
        .put_account(&account_id(1), "payments-1", "PENDING_CLOSURE");
    env.run().await;
    let text = last_email(&env);
    assert!(
        text.contains("200000000000 payments-0 (suspended)"),
        "{text}"
    );
    assert!(
        text.contains("200000000001 payments-1 (pending closure)"),
        "{text}"
    );
    assert_eq!(
        env.latest()["packs"][0]["failing_accounts"][0]["account_state"],
        "SUSPENDED"
    );
}

#[tokio::test]
async fn account_name_is_cached_for_seven_days() {
    let env = named_accounts(1).await;
    env.run().await;
    assert_eq!(take_lookups(&env), [OWN, &account_id(0)]);
    env.world.put_account(&account_id(0), "billing", "ACTIVE");
    env.advance_minutes(7 * 24 * 60 - 16);
    env.run().await;
    assert_eq!(take_lookups(&env).len(), 0, "the name is still cached");
    assert_eq!(names(&env), ["payments-0"]);
    env.run().await;
    assert_eq!(
        take_lookups(&env),
        [OWN, &account_id(0)],
        "the cached name expired"
    );
    assert_eq!(names(&env), ["billing"]);
    env.advance_minutes(7 * 24 * 60 - 15);
    env.run().await;
    assert_eq!(
        take_lookups(&env),
        [OWN, &account_id(0)],
        "the cache expires after exactly seven days"
    );
}

#[tokio::test]
async fn run_looks_up_at_most_500_account_names() {
    let env = named_accounts(620).await;
    let mut all = Vec::new();
    for expected in [500, 121, 0] {
        env.run().await;
        let lookups = take_lookups(&env);
        assert_eq!(lookups.len(), expected);
        all.extend(lookups);
    }
    all.sort();
    assert_eq!(all.remove(0), OWN);
    assert_eq!(all, (0..620).map(account_id).collect::<Vec<_>>());
    assert!(names(&env).iter().all(Value::is_string));
}

#[tokio::test]
async fn first_run_names_every_one_of_300_accounts() {
    let env = named_accounts(300).await;
    env.run().await;
    let expected: Vec<_> = (0..300)
        .map(|number| format!("payments-{number}"))
        .collect();
    assert_eq!(names(&env), expected);
    let appeared = env.digests()[0]["appeared"].clone();
    let appeared = appeared.as_array().expect("a list");
    assert_eq!(appeared.len(), 300);
    assert!(
        appeared
            .iter()
            .all(|record| record["account_name"].is_string())
    );
}

/// A failure that ended while an earlier digest waited is in the next digest.
#[tokio::test]
async fn account_of_unnotified_recovery_is_looked_up() {
    let mut env = named_accounts(1).await;
    env.set("ACCOUNT_NAMES", "off");
    let refused = Fault::error(500, "InternalError", "no").service(Service::Sns);
    env.world.fault(refused);
    let error = env.invoke(json!({})).await.expect_err("SNS fails");
    assert_eq!(error.kind(), "PublishFailed");
    env.advance_minutes(15);
    env.member("baseline", &account_id(0), "UPDATE_SUCCESSFUL");
    env.run().await;
    env.world.clear_faults();
    env.set("ACCOUNT_NAMES", "on");
    env.run().await;
    let digests = env.digests();
    assert_eq!(digests.len(), 2, "{digests:?}");
    assert_eq!(digests[1]["cleared"][0]["account_name"], "payments-0");
}

#[tokio::test]
async fn lookup_is_skipped_when_disabled() {
    let mut env = named_accounts(1).await;
    env.set("ACCOUNT_NAMES", "off");
    env.run().await;
    assert_eq!(
        (take_lookups(&env).len(), names(&env)),
        (0, vec![json!(null)])
    );
}

/// The report names the account that packs are deployed from, also when nothing fails.
#[tokio::test]
async fn only_caller_is_looked_up_when_nothing_fails() {
    let env = named_accounts(0).await;
    env.world.put_account(OWN, "management", "ACTIVE");
    env.member("baseline", &account_id(0), "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(take_lookups(&env), [OWN]);
    env.run().await;
    assert_eq!(take_lookups(&env).len(), 0, "the name is cached");
}

/// A digest names the account of what the settings no longer cover.
#[tokio::test]
async fn account_and_caller_outside_settings_are_looked_up() {
    let mut env = named_accounts(1).await;
    env.set("ACCOUNT_NAMES", "off");
    env.run().await;
    env.set("ACCOUNT_NAMES", "on");
    let other = "444455556666";
    let role = format!("arn:aws:iam::{other}:role/reader");
    env.world.allow_caller(other);
    env.world.allow_role(&role, None);
    env.world.put_pack(
        other,
        REGION,
        "other",
        StatusRecord::new("CREATE_SUCCESSFUL"),
    );
    env.set("ROLE_ARNS", &role);
    take_lookups(&env);
    env.run().await;
    assert_eq!(take_lookups(&env), [OWN, &account_id(0), other]);
    let text = last_email(&env);
    assert!(text.contains("NO LONGER WATCHED"), "{text}");
    assert!(text.contains("payments-0"), "{text}");
}

#[tokio::test]
async fn lookup_error_omits_names_and_changes_nothing_else() {
    let plain = {
        let mut env = named_accounts(3).await;
        env.set("ACCOUNT_NAMES", "off");
        env.run().await;
        env.latest()
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
        let mut env = named_accounts(3).await;
        env.set("AWS_MAX_ATTEMPTS", "1");
        env.world.fault(fault);
        let response = env.run().await;
        assert_eq!(response["complete"], true, "fault {number}");
        let latest = env.latest();
        assert_eq!(
            [&latest["packs"], &latest["totals"], &latest["gaps"]],
            [&plain["packs"], &plain["totals"], &plain["gaps"]],
            "fault {number}"
        );
        env.world.clear_faults();
        env.run().await;
        assert!(
            names(&env).iter().all(Value::is_string),
            "the next run looks the names up again after fault {number}"
        );
    }
    // After a few failures, the run stops looking up names.
    let env = named_accounts(20).await;
    env.world
        .fault(Fault::new(Effect::Denied).service(Service::Organizations));
    env.run().await;
    assert!(
        take_lookups(&env).len() <= 6,
        "at most 6 of 21 accounts are looked up"
    );
}

#[tokio::test]
async fn removed_account_has_no_name_and_is_cached() {
    let env = named_accounts(2).await;
    env.world.remove_account(&account_id(0));
    env.run().await;
    assert_eq!(names(&env), [json!(null), json!("payments-1")]);
    assert_eq!(take_lookups(&env).len(), 3);
    env.run().await;
    assert_eq!(take_lookups(&env).len(), 0);
}

#[tokio::test]
async fn dry_run_shows_names_and_caches_none() {
    let env = named_accounts(1).await;
    let response = env
        .invoke(json!({"dry_run": true}))
        .await
        .expect("the run succeeds");
    assert!(
        response["digest"]["text"]
            .as_str()
            .expect("the digest has a text")
            .contains("200000000000 payments-0")
    );
    assert_eq!(
        env.world
            .object(crate::support::harness::BUCKET, "ledger.json"),
        None
    );
}

#[tokio::test]
async fn narrowed_run_looks_up_only_accounts_in_scope() {
    let env = named_accounts(2).await;
    env.world
        .put_pack(OWN, REGION, "other", StatusRecord::new("CREATE_SUCCESSFUL"));
    env.member("other", &account_id(7), "CREATE_FAILED");
    env.invoke(json!({"packs": ["other"]}))
        .await
        .expect("the run succeeds");
    assert_eq!(take_lookups(&env), [OWN, &account_id(7)]);
}

#[tokio::test]
async fn blank_name_or_state_means_none() {
    let env = named_accounts(3).await;
    env.world.put_account(&account_id(0), "", "ACTIVE");
    env.world.put_account(&account_id(1), " ", "SUSPENDED");
    env.world.put_account(&account_id(2), "payments", "");
    env.run().await;
    assert_eq!(names(&env), [json!(null), json!(null), json!("payments")]);
    let text = last_email(&env);
    assert!(
        text.contains("\n    200000000000\n    200000000001\n    200000000002 payments\n"),
        "{text}"
    );
    take_lookups(&env);
    env.run().await;
    assert_eq!(
        take_lookups(&env).len(),
        0,
        "a missing name is cached like a name"
    );
}

#[tokio::test]
async fn account_name_looks_like_no_other_entry() {
    let env = named_accounts(2).await;
    let name = "dev, 999988887777 payments-prod (suspended)";
    env.world.put_account(&account_id(0), name, "ACTIVE");
    let quoted = "x\", 999988887777 \"https://evil.example.com";
    env.world.put_account(&account_id(1), quoted, "SUSPENDED");
    env.run().await;
    let text = last_email(&env);
    assert!(
        text.contains("\n    200000000000 \"dev, 999988887777 payments-prod (susp ...\"\n")
            && text.contains("\n    200000000001 \"x', 999988887777 'hxxps(: ...\" (suspended)\n"),
        "{text}"
    );
    assert!(
        !last_email(&env)
            .lines()
            .any(|line| line.trim_start().starts_with("9999")),
        "a part of a name begins a line: {text}"
    );
}

#[tokio::test]
async fn account_name_is_sanitized_in_digest() {
    let env = named_accounts(1).await;
    env.world
        .put_account(&account_id(0), "<!channel> *pay*\u{202e}ments", "ACTIVE");
    env.run().await;
    let text = last_email(&env);
    assert!(
        !text.contains("<!channel>") && !text.contains('\u{202e}'),
        "{text}"
    );
    assert_eq!(
        names(&env),
        ["<!channel> *pay*\u{202e}ments"],
        "the snapshot keeps the exact name"
    );
}

#[tokio::test]
async fn lookup_error_of_one_account_keeps_other_names() {
    let env = named_accounts(3).await;
    let invalid_input = Fault::error(400, "InvalidInputException", "no")
        .service(Service::Organizations)
        .target(&account_id(0));
    env.world.fault(invalid_input);
    env.run().await;
    assert_eq!(
        names(&env),
        [json!(null), json!("payments-1"), json!("payments-2")]
    );
}

/// With several callers, digests and the report name the caller of each failure.
#[tokio::test]
async fn several_callers_are_looked_up() {
    let mut env = named_accounts(1).await;
    let other = "444455556666";
    env.world.put_account(OWN, "management", "ACTIVE");
    env.world.put_account(other, "security", "ACTIVE");
    let role = format!("arn:aws:iam::{other}:role/reader");
    env.world.allow_caller(other);
    env.world.allow_role(&role, None);
    env.set("ROLE_ARNS", &format!("self,{role}"));
    env.world
        .put_pack(other, REGION, "other", StatusRecord::new("UPDATE_FAILED"));
    env.world.put_member(
        other,
        REGION,
        "other",
        &account_id(0),
        StatusRecord::new("UPDATE_FAILED"),
    );
    env.run().await;
    assert_eq!(take_lookups(&env), [OWN, &account_id(0), other]);
    let text = last_email(&env);
    assert!(text.contains("444455556666 \"security\""), "{text}");
}
