//! History: what the ledger counts on each UTC day.

use packwatch_simulation::{Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::TestEnv;

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";

fn history(env: &TestEnv) -> Value {
    env.document("ledger.json")["history"].clone()
}

fn day(open: usize, opened: usize, ended: usize, hours_without_data: u32) -> Value {
    json!({"open": open, "opened": opened, "ended": ended, "hours_without_data": hours_without_data})
}

#[tokio::test]
async fn every_commit_counts_on_its_day() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.member("baseline", OTHER, "UPDATE_FAILED");
    let narrowed = env.invoke(json!({"accounts": [OTHER]})).await;
    narrowed.expect("a narrowed run commits");
    env.advance_minutes(15);
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(history(&env), json!({"2026-03-01": day(1, 2, 1, 0)}));
    env.invoke(json!({"dry_run": true}))
        .await
        .expect("a dry run");
    env.advance_minutes(24 * 60);
    env.run().await;
    let after = history(&env);
    assert_eq!(
        [&after["2026-03-01"], &after["2026-03-02"]],
        [&day(1, 2, 1, 15), &day(1, 0, 0, 8)],
        "each day has its part of the time without data"
    );
}

#[tokio::test]
async fn muted_and_ignored_failures_count() {
    let mut env = TestEnv::failing().await;
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.set("IGNORE_ACCOUNTS", OTHER);
    let mute = json!({"mute": {"accounts": [ACCOUNT], "until": "2026-03-09", "reason": "x"}});
    env.invoke(mute).await.expect("the mute is stored");
    env.run().await;
    assert_eq!(history(&env)["2026-03-01"], day(2, 2, 0, 0));
}

#[tokio::test]
async fn incomplete_runs_count_hours_without_data() {
    let env = TestEnv::failing().await;
    env.run().await;
    let denied = Fault::error(403, "AccessDeniedException", "no");
    env.world.fault(
        denied
            .service(Service::Config)
            .operation("GetOrganizationConformancePackDetailedStatus"),
    );
    env.advance_minutes(3 * 60);
    env.run().await;
    env.advance_minutes(2 * 60);
    env.run().await;
    assert_eq!(history(&env)["2026-03-01"], day(1, 1, 0, 5));
    env.world.clear_faults();
    env.run().await;
    env.advance_minutes(60);
    env.run().await;
    assert_eq!(
        history(&env)["2026-03-01"],
        day(1, 1, 0, 5),
        "the longest time counts"
    );
}

#[tokio::test]
async fn lost_ledger_starts_history_anew() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world
        .remove_object(crate::support::harness::BUCKET, "ledger.json");
    env.advance_minutes(24 * 60);
    env.run().await;
    assert_eq!(history(&env), json!({"2026-03-02": day(1, 1, 0, 0)}));
}
