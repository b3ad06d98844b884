//! What a run costs: calls to AWS Config, on the simulated organization's own count.

use std::collections::BTreeMap;

use packwatch_simulation::{Change, Effect, Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, OWN, REGION, TestEnv, keys};

const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";
const DAY: i64 = 24 * 60;

fn account(number: u64) -> String {
    (200_000_000_001 + number).to_string()
}

/// Members of one pack, from one number up to another.
fn put(stage: &TestEnv, pack: &str, members: std::ops::Range<u64>, status: &str) {
    for number in members {
        stage.member(pack, &account(number), status);
    }
}

/// A pack with this many members, the first of them failing.
async fn pack(members: u64, failing: u64) -> TestEnv {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    put(&stage, "baseline", 0..failing, "CREATE_FAILED");
    put(&stage, "baseline", failing..members, "CREATE_SUCCESSFUL");
    stage
}

/// A run, and the calls for members that it made, by pack.
async fn calls(stage: &TestEnv) -> (Value, BTreeMap<String, usize>) {
    stage.world.forget_calls();
    let answer = stage.run().await;
    let mut packs = BTreeMap::new();
    let calls = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| call.service == Service::Config);
    let calls: Vec<_> = calls
        .filter(|call| call.operation != "GetCallerIdentity")
        .collect();
    assert_eq!(
        answer["config_calls"],
        calls.len(),
        "the answer says what it cost"
    );
    for call in calls.into_iter().filter(|call| call.operation == MEMBERS) {
        *packs.entry(call.target).or_default() += 1;
    }
    (answer, packs)
}

/// A run of an organization of one pack, and the calls for its members.
async fn cost(stage: &TestEnv) -> (Value, usize) {
    let (answer, packs) = calls(stage).await;
    (answer, packs.values().sum())
}

/// Runs until the pack was counted: within a day of the first sight. Gives the calls for members of
/// that run.
async fn counted(stage: &TestEnv) -> usize {
    for _ in 0..=24 {
        stage.pass(45);
        let (answer, calls) = cost(stage).await;
        if stage.snapshot(&answer)["packs"][0]["reading"] == "whole" {
            return calls;
        }
    }
    panic!("it was not counted within a day")
}

fn large(stage: &TestEnv) -> Value {
    stage.document("ledger.json")["packs"][0][1]["large"].clone()
}

#[tokio::test]
async fn fifty_packs_of_ten_thousand_with_a_hundred_failing_cost_151_calls() {
    let stage = TestEnv::new().await;
    stage.world.fill(OWN, REGION, 50, 10_000, 100);
    let (first, _) = calls(&stage).await;
    assert_eq!(
        first["config_calls"],
        1 + 50 * 4,
        "the first time each shows that it is large"
    );
    let (answer, packs) = calls(&stage).await;
    assert_eq!(answer["config_calls"], 151);
    assert!(packs.values().all(|calls| *calls == 3), "{packs:?}");
    assert_eq!(answer["totals"]["failures"], 5_000);
    println!(
        "first {}, then {}",
        first["config_calls"], answer["config_calls"]
    );
}

#[tokio::test]
async fn a_pack_of_up_to_a_hundred_members_costs_one_call() {
    for members in [0, 1, 99, 100] {
        let stage = pack(members, members / 2).await;
        for _ in 0..2 {
            let (answer, calls) = cost(&stage).await;
            assert_eq!(calls, 1, "{members}");
            assert_eq!(
                stage.snapshot(&answer)["packs"][0]["members"]["total"],
                members
            );
        }
        assert_eq!(large(&stage), json!(null), "nothing to remember");
    }
}

#[tokio::test]
async fn a_larger_pack_costs_four_calls_the_first_time_and_then_three() {
    for members in [101, 350, 1_000] {
        let stage = pack(members, 100).await;
        assert_eq!(cost(&stage).await.1, 4, "{members}");
        for _ in 0..2 {
            let (answer, calls) = cost(&stage).await;
            assert_eq!(
                (calls, &answer["totals"]["failures"]),
                (3, &json!(100)),
                "{members}"
            );
        }
    }
}

#[tokio::test]
async fn further_pages_of_failing_rows_cost_a_call_each() {
    let stage = pack(1_000, 250).await;
    put(&stage, "baseline", 250..360, "UPDATE_FAILED");
    put(&stage, "baseline", 360..365, "DELETE_FAILED");
    assert_eq!(cost(&stage).await.1, 1 + 3 + 2 + 1);
    let (answer, calls) = cost(&stage).await;
    assert_eq!(
        (calls, &answer["totals"]["failures"]),
        (3 + 2 + 1, &json!(365))
    );
}

#[tokio::test]
async fn packs_are_listed_a_hundred_a_call() {
    for (packs, listing) in [(100, 1), (101, 2), (300, 3)] {
        let stage = TestEnv::new().await;
        stage.world.fill(OWN, REGION, packs, 1, 0);
        let (answer, _) = calls(&stage).await;
        assert_eq!(answer["config_calls"], listing + packs);
    }
}

#[tokio::test]
async fn proofs_cost_a_call_each_or_the_pages_of_the_whole_pack() {
    for (recovered, proofs) in [(1, 1), (5, 5), (6, 5), (150, 5)] {
        let stage = pack(500, 200).await;
        stage.run().await;
        assert_eq!(
            counted(&stage).await,
            4 + 5,
            "four pages of failing rows, and the whole pack"
        );
        put(&stage, "baseline", 0..recovered, "CREATE_SUCCESSFUL");
        let (answer, calls) = cost(&stage).await;
        let failing = (200 - recovered).div_ceil(100).max(1) + 2;
        assert_eq!(
            u64::try_from(calls).expect("few"),
            failing + proofs,
            "{recovered} recovered"
        );
        assert_eq!(answer["totals"]["cleared"], recovered);
        let cleared = stage.digests().pop().expect("a digest")["cleared"].clone();
        assert!(
            cleared
                .as_array()
                .expect("a list")
                .iter()
                .all(|record| record["how"] == "recovered")
        );
        println!("{recovered} recovered: {proofs} calls for proof");
    }
}

#[tokio::test]
async fn a_pack_that_was_never_counted_is_not_asked_for_by_name_without_end() {
    let stage = pack(450, 300).await;
    stage.run().await;
    put(&stage, "baseline", 0..300, "CREATE_SUCCESSFUL");
    let (answer, calls) = cost(&stage).await;
    assert_eq!(
        (calls, &answer["totals"]["cleared"]),
        (3 + 5, &json!(300)),
        "five pages, not 300 names"
    );
    assert_eq!(
        stage.snapshot(&answer)["packs"][0]["members"]["total"],
        450,
        "and now it is counted"
    );
}

#[tokio::test]
async fn a_pack_that_grew_is_read_no_further_than_its_names_would_cost() {
    let stage = pack(400, 10).await;
    stage.run().await;
    counted(&stage).await;
    put(&stage, "baseline", 400..2_000, "CREATE_SUCCESSFUL");
    put(&stage, "baseline", 0..5, "CREATE_SUCCESSFUL");
    let (answer, calls) = cost(&stage).await;
    assert_eq!(answer["totals"]["cleared"], 5);
    assert!(calls <= 3 + 5, "{calls}: the first of five pages has them");
}

#[tokio::test]
async fn an_account_that_left_a_large_pack_costs_its_name_and_the_packs() {
    let stage = pack(500, 3).await;
    stage.run().await;
    stage
        .world
        .remove_member(OWN, REGION, "baseline", &account(1));
    let (answer, calls) = cost(&stage).await;
    assert_eq!(
        (calls, &answer["config_calls"]),
        (3 + 1, &json!(1 + 3 + 1 + 1))
    );
    assert_eq!(stage.digests()[1]["cleared"][0]["how"], "account_removed");
}

#[tokio::test]
async fn a_pack_that_most_of_its_members_fail_in_costs_no_more_than_reading_it_whole() {
    for (members, failing) in [
        (500, 500),
        (500, 400),
        (1_000, 900),
        (1_000, 1_000),
        (950, 950),
    ] {
        let whole = usize::try_from(members / 100 + u64::from(members % 100 > 0)).expect("few");
        let stage = pack(members, failing).await;
        put(
            &stage,
            "baseline",
            failing / 3..failing / 2,
            "UPDATE_FAILED",
        );
        put(&stage, "baseline", failing / 2..failing, "DELETE_FAILED");
        let (answer, first) = cost(&stage).await;
        assert_eq!(answer["totals"]["failures"], failing);
        assert!(first <= 1 + whole + 2, "{first} of {whole}: the first time");
        let (_, uncounted) = cost(&stage).await;
        assert!(uncounted <= whole + 2, "{uncounted} of {whole}");
        counted(&stage).await;
        let (_, calls) = cost(&stage).await;
        assert!(calls <= whole, "{calls} of {whole}");
        put(&stage, "baseline", 0..failing, "CREATE_SUCCESSFUL");
        let (answer, after) = cost(&stage).await;
        assert_eq!(answer["totals"]["cleared"], failing);
        assert!(after <= whole + 3, "{after} of {whole}: all recovered");
        println!(
            "{failing} of {members}: first {first}, uncounted {uncounted}, counted {calls}, all recovered {after}"
        );
    }
}

#[tokio::test]
async fn many_failures_on_the_move_cost_the_whole_pack_and_nothing_besides() {
    let stage = pack(500, 100).await;
    stage.run().await;
    counted(&stage).await;
    put(&stage, "baseline", 0..100, "UPDATE_IN_PROGRESS");
    assert_eq!(cost(&stage).await.1, 3 + 5, "nobody knew");
    let (answer, calls) = cost(&stage).await;
    assert_eq!((calls, &answer["totals"]["failures"]), (5, &json!(100)));
}

#[tokio::test]
async fn filters_that_save_nothing_waste_three_calls_once() {
    let stage = pack(500, 50).await;
    stage.world.sparse_filters(true);
    let (answer, calls) = cost(&stage).await;
    assert_eq!((calls, &answer["totals"]["failures"]), (5 + 3, &json!(50)));
    assert_eq!(stage.snapshot(&answer)["packs"][0]["reading"], "whole");
    for _ in 0..3 {
        assert_eq!(cost(&stage).await.1, 5);
    }
    assert_eq!(large(&stage)["sparse"], true);
}

#[tokio::test]
async fn filters_that_come_to_save_nothing_waste_three_calls_once() {
    let stage = pack(500, 50).await;
    stage.run().await;
    stage.world.sparse_filters(true);
    // A reading that finds out and then fails still remembers.
    let fault = Fault::new(Effect::Denied).operation(MEMBERS).nth(5);
    stage.world.fault(fault);
    let (answer, _) = cost(&stage).await;
    assert_eq!(
        (&answer["complete"], &answer["totals"]["unconfirmed"]),
        (&json!(false), &json!(0))
    );
    for _ in 0..2 {
        assert_eq!(cost(&stage).await.1, 5);
    }
}

#[tokio::test]
async fn whole_readings_are_spread_over_the_day_and_each_pack_has_one() {
    const PACKS: usize = 24;
    let stage = TestEnv::new().await;
    stage.world.fill(OWN, REGION, PACKS, 401, 10);
    let mut most = 0;
    let mut whole: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for run in 0..72 {
        let (answer, packs) = calls(&stage).await;
        stage.pass(45);
        let usual = if run == 0 { 4 } else { 3 };
        let besides: Vec<_> = packs.iter().filter(|(_, calls)| **calls > usual).collect();
        assert!(
            besides.iter().all(|(_, calls)| **calls == usual + 5),
            "{besides:?}"
        );
        assert!(
            run > 0 || besides.is_empty(),
            "not at once because there was none"
        );
        most = most.max(besides.len());
        for (pack, _) in besides {
            whole.entry(pack.clone()).or_default().push(run);
        }
        assert_eq!(answer["totals"]["failures"], 240);
    }
    assert_eq!(whole.len(), PACKS);
    for (pack, runs) in &whole {
        assert!(runs[0] <= 24, "{pack} is counted within a day: {runs:?}");
        assert!(
            runs.windows(2).all(|pair| pair[1] - pair[0] == 24),
            "and then once a day: {runs:?}"
        );
    }
    assert!(most <= PACKS / 4, "{most} in one run");
    println!("{PACKS} packs, hourly: at most {most} whole readings in a run");
}

#[tokio::test]
async fn the_time_of_a_packs_daily_reading_is_the_same_in_every_version() {
    let stage = pack(500, 0).await;
    stage.invoke(json!({})).await.expect("a run");
    stage.pass_seconds(45036 - 1);
    assert_eq!(
        stage.invoke(json!({})).await.expect("a run")["config_calls"],
        1 + 3
    );
    stage.pass_seconds(1);
    assert_eq!(
        stage.invoke(json!({})).await.expect("a run")["config_calls"],
        1 + 3 + 5
    );
    stage.pass_seconds(60 * DAY - 1);
    assert_eq!(
        stage.invoke(json!({})).await.expect("a run")["config_calls"],
        1 + 3
    );
    stage.pass_seconds(1);
    assert_eq!(
        stage.invoke(json!({})).await.expect("a run")["config_calls"],
        1 + 3 + 5
    );
}

#[tokio::test]
async fn a_pack_that_shrinks_under_a_page_is_found_by_its_daily_reading() {
    let stage = pack(500, 10).await;
    stage.run().await;
    for number in 50..500 {
        stage
            .world
            .remove_member(OWN, REGION, "baseline", &account(number));
    }
    assert_eq!(cost(&stage).await.1, 3);
    assert_eq!(counted(&stage).await, 3 + 1);
    assert_eq!(large(&stage), json!(null));
    let (answer, calls) = cost(&stage).await;
    assert_eq!((calls, &answer["totals"]["failures"]), (1, &json!(10)));
}

#[tokio::test]
async fn a_status_that_no_filter_names_is_found_within_a_day_and_then_followed() {
    let stage = pack(500, 0).await;
    stage.run().await;
    stage.member("baseline", &account(7), "ROLLBACK_FAILED");
    assert_eq!(cost(&stage).await.0["totals"]["failures"], 0);
    counted(&stage).await;
    assert_eq!(
        keys(&stage.digests()[0]["appeared"]),
        [format!("baseline/{}", account(7))]
    );
    let (answer, calls) = cost(&stage).await;
    assert_eq!(
        (calls, &answer["totals"]["failures"]),
        (3 + 1, &json!(1)),
        "asked for by name"
    );
    stage.member("baseline", &account(7), "UPDATE_SUCCESSFUL");
    stage.run().await;
    assert_eq!(stage.digests()[1]["cleared"][0]["how"], "recovered");
}

#[tokio::test]
async fn a_daily_reading_that_there_is_no_time_for_is_no_gap_and_is_tried_again() {
    let stage = pack(500, 10).await;
    stage.run().await;
    stage.pass(DAY);
    // The first page of the whole reading is not answered while there is time.
    let late = Change::Fault(Fault::new(Effect::Silence).operation(MEMBERS));
    stage
        .world
        .fault(Fault::then([late]).operation(MEMBERS).nth(3));
    let mut context = stage.context();
    let soon = stage.now() + jiff::SignedDuration::from_secs(3);
    context.deadline = u64::try_from(soon.as_millisecond()).expect("after 1970");
    let function = stage.function().await;
    let report = function.invoke("{}", context).await.expect("a run");
    let answer = serde_json::to_value(report).expect("JSON");
    assert_eq!(
        (&answer["complete"], &answer["config_calls"]),
        (&json!(true), &json!(1 + 3 + 1))
    );
    let pack = &stage.snapshot(&answer)["packs"][0];
    assert_eq!(
        (&pack["reading"], &pack["members"]["failing"]),
        (&json!("failing"), &json!(10))
    );
    stage.world.clear_faults();
    stage.pass(15);
    assert_eq!(cost(&stage).await.1, 3 + 5);
}

#[tokio::test]
async fn a_daily_reading_that_is_refused_is_a_gap_and_closes_nothing() {
    let stage = pack(500, 10).await;
    stage.run().await;
    stage.pass(DAY);
    stage
        .world
        .fault(Fault::new(Effect::Denied).operation(MEMBERS).nth(5));
    let (answer, _) = cost(&stage).await;
    assert_eq!(
        (&answer["complete"], &answer["totals"]["failures"]),
        (&json!(false), &json!(10))
    );
    assert_eq!(
        stage.snapshot(&answer)["gaps"][0]["code"],
        "AccessDeniedException"
    );
    let (answer, calls) = cost(&stage).await;
    assert_eq!(
        (calls, &answer["complete"]),
        (3 + 5, &json!(true)),
        "tried again, and read"
    );
    assert_eq!(stage.digests().len(), 1);
}

#[tokio::test]
async fn the_counts_of_a_pack_are_those_of_its_last_whole_reading() {
    let stage = pack(500, 10).await;
    let (answer, _) = cost(&stage).await;
    let none =
        json!({"total": null, "failing": 10, "moving": null, "settled": null, "as_of": null});
    assert_eq!(stage.snapshot(&answer)["packs"][0]["members"], none);
    put(&stage, "baseline", 490..500, "UPDATE_IN_PROGRESS");
    counted(&stage).await;
    let at = large(&stage)["whole"]["at"].clone();
    let whole = json!({"total": 500, "failing": 10, "moving": 10, "settled": 480});
    assert_eq!(stage.latest()["packs"][0]["members"], whole);
    put(&stage, "baseline", 10..20, "CREATE_FAILED");
    let (answer, _) = cost(&stage).await;
    let pack = stage.snapshot(&answer)["packs"][0].clone();
    let members = json!({"total": 500, "failing": 20, "moving": 10, "settled": 480, "as_of": at});
    assert_eq!(
        (&pack["reading"], &pack["members"]),
        (&json!("failing"), &members)
    );
    assert_eq!(answer["totals"]["packs_moving"], 0);
}

#[tokio::test]
async fn a_large_pack_that_fails_by_itself_is_told_and_when_it_moves_read_whole_once_an_hour() {
    let stage = pack(500, 0).await;
    stage.pack("baseline", "CREATE_FAILED");
    stage.run().await;
    stage.run().await;
    assert_eq!(keys(&stage.digests()[0]["appeared"]), ["baseline/-"]);
    stage.pack("baseline", "UPDATE_IN_PROGRESS");
    let mut costs = Vec::new();
    for _ in 0..5 {
        costs.push(cost(&stage).await.1);
    }
    assert_eq!(
        costs,
        [3 + 5, 3, 3, 3, 3 + 5],
        "two whole readings, an hour apart"
    );
    assert_eq!(stage.digests()[1]["cleared"][0]["how"], "recovered");
    assert_eq!(cost(&stage).await.1, 3);
}

#[tokio::test]
async fn a_gap_ends_with_the_failing_rows_and_their_proofs() {
    let stage = pack(500, 150).await;
    stage.run().await;
    stage
        .world
        .fault(Fault::new(Effect::RepeatToken).operation(MEMBERS));
    for _ in 0..2 {
        let (answer, _) = cost(&stage).await;
        assert_eq!(
            (&answer["complete"], &answer["totals"]["failures"]),
            (&json!(false), &json!(150))
        );
        let pack = stage.snapshot(&answer)["packs"][0].clone();
        assert_eq!(
            (&pack["reading"], &pack["members"]["total"]),
            (&json!("partial"), &json!(null))
        );
    }
    stage.world.clear_faults();
    stage.run().await;
    let digests = stage.digests();
    assert_eq!(
        digests.last().expect("digests")["gaps"][0]["state"],
        "ended"
    );
}

#[tokio::test]
async fn a_ledger_without_hints_of_size_is_gone_on_from() {
    let stage = pack(500, 10).await;
    stage.run().await;
    let mut ledger = stage.document("ledger.json");
    ledger["packs"][0][1]
        .as_object_mut()
        .expect("a hint")
        .remove("large");
    stage
        .world
        .set_object(BUCKET, "ledger.json", ledger.to_string());
    let (answer, calls) = cost(&stage).await;
    assert_eq!((calls, &answer["totals"]["failures"]), (4, &json!(10)));
}
