//! What happens every week.

use packwatch_simulation::StatusRecord;

use super::super::organization::{
    OTHER, REGIONS, ROLE, account, account_name, cause, real_messages,
};
use super::super::stage::Stage;
use crate::support::harness::OWN;

/// One account fails in two regions, recovers in one of them, then in the other.
pub async fn one_account(stage: &mut Stage) {
    stage.settle(6, 60);
    stage.run("2026-03-02T01:00:00Z").await;
    for region in ["eu-west-1", "us-east-1"] {
        let record = cause(1, &account(10), region).updated("2026-03-02T01:50:00Z");
        stage.put(region, "security-baseline", 10, record);
    }
    stage.run("2026-03-02T02:00:00Z").await;
    stage.run("2026-03-02T03:00:00Z").await;
    stage.heal("eu-west-1", "security-baseline", 10);
    stage.run("2026-03-02T04:00:00Z").await;
    stage.heal("us-east-1", "security-baseline", 10);
    stage.run("2026-03-02T05:00:00Z").await;
}

/// Packs themselves fail; then a member account explains one of the failures.
pub async fn pack_itself(stage: &mut Stage) {
    stage.settle(4, 20);
    stage.run("2026-03-02T01:00:00Z").await;
    let world = &stage.env.world;
    let refused = StatusRecord::new("UPDATE_FAILED")
        .code("OrganizationConformancePackTemplateValidationException")
        .message("Template validation failed")
        .updated("2026-03-02T01:30:00Z");
    world.put_pack(OWN, "eu-west-1", "security-baseline", refused);
    let failed = StatusRecord::new("UPDATE_FAILED").updated("2026-03-02T01:31:00Z");
    let pack = super::super::organization::PACKS[0];
    world.put_pack(OWN, "us-east-1", pack, failed);
    stage.run("2026-03-02T01:45:00Z").await;
    stage.run("2026-03-02T03:00:00Z").await;
    let record = cause(2, &account(2), "eu-west-1").updated("2026-03-02T02:30:00Z");
    stage.put("eu-west-1", "security-baseline", 2, record);
    stage.run("2026-03-02T04:00:00Z").await;
}

/// Accounts are suspended or being closed, and two have a long message.
pub async fn suspended_accounts(stage: &mut Stage) {
    stage.settle(9, 60);
    stage.run("2026-03-02T01:00:00Z").await;
    for number in [3, 4, 5] {
        let (id, name) = (account(number), account_name(number));
        stage.env.world.put_account(&id, &name, "SUSPENDED");
        let record = StatusRecord::new("UPDATE_FAILED")
            .code("AccountSuspended")
            .message(format!("Account {id} is suspended and cannot be reached"));
        let record = record.updated("2026-03-02T01:40:00Z");
        stage.put("eu-west-1", "security-baseline", number, record);
    }
    let (id, name) = (account(6), account_name(6));
    stage.env.world.put_account(&id, &name, "PENDING_CLOSURE");
    let record = StatusRecord::new("UPDATE_FAILED")
        .code("AccessDeniedException")
        .message("denied");
    let record = record.updated("2026-03-02T01:40:00Z");
    stage.put("eu-west-1", "security-baseline", 6, record);
    for number in [7, 8] {
        let id = account(number);
        let stacks = (0..9).map(|rule| {
            format!("arn:aws:cloudformation:eu-west-1:{id}:stack/awsconfigconforms-baseline-6602rbrl/rule-{rule}-f0a1")
        });
        let stacks = stacks.collect::<Vec<_>>().join(", ");
        let record = StatusRecord::new("UPDATE_FAILED")
            .code("ConformancePackTemplateValidationException")
            .message(format!(
                "One or more rules failed to deploy: [{stacks}] Resource handler returned message: \"Invalid request \
                 provided: The sourceIdentifier is invalid. (Service: AmazonConfig; Status Code: 400; Error Code: \
                 InvalidParameterValueException)\""
            ));
        let record = record.updated("2026-03-02T01:40:00Z");
        stage.put("eu-west-1", "logging-and-monitoring", number, record);
    }
    stage.run("2026-03-02T03:00:00Z").await;
}

/// Accounts that failed for one cause fail for another.
pub async fn cause_changes(stage: &mut Stage) {
    stage.settle(4, 10);
    for number in 0..3 {
        let record = cause(0, &account(number), "eu-west-1");
        stage.put("eu-west-1", "security-baseline", number, record);
    }
    stage.run("2026-03-02T01:00:00Z").await;
    for number in 0..3 {
        let record = cause(1, &account(number), "eu-west-1").updated("2026-03-02T01:30:00Z");
        stage.put("eu-west-1", "security-baseline", number, record);
    }
    let record = cause(4, &account(7), "us-east-1");
    stage.put("us-east-1", "security-baseline", 7, record);
    stage.run("2026-03-02T03:00:00Z").await;
}

/// A deployment hangs, and ends.
pub async fn stuck(stage: &mut Stage) {
    stage.settle(6, 30);
    stage.run("2026-03-02T01:00:00Z").await;
    let stuck = StatusRecord::new("CREATE_IN_PROGRESS").updated("2026-03-01T01:00:00Z");
    stage.put("eu-central-1", "iam-guardrails", 11, stuck);
    stage.run("2026-03-02T05:00:00Z").await;
    stage.heal("eu-central-1", "iam-guardrails", 11);
    stage.run("2026-03-02T06:00:00Z").await;
}

/// One account fails in packs of two administrators.
pub async fn several_callers(stage: &mut Stage) {
    stage.env.set("ROLE_ARNS", &format!("self,{ROLE}"));
    stage.settle(3, 20);
    for region in REGIONS {
        let world = &stage.env.world;
        let healthy = StatusRecord::new("CREATE_SUCCESSFUL");
        world.put_pack(OTHER, region, "audit-pack", healthy);
        for number in 0..4 {
            let record = cause(1, &account(number), region);
            world.put_member(OTHER, region, "audit-pack", &account(number), record);
        }
    }
    let pack = super::super::organization::PACKS[1];
    for number in 0..2 {
        stage.put(
            "eu-west-1",
            pack,
            number,
            cause(1, &account(number), "eu-west-1"),
        );
    }
    stage.run("2026-03-02T01:00:00Z").await;
}

/// Messages as AWS Config writes them, one an account.
pub async fn messages_of_aws(stage: &mut Stage) {
    stage.env.set("REGIONS", "eu-west-1");
    stage.put_pack("eu-west-1", "security-baseline", 0);
    stage.run("2026-03-02T01:00:00Z").await;
    for (number, real) in real_messages().into_iter().enumerate() {
        if let Some(state) = &real.account_state {
            let (id, name) = (account(number), account_name(number));
            stage.env.world.put_account(&id, &name, state);
        }
        let mut record = StatusRecord::new(&real.status).updated("2026-03-02T01:10:00Z");
        record.code = real.code;
        record.message = real.message;
        stage.put("eu-west-1", "security-baseline", number, record);
    }
    stage.run("2026-03-02T03:00:00Z").await;
}
