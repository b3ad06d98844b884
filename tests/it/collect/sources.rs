//! Several callers and regions: one that fails hides no other, and nothing in it is closed.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{OWN, TOPIC, TestEnv, email, keys};

const ACCOUNT: &str = "222233334444";
const FAR: &str = "us-east-1";

async fn two_regions() -> TestEnv {
    let mut stage = TestEnv::new().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    for region in ["eu-west-1", FAR] {
        stage.world.put_pack(
            OWN,
            region,
            "baseline",
            StatusRecord::new("UPDATE_SUCCESSFUL"),
        );
        stage.world.put_member(
            OWN,
            region,
            "baseline",
            ACCOUNT,
            StatusRecord::new("UPDATE_FAILED").code("Broken"),
        );
    }
    stage.run().await;
    stage
}

fn denied() -> Fault {
    Fault::error(400, "AccessDeniedException", "not authorized")
        .service(Service::Config)
        .region(FAR)
}

#[tokio::test]
async fn a_region_that_is_denied_closes_nothing_and_is_told_once_and_when_it_ends() {
    let stage = two_regions().await;
    assert_eq!(stage.digests()[0]["totals"]["failures"], 2);
    stage.world.fault(denied());
    stage.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        ACCOUNT,
        StatusRecord::new("UPDATE_SUCCESSFUL"),
    );
    let answer = stage.run().await;
    let snapshot = stage.snapshot(&answer);
    assert_eq!(answer["complete"], false);
    assert_eq!(
        keys(&snapshot["cleared"]),
        ["baseline/222233334444"],
        "the other region is reported"
    );
    assert_eq!(snapshot["cleared"][0]["region"], "eu-west-1");
    assert_eq!(keys(&snapshot["unconfirmed"]), ["baseline/222233334444"]);
    assert_eq!(snapshot["unconfirmed"][0]["region"], FAR);
    assert_eq!(snapshot["gaps"][0]["state"], "began");
    assert_eq!(snapshot["gaps"][0]["code"], "AccessDeniedException");
    assert_eq!(
        (
            &answer["totals"]["failures"],
            &answer["totals"]["unconfirmed"]
        ),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        stage.digests()[1]["gaps"],
        json!([]),
        "not told in its first run"
    );
    stage.run().await;
    let digests = stage.digests();
    assert_eq!(digests.len(), 3, "told in its second run");
    assert_eq!(digests[2]["gaps"][0]["region"], FAR);
    assert_eq!(digests[2]["gaps"][0]["state"], "lasting");
    for _ in 0..3 {
        assert_eq!(stage.run().await["digest"]["status"], "none", "and once");
    }
    stage.world.clear_faults();
    stage.run().await;
    let digests = stage.digests();
    assert_eq!(digests.len(), 4);
    assert_eq!(digests[3]["gaps"][0]["state"], "ended");
    assert_eq!(digests[3]["cleared"], json!([]));
    assert_eq!(stage.latest()["totals"]["failures"], 1);
}

#[tokio::test]
async fn a_gap_whose_end_waits_to_be_told_stays_ended_while_another_region_is_read() {
    let stage = two_regions().await;
    stage.world.fault(denied());
    stage.run().await;
    stage.run().await;
    stage.world.clear_faults();
    let gap_end = || stage.document("ledger.json")["gaps"][0][1]["ended"].clone();
    let silent = Fault::error(403, "AuthorizationError", "no").service(Service::Sns);
    stage.world.fault(silent.clone());
    stage.world.fault(denied());
    stage.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        ACCOUNT,
        StatusRecord::new("UPDATE_SUCCESSFUL"),
    );
    stage
        .invoke(json!({}))
        .await
        .expect_err("a digest is left that was not taken");
    assert_eq!(gap_end(), json!(null));
    stage.world.clear_faults();
    stage.world.fault(silent);
    stage.pass(15);
    stage
        .invoke(json!({}))
        .await
        .expect_err("the end of the gap waits behind it");
    assert_eq!(gap_end(), "read");
    stage.pass(15);
    stage
        .invoke(json!({"regions": ["eu-west-1"]}))
        .await
        .expect_err("SNS still refuses");
    assert_eq!(
        gap_end(),
        "read",
        "who did not look there says nothing of it"
    );
    stage.world.clear_faults();
    stage.pass(15);
    stage.run().await;
    let told = stage.digests().pop().expect("a digest");
    assert_eq!(
        (&told["gaps"][0]["region"], &told["gaps"][0]["state"]),
        (&json!(FAR), &json!("ended"))
    );
}

#[tokio::test]
async fn a_gap_that_is_over_in_the_next_run_is_not_told() {
    let stage = two_regions().await;
    stage.world.fault(denied());
    stage.run().await;
    stage.world.clear_faults();
    stage.run().await;
    assert_eq!(stage.digests().len(), 1);
}

#[tokio::test]
async fn a_retry_of_the_same_run_is_no_second_run_for_a_gap() {
    let stage = two_regions().await;
    stage
        .world
        .fault(Fault::error(400, "AccessDeniedException", "no").service(Service::Config));
    let function = stage.function().await;
    for _ in 0..3 {
        assert_eq!(
            function
                .invoke("{}", stage.context_of("one"))
                .await
                .unwrap_err()
                .kind(),
            "NothingRead"
        );
        stage.pass(1);
    }
    assert_eq!(stage.digests().len(), 1, "the same run id three times");
    assert_eq!(
        stage.invoke(json!({})).await.unwrap_err().kind(),
        "NothingRead"
    );
    assert_eq!(
        stage.digests().len(),
        2,
        "another run: the gaps are told before the error is returned"
    );
    assert_eq!(stage.digests()[1]["gaps"].as_array().unwrap().len(), 2);
    assert_eq!(
        stage.digests()[1]["sequence"],
        1,
        "of the last committed run"
    );
}

#[tokio::test]
async fn a_region_taken_out_of_the_settings_is_unwatched_and_not_cleared() {
    let mut stage = two_regions().await;
    stage.set("REGIONS", "eu-west-1");
    let answer = stage.run().await;
    assert_eq!(answer["totals"]["cleared"], 0);
    let digest = &stage.digests()[1];
    assert_eq!(digest["cleared"], json!([]));
    assert_eq!(keys(&digest["unwatched"]), ["baseline/222233334444"]);
    assert_eq!(digest["unwatched"][0]["region"], FAR);
    assert_eq!(digest["unwatched"][0]["how"], "unwatched");
    stage.run().await;
    assert_eq!(stage.digests().len(), 2, "once");
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.run().await;
    let publish = stage.publishes(TOPIC).pop().unwrap();
    assert!(
        email(&publish).contains("Newly watched (1)"),
        "{}",
        email(&publish)
    );
}

#[tokio::test]
async fn a_told_account_that_is_ignored_from_now_on_is_unwatched_and_stays_recorded() {
    let mut stage = two_regions().await;
    stage.set("IGNORE_ACCOUNTS", ACCOUNT);
    let answer = stage.run().await;
    assert_eq!(
        (&answer["totals"]["failures"], &answer["totals"]["ignored"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(keys(&stage.digests()[1]["unwatched"]).len(), 2);
    assert_eq!(
        stage.latest()["packs"][0]["failing_accounts"][0]["ignored"],
        true
    );
    stage.run().await;
    assert_eq!(stage.digests().len(), 2);
}

#[tokio::test]
async fn roles_read_the_packs_of_their_accounts() {
    let mut stage = TestEnv::new().await;
    let role = "arn:aws:iam::444455556666:role/reader";
    stage.world.allow_caller("444455556666");
    stage.world.allow_role(role, Some("secret-word"));
    stage.set("ROLE_ARNS", &format!("self,{role}"));
    stage.set("ROLE_EXTERNAL_ID", "secret-word");
    stage.set("REGIONS", "eu-west-1,us-east-1");
    for caller in [OWN, "444455556666"] {
        stage.world.put_pack(
            caller,
            FAR,
            "baseline",
            StatusRecord::new("UPDATE_SUCCESSFUL"),
        );
        stage.world.put_member(
            caller,
            FAR,
            "baseline",
            ACCOUNT,
            StatusRecord::new("UPDATE_FAILED"),
        );
    }
    let answer = stage.run().await;
    let snapshot = stage.snapshot(&answer);
    let callers: Vec<&Value> = snapshot["packs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pack| &pack["caller"])
        .collect();
    assert_eq!(callers, [&json!(OWN), &json!("444455556666")]);
    assert_eq!(
        snapshot["run"]["scope"]["callers"],
        json!([OWN, "444455556666"])
    );
    let assumed = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "AssumeRole")
        .count();
    assert_eq!(assumed, 1, "once for all regions");
    stage.world.deny_role(role);
    let answer = stage.run().await;
    assert_eq!(
        (&answer["totals"]["gaps"], &answer["totals"]["unconfirmed"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(stage.snapshot(&answer)["gaps"][0]["caller"], "444455556666");
    let gap = &stage.snapshot(&answer)["gaps"][0];
    assert_eq!(
        (&gap["operation"], &gap["code"]),
        (&json!("AssumeRole"), &json!("AccessDenied")),
        "{gap}"
    );
}

#[tokio::test]
async fn a_source_that_cannot_be_identified_is_the_one_that_the_ledger_remembers() {
    let stage = two_regions().await;
    stage
        .world
        .fault(Fault::error(403, "AccessDenied", "no").service(Service::Sts));
    let error = stage.invoke(json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "NothingRead");
    assert!(
        error.to_report().contains("111122223333 eu-west-1"),
        "{}",
        error.to_report()
    );
    stage.pass(15);
    stage.world.clear_faults();
    assert_eq!(stage.run().await["totals"]["failures"], 2);
    assert_eq!(
        stage.digests().len(),
        1,
        "nothing became unwatched or cleared"
    );
}

#[tokio::test]
async fn an_unidentified_source_beside_a_role_hides_no_failure_and_unwatches_nothing() {
    let mut stage = two_regions().await;
    let role = "arn:aws:iam::444455556666:role/reader";
    stage.world.allow_caller("444455556666");
    stage.world.allow_role(role, None);
    stage.world.put_member(
        "444455556666",
        FAR,
        "guardrails",
        ACCOUNT,
        StatusRecord::new("CREATE_FAILED"),
    );
    stage.set("ROLE_ARNS", &format!("self,{role}"));
    stage.world.fault(
        Fault::error(403, "AccessDenied", "no")
            .service(Service::Sts)
            .operation("GetCallerIdentity"),
    );
    let answer = stage.run().await;
    assert_eq!(
        (
            &answer["totals"]["failures"],
            &answer["totals"]["unconfirmed"]
        ),
        (&json!(3), &json!(2))
    );
    assert_eq!(
        keys(&stage.digests()[1]["appeared"]),
        ["guardrails/222233334444"]
    );
    assert_eq!(stage.digests()[1]["unwatched"], json!([]));
}

#[tokio::test]
async fn with_nobody_remembered_the_gaps_caller_is_self() {
    let stage = TestEnv::new().await;
    stage
        .world
        .fault(Fault::error(403, "AccessDenied", "no").service(Service::Sts));
    let error = stage.invoke(json!({})).await.unwrap_err();
    assert!(
        error.to_report().contains("self eu-west-1"),
        "{}",
        error.to_report()
    );
    let ledger = stage.document("ledger.json");
    assert_eq!(
        (&ledger["format"], &ledger["sequence"]),
        (&json!("packwatch.ledger"), &json!(0))
    );
}

#[tokio::test]
async fn a_plain_member_account_reads_nothing_and_its_empty_answer_is_no_organization() {
    let stage = two_regions().await;
    stage.world.deny_caller(OWN);
    let error = stage.invoke(json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "NothingRead");
    assert!(
        error
            .to_report()
            .contains("OrganizationAccessDeniedException"),
        "{}",
        error.to_report()
    );
    assert_eq!(
        stage.latest()["run"]["sequence"],
        1,
        "no snapshot, no sequence"
    );
}

#[tokio::test]
async fn a_listing_that_fails_on_a_later_page_closes_nothing() {
    let stage = two_regions().await;
    stage
        .world
        .put_pack(OWN, FAR, "another", StatusRecord::new("UPDATE_SUCCESSFUL"));
    stage.world.page_size(Some(1));
    let call = "DescribeOrganizationConformancePackStatuses";
    let later = Fault::error(400, "AccessDeniedException", "no")
        .service(Service::Config)
        .operation(call)
        .region(FAR);
    stage.world.fault(later.nth(2));
    let answer = stage.run().await;
    assert_eq!(answer["totals"]["unconfirmed"], 1);
    assert_eq!(answer["totals"]["failures"], 2);
    assert_eq!(stage.digests().len(), 1);
}
