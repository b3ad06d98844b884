//! Mutes: what they match, when they end, and what becomes of them beside a run.

use std::time::Duration;

use futures_util::future::join;
use jiff::SignedDuration;
use packwatch_simulation::{Effect, Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, REGION, TestEnv, keys};

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";

/// Invokes the function, which must succeed.
async fn invoke(env: &TestEnv, event: Value) -> Value {
    let result = env.invoke(event).await;
    result.unwrap_or_else(|error| panic!("{}", error.to_report()))
}

/// Mutes an account for two days.
async fn mute_account(env: &TestEnv, account: &str) -> Value {
    let until = (env.now() + SignedDuration::from_hours(48)).to_string();
    invoke(
        env,
        json!({"mute": {"accounts": [account], "until": until, "reason": "decommission"}}),
    )
    .await
}

/// Invokes the function with an invalid event, before which nothing may be called.
async fn refused(env: &TestEnv, event: Value) -> String {
    env.world.forget_calls();
    let error = env
        .invoke(event.clone())
        .await
        .expect_err(&event.to_string());
    assert_eq!(error.kind(), "InvalidEvent", "{event}");
    assert_eq!(env.world.calls().len(), 0, "no AWS API is called: {event}");
    error.to_report()
}

/// Returns the failing accounts of the first pack in the last snapshot.
fn failing_accounts(env: &TestEnv) -> Value {
    env.latest()["packs"][0]["failing_accounts"].clone()
}

#[tokio::test]
async fn mute_is_listed_with_matches_and_removed() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.forget_calls();
    let mute = json!({"packs": ["base*"], "accounts": [ACCOUNT], "regions": [REGION], "codes": ["UPDATE_*"],
        "until": "2026-03-10", "reason": "decommission", "by": "jo"});
    let muted = invoke(&env, json!({"mute": mute})).await;
    assert_eq!(muted["outcome"], "muted");
    let listed = &muted["mutes"][0];
    assert_eq!(listed["id"], muted["mute"]);
    assert_eq!(listed["matches"], 1);
    assert_eq!(listed["created_at"], "2026-03-01T08:15:00Z");
    for (key, value) in mute.as_object().expect("an object") {
        assert_eq!(listed[key], *value, "{key}");
    }
    let calls = env.world.calls();
    assert!(
        calls.iter().all(|call| call.service != Service::Config),
        "AWS Config is not called"
    );
    let list = invoke(&env, json!({"mutes": true})).await;
    assert_eq!(list["outcome"], "mutes");
    assert_eq!(
        (&list["mute"], &list["mutes"]),
        (&json!(null), &muted["mutes"])
    );
    let unmuted = invoke(&env, json!({"unmute": muted["mute"]})).await;
    assert_eq!(unmuted["outcome"], "unmuted");
    assert_eq!(unmuted["mute"], muted["mute"]);
    assert_eq!(unmuted["mutes"], json!([]));
    let error = env.invoke(json!({"unmute": muted["mute"]})).await;
    let report = error.expect_err("it is gone").to_report();
    assert!(
        report.contains("\"unmute\"") && report.contains("there are no mutes"),
        "{report}"
    );
}

#[tokio::test]
async fn matcher_needs_all_given_parts() {
    let env = TestEnv::failing().await;
    env.member("baseline", OTHER, "CREATE_FAILED");
    env.pack("guardrails", "UPDATE_SUCCESSFUL");
    env.member("guardrails", ACCOUNT, "UPDATE_FAILED");
    env.run().await;
    let group = failing_accounts(&env)[0]["group_id"].clone();
    for (matcher, matches) in [
        (json!({"packs": ["*"]}), 3),
        (json!({"packs": ["base*"]}), 2),
        (json!({"accounts": [ACCOUNT]}), 2),
        (json!({"regions": ["us-east-1"]}), 0),
        (json!({"regions": [REGION]}), 3),
        (json!({"codes": ["UPDATE_FAILED"]}), 2),
        (json!({"codes": ["update*"]}), 0),
        (json!({"group": group}), 2),
        (json!({"group": group, "packs": ["guard*", "other"]}), 1),
        (
            json!({"packs": ["base*"], "accounts": [OTHER], "codes": ["UPDATE_*"]}),
            0,
        ),
    ] {
        let mut mute = matcher.clone();
        mute["until"] = json!("2026-03-03T08:00:00Z");
        mute["reason"] = json!("a reason");
        let response = invoke(&env, json!({"mute": mute})).await;
        let listed = response["mutes"].as_array().expect("a list");
        let mut listed = listed.iter();
        let added = listed.find(|listed| listed["id"] == response["mute"]);
        assert_eq!(
            added.expect("it is listed")["matches"],
            matches,
            "{matcher}"
        );
        invoke(&env, json!({"unmute": response["mute"]})).await;
    }
}

#[tokio::test]
async fn muted_failure_is_recorded_and_not_notified() {
    let env = TestEnv::failing().await;
    mute_account(&env, ACCOUNT).await;
    let response = env.run().await;
    let totals = &response["totals"];
    for (total, count) in [
        ("muted", 1),
        ("failures", 0),
        ("accounts_failing", 0),
        ("packs_failing", 0),
        ("appeared", 0),
        ("open_total", 1),
    ] {
        assert_eq!(totals[total], count, "{total}");
    }
    let failure = &failing_accounts(&env)[0];
    assert_eq!(failure["change"], "muted");
    assert_eq!(failure["muted_until"], "2026-03-03T08:00:00Z");
    assert_eq!(env.latest()["mutes"][0]["matches"], 1);
    assert!(
        env.digests()
            .iter()
            .all(|digest| digest["appeared"] == json!([])),
        "it is not notified"
    );
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    assert!(
        env.digests()
            .iter()
            .all(|digest| digest["cleared"] == json!([])),
        "the end of what was not notified is not notified"
    );
}

#[tokio::test]
async fn failure_appears_when_mute_ends() {
    let env = TestEnv::failing().await;
    mute_account(&env, ACCOUNT).await;
    env.run().await;
    env.advance_minutes(48 * 60 - 16);
    env.run().await;
    assert_eq!(failing_accounts(&env)[0]["change"], "muted");
    env.run().await;
    let failure = &failing_accounts(&env)[0];
    assert_eq!(failure["change"], "appeared");
    assert_eq!(failure["muted_until"], json!(null));
    let last = env.digests().pop().expect("a digest");
    assert_eq!(keys(&last["appeared"]), ["baseline/222233334444"]);
    assert_eq!(env.document("ledger.json")["open"][0][1]["was_muted"], true);
}

#[tokio::test]
async fn date_is_muted_until_its_end() {
    let env = TestEnv::failing().await;
    let event = json!({"mute": {"packs": ["*"], "until": "2026-03-01", "reason": "today"}});
    let muted = invoke(&env, event).await;
    assert_eq!(muted["mutes"][0]["until"], "2026-03-01");
    env.run().await;
    assert_eq!(
        failing_accounts(&env)[0]["muted_until"],
        "2026-03-02T00:00:00Z"
    );
    env.advance_minutes(15 * 60 + 30);
    env.run().await;
    assert_eq!(failing_accounts(&env)[0]["change"], "muted", "at 23:45");
    env.run().await;
    assert_eq!(failing_accounts(&env)[0]["change"], "appeared", "at 00:00");
}

#[tokio::test]
async fn notified_failure_that_ends_while_muted_is_cleared() {
    let mut env = TestEnv::failing().await;
    env.set("REMIND_AFTER_HOURS", "1");
    env.run().await;
    mute_account(&env, ACCOUNT).await;
    env.advance_minutes(120);
    env.run().await;
    assert_eq!(env.digests().len(), 1, "a muted failure is not reminded");
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    let last = env.digests().pop().expect("a digest");
    assert_eq!(keys(&last["cleared"]), ["baseline/222233334444"]);
}

#[tokio::test]
async fn ignored_failure_counts_as_ignored_although_muted() {
    let mut env = TestEnv::failing().await;
    env.set("IGNORE_ACCOUNTS", ACCOUNT);
    mute_account(&env, ACCOUNT).await;
    let response = env.run().await;
    assert_eq!(response["totals"]["ignored"], 1);
    assert_eq!(response["totals"]["muted"], 0);
    assert_eq!(failing_accounts(&env)[0]["change"], "ignored");
}

#[tokio::test]
async fn mute_before_first_run_creates_ledger_and_keeps_first_digest() {
    let env = TestEnv::failing().await;
    env.member("baseline", OTHER, "UPDATE_FAILED");
    mute_account(&env, OTHER).await;
    assert!(env.world.object(BUCKET, "ledger.json").is_some());
    let response = env.run().await;
    assert_eq!(response["sequence"], 1);
    let first = env.digests().pop().expect("a first digest");
    assert_eq!(first["first_run"], true);
    assert_eq!(keys(&first["appeared"]), ["baseline/222233334444"]);
}

#[tokio::test]
async fn two_mutes_at_once_both_stay() {
    let env = TestEnv::failing().await;
    env.run().await;
    let (one, other) = (env.function().await, env.function().await);
    let event = |account: &str| {
        json!({"mute": {"accounts": [account], "until": "2026-03-09", "reason": "x"}}).to_string()
    };
    let (first, second) = (event(ACCOUNT), event(OTHER));
    // Both load the ledger before either of them writes it.
    let late = Fault::new(Effect::Delay(Duration::from_millis(200)));
    env.world
        .fault(late.service(Service::S3).operation("GetObject").first(2));
    let (one, other) = join(
        one.invoke(&first, env.context()),
        other.invoke(&second, env.context()),
    )
    .await;
    one.expect("the mute is stored");
    other.expect("the mute is stored");
    let list = invoke(&env, json!({"mutes": true})).await;
    assert_eq!(list["mutes"].as_array().map(Vec::len), Some(2), "{list}");
}

/// The run has read the ledger and AWS Config when the mute is stored.
#[tokio::test]
async fn mute_during_run_is_kept_and_applied() {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.run().await;
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    let sent = env.digests().len();
    let (function, context) = (env.function().await, env.context());
    let late = Fault::new(Effect::Delay(Duration::from_millis(500)));
    env.world.fault(
        late.service(Service::Config)
            .operation("GetOrganizationConformancePackDetailedStatus")
            .first(1),
    );
    let mute = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        mute_account(&env, ACCOUNT).await
    };
    let (run, _) = join(function.invoke("{}", context), mute).await;
    run.expect("the run commits over the mute");
    assert_eq!(failing_accounts(&env)[0]["change"], "muted");
    assert_eq!(env.digests().len(), sent, "it is not notified");
    let list = invoke(&env, json!({"mutes": true})).await;
    assert_eq!(list["mutes"][0]["matches"], 1, "{list}");
}

#[tokio::test]
async fn retried_mute_is_added_once() {
    let env = TestEnv::failing().await;
    let event = json!({"mute": {"packs": ["*"], "until": "2026-03-09", "reason": "x"}});
    let first = invoke(&env, event.clone()).await;
    env.reuse_request_id();
    env.advance_minutes(1);
    let retry = invoke(&env, event.clone()).await;
    assert_eq!(retry["mutes"], first["mutes"]);
    let again = invoke(&env, event).await;
    assert_eq!(
        again["mutes"].as_array().map(Vec::len),
        Some(2),
        "another request adds another mute"
    );
}

#[tokio::test]
async fn mute_201_is_refused_until_others_have_ended() {
    let env = TestEnv::failing().await;
    env.run().await;
    let mut ledger = env.document("ledger.json");
    let mutes = (0..200).map(|number| {
        json!({"id": format!("{number:012x}"), "packs": ["*"], "until": "2026-03-01T09:00:00Z", "reason": "x",
            "created_at": "2026-03-01T08:00:00Z"})
    });
    ledger["mutes"] = mutes.collect();
    env.world
        .set_object(BUCKET, "ledger.json", ledger.to_string());
    let event = json!({"mute": {"packs": ["*"], "until": "2026-03-09", "reason": "x"}});
    let error = env.invoke(event.clone()).await.expect_err("200 are active");
    assert_eq!(error.kind(), "InvalidEvent");
    assert!(error.to_report().contains("200"), "{}", error.to_report());
    env.advance_minutes(60);
    let response = invoke(&env, event).await;
    assert_eq!(response["mutes"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn ended_mute_is_dropped_after_thirty_days() {
    let env = TestEnv::failing().await;
    mute_account(&env, ACCOUNT).await;
    let kept = |env: &TestEnv| {
        env.document("ledger.json")["mutes"]
            .as_array()
            .map(Vec::len)
    };
    env.advance_minutes((2 + 29) * 24 * 60);
    env.run().await;
    assert_eq!(kept(&env), Some(1));
    let listed = &invoke(&env, json!({"mutes": true})).await["mutes"];
    assert_eq!(listed[0]["reason"], "decommission");
    assert_eq!(
        (&listed[0]["matches"], &listed[0]["by"]),
        (&json!(0), &json!(null))
    );
    assert_eq!(env.latest()["mutes"], json!([]), "the mute has ended");
    env.advance_minutes(24 * 60);
    env.run().await;
    assert_eq!(kept(&env), None);
}

#[tokio::test]
async fn foreign_ledger_lists_mutes_and_refuses_changes() {
    let mut env = TestEnv::failing().await;
    mute_account(&env, ACCOUNT).await;
    env.set("AWS_LAMBDA_FUNCTION_NAME", "second");
    let list = invoke(&env, json!({"mutes": true})).await;
    let id = &list["mutes"][0]["id"];
    for event in [
        json!({"unmute": id}),
        json!({"mute": {"packs": ["*"], "until": "2026-03-09", "reason": "x"}}),
    ] {
        let before = env.document("ledger.json");
        let error = env.invoke(event.clone()).await.expect_err("it is foreign");
        assert_eq!(error.kind(), "LedgerOwnedByAnother", "{event}");
        assert_eq!(env.document("ledger.json"), before, "{event}");
    }
}

#[tokio::test]
async fn dry_run_shows_muted_and_pending_failures() {
    let mut env = TestEnv::failing().await;
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    env.member("baseline", OTHER, "UPDATE_FAILED");
    mute_account(&env, ACCOUNT).await;
    let response = invoke(&env, json!({"dry_run": true, "announce": "always"})).await;
    assert_eq!(response["totals"]["muted"], 1);
    assert_eq!(response["totals"]["pending"], 1);
    let text = response["digest"]["text"].as_str().expect("a text");
    assert!(text.contains("\n  Muted: 1 failure;"), "{text}");
    assert!(text.contains("\n  Pending: 1 failure;"), "{text}");
}

#[tokio::test]
async fn invalid_mute_is_refused_and_names_its_key() {
    let env = TestEnv::failing().await;
    let mute = |changes: Value| {
        let mut mute = json!({"packs": ["*"], "until": "2026-03-09", "reason": "x"});
        for (key, value) in changes.as_object().expect("an object") {
            mute[key] = value.clone();
        }
        json!({"mute": mute})
    };
    let many: Vec<String> = (0..101).map(|number| format!("pack-{number}")).collect();
    for (event, expected) in [
        (json!({"mute": true}), "\"mute\" "),
        (
            json!({"mute": {"packs": ["*"], "reason": "x"}}),
            "\"mute.until\" is missing",
        ),
        (
            json!({"mute": {"packs": ["*"], "until": "2026-03-09"}}),
            "\"mute.reason\" is missing",
        ),
        (
            json!({"mute": {"until": "2026-03-09", "reason": "x"}}),
            "accepted: at least one of \"packs\", \"accounts\", \"regions\", \"codes\" and \"group\"",
        ),
        (
            mute(json!({"packs": "base"})),
            "\"mute.packs\" is \"base\"; accepted: a non-empty list",
        ),
        (mute(json!({"packs": []})), "\"mute.packs\" is []"),
        (
            mute(json!({"packs": ["["]})),
            "\"mute.packs\" holds a malformed glob",
        ),
        (
            mute(json!({"packs": many})),
            "\"mute.packs\" has 101 entries",
        ),
        (
            mute(json!({"accounts": ["1"]})),
            "\"mute.accounts\" contains \"1\"; accepted: 12-digit account ids",
        ),
        (
            mute(json!({"regions": ["mars"]})),
            "\"mute.regions\" contains \"mars\"",
        ),
        (mute(json!({"codes": [1]})), "\"mute.codes\" is [1]"),
        (
            mute(json!({"group": "3f9a"})),
            "\"mute.group\" is \"3f9a\"; accepted: a group id",
        ),
        (
            mute(json!({"until": "soon"})),
            "\"mute.until\" is \"soon\"; accepted: a date",
        ),
        (
            mute(json!({"until": "2026-02-28"})),
            "\"mute.until\" is \"2026-02-28\"; accepted: a date or time in the future",
        ),
        (
            mute(json!({"until": "2026-03-01T08:00:00Z"})),
            "in the future",
        ),
        (
            mute(json!({"until": "2027-03-03"})),
            "at most 366 days ahead",
        ),
        (mute(json!({"until": 5})), "\"mute.until\" is 5"),
        (
            mute(json!({"reason": ""})),
            "\"mute.reason\" is \"\"; accepted: a text of 1 to 200 characters",
        ),
        (
            mute(json!({"reason": "x".repeat(201)})),
            "\"mute.reason\" is",
        ),
        (mute(json!({"by": "x".repeat(65)})), "\"mute.by\" is"),
        (
            mute(json!({"pakcs": ["*"]})),
            "\"mute.pakcs\" is not accepted",
        ),
        (
            json!({"mute": {"packs": ["*"], "until": "2026-03-09", "reason": "x"}, "dry_run": true}),
            "\"dry_run\" is not accepted beside \"mute\"",
        ),
        (
            json!({"unmute": "x", "mutes": true}),
            "\"mutes\" is not accepted beside \"unmute\"",
        ),
        (
            json!({"unmute": ""}),
            "\"unmute\" is \"\"; accepted: the id of a mute",
        ),
        (
            json!({"mutes": false}),
            "\"mutes\" is false; accepted: true",
        ),
    ] {
        let report = refused(&env, event.clone()).await;
        assert!(report.contains(expected), "{event}: {report}");
    }
    let longest =
        mute(json!({"until": "2027-03-02", "reason": "é".repeat(200), "by": "é".repeat(64)}));
    invoke(&env, longest).await;
}
