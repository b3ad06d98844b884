//! Golden files of digests, the response and stored objects, so that a review shows every change of
//! their text.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, CHAT, OWN, TOPIC, TestEnv, chat_text, email, program_json};

/// Returns an organization with two regions and failures of several causes, one of which occurs in
/// many member accounts.
async fn sample_organization() -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.set("LABEL", "prod");
    env.set("ACCOUNT_NAMES", "on");
    env.world.create_topic(CHAT);
    for number in 0..27_u64 {
        env.world.put_account(
            &(200_000_000_000 + number).to_string(),
            &format!("sandbox-{number:02}"),
            "ACTIVE",
        );
    }
    env.world
        .put_account("300000000000", "payments-prod", "ACTIVE");
    env.world
        .put_account("300000000001", "identity", "SUSPENDED");
    for region in ["eu-west-1", "us-east-1"] {
        env.world.put_pack(
            OWN,
            region,
            "baseline",
            StatusRecord::new("UPDATE_SUCCESSFUL").updated("2026-02-01T00:00:00Z"),
        );
        for number in 0..27_u64 {
            let account = format!("{:012}", 200_000_000_000 + number);
            let message =
                format!("There is no configuration recorder available in account {account}.");
            let record = StatusRecord::new("CREATE_FAILED")
                .code("NoAvailableConfigurationRecorderException")
                .message(message)
                .updated("2026-03-01T05:12:00Z");
            env.world
                .put_member(OWN, region, "baseline", &account, record);
        }
        env.world.put_member(
            OWN,
            region,
            "baseline",
            "300000000000",
            StatusRecord::new("CREATE_SUCCESSFUL"),
        );
    }
    let denied = "User: arn:aws:sts::300000000001:assumed-role/AWSServiceRoleForConfigConforms/x is not authorized to perform: \
                  config:PutConfigRule <!channel> *now*";
    env.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        "300000000001",
        StatusRecord::new("UPDATE_FAILED")
            .code("AccessDeniedException")
            .message(denied)
            .updated("2026-02-27T08:00:00Z"),
    );
    env.world.put_pack(
        OWN,
        "eu-west-1",
        "guardrails",
        StatusRecord::new("CREATE_IN_PROGRESS"),
    );
    env.world.put_member(
        OWN,
        "eu-west-1",
        "guardrails",
        "300000000002",
        StatusRecord::new("CREATE_FAILED"),
    );
    env
}

/// Returns the sample organization after its second digest: some failures recovered, one appeared,
/// and one region cannot be read.
async fn sample_organization_after_changes() -> TestEnv {
    let env = sample_organization().await;
    env.run().await;
    env.world.fault(
        Fault::error(400, "AccessDeniedException", "explicit deny")
            .service(Service::Config)
            .region("us-east-1"),
    );
    env.invoke(json!({"announce": "never"}))
        .await
        .expect("the run succeeds");
    env.advance_minutes(15);
    for number in 0..12_u64 {
        let account = format!("{:012}", 200_000_000_000 + number);
        env.world.put_member(
            OWN,
            "eu-west-1",
            "baseline",
            &account,
            StatusRecord::new("CREATE_SUCCESSFUL"),
        );
    }
    env.world.remove_pack(OWN, "eu-west-1", "guardrails");
    env.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        "300000000000",
        StatusRecord::new("UPDATE_FAILED"),
    );
    env.run().await;
    env
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

#[tokio::test]
async fn first_digest_matches_golden_files() {
    let env = sample_organization().await;
    env.run().await;
    let publish = &env.publishes(TOPIC)[0];
    insta::assert_snapshot!(
        "first-subject",
        publish.subject.as_deref().unwrap_or_default()
    );
    insta::assert_snapshot!("first-email", email(publish));
    let attributes = publish
        .attributes
        .iter()
        .map(|(name, a)| format!("{name} ({}): {}\n", a.data_type, a.value));
    insta::assert_snapshot!("first-attributes", attributes.collect::<String>());
    let chat: Value = serde_json::from_str(&env.publishes(CHAT)[0].message).expect("JSON");
    insta::assert_snapshot!("first-chat", pretty(&chat));
}

#[tokio::test]
async fn digest_of_changes_matches_golden_files() {
    let env = sample_organization_after_changes().await;
    let publish = env.publishes(TOPIC).pop().expect("a second digest");
    insta::assert_snapshot!(
        "changes-subject",
        publish.subject.as_deref().unwrap_or_default()
    );
    insta::assert_snapshot!("changes-email", email(&publish));
    let mut digest = program_json(&publish);
    if let Some(cleared) = digest["cleared"].as_array_mut() {
        cleared.truncate(2);
    }
    insta::assert_snapshot!("changes-json", pretty(&digest));
}

#[tokio::test]
async fn digest_of_empty_source_matches_golden_files() {
    let mut env = TestEnv::new().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    for pack in ["baseline", "guardrails", "operations"] {
        env.pack(pack, "UPDATE_SUCCESSFUL");
        env.member(pack, "222233334444", "UPDATE_SUCCESSFUL");
    }
    env.run().await;
    insta::assert_snapshot!("watching-email", email(&env.publishes(TOPIC)[0]));
    for pack in ["baseline", "guardrails", "operations"] {
        env.world.remove_pack(OWN, "eu-west-1", pack);
    }
    env.run().await;
    let publish = env.publishes(TOPIC).pop().expect("a digest");
    insta::assert_snapshot!(
        "empty-source-subject",
        publish.subject.as_deref().unwrap_or_default()
    );
    insta::assert_snapshot!("empty-source-email", email(&publish));
    insta::assert_snapshot!("empty-source-json", pretty(&program_json(&publish)));
    let chat = env.publishes(CHAT).pop().expect("a message");
    insta::assert_snapshot!("empty-source-chat", chat_text(&chat));
    env.pack("baseline", "CREATE_IN_PROGRESS");
    env.run().await;
    insta::assert_snapshot!(
        "packs-again-email",
        email(&env.publishes(TOPIC).pop().expect("a digest"))
    );
}

#[tokio::test]
async fn response_and_stored_objects_match_golden_files() {
    let env = TestEnv::new().await;
    env.world.put_pack(
        OWN,
        "eu-west-1",
        "baseline",
        StatusRecord::new("UPDATE_FAILED").updated("2026-02-01T00:00:00Z"),
    );
    let record = StatusRecord::new("UPDATE_FAILED")
        .code("Broken")
        .message("it is broken")
        .pack_name("OrgConformsPack-baseline-ab12cd34");
    env.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        "222233334444",
        record.updated("2026-03-01T05:12:00Z"),
    );
    env.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        "333344445555",
        StatusRecord::new("UPDATE_SUCCESSFUL"),
    );
    env.member("guardrails", "222233334444", "CREATE_SUCCESSFUL");
    let response = env.run().await;
    insta::assert_snapshot!("response", pretty(&response));
    insta::assert_snapshot!("snapshot", pretty(&env.snapshot(&response)));
    let ledger = String::from_utf8(env.world.object(BUCKET, "ledger.json").expect("a ledger"))
        .expect("text");
    let execution = env.document("ledger.json")["recent_runs"][0]["execution"]
        .as_str()
        .expect("an execution id")
        .to_owned();
    let ledger: Value =
        serde_json::from_str(&ledger.replace(&execution, "execution")).expect("JSON");
    insta::assert_snapshot!("ledger", pretty(&ledger));
    let bytes = env
        .world
        .object(BUCKET, "latest.json")
        .expect("latest.json");
    assert!(!bytes.contains(&b'\n'), "latest.json is one line");
    let versions = env.world.versions(BUCKET, "latest.json");
    assert_eq!(versions[0].content_type, "application/json");
}

#[tokio::test]
async fn dry_run_returns_digest_text_and_writes_nothing() {
    let env = sample_organization().await;
    let response = env
        .invoke(json!({"dry_run": true}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        (&response["outcome"], &response["digest"]["status"]),
        (&json!("dry_run"), &json!("dry_run"))
    );
    assert_eq!(response["snapshot"], json!(null));
    let text = response["digest"]["text"].as_str().expect("the text");
    assert_eq!(env.world.objects(BUCKET).len(), 0);
    assert_eq!(env.world.publishes().len(), 0);
    let writes = env
        .world
        .calls()
        .into_iter()
        .filter(|call| matches!(call.operation.as_str(), "PutObject" | "Publish"));
    assert_eq!(writes.count(), 0);
    env.run().await;
    let sent = email(&env.publishes(TOPIC)[0]);
    let (note, rest) = text.split_once("\n\n").expect("a first paragraph");
    assert_eq!(note, "  DRY RUN: a run would send this digest now.");
    assert_eq!(
        rest.lines().take(20).collect::<Vec<_>>(),
        sent.lines().take(20).collect::<Vec<_>>()
    );
    assert!(sent.contains("\n  Snapshot https://") && !text.contains("Snapshot"));
}

#[tokio::test]
async fn equal_organizations_give_equal_snapshots() {
    let mut documents = Vec::new();
    for _ in 0..2 {
        let env = sample_organization().await;
        let response = env.run().await;
        let mut document = env.snapshot(&response);
        document["run"] = json!(null);
        documents.push(pretty(&document));
    }
    assert_eq!(documents[0], documents[1]);
}
