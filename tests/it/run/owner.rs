//! The owner of the ledger: which function and which other run may write it.

use std::time::Duration;

use futures_util::future::join;
use packwatch_simulation::{Change, Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, CHAT, OWN, REGION, TOPIC, TestEnv, keys};

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";
const OTHER_TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:other";
/// The ARN that emulators of Lambda make up.
const EMULATOR_ARN: &str = "arn:aws:lambda:us-east-1:012345678912:function:packwatch";
const ROLE_ACCOUNT: &str = "999988887777";
const ROLE: &str = "arn:aws:iam::999988887777:role/reader";

/// A run that is not one of a deployed function.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Local {
    Cli,
    Sam,
    Emulator,
}

const LOCAL: [Local; 3] = [Local::Cli, Local::Sam, Local::Emulator];

impl Local {
    /// Makes the next runs of `env` runs of this kind.
    fn enter(self, env: &mut TestEnv) {
        match self {
            Self::Cli => {
                env.env.remove("AWS_LAMBDA_FUNCTION_NAME");
                env.function_arn.clear();
            }
            Self::Sam => env.set("AWS_SAM_LOCAL", "true"),
            Self::Emulator => EMULATOR_ARN.clone_into(&mut env.function_arn),
        }
    }
}

/// Makes the next runs of `env` runs of the deployed function `name`.
fn deploy(env: &mut TestEnv, name: &str) {
    env.env.remove("AWS_SAM_LOCAL");
    env.set("AWS_LAMBDA_FUNCTION_NAME", name);
    env.function_arn = format!("arn:aws:lambda:{REGION}:{OWN}:function:{name}");
}

/// Invokes the function, which must be refused with the error `kind` and must neither write nor
/// send anything. Returns the error report.
async fn refused(env: &TestEnv, event: Value, kind: &str) -> String {
    let objects = env.world.objects(BUCKET);
    let sent = env.world.publishes().len();
    let error = env.invoke(event.clone()).await.expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{event}: {}", error.to_report());
    assert!(env.world.objects(BUCKET) == objects, "{event} wrote");
    assert_eq!(env.world.publishes().len(), sent, "{event} sent");
    env.advance_minutes(15);
    error.to_report()
}

/// Returns the owner in the ledger.
fn owner(env: &TestEnv) -> Value {
    env.document("ledger.json")["owner"].clone()
}

fn function(name: &str) -> Value {
    json!({"account": OWN, "region": REGION, "name": name})
}

/// Returns an organization whose function also reads through a role in another account.
async fn with_role() -> TestEnv {
    let mut env = TestEnv::failing().await;
    env.world.allow_role(ROLE, None);
    env.world.allow_caller(ROLE_ACCOUNT);
    let successful = StatusRecord::new("UPDATE_SUCCESSFUL");
    env.world.put_pack(ROLE_ACCOUNT, REGION, "far", successful);
    env.set("ROLE_ARNS", &format!("self,{ROLE}"));
    env
}

fn sts_down() -> Fault {
    Fault::error(403, "AccessDenied", "no")
        .service(Service::Sts)
        .operation("GetCallerIdentity")
}

#[tokio::test]
async fn second_function_is_refused_and_told_both_ways_out() {
    let mut env = TestEnv::failing().await;
    env.run().await;
    assert_eq!(owner(&env), function("packwatch"));
    env.member("baseline", OTHER, "UPDATE_FAILED");
    deploy(&mut env, "second");
    for event in [
        json!({}),
        json!({"packs": ["base*"]}),
        json!({"announce": "always"}),
        json!({"trigger": "schedule", "scheduled_at": "2026-03-01T08:00:00Z"}),
    ] {
        let report = refused(&env, event, "LedgerOwnedByAnother").await;
        for part in [
            "s3://packwatch-snapshots/ledger.json belongs to the function packwatch in account 111122223333, eu-west-1",
            "SNAPSHOT_PREFIX",
            r#"{"adopt_ledger": true}"#,
        ] {
            assert!(report.contains(part), "{part} is not in {report}");
        }
    }
    env.set("SNAPSHOT_PREFIX", "second");
    env.run().await;
    assert_eq!(
        env.document("second/ledger.json")["owner"],
        function("second")
    );
    env.set("SNAPSHOT_PREFIX", "");
    deploy(&mut env, "packwatch");
    env.run().await;
    assert_eq!(
        keys(&env.digests().last().expect("a digest")["appeared"]),
        ["baseline/333344445555"],
        "the change is left to the owner"
    );
}

#[tokio::test]
async fn same_name_in_another_region_is_another_function() {
    let mut env = TestEnv::failing().await;
    env.run().await;
    env.function_arn = env.function_arn.replace("eu-west-1", "us-east-1");
    refused(&env, json!({}), "LedgerOwnedByAnother").await;
}

#[tokio::test]
async fn refused_function_records_no_gaps() {
    let mut env = TestEnv::failing().await;
    env.run().await;
    env.world.deny_caller(OWN);
    deploy(&mut env, "second");
    for _ in 0..2 {
        refused(&env, json!({}), "LedgerOwnedByAnother").await;
    }
}

#[tokio::test]
async fn function_that_reads_only_through_roles_owns_ledger() {
    let mut env = with_role().await;
    env.set("ROLE_ARNS", ROLE);
    env.run().await;
    assert_eq!(owner(&env), function("packwatch"));
    deploy(&mut env, "second");
    refused(&env, json!({}), "LedgerOwnedByAnother").await;
}

#[tokio::test]
async fn first_run_without_data_makes_function_the_owner() {
    let mut env = TestEnv::failing().await;
    env.world.deny_caller(OWN);
    let error = env.invoke(json!({})).await.expect_err("nothing is read");
    assert_eq!(error.kind(), "AllSourcesFailed");
    deploy(&mut env, "second");
    refused(&env, json!({}), "LedgerOwnedByAnother").await;
}

#[tokio::test]
async fn local_run_writes_with_settings_of_last_full_run() {
    for local in LOCAL {
        let mut env = TestEnv::failing().await;
        env.run().await;
        env.member("baseline", OTHER, "UPDATE_FAILED");
        local.enter(&mut env);
        let narrowed = json!({"packs": ["none"], "regions": [REGION]});
        for event in [narrowed, json!({})] {
            let response = env.invoke(event).await.expect("it may write");
            assert_eq!(response["outcome"], "committed", "{local:?}");
            env.advance_minutes(15);
        }
        assert_eq!(env.digests().len(), 2, "{local:?}");
        assert_eq!(owner(&env), function("packwatch"), "{local:?}");
        deploy(&mut env, "packwatch");
        env.run().await;
        assert_eq!(env.digests().len(), 2, "nothing is notified again");
    }
}

#[tokio::test]
async fn local_run_with_other_settings_is_told_what_differs() {
    let receivers = format!("receivers are {OTHER_TOPIC}, and were {TOPIC} in the last full run");
    let both = format!("receivers are {CHAT}, {TOPIC}, and were {TOPIC} in the last full run");
    let differences = [
        ("TOPIC_ARN", OTHER_TOPIC, receivers.as_str()),
        ("CHAT_TOPIC_ARN", CHAT, &both),
        (
            "REGIONS",
            "eu-west-1,us-east-1",
            "sources are 111122223333 eu-west-1, 111122223333 us-east-1, and were 111122223333 eu-west-1 in the last",
        ),
        (
            "INCLUDE_PACKS",
            "base*",
            "INCLUDE_PACKS are base*, and were * in the last",
        ),
        (
            "EXCLUDE_PACKS",
            "old-*",
            "EXCLUDE_PACKS are old-*, and were none in the last",
        ),
    ];
    for local in LOCAL {
        for (name, value, expected) in differences {
            let mut env = TestEnv::failing().await;
            env.world.create_topic(OTHER_TOPIC);
            env.world.create_topic(CHAT);
            env.run().await;
            local.enter(&mut env);
            env.set(name, value);
            let report = refused(&env, json!({}), "LedgerOwnedByAnother").await;
            assert!(report.contains(expected), "{local:?}: {report}");
            assert!(
                report.contains("belongs to the function packwatch"),
                "{report}"
            );
            // The event may narrow the run, but not the settings.
            refused(&env, json!({"regions": [REGION]}), "LedgerOwnedByAnother").await;
        }
    }
}

#[tokio::test]
async fn local_ledger_is_claimed_by_first_deployed_function() {
    for local in LOCAL {
        let mut env = TestEnv::failing().await;
        env.world.create_topic(OTHER_TOPIC);
        local.enter(&mut env);
        env.run().await;
        env.run().await;
        assert_eq!(owner(&env), Value::Null, "{local:?} owns nothing");
        env.set("TOPIC_ARN", OTHER_TOPIC);
        let report = refused(&env, json!({}), "LedgerOwnedByAnother").await;
        assert!(
            report.contains("was written with other settings"),
            "{report}"
        );
        deploy(&mut env, "packwatch");
        env.run().await;
        assert_eq!(owner(&env), function("packwatch"), "{local:?}");
        deploy(&mut env, "second");
        refused(&env, json!({}), "LedgerOwnedByAnother").await;
    }
}

#[tokio::test]
async fn sts_outage_stops_no_owner_and_admits_no_other_function() {
    let mut env = with_role().await;
    env.run().await;
    env.world.fault(sts_down());
    let response = env.run().await;
    assert_eq!(
        (&response["outcome"], &response["totals"]["gaps"]),
        (&json!("committed"), &json!(1))
    );
    deploy(&mut env, "second");
    refused(&env, json!({}), "LedgerOwnedByAnother").await;
    assert_eq!(owner(&env), function("packwatch"));
}

#[tokio::test]
async fn sts_outage_leaves_ledger_without_owner() {
    let mut env = with_role().await;
    Local::Cli.enter(&mut env);
    env.run().await;
    deploy(&mut env, "packwatch");
    env.world.fault(sts_down());
    assert_eq!(env.run().await["outcome"], "committed");
    assert_eq!(owner(&env), Value::Null);
    env.world.clear_faults();
    env.run().await;
    assert_eq!(owner(&env), function("packwatch"));
}

/// Also the case of a function whose name CloudFormation has changed.
#[tokio::test]
async fn adopted_ledger_refuses_its_former_owner() {
    let mut env = TestEnv::failing().await;
    env.run().await;
    deploy(&mut env, "second");
    for run in [2, 3] {
        let response = env.invoke(json!({"adopt_ledger": true})).await;
        assert_eq!(
            response.expect("a deployed function may adopt"),
            json!({"run_id": format!("run-{run}"), "outcome": "adopted", "owner": function("second")})
        );
    }
    assert_eq!(env.run().await["sequence"], 2);
    assert_eq!(env.digests().len(), 1, "nothing is notified again");
    deploy(&mut env, "packwatch");
    let report = refused(&env, json!({}), "LedgerOwnedByAnother").await;
    assert!(report.contains("the function second"), "{report}");
}

/// The former owner is sending a digest while the other function adopts the ledger and runs.
#[tokio::test]
async fn digest_in_delivery_during_adoption_is_sent_once() {
    let mut env = TestEnv::failing().await;
    let (former, former_context) = (env.function().await, env.context());
    deploy(&mut env, "second");
    let second = env.function().await;
    let late = Fault::new(Effect::Delay(Duration::from_millis(400)));
    env.world.fault(late.service(Service::Sns).first(1));
    let adopt_and_run = async {
        while env.digests().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let adopted = env.invoke_in(&second, json!({"adopt_ledger": true})).await;
        adopted.expect("a deployed function may adopt");
        env.advance_seconds(1);
        env.member("baseline", OTHER, "UPDATE_FAILED");
        env.invoke_in(&second, json!({})).await
    };
    let (former, second) = join(former.invoke("{}", former_context), adopt_and_run).await;
    former.expect("the digest is sent and settled");
    let response = second.expect("the new owner commits");
    assert_eq!(response["digest"]["status"], "waiting");
    assert_eq!(
        env.digests().len(),
        1,
        "neither is the digest sent again nor does the former owner send the next one"
    );
    env.advance_minutes(15);
    env.run().await;
    let appeared: Vec<_> = env
        .digests()
        .iter()
        .map(|digest| keys(&digest["appeared"]))
        .collect();
    assert_eq!(
        appeared,
        [["baseline/222233334444"], ["baseline/333344445555"]]
    );
}

#[tokio::test]
async fn adoption_while_former_owner_reads_refuses_its_commit() {
    let mut env = TestEnv::failing().await;
    env.run().await;
    env.member("baseline", OTHER, "UPDATE_FAILED");
    let (former, former_context) = (env.function().await, env.context());
    deploy(&mut env, "second");
    let late = Fault::new(Effect::Delay(Duration::from_millis(400)));
    env.world.fault(late.service(Service::Config).first(1));
    let adopt = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        env.invoke(json!({"adopt_ledger": true})).await
    };
    let (former, adopted) = join(former.invoke("{}", former_context), adopt).await;
    adopted.expect("a deployed function may adopt");
    let error = former.expect_err("the ledger has another owner");
    assert_eq!(error.kind(), "LedgerOwnedByAnother");
    let ledger = env.document("ledger.json");
    assert_eq!(
        (&ledger["sequence"], &ledger["owner"], env.digests().len()),
        (&json!(1), &function("second"), 1)
    );
}

/// The retry of a run of the former owner has loaded the ledger when the other function adopts it.
#[tokio::test]
async fn adoption_while_former_owner_resumes_leaves_digest_to_new() {
    let mut env = TestEnv::failing().await;
    let denied = Fault::error(403, "AuthorizationError", "no");
    env.world.fault(denied.service(Service::Sns));
    env.invoke(json!({}))
        .await
        .expect_err("the digest is refused");
    env.world.clear_faults();
    let mut adopted = env.document("ledger.json");
    adopted["owner"] = function("second");
    let adopt = Fault::then([Change::SetObject {
        bucket: BUCKET.to_owned(),
        key: "ledger.json".to_owned(),
        body: adopted.to_string(),
        metadata: env.world.versions(BUCKET, "ledger.json")[1]
            .metadata
            .clone(),
    }]);
    let loaded = adopt.service(Service::S3).operation("GetObject");
    env.world.fault(loaded.target("ledger").first(1));
    env.reuse_request_id();
    let response = env.invoke(json!({})).await.expect("nothing is left to do");
    assert_eq!(
        (&response["outcome"], &response["digest"]["status"]),
        (&json!("resumed"), &json!("waiting"))
    );
    assert_eq!(env.digests().len(), 0);
    deploy(&mut env, "second");
    env.advance_minutes(15);
    env.run().await;
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn only_function_confirmed_by_sts_can_adopt() {
    for local in LOCAL {
        let mut env = TestEnv::failing().await;
        env.run().await;
        local.enter(&mut env);
        refused(&env, json!({"adopt_ledger": true}), "InvalidEvent").await;
    }
    let mut env = TestEnv::failing().await;
    env.run().await;
    deploy(&mut env, "second");
    env.world.fault(sts_down());
    refused(&env, json!({"adopt_ledger": true}), "InvalidEvent").await;
    assert_eq!(owner(&env), function("packwatch"));
}

#[tokio::test]
async fn adopt_ledger_with_another_key_or_value_is_invalid() {
    let env = TestEnv::failing().await;
    for (event, part) in [
        (json!({"adopt_ledger": true, "packs": ["a"]}), "\"packs\""),
        (
            json!({"adopt_ledger": true, "dry_run": true}),
            "\"dry_run\"",
        ),
        (json!({"adopt_ledger": false}), "\"adopt_ledger\""),
        (json!({"adopt_ledger": "yes"}), "\"adopt_ledger\""),
        (
            json!({"adopt_ledger": true, "detail-type": "Scheduled Event", "time": "2026-03-01T08:00:00Z"}),
            "\"adopt_ledger\"",
        ),
        (
            json!({"adopt_ledger": true, "trigger": "schedule", "scheduled_at": "2026-03-01T08:00:00Z"}),
            "\"adopt_ledger\"",
        ),
    ] {
        let report = refused(&env, event, "InvalidEvent").await;
        assert!(report.contains(part), "{report}");
    }
    assert_eq!(
        env.world.calls().len(),
        0,
        "an event is checked before any call"
    );
}

#[tokio::test]
async fn dry_run_is_allowed_on_ledger_of_another_function() {
    let mut env = TestEnv::failing().await;
    env.world.create_topic(OTHER_TOPIC);
    env.run().await;
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.set("TOPIC_ARN", OTHER_TOPIC);
    env.set("EXCLUDE_PACKS", "old-*");
    for local in [
        None,
        Some(Local::Cli),
        Some(Local::Sam),
        Some(Local::Emulator),
    ] {
        deploy(&mut env, "second");
        if let Some(local) = local {
            local.enter(&mut env);
        }
        let objects = env.world.objects(BUCKET);
        let response = env.invoke(json!({"dry_run": true})).await;
        let response = response.expect("a dry run is allowed to anyone");
        assert_eq!(response["outcome"], "dry_run");
        assert!(env.world.objects(BUCKET) == objects);
        assert_eq!(env.world.publishes().len(), 1);
    }
}
