//! Several callers and regions: a source that cannot be read does not affect the other sources, and
//! clears none of its failures.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{OWN, TOPIC, TestEnv, email, keys};

const ACCOUNT: &str = "222233334444";
const FAR: &str = "us-east-1";

async fn two_regions() -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    for region in ["eu-west-1", FAR] {
        env.world.put_pack(
            OWN,
            region,
            "baseline",
            StatusRecord::new("UPDATE_SUCCESSFUL"),
        );
        env.world.put_member(
            OWN,
            region,
            "baseline",
            ACCOUNT,
            StatusRecord::new("UPDATE_FAILED").code("Broken"),
        );
    }
    env.run().await;
    env
}

fn denied() -> Fault {
    Fault::error(400, "AccessDeniedException", "not authorized")
        .service(Service::Config)
        .region(FAR)
}

#[tokio::test]
async fn denied_region_clears_nothing_and_its_gap_is_notified_once() {
    let env = two_regions().await;
    assert_eq!(env.digests()[0]["totals"]["failures"], 2);
    env.world.fault(denied());
    env.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        ACCOUNT,
        StatusRecord::new("UPDATE_SUCCESSFUL"),
    );
    let response = env.run().await;
    let snapshot = env.snapshot(&response);
    assert_eq!(response["complete"], false);
    assert_eq!(
        keys(&snapshot["cleared"]),
        ["baseline/222233334444"],
        "the readable region is still evaluated"
    );
    assert_eq!(snapshot["cleared"][0]["region"], "eu-west-1");
    assert_eq!(keys(&snapshot["unconfirmed"]), ["baseline/222233334444"]);
    assert_eq!(snapshot["unconfirmed"][0]["region"], FAR);
    assert_eq!(snapshot["gaps"][0]["state"], "began");
    assert_eq!(snapshot["gaps"][0]["code"], "AccessDeniedException");
    assert_eq!(
        (
            &response["totals"]["failures"],
            &response["totals"]["unconfirmed"]
        ),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        env.digests()[1]["gaps"][0]["state"],
        "began",
        "a digest with another cause shows the gap in its first run"
    );
    env.run().await;
    let digests = env.digests();
    assert_eq!(
        digests.len(),
        3,
        "the gap starts a digest in its second run"
    );
    assert_eq!(digests[2]["gaps"][0]["region"], FAR);
    assert_eq!(digests[2]["gaps"][0]["state"], "lasting");
    for _ in 0..3 {
        assert_eq!(
            env.run().await["digest"]["status"],
            "none",
            "the gap is notified once"
        );
    }
    env.world.clear_faults();
    env.run().await;
    let digests = env.digests();
    assert_eq!(digests.len(), 4);
    assert_eq!(digests[3]["gaps"][0]["state"], "ended");
    assert_eq!(digests[3]["cleared"], json!([]));
    assert_eq!(env.latest()["totals"]["failures"], 1);
}

#[tokio::test]
async fn ended_gap_stays_ended_after_run_of_another_region() {
    let env = two_regions().await;
    env.world.fault(denied());
    env.run().await;
    env.run().await;
    env.world.clear_faults();
    let gap_end = || env.document("ledger.json")["gaps"][0][1]["ended"].clone();
    let sns_denied = Fault::error(403, "AuthorizationError", "no").service(Service::Sns);
    env.world.fault(sns_denied.clone());
    env.world.fault(denied());
    env.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        ACCOUNT,
        StatusRecord::new("UPDATE_SUCCESSFUL"),
    );
    env.invoke(json!({}))
        .await
        .expect_err("SNS rejects the digest, which stays in the outbox");
    assert_eq!(gap_end(), json!(null));
    env.world.clear_faults();
    env.world.fault(sns_denied);
    env.advance_minutes(15);
    env.invoke(json!({}))
        .await
        .expect("the end of the gap is pending behind the outgoing digest");
    assert_eq!(gap_end(), "read");
    env.advance_minutes(15);
    env.invoke(json!({"regions": ["eu-west-1"]}))
        .await
        .expect("SNS still rejects the digest");
    assert_eq!(
        gap_end(),
        "read",
        "a run of another region does not change the gap"
    );
    env.world.clear_faults();
    env.advance_minutes(15);
    env.run().await;
    let digest = env.digests().pop().expect("a digest was published");
    assert_eq!(
        (&digest["gaps"][0]["region"], &digest["gaps"][0]["state"]),
        (&json!(FAR), &json!("ended"))
    );
}

#[tokio::test]
async fn gap_ended_in_next_run_is_not_notified() {
    let env = two_regions().await;
    env.world.fault(denied());
    env.run().await;
    env.world.clear_faults();
    env.run().await;
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn retry_with_same_run_id_is_not_second_run_of_gap() {
    let env = two_regions().await;
    env.world
        .fault(Fault::error(400, "AccessDeniedException", "no").service(Service::Config));
    let function = env.function().await;
    for _ in 0..3 {
        assert_eq!(
            function
                .invoke("{}", env.context_of("one"))
                .await
                .unwrap_err()
                .kind(),
            "AllSourcesFailed"
        );
        env.advance_minutes(1);
    }
    assert_eq!(
        env.digests().len(),
        1,
        "retries with the same run id count as one run"
    );
    assert_eq!(
        env.invoke(json!({})).await.unwrap_err().kind(),
        "AllSourcesFailed"
    );
    assert_eq!(
        env.digests().len(),
        2,
        "the second run notifies of the gaps before it returns the error"
    );
    assert_eq!(env.digests()[1]["gaps"].as_array().unwrap().len(), 2);
    assert_eq!(
        env.digests()[1]["sequence"],
        1,
        "the sequence is that of the last committed run"
    );
}

#[tokio::test]
async fn region_removed_from_settings_is_unwatched_not_cleared() {
    let mut env = two_regions().await;
    env.set("REGIONS", "eu-west-1");
    let response = env.run().await;
    assert_eq!(response["totals"]["cleared"], 0);
    let digest = &env.digests()[1];
    assert_eq!(digest["cleared"], json!([]));
    assert_eq!(keys(&digest["unwatched"]), ["baseline/222233334444"]);
    assert_eq!(digest["unwatched"][0]["region"], FAR);
    assert_eq!(digest["unwatched"][0]["resolution"], "unwatched");
    env.run().await;
    assert_eq!(
        env.digests().len(),
        2,
        "unwatched failures are notified once"
    );
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.run().await;
    let publish = env.publishes(TOPIC).pop().unwrap();
    assert!(
        email(&publish).to_lowercase().contains("newly watched"),
        "{}",
        email(&publish)
    );
}

#[tokio::test]
async fn notified_account_ignored_later_is_unwatched_and_recorded() {
    let mut env = two_regions().await;
    env.set("IGNORE_ACCOUNTS", ACCOUNT);
    let response = env.run().await;
    assert_eq!(
        (
            &response["totals"]["failures"],
            &response["totals"]["ignored"]
        ),
        (&json!(0), &json!(2))
    );
    assert_eq!(keys(&env.digests()[1]["unwatched"]).len(), 2);
    assert_eq!(
        env.latest()["packs"][0]["failing_accounts"][0]["ignored"],
        true
    );
    env.run().await;
    assert_eq!(env.digests().len(), 2);
}

#[tokio::test]
async fn role_reads_packs_of_its_account() {
    let mut env = TestEnv::new().await;
    let role = "arn:aws:iam::444455556666:role/reader";
    env.world.allow_caller("444455556666");
    env.world.allow_role(role, Some("external-id"));
    env.set("ROLE_ARNS", &format!("self,{role}"));
    env.set("ROLE_EXTERNAL_ID", "external-id");
    env.set("REGIONS", "eu-west-1,us-east-1");
    for caller in [OWN, "444455556666"] {
        env.world.put_pack(
            caller,
            FAR,
            "baseline",
            StatusRecord::new("UPDATE_SUCCESSFUL"),
        );
        env.world.put_member(
            caller,
            FAR,
            "baseline",
            ACCOUNT,
            StatusRecord::new("UPDATE_FAILED"),
        );
    }
    let response = env.run().await;
    let snapshot = env.snapshot(&response);
    let pack_callers: Vec<&Value> = snapshot["packs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pack| &pack["caller"])
        .collect();
    assert_eq!(pack_callers, [&json!(OWN), &json!("444455556666")]);
    assert_eq!(
        snapshot["run"]["scope"]["callers"],
        json!([OWN, "444455556666"])
    );
    let assumed = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "AssumeRole")
        .count();
    assert_eq!(assumed, 1, "the role is assumed once for all regions");
    env.world.deny_role(role);
    let response = env.run().await;
    assert_eq!(
        (
            &response["totals"]["gaps"],
            &response["totals"]["unconfirmed"]
        ),
        (&json!(2), &json!(1))
    );
    assert_eq!(env.snapshot(&response)["gaps"][0]["caller"], "444455556666");
    let gap = &env.snapshot(&response)["gaps"][0];
    assert_eq!(
        (&gap["operation"], &gap["code"]),
        (&json!("AssumeRole"), &json!("AccessDenied")),
        "{gap}"
    );
}

#[tokio::test]
async fn unidentified_source_uses_account_from_ledger() {
    let env = two_regions().await;
    env.world
        .fault(Fault::error(403, "AccessDenied", "no").service(Service::Sts));
    let error = env.invoke(json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "AllSourcesFailed");
    assert!(
        error.to_report().contains("111122223333 eu-west-1"),
        "{}",
        error.to_report()
    );
    env.advance_minutes(15);
    env.world.clear_faults();
    assert_eq!(env.run().await["totals"]["failures"], 2);
    assert_eq!(
        env.digests().len(),
        1,
        "no failure became unwatched or cleared"
    );
}

#[tokio::test]
async fn unidentified_source_beside_role_unwatches_nothing() {
    let mut env = two_regions().await;
    let role = "arn:aws:iam::444455556666:role/reader";
    env.world.allow_caller("444455556666");
    env.world.allow_role(role, None);
    env.world.put_member(
        "444455556666",
        FAR,
        "guardrails",
        ACCOUNT,
        StatusRecord::new("CREATE_FAILED"),
    );
    env.set("ROLE_ARNS", &format!("self,{role}"));
    env.world.fault(
        Fault::error(403, "AccessDenied", "no")
            .service(Service::Sts)
            .operation("GetCallerIdentity"),
    );
    let response = env.run().await;
    assert_eq!(
        (
            &response["totals"]["failures"],
            &response["totals"]["unconfirmed"]
        ),
        (&json!(3), &json!(2))
    );
    assert_eq!(
        keys(&env.digests()[1]["appeared"]),
        ["guardrails/222233334444"]
    );
    assert_eq!(env.digests()[1]["unwatched"], json!([]));
}

#[tokio::test]
async fn unidentified_source_without_ledger_is_named_self() {
    let env = TestEnv::new().await;
    env.world
        .fault(Fault::error(403, "AccessDenied", "no").service(Service::Sts));
    let error = env.invoke(json!({})).await.unwrap_err();
    assert!(
        error.to_report().contains("self eu-west-1"),
        "{}",
        error.to_report()
    );
    let ledger = env.document("ledger.json");
    assert_eq!(
        (&ledger["format"], &ledger["sequence"]),
        (&json!("packwatch.ledger"), &json!(0))
    );
}

#[tokio::test]
async fn caller_without_organization_access_fails_all_sources() {
    let env = two_regions().await;
    env.world.deny_caller(OWN);
    let error = env.invoke(json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "AllSourcesFailed");
    assert!(
        error
            .to_report()
            .contains("OrganizationAccessDeniedException"),
        "{}",
        error.to_report()
    );
    assert_eq!(
        env.latest()["run"]["sequence"],
        1,
        "the failed run commits no snapshot and no sequence"
    );
}

#[tokio::test]
async fn listing_error_on_later_page_clears_nothing() {
    let env = two_regions().await;
    env.world
        .put_pack(OWN, FAR, "another", StatusRecord::new("UPDATE_SUCCESSFUL"));
    env.world.page_size(Some(1));
    let call = "DescribeOrganizationConformancePackStatuses";
    let later = Fault::error(400, "AccessDeniedException", "no")
        .service(Service::Config)
        .operation(call)
        .region(FAR);
    env.world.fault(later.nth(2));
    let response = env.run().await;
    assert_eq!(response["totals"]["unconfirmed"], 1);
    assert_eq!(response["totals"]["failures"], 2);
    assert_eq!(env.digests().len(), 1);
}
