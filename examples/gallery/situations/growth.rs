//! Failures in numbers.

use packwatch_simulation::StatusRecord;

use super::super::organization::{PACKS, REGIONS, account, cause};
use super::super::stage::Stage;
use crate::support::harness::OWN;

/// Puts or heals 300 failures of six causes.
fn three_hundred(stage: &Stage, heal: bool) {
    let mut failures = Vec::new();
    let all_packs = |accounts: std::ops::Range<usize>, region, cause| {
        accounts.flat_map(move |account| (0..20).map(move |pack| (account, pack, region, cause)))
    };
    failures.extend(all_packs(0..9, 1, 0));
    failures.extend(all_packs(30..34, 2, 1));
    failures.extend((10..30).map(|account| (account, 6, 0, 2)));
    failures.extend((40..42).flat_map(|account| (3..9).map(move |pack| (account, pack, 0, 3))));
    failures.extend((10..16).map(|pack| (50, pack, 0, 4)));
    failures.extend([(55, 3, 0, 5), (56, 9, 2, 5)]);
    assert_eq!(failures.len(), 300);
    for (number, pack, region, of) in failures {
        let stays = of == 1 && number == 33;
        if heal && !stays {
            stage.heal(REGIONS[region], PACKS[pack], number);
        } else {
            let record = cause(of, &account(number), REGIONS[region]);
            stage.put(REGIONS[region], PACKS[pack], number, record);
        }
    }
}

/// A first look, a mass recovery and a reminder.
pub async fn six_causes(stage: &mut Stage) {
    stage.settle(20, 60);
    three_hundred(stage, false);
    stage.run("2026-03-02T03:00:00Z").await;
    stage.run("2026-03-02T03:15:00Z").await;
    three_hundred(stage, true);
    stage.run("2026-03-02T06:45:00Z").await;
    stage.run("2026-03-09T07:00:00Z").await;
}

/// Eight accounts lose their recorder, which fails in every pack.
pub async fn fifty_packs(stage: &mut Stage) {
    let packs: Vec<String> = (0..50).map(|pack| format!("guardrail-{pack:02}")).collect();
    for pack in &packs {
        stage.put_pack("eu-west-1", pack, 30);
    }
    stage.run("2026-03-02T01:00:00Z").await;
    for pack in &packs {
        for number in 0..8 {
            let record = cause(0, &account(number), "eu-west-1").updated("2026-03-02T01:45:00Z");
            stage.put("eu-west-1", pack, number, record);
        }
    }
    stage.run("2026-03-02T02:00:00Z").await;
    stage.run("2026-03-02T03:00:00Z").await;
    for pack in &packs {
        for number in 0..8 {
            stage.heal("eu-west-1", pack, number);
        }
    }
    stage.run("2026-03-02T05:00:00Z").await;
}

/// A policy breaks ten accounts in every pack and region, and another account fails alone.
pub async fn ten_accounts_in_all_packs(stage: &mut Stage) {
    stage.settle(12, 60);
    stage.run("2026-03-02T01:00:00Z").await;
    for region in REGIONS {
        for pack in &PACKS[..12] {
            for number in 20..30 {
                let record = cause(1, &account(number), region).updated("2026-03-02T01:10:00Z");
                stage.put(region, pack, number, record);
            }
        }
    }
    stage.put_pack("eu-west-1", "gdpr-x", 0);
    let record = cause(3, &account(2), "eu-west-1").updated("2026-03-02T01:10:00Z");
    stage.put("eu-west-1", "gdpr-x", 2, record);
    stage.run("2026-03-02T03:00:00Z").await;
}

/// One account fails, then ten thousand.
pub async fn ten_thousand_accounts(stage: &mut Stage) {
    stage.env.set("REGIONS", "eu-west-1");
    stage.put_pack("eu-west-1", "security-baseline", 0);
    let id = |number: usize| format!("{:012}", 300_000_000_000_usize + number);
    let fail = |stage: &Stage, numbers: std::ops::Range<usize>| {
        for number in numbers {
            let record = cause(0, &id(number), "eu-west-1").updated("2026-03-01T10:00:00Z");
            let world = &stage.env.world;
            world.put_member(OWN, "eu-west-1", "security-baseline", &id(number), record);
        }
    };
    fail(stage, 0..1);
    stage.run("2026-03-02T01:00:00Z").await;
    fail(stage, 1..10_000);
    stage.run("2026-03-02T03:00:00Z").await;
    for number in 0..10_000 {
        let record = StatusRecord::new("UPDATE_SUCCESSFUL");
        let world = &stage.env.world;
        world.put_member(OWN, "eu-west-1", "security-baseline", &id(number), record);
    }
    stage.run("2026-03-02T05:00:00Z").await;
}
