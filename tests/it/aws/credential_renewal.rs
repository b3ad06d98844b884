//! Credentials that AWS rejects as expired or invalid: they are fetched once more, once for all
//! calls that were rejected, and only if the source has accepted them before.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::Region;
use aws_config::sts::AssumeRoleProvider;
use aws_sdk_s3::config::Credentials;
use packwatch::aws::{self, AwsClients};
use packwatch::input::settings::Settings;
use packwatch::model::{
    BusEvent, BusEventType, Identity, ReceiverArn, SnsMessage, Source, SourceTarget,
};
use packwatch::ports::{ConfigApi, Notifier, ObjectStore};
use packwatch_simulation::{Change, Effect, Fault, Service};
use serde_json::json;

use crate::support::harness::{BUCKET, BUS, OWN, REGION, TOPIC, TestEnv};

const FAR: &str = "us-east-1";
const READER: &str = "444455556666";
const READER_ROLE: &str = "arn:aws:iam::444455556666:role/reader";
const AUDITOR: &str = "777788889999";
const AUDITOR_ROLE: &str = "arn:aws:iam::777788889999:role/auditor";
const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";
/// Packs in each source.
const PACKS: usize = 20;

/// Returns an environment with two roles in two regions: four sources.
async fn two_roles_in_two_regions() -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", &format!("{REGION},{FAR}"));
    env.set("ROLE_ARNS", &format!("{READER_ROLE},{AUDITOR_ROLE}"));
    for (account, role) in [(READER, READER_ROLE), (AUDITOR, AUDITOR_ROLE)] {
        env.world.allow_caller(account);
        env.world.allow_role(role, None);
        for region in [REGION, FAR] {
            env.world.fill(account, region, PACKS, 1, 1);
        }
    }
    env
}

/// Returns the number of calls of an operation whose target contains `target` in a region; an empty
/// string stands for all targets or regions.
fn calls(env: &TestEnv, operation: &str, target: &str, region: &str) -> usize {
    let calls = env.world.calls().into_iter();
    calls
        .filter(|call| {
            call.operation == operation
                && call.target.contains(target)
                && (region.is_empty() || call.region == region)
        })
        .count()
}

/// Returns the number of calls that AWS Config rejected because of their credentials.
fn rejections(env: &TestEnv) -> usize {
    let calls = env.world.calls().into_iter();
    calls
        .filter(|call| {
            call.service == Service::Config
                && matches!(
                    call.code.as_deref(),
                    Some("ExpiredTokenException" | "UnrecognizedClientException")
                )
        })
        .count()
}

#[tokio::test]
async fn expired_sessions_are_renewed_once_per_role() {
    let env = two_roles_in_two_regions().await;
    let function = env.function().await;
    for run in 1..=3 {
        let response = env.invoke_in(&function, json!({})).await.unwrap();
        assert_eq!(
            (
                &response["complete"],
                &response["totals"]["gaps"],
                &response["totals"]["failures"]
            ),
            (&json!(true), &json!(0), &json!(4 * PACKS)),
            "run {run}"
        );
        for role in [READER_ROLE, AUDITOR_ROLE] {
            assert_eq!(calls(&env, "AssumeRole", role, ""), 1, "run {run}");
        }
        if run > 1 {
            assert!(rejections(&env) >= 2, "each role's session was rejected");
            assert!(rejections(&env) <= 4, "at most one rejection per source");
        }
        env.world.forget_calls();
        env.world.expire_sessions();
        env.advance_minutes(15);
    }
}

/// The calls in flight are all rejected. The rejections that arrive after the renewal must not drop
/// the new session.
#[tokio::test]
async fn sessions_expired_during_run_are_renewed_once_per_role() {
    let env = two_roles_in_two_regions().await;
    let expire = Fault::new(Effect::Then(vec![Change::ExpireSessions]));
    env.world.fault(expire.operation(MEMBERS).nth(3));
    let response = env.invoke(json!({})).await.unwrap();
    assert_eq!(
        (&response["complete"], &response["totals"]["failures"]),
        (&json!(true), &json!(4 * PACKS))
    );
    assert!(rejections(&env) > 4, "calls in flight are rejected");
    for role in [READER_ROLE, AUDITOR_ROLE] {
        assert_eq!(calls(&env, "AssumeRole", role, ""), 2, "{role}");
    }
}

#[tokio::test]
async fn source_that_rejects_new_credentials_costs_one_retry() {
    for code in ["ExpiredTokenException", "UnrecognizedClientException"] {
        let env = two_roles_in_two_regions().await;
        let function = env.function().await;
        env.invoke_in(&function, json!({})).await.unwrap();
        let rejected = Fault::error(400, code, "the session is not accepted");
        env.world
            .fault(rejected.operation(LIST).caller(READER).region(FAR));
        for (run, attempts, sessions) in [(2, 2, 1), (3, 1, 0), (4, 1, 0)] {
            env.advance_minutes(15);
            env.world.forget_calls();
            let response = env.invoke_in(&function, json!({})).await.unwrap();
            let gaps = env.snapshot(&response)["gaps"].clone();
            assert_eq!(gaps.as_array().unwrap().len(), 1, "{gaps}");
            assert_eq!(
                (&gaps[0]["caller"], &gaps[0]["region"], &gaps[0]["code"]),
                (&json!(READER), &json!(FAR), &json!(code)),
                "run {run}"
            );
            assert_eq!(rejections(&env), attempts, "run {run}");
            assert_eq!(calls(&env, "AssumeRole", "", ""), sessions, "run {run}");
        }
    }
}

/// Calls that are rejected although other calls of the source succeed with the new session.
#[tokio::test]
async fn call_that_is_always_rejected_makes_two_attempts() {
    let env = two_roles_in_two_regions().await;
    let function = env.function().await;
    let call = |effect| {
        let fault = Fault::new(effect).operation(MEMBERS).caller(READER);
        fault.region(FAR).target("pack-003")
    };
    let rejected = Effect::Error {
        status: 400,
        code: "ExpiredTokenException".to_owned(),
        message: "The session is expired.".to_owned(),
    };
    env.world.fault(call(rejected));
    // The other calls succeed with the new session before the retry is rejected.
    env.world
        .fault(call(Effect::Delay(Duration::from_millis(300))).nth(2));
    let response = env.invoke_in(&function, json!({})).await.unwrap();
    assert_eq!(response["totals"]["gaps"], 1);
    assert_eq!(rejections(&env), 2);
    assert_eq!(calls(&env, "AssumeRole", READER_ROLE, ""), 2);
}

/// A region that is not enabled rejects every session as invalid.
#[tokio::test]
async fn source_that_never_accepted_credentials_costs_no_retry() {
    let env = two_roles_in_two_regions().await;
    let function = env.function().await;
    let rejected = Fault::error(400, "UnrecognizedClientException", "The token is invalid.");
    env.world
        .fault(rejected.operation(LIST).caller(READER).region(FAR));
    for (run, sessions) in [(1, 2), (2, 0), (3, 0)] {
        env.world.forget_calls();
        let response = env.invoke_in(&function, json!({})).await.unwrap();
        assert_eq!(response["totals"]["gaps"], 1, "run {run}");
        assert_eq!(rejections(&env), 1, "run {run}");
        assert_eq!(calls(&env, "AssumeRole", "", ""), sessions, "run {run}");
        env.advance_minutes(15);
    }
}

#[tokio::test]
async fn gap_names_assume_role_if_session_cannot_be_renewed() {
    let env = two_roles_in_two_regions().await;
    let function = env.function().await;
    env.invoke_in(&function, json!({})).await.unwrap();
    env.world.expire_sessions();
    env.world.deny_role(READER_ROLE);
    env.advance_minutes(15);
    let response = env.invoke_in(&function, json!({})).await.unwrap();
    let snapshot = env.snapshot(&response);
    let gaps = snapshot["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 2, "both regions of the role");
    for gap in gaps {
        assert_eq!(
            (&gap["caller"], &gap["operation"], &gap["code"]),
            (&json!(READER), &json!("AssumeRole"), &json!("AccessDenied"))
        );
    }
    env.world.allow_role(READER_ROLE, None);
    env.advance_minutes(15);
    let response = env.invoke_in(&function, json!({})).await.unwrap();
    assert_eq!(response["complete"], true, "the role can be assumed again");
}

/// The identity of the CLI with a profile that assumes a role: its session can expire. The session
/// of the function itself comes from the environment and stays the same.
#[tokio::test]
async fn every_service_renews_session_of_own_identity() {
    let env = TestEnv::failing().await;
    let clients = clients_of_own_role(&env).await;
    let own = SourceTarget {
        source: Source {
            caller: OWN.into(),
            region: REGION.into(),
        },
        identity: Identity::Own,
    };
    let topic = ReceiverArn::from(TOPIC);
    let message = SnsMessage {
        subject: "subject".to_owned(),
        body: "body".to_owned(),
        message_structure_json: false,
        attributes: BTreeMap::new(),
        deduplication_id: "digest".to_owned(),
    };
    let bus = ReceiverArn::from(BUS);
    env.world.create_event_bus(BUS);
    let events = [BusEvent {
        detail_type: BusEventType::Cause,
        detail: "{}".to_owned(),
    }];
    let services = [
        (Service::Config, "UnrecognizedClientException"),
        (Service::S3, "InvalidAccessKeyId"),
        (Service::S3, "InvalidToken"),
        (Service::Sns, "InvalidClientTokenId"),
        (Service::Events, "UnrecognizedClientException"),
        (Service::Sts, "InvalidClientTokenId"),
        (Service::Organizations, "UnrecognizedClientException"),
    ];
    for (service, code) in services {
        let call = async || match service {
            Service::Config => drop(clients.config.packs(&own, None).await.unwrap()),
            Service::S3 => drop(clients.store.get("key").await.unwrap()),
            Service::Sns => clients.notifier.publish(&topic, &message).await.unwrap(),
            Service::Events => drop(clients.notifier.put_events(&bus, &events).await.unwrap()),
            Service::Sts => drop(clients.config.identify().await.unwrap()),
            Service::Organizations => {
                drop(clients.config.account(&OWN.into()).await.unwrap());
            }
        };
        env.world.set_object(BUCKET, "key", "{}");
        env.world.put_account(OWN, "management", "ACTIVE");
        call().await;
        for code in [None, Some(code)] {
            match code {
                Some(code) => {
                    let rejected = Fault::error(403, code, "The credentials are not accepted.");
                    env.world.fault(rejected.service(service).first(1));
                }
                None => env.world.expire_sessions(),
            }
            env.world.forget_calls();
            call().await;
            let calls = env.world.calls().into_iter();
            let operations: Vec<_> = calls.map(|call| (call.service, call.status)).collect();
            assert_eq!(
                operations.len(),
                3,
                "a rejected attempt, AssumeRole and the retry: {operations:?}"
            );
            assert_eq!(operations[1].0, Service::Sts);
            assert_eq!(operations[2], (service, Some(200)));
            env.world.clear_faults();
        }
    }
}

/// Returns clients whose own identity is the session of a role in the own account.
async fn clients_of_own_role(env: &TestEnv) -> AwsClients {
    const OWN_ROLE: &str = "arn:aws:iam::111122223333:role/operator";
    env.world.allow_role(OWN_ROLE, None);
    let user = aws::sdk_config()
        .endpoint_url(env.server.url())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKIDOWN", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    let role = AssumeRoleProvider::builder(OWN_ROLE).configure(&user);
    let loader = aws::sdk_config()
        .endpoint_url(env.server.url())
        .credentials_provider(role.build().await);
    let lookup = |name: &str| match name {
        "EVENT_BUS" => Some(BUS.to_owned()),
        name => env.env.get(name).cloned(),
    };
    let settings = Settings::read(lookup).expect("the settings of the test environment are valid");
    let connected = aws::connect(loader, &settings, env.timeouts, lookup).await;
    connected.expect("the environment names no proxy or certificates")
}
