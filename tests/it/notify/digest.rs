//! Digests of complete runs: size limits, sanitized text, attributes and receivers.

use packwatch_simulation::{Fault, Publish, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, email, keys, program_json};

const ACCOUNT: &str = "222233334444";

/// Returns the size in bytes that SNS counts: the body, the subject, and the name, type and value
/// of every attribute.
fn message_size(publish: &Publish) -> usize {
    let attributes = publish.attributes.iter();
    let attributes: usize = attributes
        .map(|(name, value)| name.len() + value.data_type.len() + value.value.len())
        .sum();
    publish.message.len() + publish.subject.as_deref().unwrap_or_default().len() + attributes
}

#[tokio::test]
async fn ten_thousand_failures_fit_with_exact_totals() {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    for number in 0..10_000_u64 {
        let account = format!("{:012}", 200_000_000_000 + number);
        let message =
            format!("AWS Config is not available in account {account}. Request ID: {number:032x}");
        let record = StatusRecord::new("CREATE_FAILED")
            .code("NoAvailableConfigurationRecorderException")
            .message(message);
        env.world
            .put_member(OWN, REGION, "baseline", &account, record);
    }
    let response = env.run().await;
    let publish = env.publishes(TOPIC).pop().unwrap();
    assert_eq!(
        publish.subject.as_deref(),
        Some("[packwatch] FIRST LOOK 10000 accounts fail: no Config recorder, baseline")
    );
    assert!(
        message_size(&publish) < 262_144,
        "{}",
        message_size(&publish)
    );
    assert!(
        message_size(&publish) > 240_000,
        "the digest holds as many records as fit: {}",
        message_size(&publish)
    );
    assert!(email(&publish).len() <= 30_000);
    let text = email(&publish);
    assert!(
        text.contains("FAILING No Config recorder: 10000 accounts, baseline"),
        "the failures form one group:\n{text}"
    );
    assert!(text.contains("and 9990 more"), "{text}");
    let digest = program_json(&publish);
    assert_eq!(digest["truncated"], true);
    assert_eq!(digest["totals"], response["totals"]);
    assert_eq!(digest["totals"]["appeared"], 10_000);
    assert_eq!(publish.attributes["appeared"].value, "10000");
    let records = digest["appeared"].as_array().unwrap();
    assert!(
        records.iter().all(|record| record["muted_until"].is_null()
            && record["failing_since"].is_string()
            && record.get("error_message").is_none()),
        "every listed record is complete, and the message is in the group"
    );
    let group = &digest["groups"][0];
    assert_eq!(
        (&group["account_count"], &group["error_message"]),
        (
            &json!(10_000),
            &json!("AWS Config is not available in account ACCOUNT. Request ID: ...")
        )
    );
    let snapshot = env.snapshot(&response);
    assert_eq!(
        snapshot["packs"][0]["failing_accounts"]
            .as_array()
            .unwrap()
            .len(),
        10_000
    );
    assert_eq!(
        env.run().await["digest"]["status"],
        "none",
        "all failures count as notified, including those that did not fit"
    );
}

#[tokio::test]
async fn aws_text_is_sanitized_in_digests() {
    let mut env = TestEnv::new().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    let unsafe_text =
        "\u{1b}[31m<!channel> @here [click](http://x) `rm` *bold*\r\nnext\u{202e}\u{0} \u{1f600} "
            .repeat(6_000);
    assert!(unsafe_text.len() > 300_000);
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.world.put_member(
        OWN,
        REGION,
        "baseline",
        ACCOUNT,
        StatusRecord::new("CREATE_FAILED")
            .code("<@U1>")
            .message(unsafe_text),
    );
    env.run().await;
    for publish in env.world.publishes() {
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
            "the text is truncated when it is read"
        );
    }
    let text = email(&env.publishes(TOPIC)[0]);
    assert!(text.contains('\u{1f600}'), "an emoji is kept");
    assert!(text.contains("‹!channel›"), "{text}");
    let stored = env.latest()["packs"][0]["failing_accounts"][0]["error_message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(stored.chars().count(), 700 + " ... ".len() + 300);
    assert!(
        stored.contains("<!channel>"),
        "the snapshot keeps the text of AWS"
    );
}

#[tokio::test]
async fn failures_with_one_cause_are_grouped_across_regions() {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    for region in ["eu-west-1", "us-east-1"] {
        for account in [ACCOUNT, "333344445555"] {
            let message = format!("no recorder in {account}");
            let record = StatusRecord::new("CREATE_FAILED")
                .code("NoAvailableConfigurationRecorderException")
                .message(message);
            env.world
                .put_member(OWN, region, "baseline", account, record);
        }
        env.world.put_pack(
            OWN,
            region,
            "baseline",
            StatusRecord::new("CREATE_SUCCESSFUL"),
        );
    }
    env.run().await;
    let publish = env.publishes(TOPIC).pop().unwrap();
    let text = email(&publish);
    assert!(
        text.contains("FAILING No Config recorder: 2 accounts, baseline"),
        "{text}"
    );
    assert!(
        text.contains("Where baseline in eu-west-1, us-east-1"),
        "{text}"
    );
    assert!(text.contains("recorder in ACCOUNT"), "{text}");
    assert!(
        text.contains("To do Turn on the configuration recorder"),
        "{text}"
    );
    let group = &program_json(&publish)["groups"][0];
    assert_eq!(
        (
            &group["failures"],
            &group["open_after"],
            &group["pack_count"]
        ),
        (&json!(4), &json!(4), &json!(1))
    );
    assert_eq!(group["regions"], json!(["eu-west-1", "us-east-1"]));
    assert_eq!(
        group["accounts"][0],
        json!({"id": ACCOUNT, "name": null, "state": null})
    );
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
async fn fifo_topic_gets_group_id_and_deduplication_id() {
    let mut env = TestEnv::new().await;
    let fifo = "arn:aws:sns:eu-west-1:111122223333:digest.fifo";
    env.set("TOPIC_ARN", fifo);
    env.world.create_topic(fifo);
    env.pack("baseline", "CREATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    env.run().await;
    let publish = env.publishes(fifo).pop().unwrap();
    assert_eq!(publish.group.as_deref(), Some("packwatch"));
    assert_eq!(
        publish.deduplication_id.as_deref(),
        program_json(&publish)["digest_id"].as_str()
    );
}

#[tokio::test]
async fn chat_topic_gets_custom_notification_without_thread() {
    let mut env = TestEnv::new().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    env.pack("baseline", "CREATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    env.run().await;
    env.pack("guardrails", "CREATE_SUCCESSFUL");
    env.member("guardrails", ACCOUNT, "CREATE_FAILED");
    env.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    env.run().await;
    let chats: Vec<Value> = env
        .publishes(CHAT)
        .iter()
        .map(|publish| serde_json::from_str(&publish.message).unwrap())
        .collect();
    assert_eq!(
        (&chats[0]["version"], &chats[0]["source"]),
        (&json!("1.0"), &json!("custom"))
    );
    assert_eq!(chats[0]["content"]["textType"], "client-markdown");
    for chat in &chats {
        assert_eq!(chat["metadata"].get("threadId"), None);
        let steps = chat["content"]["nextSteps"].as_array().expect("a list");
        let step = steps[0].as_str().expect("a text");
        assert!(
            step.starts_with("No reason given by AWS Config: "),
            "{step}"
        );
    }
    assert_eq!(env.publishes(CHAT)[0].structure, None);
}

#[tokio::test]
async fn missing_chat_topic_does_not_block_digest_topic() {
    let mut env = TestEnv::new().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.pack("baseline", "CREATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    let error = env.invoke(json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "PublishFailed");
    assert!(
        error.to_report().contains(CHAT) && error.to_report().contains("NotFound"),
        "{}",
        error.to_report()
    );
    assert_eq!(env.digests().len(), 1, "the digest topic gets its digest");
    assert_eq!(env.latest()["run"]["sequence"], 1);
    env.advance_minutes(15);
    env.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    let response = env
        .invoke(json!({}))
        .await
        .expect("a digest that stays refused fails no run");
    assert_eq!(response["digest"]["status"], "published");
    assert_eq!(
        env.digests().len(),
        2,
        "the digest topic gets the next digest too"
    );
    env.world.create_topic(CHAT);
    env.advance_minutes(15);
    env.run().await;
    let notified = env.publishes(CHAT);
    assert_eq!(
        notified.len(),
        2,
        "the outgoing digest is sent first, then a digest of the later changes"
    );
    let context = |index: usize| {
        let chat: Value = serde_json::from_str(&notified[index].message).unwrap();
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
async fn new_receiver_starts_unnotified_and_old_one_is_kept_a_week() {
    let mut env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    env.run().await;
    let other = "arn:aws:sns:eu-west-1:111122223333:other";
    env.world.create_topic(other);
    env.set("TOPIC_ARN", other);
    env.run().await;
    let digest = program_json(&env.publishes(other)[0]);
    assert_eq!(keys(&digest["appeared"]), ["baseline/222233334444"]);
    assert_eq!(digest["first_run"], false);
    let knows_old_receiver = || !env.document("ledger.json")["receivers"][TOPIC].is_null();
    env.advance_minutes(7 * 24 * 60 - 45);
    env.run().await;
    assert!(
        knows_old_receiver(),
        "it was configured less than a week ago"
    );
    env.advance_minutes(15);
    env.run().await;
    assert!(!knows_old_receiver());
    assert_eq!(env.publishes(TOPIC).len(), 1);
}

#[tokio::test]
async fn snapshot_change_state_follows_digest_topic_only() {
    let mut env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    env.run().await;
    let other = "arn:aws:sns:eu-west-1:111122223333:other";
    env.world.create_topic(other);
    env.set("TOPIC_ARN", other);
    env.set("CHAT_TOPIC_ARN", TOPIC);
    for change in ["appeared", "ongoing"] {
        env.run().await;
        assert_eq!(
            env.latest()["packs"][0]["failing_accounts"][0]["change"],
            change
        );
    }
}

#[tokio::test]
async fn rejected_digest_is_resent_unchanged_by_retry() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    env.world.fault(
        Fault::error(403, "AuthorizationError", "not authorized")
            .service(Service::Sns)
            .first(1),
    );
    let handler = env.function().await;
    let invoke = || handler.invoke("{}", env.context_of("one"));
    assert_eq!(invoke().await.unwrap_err().kind(), "PublishFailed");
    env.advance_minutes(1);
    let response = serde_json::to_value(invoke().await.unwrap()).unwrap();
    assert_eq!(
        (&response["outcome"], &response["digest"]["status"]),
        (&json!("resumed"), &json!("published"))
    );
    assert_eq!(response["digest"]["id"], env.digests()[0]["digest_id"]);
    env.advance_minutes(1);
    let response = serde_json::to_value(invoke().await.unwrap()).unwrap();
    assert_eq!(
        (&response["outcome"], &response["digest"]["status"]),
        (&json!("resumed"), &json!("none"))
    );
    assert_eq!(
        response["snapshot"],
        format!(
            "s3://packwatch-snapshots/{}",
            env.document("ledger.json")["snapshot"].as_str().unwrap()
        )
    );
    assert_eq!(env.digests().len(), 1);
    assert_eq!(env.latest()["run"]["sequence"], 1);
}
