//! The digest at its limits, and towards each audience.

use packwatch_simulation::{Fault, Publish, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, email, keys, program_json};

const ACCOUNT: &str = "222233334444";

/// What SNS counts: body, subject, and every attribute's name, type and value.
fn size(publish: &Publish) -> usize {
    let attributes = publish.attributes.iter();
    let attributes: usize = attributes
        .map(|(name, value)| name.len() + value.data_type.len() + value.value.len())
        .sum();
    publish.message.len() + publish.subject.as_deref().unwrap_or_default().len() + attributes
}

#[tokio::test]
async fn ten_thousand_failing_members_fit_and_their_numbers_are_exact() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    for number in 0..10_000_u64 {
        let account = format!("{:012}", 200_000_000_000 + number);
        let message =
            format!("AWS Config is not available in account {account}. Request ID: {number:032x}");
        let row = StatusRecord::new("CREATE_FAILED")
            .code("NoAvailableConfigurationRecorderException")
            .message(message);
        stage
            .world
            .put_member(OWN, REGION, "baseline", &account, row);
    }
    let answer = stage.run().await;
    let publish = stage.publishes(TOPIC).pop().unwrap();
    assert_eq!(
        publish.subject.as_deref(),
        Some("packwatch: first run, 10000 open in baseline")
    );
    assert!(size(&publish) < 262_144, "{}", size(&publish));
    assert!(
        size(&publish) > 240_000,
        "as many records as fit: {}",
        size(&publish)
    );
    assert!(email(&publish).len() <= 30_000);
    let text = email(&publish);
    assert!(
        text.contains("10000 accounts: NoAvailableConfigurationRecorderException"),
        "one group:\n{text}"
    );
    assert!(text.contains("and 9990 more"), "{text}");
    let digest = program_json(&publish);
    assert_eq!(digest["truncated"], true);
    assert_eq!(digest["totals"], answer["totals"]);
    assert_eq!(digest["totals"]["appeared"], 10_000);
    assert_eq!(publish.attributes["appeared"].value, "10000");
    let shown = digest["appeared"].as_array().unwrap();
    assert!(
        shown
            .iter()
            .all(|record| record["error_message"].as_str().is_some()),
        "whole records"
    );
    let snapshot = stage.snapshot(&answer);
    assert_eq!(
        snapshot["packs"][0]["failing_accounts"]
            .as_array()
            .unwrap()
            .len(),
        10_000
    );
    assert_eq!(
        stage.run().await["digest"]["status"],
        "none",
        "all of them count as told"
    );
}

#[tokio::test]
async fn a_text_from_aws_is_shown_inert() {
    let mut stage = TestEnv::new().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    let nasty =
        "\u{1b}[31m<!channel> @here [click](http://x) `rm` *bold*\r\nnext\u{202e}\u{0} \u{1f600} "
            .repeat(6_000);
    assert!(nasty.len() > 300_000);
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.world.put_member(
        OWN,
        REGION,
        "baseline",
        ACCOUNT,
        StatusRecord::new("CREATE_FAILED")
            .code("<@U1>")
            .message(nasty),
    );
    stage.run().await;
    for publish in stage.world.publishes() {
        for mark in [
            "<!channel>",
            "<@U1>",
            "@here",
            "[click]",
            "`",
            "*bold*",
            "\\u001b",
            "\u{202e}",
            "\\u0000",
        ] {
            assert!(
                !publish.message.contains(mark),
                "{mark:?} in {}",
                publish.topic
            );
        }
        assert!(
            publish.message.len() < 30_000,
            "the text is cut when it is read"
        );
    }
    let text = email(&stage.publishes(TOPIC)[0]);
    assert!(text.contains('\u{1f600}'), "an emoji harms nobody");
    assert!(text.contains("‹!channel›"), "{text}");
    let stored = stage.latest()["packs"][0]["failing_accounts"][0]["error_message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(stored.chars().count(), 1024);
    assert!(
        stored.contains("<!channel>"),
        "the snapshot keeps what AWS said"
    );
}

#[tokio::test]
async fn regions_of_one_cause_are_one_group_and_attributes_name_them_all() {
    let mut stage = TestEnv::new().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    for region in ["eu-west-1", "us-east-1"] {
        for account in [ACCOUNT, "333344445555"] {
            let message = format!("no recorder in {account}");
            let row = StatusRecord::new("CREATE_FAILED")
                .code("NoAvailableConfigurationRecorderException")
                .message(message);
            stage
                .world
                .put_member(OWN, region, "baseline", account, row);
        }
        stage.world.put_pack(
            OWN,
            region,
            "baseline",
            StatusRecord::new("CREATE_SUCCESSFUL"),
        );
    }
    stage.run().await;
    let publish = stage.publishes(TOPIC).pop().unwrap();
    let text = email(&publish);
    assert!(
        text.contains("2 accounts: NoAvailableConfigurationRecorderException"),
        "{text}"
    );
    assert!(
        text.contains("CREATE_FAILED in eu-west-1, us-east-1 (4 failures)"),
        "{text}"
    );
    assert!(text.contains("no recorder in ACCOUNT"), "{text}");
    assert!(text.contains("To do: turn on AWS Config"), "{text}");
    let attribute = |name: &str| {
        let attribute = &publish.attributes[name];
        (
            attribute.data_type.clone(),
            serde_json::from_str::<Value>(&attribute.value).unwrap(),
        )
    };
    assert_eq!(
        attribute("regions"),
        ("String.Array".into(), json!(["eu-west-1", "us-east-1"]))
    );
    assert_eq!(
        attribute("packs"),
        ("String.Array".into(), json!(["baseline"]))
    );
    assert_eq!(attribute("appeared"), ("Number".into(), json!(4)));
    assert_eq!(attribute("cleared"), ("Number".into(), json!(0)));
    assert_eq!(attribute("open"), ("Number".into(), json!(4)));
}

#[tokio::test]
async fn a_fifo_topic_gets_one_group_and_the_digest_id() {
    let mut stage = TestEnv::new().await;
    let fifo = "arn:aws:sns:eu-west-1:111122223333:digest.fifo";
    stage.set("TOPIC_ARN", fifo);
    stage.world.create_topic(fifo);
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    stage.run().await;
    let publish = stage.publishes(fifo).pop().unwrap();
    assert_eq!(publish.group.as_deref(), Some("packwatch"));
    assert_eq!(
        publish.deduplication_id.as_deref(),
        program_json(&publish)["digest_id"].as_str()
    );
}

#[tokio::test]
async fn the_chat_topic_gets_a_custom_notification_threaded_by_its_pack() {
    let mut stage = TestEnv::new().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    stage.run().await;
    stage.pack("guardrails", "CREATE_SUCCESSFUL");
    stage.member("guardrails", ACCOUNT, "CREATE_FAILED");
    stage.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    stage.run().await;
    let chats: Vec<Value> = stage
        .publishes(CHAT)
        .iter()
        .map(|publish| serde_json::from_str(&publish.message).unwrap())
        .collect();
    assert_eq!(
        (&chats[0]["version"], &chats[0]["source"]),
        (&json!("1.0"), &json!("custom"))
    );
    assert_eq!(chats[0]["content"]["textType"], "client-markdown");
    assert_eq!(chats[0]["metadata"]["threadId"], "packwatch-baseline");
    assert_eq!(
        chats[1]["metadata"]["threadId"], "packwatch",
        "about two packs"
    );
    assert_eq!(stage.publishes(CHAT)[0].structure, None);
}

#[tokio::test]
async fn a_chat_topic_that_does_not_exist_holds_up_nothing_else() {
    let mut stage = TestEnv::new().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    let error = stage.invoke(json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "PublishFailed");
    assert!(
        error.to_report().contains(CHAT) && error.to_report().contains("NotFound"),
        "{}",
        error.to_report()
    );
    assert_eq!(stage.digests().len(), 1, "the digest topic was told");
    assert_eq!(stage.latest()["run"]["sequence"], 1);
    stage.pass(15);
    stage.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    assert_eq!(
        stage.invoke(json!({})).await.unwrap_err().kind(),
        "PublishFailed"
    );
    assert_eq!(stage.digests().len(), 2, "and is told again");
    stage.world.create_topic(CHAT);
    stage.pass(15);
    stage.run().await;
    let told = stage.publishes(CHAT);
    assert_eq!(
        told.len(),
        2,
        "the kept digest, and then what it had not told: in order"
    );
    let context = |at: usize| {
        let chat: Value = serde_json::from_str(&told[at].message).unwrap();
        chat["metadata"]["additionalContext"].clone()
    };
    assert_eq!(
        (&context(0)["appeared"], &context(0)["cleared"]),
        (&json!("1"), &json!("0"))
    );
    assert_eq!(
        (&context(1)["appeared"], &context(1)["cleared"]),
        (&json!("0"), &json!("1"))
    );
}

#[tokio::test]
async fn an_audience_that_is_new_starts_with_nothing_told_and_one_that_left_is_forgotten() {
    let mut stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    stage.run().await;
    let other = "arn:aws:sns:eu-west-1:111122223333:other";
    stage.world.create_topic(other);
    stage.set("TOPIC_ARN", other);
    stage.run().await;
    let digest = program_json(&stage.publishes(other)[0]);
    assert_eq!(keys(&digest["appeared"]), ["baseline/222233334444"]);
    assert_eq!(digest["first_run"], false);
    let ledger = String::from_utf8(
        stage
            .world
            .object(crate::support::harness::BUCKET, "ledger.json")
            .unwrap(),
    )
    .unwrap();
    assert!(!ledger.contains(TOPIC), "forgotten");
}

#[tokio::test]
async fn the_snapshot_says_what_is_new_to_the_digest_topic_whatever_another_one_was_told() {
    let mut stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    stage.run().await;
    let other = "arn:aws:sns:eu-west-1:111122223333:other";
    stage.world.create_topic(other);
    stage.set("TOPIC_ARN", other);
    stage.set("CHAT_TOPIC_ARN", TOPIC);
    for change in ["appeared", "ongoing"] {
        stage.run().await;
        assert_eq!(
            stage.latest()["packs"][0]["failing_accounts"][0]["change"],
            change
        );
    }
}

#[tokio::test]
async fn a_digest_that_sns_refused_is_sent_by_the_retry_as_it_was() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    stage.world.fault(
        Fault::error(403, "AuthorizationError", "not authorized")
            .service(Service::Sns)
            .first(1),
    );
    let function = stage.function().await;
    let invoke = || function.invoke("{}", stage.context_of("one"));
    assert_eq!(invoke().await.unwrap_err().kind(), "PublishFailed");
    stage.pass(1);
    let report = serde_json::to_value(invoke().await.unwrap()).unwrap();
    assert_eq!(
        (&report["outcome"], &report["digest"]["status"]),
        (&json!("resumed"), &json!("published"))
    );
    assert_eq!(report["digest"]["id"], stage.digests()[0]["digest_id"]);
    stage.pass(1);
    let report = serde_json::to_value(invoke().await.unwrap()).unwrap();
    assert_eq!(
        (&report["outcome"], &report["digest"]["status"]),
        (&json!("resumed"), &json!("none"))
    );
    assert_eq!(
        report["snapshot"],
        format!(
            "s3://packwatch-snapshots/{}",
            stage.document("ledger.json")["snapshot"].as_str().unwrap()
        )
    );
    assert_eq!(stage.digests().len(), 1);
    assert_eq!(stage.latest()["run"]["sequence"], 1);
}
