//! The first digest that a receiver gets.

use packwatch_simulation::{Fault, Service};
use serde_json::json;

use super::super::organization::{account, cause};
use super::super::stage::Stage;
use crate::support::harness::OWN;

/// The account may not list packs; then it may, and there are none; then there are some.
pub async fn denied_from_the_start(stage: &mut Stage) {
    stage.env.world.deny_caller(OWN);
    stage.run("2026-03-02T01:00:00Z").await;
    stage.run("2026-03-02T01:15:00Z").await;
    stage.env.world.allow_caller(OWN);
    stage.run("2026-03-02T01:30:00Z").await;
    stage.settle(2, 10);
    stage.run("2026-03-02T01:45:00Z").await;
    stage
        .run_event("2026-03-02T02:00:00Z", json!({"announce": "always"}))
        .await;
}

/// All that fails is too young.
pub async fn pending(stage: &mut Stage) {
    stage.settle(6, 30);
    let record = cause(0, &account(3), "eu-west-1").updated("2026-03-02T00:50:00Z");
    stage.put("eu-west-1", "backup", 3, record);
    stage.run("2026-03-02T01:00:00Z").await;
    stage.run("2026-03-02T02:00:00Z").await;
}

/// A part cannot be read.
pub async fn with_gap(stage: &mut Stage) {
    stage.settle(6, 30);
    stage.put("eu-west-1", "backup", 3, cause(0, &account(3), "eu-west-1"));
    let fault = Fault::error(400, "ThrottlingException", "Rate exceeded");
    stage
        .env
        .world
        .fault(fault.service(Service::Config).region("us-east-1"));
    stage.run("2026-03-02T01:00:00Z").await;
}

/// All that fails is muted before the first run.
pub async fn muted(stage: &mut Stage) {
    stage.settle(6, 30);
    stage.put("eu-west-1", "backup", 3, cause(0, &account(3), "eu-west-1"));
    let mute = json!({"accounts": [account(3)], "until": "2026-03-12", "reason": "decommission"});
    stage
        .run_event("2026-03-02T00:30:00Z", json!({ "mute": mute }))
        .await;
    stage.run("2026-03-02T01:00:00Z").await;
}
