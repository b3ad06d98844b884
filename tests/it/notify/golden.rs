//! What people and programs read, as golden files: a change of a word is seen in review.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, CHAT, OWN, TOPIC, TestEnv, email, program_json};

/// An organization with something of everything: two regions, several causes, one of them in many
/// accounts.
async fn eventful() -> TestEnv {
    let mut stage = TestEnv::new().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.set("LABEL", "prod");
    stage.set("ACCOUNT_NAMES", "on");
    stage.world.create_topic(CHAT);
    for number in 0..27_u64 {
        stage.world.put_account(
            &(200_000_000_000 + number).to_string(),
            &format!("sandbox-{number:02}"),
            "ACTIVE",
        );
    }
    stage
        .world
        .put_account("300000000000", "payments-prod", "ACTIVE");
    stage
        .world
        .put_account("300000000001", "identity", "SUSPENDED");
    for region in ["eu-west-1", "us-east-1"] {
        stage.world.put_pack(
            OWN,
            region,
            "baseline",
            StatusRecord::new("UPDATE_SUCCESSFUL").updated("2026-02-01T00:00:00Z"),
        );
        for number in 0..27_u64 {
            let account = format!("{:012}", 200_000_000_000 + number);
            let message =
                format!("There is no configuration recorder available in account {account}.");
            let row = StatusRecord::new("CREATE_FAILED")
                .code("NoAvailableConfigurationRecorderException")
                .message(message)
                .updated("2026-03-01T05:12:00Z");
            stage
                .world
                .put_member(OWN, region, "baseline", &account, row);
        }
        stage.world.put_member(
            OWN,
            region,
            "baseline",
            "300000000000",
            StatusRecord::new("CREATE_SUCCESSFUL"),
        );
    }
    let denied = "User: arn:aws:sts::300000000001:assumed-role/AWSServiceRoleForConfigConforms/x is not authorized to perform: \
                  config:PutConfigRule <!channel> *now*";
    stage.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        "300000000001",
        StatusRecord::new("UPDATE_FAILED")
            .code("AccessDeniedException")
            .message(denied)
            .updated("2026-02-27T08:00:00Z"),
    );
    stage.world.put_pack(
        OWN,
        "eu-west-1",
        "guardrails",
        StatusRecord::new("CREATE_IN_PROGRESS"),
    );
    stage.world.put_member(
        OWN,
        "eu-west-1",
        "guardrails",
        "300000000002",
        StatusRecord::new("CREATE_FAILED"),
    );
    stage
}

/// The second digest of that organization: some recover, one appears, a region goes dark.
async fn changed() -> TestEnv {
    let stage = eventful().await;
    stage.run().await;
    stage.world.fault(
        Fault::error(400, "AccessDeniedException", "explicit deny")
            .service(Service::Config)
            .region("us-east-1"),
    );
    stage
        .invoke(json!({"announce": "never"}))
        .await
        .expect("a run");
    stage.pass(15);
    for number in 0..12_u64 {
        let account = format!("{:012}", 200_000_000_000 + number);
        stage.world.put_member(
            OWN,
            "eu-west-1",
            "baseline",
            &account,
            StatusRecord::new("CREATE_SUCCESSFUL"),
        );
    }
    stage.world.remove_pack(OWN, "eu-west-1", "guardrails");
    stage.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        "300000000000",
        StatusRecord::new("UPDATE_FAILED"),
    );
    stage.run().await;
    stage
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

#[tokio::test]
async fn the_first_digest() {
    let stage = eventful().await;
    stage.run().await;
    let publish = &stage.publishes(TOPIC)[0];
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
    let chat: Value = serde_json::from_str(&stage.publishes(CHAT)[0].message).expect("JSON");
    insta::assert_snapshot!("first-chat", pretty(&chat));
}

#[tokio::test]
async fn the_digest_of_changes() {
    let stage = changed().await;
    let publish = stage.publishes(TOPIC).pop().expect("a second digest");
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
async fn the_digest_of_a_source_without_packs() {
    let mut stage = TestEnv::new().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    for pack in ["baseline", "guardrails", "operations"] {
        stage.pack(pack, "UPDATE_SUCCESSFUL");
        stage.member(pack, "222233334444", "UPDATE_SUCCESSFUL");
    }
    stage.run().await;
    for pack in ["baseline", "guardrails", "operations"] {
        stage.world.remove_pack(OWN, "eu-west-1", pack);
    }
    stage.run().await;
    let publish = stage.publishes(TOPIC).pop().expect("a digest");
    insta::assert_snapshot!(
        "emptied-subject",
        publish.subject.as_deref().unwrap_or_default()
    );
    insta::assert_snapshot!("emptied-email", email(&publish));
    insta::assert_snapshot!("emptied-json", pretty(&program_json(&publish)));
    let chat: Value = serde_json::from_str(&stage.publishes(CHAT)[0].message).expect("JSON");
    insta::assert_snapshot!(
        "emptied-chat",
        chat["content"]["description"].as_str().unwrap_or_default()
    );
    stage.pack("baseline", "CREATE_IN_PROGRESS");
    stage.run().await;
    insta::assert_snapshot!(
        "refilled-email",
        email(&stage.publishes(TOPIC).pop().expect("a digest"))
    );
}

#[tokio::test]
async fn the_objects() {
    let stage = TestEnv::new().await;
    stage.world.put_pack(
        OWN,
        "eu-west-1",
        "baseline",
        StatusRecord::new("UPDATE_FAILED").updated("2026-02-01T00:00:00Z"),
    );
    let row = StatusRecord::new("UPDATE_FAILED")
        .code("Broken")
        .message("it is broken")
        .pack_name("OrgConformsPack-baseline-ab12cd34");
    stage.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        "222233334444",
        row.updated("2026-03-01T05:12:00Z"),
    );
    stage.world.put_member(
        OWN,
        "eu-west-1",
        "baseline",
        "333344445555",
        StatusRecord::new("UPDATE_SUCCESSFUL"),
    );
    stage.member("guardrails", "222233334444", "CREATE_SUCCESSFUL");
    let answer = stage.run().await;
    insta::assert_snapshot!("answer", pretty(&answer));
    insta::assert_snapshot!("snapshot", pretty(&stage.snapshot(&answer)));
    let ledger = String::from_utf8(stage.world.object(BUCKET, "ledger.json").expect("a ledger"))
        .expect("text");
    let execution = stage.document("ledger.json")["runs"][0]["execution"]
        .as_str()
        .expect("a token")
        .to_owned();
    let ledger: Value =
        serde_json::from_str(&ledger.replace(&execution, "execution")).expect("JSON");
    insta::assert_snapshot!("ledger", pretty(&ledger));
    let bytes = stage
        .world
        .object(BUCKET, "latest.json")
        .expect("the latest");
    assert!(!bytes.contains(&b'\n'), "one line");
    let versions = stage.world.versions(BUCKET, "latest.json");
    assert_eq!(versions[0].content_type, "application/json");
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_sent_and_writes_nothing() {
    let stage = eventful().await;
    let answer = stage.invoke(json!({"dry_run": true})).await.expect("a run");
    assert_eq!(
        (&answer["outcome"], &answer["digest"]["status"]),
        (&json!("dry_run"), &json!("dry_run"))
    );
    assert_eq!(answer["snapshot"], json!(null));
    let text = answer["digest"]["text"].as_str().expect("the text");
    assert_eq!(stage.world.objects(BUCKET).len(), 0);
    assert_eq!(stage.world.publishes().len(), 0);
    let writes = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| matches!(call.operation.as_str(), "PutObject" | "Publish"));
    assert_eq!(writes.count(), 0);
    stage.run().await;
    let sent = email(&stage.publishes(TOPIC)[0]);
    assert_eq!(
        text.lines().count() + 2,
        sent.lines().count(),
        "the text that is then sent, but for the snapshot and its link"
    );
    assert_eq!(
        text.lines().take(20).collect::<Vec<_>>(),
        sent.lines().take(20).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn equal_worlds_give_equal_bytes_the_run_block_aside() {
    let mut documents = Vec::new();
    for _ in 0..2 {
        let stage = eventful().await;
        let answer = stage.run().await;
        let mut document = stage.snapshot(&answer);
        document["run"] = json!(null);
        documents.push(pretty(&document));
    }
    assert_eq!(documents[0], documents[1]);
}
