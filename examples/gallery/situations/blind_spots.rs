//! What cannot be read.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::json;

use super::super::organization::{OTHER, PACKS, REGIONS, ROLE, account, cause};
use super::super::stage::Stage;
use crate::support::harness::OWN;

const DENIED: &str = "User: arn:aws:sts::111122223333:assumed-role/packwatch-FunctionRole-1A2B3C4D5E6F/packwatch is not \
     authorized to perform: config:DescribeOrganizationConformancePackStatuses with an explicit deny in a service control \
     policy";

fn deny(stage: &Stage, region: &str) {
    let denied = Fault::error(400, "AccessDeniedException", DENIED);
    stage
        .env
        .world
        .fault(denied.service(Service::Config).region(region));
}

/// A policy denies a region, something else fails meanwhile, and the region comes back.
pub async fn region_lost(stage: &mut Stage) {
    stage.settle(6, 60);
    for number in 0..8 {
        for region in ["us-east-1", "eu-west-1"] {
            let record = cause(0, &account(number), region);
            stage.put(region, "security-baseline", number, record);
        }
    }
    stage.run("2026-03-02T02:00:00Z").await;
    deny(stage, "us-east-1");
    stage.run("2026-03-02T02:45:00Z").await;
    stage.run("2026-03-02T03:00:00Z").await;
    stage.run("2026-03-02T03:15:00Z").await;
    let new = cause(2, &account(20), "eu-west-1").updated("2026-03-02T03:20:00Z");
    stage.put("eu-west-1", "s3-guardrails", 20, new);
    stage.run("2026-03-02T10:00:00Z").await;
    stage
        .run_event("2026-03-02T10:15:00Z", json!({"announce": "always"}))
        .await;
    stage.env.world.clear_faults();
    stage.heal("us-east-1", "security-baseline", 3);
    stage.run("2026-03-02T11:00:00Z").await;
}

/// The role in another account cannot be assumed any more.
pub async fn role_lost(stage: &mut Stage) {
    stage.env.set("ROLE_ARNS", &format!("self,{ROLE}"));
    stage.settle(3, 20);
    for region in REGIONS {
        let world = &stage.env.world;
        let record = || StatusRecord::new("CREATE_SUCCESSFUL");
        world.put_pack(OTHER, region, "audit-pack", record());
        for number in 0..20 {
            world.put_member(OTHER, region, "audit-pack", &account(number), record());
        }
    }
    stage.run("2026-03-02T02:00:00Z").await;
    stage.env.world.deny_role(ROLE);
    stage.run("2026-03-02T02:45:00Z").await;
    stage.run("2026-03-02T03:00:00Z").await;
}

/// AWS Config fails for every pack of a region.
pub async fn twenty_packs_unreadable(stage: &mut Stage) {
    stage.settle(20, 20);
    stage.run("2026-03-02T01:00:00Z").await;
    for pack in PACKS {
        let fault = Fault::error(
            400,
            "InternalServiceException",
            "An internal error occurred",
        );
        let fault = fault
            .service(Service::Config)
            .region("us-east-1")
            .target(pack);
        let fault = fault.operation("GetOrganizationConformancePackDetailedStatus");
        stage.env.world.fault(fault);
    }
    let record = cause(2, &account(0), "eu-west-1").updated("2026-03-02T01:10:00Z");
    stage.put("eu-west-1", "security-baseline", 0, record);
    stage.run("2026-03-02T02:45:00Z").await;
    stage.run("2026-03-02T03:00:00Z").await;
}

/// All packs are deleted.
pub async fn emptied(stage: &mut Stage) {
    stage.settle(6, 10);
    let record = cause(0, &account(0), "eu-west-1");
    stage.put("eu-west-1", "security-baseline", 0, record);
    stage.run("2026-03-02T01:00:00Z").await;
    for region in REGIONS {
        for pack in &PACKS[..6] {
            stage.env.world.remove_pack(OWN, region, pack);
        }
    }
    stage.run("2026-03-02T03:00:00Z").await;
    stage.settle(6, 10);
    stage.run("2026-03-02T05:00:00Z").await;
}

/// A region without data from the first hour on.
pub async fn region_unread_for_hours(stage: &mut Stage) {
    stage.settle(6, 40);
    stage.run("2026-03-02T01:00:00Z").await;
    deny(stage, "us-east-1");
    stage.run("2026-03-02T01:15:00Z").await;
    stage.run("2026-03-02T01:30:00Z").await;
    let record = cause(2, &account(0), "eu-west-1").updated("2026-03-02T07:00:00Z");
    stage.put("eu-west-1", "security-baseline", 0, record);
    stage.run("2026-03-02T10:00:00Z").await;
}
