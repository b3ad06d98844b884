//! What people ask for: narrowed runs, mutes, summaries, tests, other receivers.

use packwatch_simulation::StatusRecord;
use serde_json::json;

use super::super::organization::{account, cause};
use super::super::stage::Stage;
use crate::support::harness::{BUS, TOPIC};

/// Narrowed and dry runs, then other settings.
pub async fn narrowed_and_changed_settings(stage: &mut Stage) {
    stage.settle(9, 60);
    for number in 0..30 {
        let record = cause(0, &account(number), "eu-west-1");
        stage.put("eu-west-1", "network-perimeter", number, record);
    }
    stage.run("2026-03-02T01:00:00Z").await;
    for number in 0..29 {
        stage.heal("eu-west-1", "network-perimeter", number);
    }
    for pack in ["security-baseline", "iam-guardrails"] {
        let record = cause(1, &account(0), "eu-west-1").updated("2026-03-02T01:10:00Z");
        stage.put("eu-west-1", pack, 0, record);
    }
    stage
        .run_event("2026-03-02T03:00:00Z", json!({"packs": ["security*"]}))
        .await;
    stage
        .run_event("2026-03-02T03:05:00Z", json!({"dry_run": true}))
        .await;
    stage.run("2026-03-02T03:15:00Z").await;
    stage.env.set("EXCLUDE_PACKS", "iam*");
    stage.env.set("REGIONS", "eu-west-1,eu-central-1");
    stage.run("2026-03-02T03:45:00Z").await;
    stage.env.set("IGNORE_ACCOUNTS", &account(0));
    stage.run("2026-03-02T04:00:00Z").await;
    stage
        .run_event("2026-03-02T04:15:00Z", json!({"announce": "always"}))
        .await;
}

/// A mute during a change, and what still fails after it.
pub async fn mutes(stage: &mut Stage) {
    stage.settle(6, 30);
    stage.run("2026-03-02T04:00:00Z").await;
    let accounts = [account(10), account(13)];
    let mute = json!({"accounts": accounts, "until": "2026-03-02T07:00:00Z", "reason": "change 4711", "by": "jo"});
    stage
        .run_event("2026-03-02T05:05:00Z", json!({ "mute": mute }))
        .await;
    for number in [13, 14] {
        let record = cause(0, &account(number), "us-east-1").updated("2026-03-02T05:00:00Z");
        stage.put("us-east-1", "s3-guardrails", number, record);
    }
    stage.run("2026-03-02T06:30:00Z").await;
    stage.run("2026-03-02T08:00:00Z").await;
}

/// A summary with everything in it, and one a week later.
pub async fn summary(stage: &mut Stage) {
    stage.settle(9, 30);
    for number in 0..4 {
        let record = cause(number, &account(number), "eu-west-1");
        stage.put("eu-west-1", "security-baseline", number, record);
    }
    stage.run("2026-03-02T04:00:00Z").await;
    let mute = json!({"packs": ["gdpr*"], "until": "2026-03-12", "reason": "not rolled out yet"});
    stage
        .run_event("2026-03-02T05:05:00Z", json!({ "mute": mute }))
        .await;
    stage
        .run_event("2026-03-02T08:00:00Z", json!({"summary": true}))
        .await;
    stage.heal("eu-west-1", "security-baseline", 0);
    for number in 5..8 {
        let record = cause(3, &account(number), "us-east-1").updated("2026-03-04T10:00:00Z");
        stage.put("us-east-1", "backup", number, record);
    }
    stage.run("2026-03-04T12:00:00Z").await;
    stage
        .run_event("2026-03-09T08:00:00Z", json!({"summary": true}))
        .await;
}

/// A test notification beside a failure.
pub async fn test(stage: &mut Stage) {
    stage.settle(6, 30);
    stage.put("eu-west-1", "backup", 3, cause(0, &account(3), "eu-west-1"));
    stage.env.set("EVENT_BUS", BUS);
    stage.env.world.create_event_bus(BUS);
    stage
        .run_event("2026-03-02T00:50:00Z", json!({"test": true}))
        .await;
    stage.run("2026-03-02T01:00:00Z").await;
    stage
        .run_event("2026-03-02T01:10:00Z", json!({"test": true}))
        .await;
}

/// A FIFO topic and another label than everywhere else.
pub async fn fifo_and_another_label(stage: &mut Stage) {
    let fifo = format!("{TOPIC}.fifo");
    stage.env.world.create_topic(&fifo);
    stage.env.set("TOPIC_ARN", &fifo);
    stage.env.set("LABEL", "staging_eu.1");
    stage.settle(6, 30);
    stage.put("eu-west-1", "backup", 3, cause(0, &account(3), "eu-west-1"));
    stage.run("2026-03-02T01:00:00Z").await;
}

/// A cause begins and ends on the event bus.
pub async fn event_bus(stage: &mut Stage) {
    stage.settle(6, 30);
    stage.env.set("EVENT_BUS", BUS);
    stage.env.world.create_event_bus(BUS);
    stage.run("2026-03-02T01:00:00Z").await;
    for number in 0..3 {
        let record = cause(0, &account(number), "eu-west-1").updated("2026-03-02T01:10:00Z");
        stage.put("eu-west-1", "s3-guardrails", number, record);
    }
    stage.run("2026-03-02T03:00:00Z").await;
    stage.heal("eu-west-1", "s3-guardrails", 0);
    stage.run("2026-03-02T04:00:00Z").await;
    for number in 1..3 {
        stage.put(
            "eu-west-1",
            "s3-guardrails",
            number,
            StatusRecord::new("UPDATE_SUCCESSFUL"),
        );
    }
    stage.run("2026-03-02T05:00:00Z").await;
}
