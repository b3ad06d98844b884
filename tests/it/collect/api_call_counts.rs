//! Number of AWS Config calls per run, as counted by the simulated organization.

use std::collections::BTreeMap;

use packwatch_simulation::{Change, Effect, Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, OWN, REGION, TestEnv, keys};

const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";
const DAY: i64 = 24 * 60;

fn account(number: u64) -> String {
    (200_000_000_001 + number).to_string()
}

/// Puts a range of members with this status into a pack.
fn put_members(env: &TestEnv, pack: &str, members: std::ops::Range<u64>, status: &str) {
    for number in members {
        env.member(pack, &account(number), status);
    }
}

/// Returns an organization with one pack of `members` members, the first `failing` of which fail.
async fn env_with_pack(members: u64, failing: u64) -> TestEnv {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    put_members(&env, "baseline", 0..failing, "CREATE_FAILED");
    put_members(&env, "baseline", failing..members, "CREATE_SUCCESSFUL");
    env
}

/// Runs once and returns the response and the number of member calls by pack.
async fn run_counting_by_pack(env: &TestEnv) -> (Value, BTreeMap<String, usize>) {
    env.world.forget_calls();
    let response = env.run().await;
    let mut packs = BTreeMap::new();
    let calls = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.service == Service::Config);
    let calls: Vec<_> = calls
        .filter(|call| call.operation != "GetCallerIdentity")
        .collect();
    assert_eq!(
        response["config_calls"],
        calls.len(),
        "the response reports the number of Config calls"
    );
    for call in calls.into_iter().filter(|call| call.operation == MEMBERS) {
        *packs.entry(call.target).or_default() += 1;
    }
    (response, packs)
}

/// Runs once and returns the response and the number of member calls of all packs.
async fn run_counting(env: &TestEnv) -> (Value, usize) {
    let (response, packs) = run_counting_by_pack(env).await;
    (response, packs.values().sum())
}

/// Runs until the daily scan reads the pack in full, which is due within a day of the first run.
/// Returns the number of member calls of that run.
async fn run_until_full_scan(env: &TestEnv) -> usize {
    for _ in 0..=24 {
        env.advance_minutes(45);
        let (response, calls) = run_counting(env).await;
        if env.snapshot(&response)["packs"][0]["coverage"] == "full" {
            return calls;
        }
    }
    panic!("the pack was not read in full within a day")
}

fn large_hint(env: &TestEnv) -> Value {
    env.document("ledger.json")["pack_hints"][0][1]["large"].clone()
}

#[tokio::test]
async fn fifty_large_packs_cost_151_calls() {
    let env = TestEnv::new().await;
    env.world.fill(OWN, REGION, 50, 10_000, 100);
    let (first, _) = run_counting_by_pack(&env).await;
    assert_eq!(
        first["config_calls"],
        1 + 50 * 4,
        "the first run finds that each pack is large"
    );
    let (response, packs) = run_counting_by_pack(&env).await;
    assert_eq!(response["config_calls"], 151);
    assert!(packs.values().all(|calls| *calls == 3), "{packs:?}");
    assert_eq!(response["totals"]["failures"], 5_000);
    println!(
        "first {}, then {}",
        first["config_calls"], response["config_calls"]
    );
}

#[tokio::test]
async fn small_pack_costs_one_call() {
    for members in [0, 1, 99, 100] {
        let env = env_with_pack(members, members / 2).await;
        for _ in 0..2 {
            let (response, calls) = run_counting(&env).await;
            assert_eq!(calls, 1, "{members}");
            assert_eq!(
                env.snapshot(&response)["packs"][0]["members"]["total"],
                members
            );
        }
        assert_eq!(
            large_hint(&env),
            json!(null),
            "the ledger keeps no size hint of a small pack"
        );
    }
}

#[tokio::test]
async fn large_pack_costs_four_calls_first_and_then_three() {
    for members in [101, 350, 1_000] {
        let env = env_with_pack(members, 100).await;
        assert_eq!(run_counting(&env).await.1, 4, "{members}");
        for _ in 0..2 {
            let (response, calls) = run_counting(&env).await;
            assert_eq!(
                (calls, &response["totals"]["failures"]),
                (3, &json!(100)),
                "{members}"
            );
        }
    }
}

#[tokio::test]
async fn each_further_failing_page_costs_one_call() {
    let env = env_with_pack(1_000, 250).await;
    put_members(&env, "baseline", 250..360, "UPDATE_FAILED");
    put_members(&env, "baseline", 360..365, "DELETE_FAILED");
    assert_eq!(run_counting(&env).await.1, 1 + 3 + 2 + 1);
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (calls, &response["totals"]["failures"]),
        (3 + 2 + 1, &json!(365))
    );
}

#[tokio::test]
async fn pack_listing_returns_a_hundred_packs_per_call() {
    for (packs, listing) in [(100, 1), (101, 2), (300, 3)] {
        let env = TestEnv::new().await;
        env.world.fill(OWN, REGION, packs, 1, 0);
        let (response, _) = run_counting_by_pack(&env).await;
        assert_eq!(response["config_calls"], listing + packs);
    }
}

#[tokio::test]
async fn recovery_confirmation_costs_at_most_a_full_read() {
    for (recovered, confirmations) in [(1, 1), (5, 5), (6, 5), (150, 5)] {
        let env = env_with_pack(500, 200).await;
        env.run().await;
        assert_eq!(
            run_until_full_scan(&env).await,
            4 + 5,
            "four failing-only pages, and the five pages of a full read"
        );
        put_members(&env, "baseline", 0..recovered, "CREATE_SUCCESSFUL");
        let (response, calls) = run_counting(&env).await;
        let failing = (200 - recovered).div_ceil(100).max(1) + 2;
        assert_eq!(
            u64::try_from(calls).expect("the call count fits u64"),
            failing + confirmations,
            "{recovered} recovered"
        );
        assert_eq!(response["totals"]["cleared"], recovered);
        let cleared = env.digests().pop().expect("a digest was published")["cleared"].clone();
        assert!(
            cleared
                .as_array()
                .expect("the field is a list")
                .iter()
                .all(|record| record["resolution"] == "recovered")
        );
        println!("{recovered} recovered: {confirmations} calls to confirm it");
    }
}

#[tokio::test]
async fn unscanned_pack_is_read_in_full_instead_of_by_account() {
    let env = env_with_pack(450, 300).await;
    env.run().await;
    put_members(&env, "baseline", 0..300, "CREATE_SUCCESSFUL");
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (calls, &response["totals"]["cleared"]),
        (3 + 5, &json!(300)),
        "five pages of a full read, and not 300 calls by account"
    );
    assert_eq!(
        env.snapshot(&response)["packs"][0]["members"]["total"],
        450,
        "the full read counts the members"
    );
}

#[tokio::test]
async fn grown_pack_costs_no_more_than_reads_by_account() {
    let env = env_with_pack(400, 10).await;
    env.run().await;
    run_until_full_scan(&env).await;
    put_members(&env, "baseline", 400..2_000, "CREATE_SUCCESSFUL");
    put_members(&env, "baseline", 0..5, "CREATE_SUCCESSFUL");
    let (response, calls) = run_counting(&env).await;
    assert_eq!(response["totals"]["cleared"], 5);
    assert!(
        calls <= 3 + 5,
        "{calls} calls: the first of the five further pages contains the accounts"
    );
}

#[tokio::test]
async fn account_removed_from_large_pack_costs_two_calls() {
    let env = env_with_pack(500, 3).await;
    env.run().await;
    env.world
        .remove_member(OWN, REGION, "baseline", &account(1));
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (calls, &response["config_calls"]),
        (3 + 1, &json!(1 + 3 + 1 + 1))
    );
    assert_eq!(
        env.digests()[1]["cleared"][0]["resolution"],
        "account_removed"
    );
}

#[tokio::test]
async fn mostly_failing_pack_costs_no_more_than_full_read() {
    for (members, failing) in [
        (500, 500),
        (500, 400),
        (1_000, 900),
        (1_000, 1_000),
        (950, 950),
    ] {
        let full_read =
            usize::try_from(u64::div_ceil(members, 100)).expect("the page count fits usize");
        let env = env_with_pack(members, failing).await;
        put_members(&env, "baseline", failing / 3..failing / 2, "UPDATE_FAILED");
        put_members(&env, "baseline", failing / 2..failing, "DELETE_FAILED");
        let (response, first) = run_counting(&env).await;
        assert_eq!(response["totals"]["failures"], failing);
        assert!(
            first <= 1 + full_read + 2,
            "first run: {first} calls, full read: {full_read}"
        );
        let (_, unscanned) = run_counting(&env).await;
        assert!(
            unscanned <= full_read + 2,
            "before the full scan: {unscanned} calls, full read: {full_read}"
        );
        run_until_full_scan(&env).await;
        let (_, calls) = run_counting(&env).await;
        assert!(
            calls <= full_read,
            "after the full scan: {calls} calls, full read: {full_read}"
        );
        put_members(&env, "baseline", 0..failing, "CREATE_SUCCESSFUL");
        let (response, recovered) = run_counting(&env).await;
        assert_eq!(response["totals"]["cleared"], failing);
        assert!(
            recovered <= full_read + 3,
            "all recovered: {recovered} calls, full read: {full_read}"
        );
        println!(
            "{failing} of {members} failing: first run {first}, before the full scan {unscanned}, after it {calls}, all recovered {recovered}"
        );
    }
}

#[tokio::test]
async fn many_in_progress_failures_cost_one_full_read() {
    let env = env_with_pack(500, 100).await;
    env.run().await;
    run_until_full_scan(&env).await;
    put_members(&env, "baseline", 0..100, "UPDATE_IN_PROGRESS");
    assert_eq!(
        run_counting(&env).await.1,
        3 + 5,
        "the ledger still expects failed rows"
    );
    let (response, calls) = run_counting(&env).await;
    assert_eq!((calls, &response["totals"]["failures"]), (5, &json!(100)));
}

#[tokio::test]
async fn ineffective_filters_waste_three_calls_once() {
    let env = env_with_pack(500, 50).await;
    env.world.sparse_filters(true);
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (calls, &response["totals"]["failures"]),
        (5 + 3, &json!(50))
    );
    assert_eq!(env.snapshot(&response)["packs"][0]["coverage"], "full");
    for _ in 0..3 {
        assert_eq!(run_counting(&env).await.1, 5);
    }
    assert_eq!(large_hint(&env)["filters_ineffective"], true);
}

#[tokio::test]
async fn filters_that_become_ineffective_waste_three_calls_once() {
    let env = env_with_pack(500, 50).await;
    env.run().await;
    env.world.sparse_filters(true);
    // The read detects the ineffective filters and then fails. The ledger keeps the hint anyway.
    let fault = Fault::new(Effect::Denied).operation(MEMBERS).nth(5);
    env.world.fault(fault);
    let (response, _) = run_counting(&env).await;
    assert_eq!(
        (&response["complete"], &response["totals"]["unconfirmed"]),
        (&json!(false), &json!(0))
    );
    for _ in 0..2 {
        assert_eq!(run_counting(&env).await.1, 5);
    }
}

/// A short page, which may come once, must not cost full reads forever: the flag that it sets ends
/// with the next daily scan. The trial costs the first pages only, although a full read and failing
/// members that have several pages follow.
#[tokio::test]
async fn ineffective_filters_are_tried_again_by_daily_scan() {
    let env = env_with_pack(500, 150).await;
    env.run().await;
    env.world.sparse_filters(true);
    env.run().await;
    env.world.sparse_filters(false);
    assert_eq!(large_hint(&env)["filters_ineffective"], true);
    let mut calls = run_counting(&env).await.1;
    let mut hours = 0;
    while calls == 5 {
        hours += 1;
        assert!(hours <= 24, "the filters are not tried again within a day");
        env.advance_minutes(45);
        calls = run_counting(&env).await.1;
    }
    assert_eq!(calls, 3 + 5, "the trial, and the daily full read");
    assert_eq!(large_hint(&env)["filters_ineffective"], false);
    assert_eq!(env.latest()["packs"][0]["coverage"], "full");
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (calls, &response["totals"]["failures"]),
        (3 + 1, &json!(150)),
        "the failing members only"
    );
}

#[tokio::test]
async fn filters_that_stay_ineffective_are_tried_once_a_day() {
    let env = env_with_pack(500, 50).await;
    env.world.sparse_filters(true);
    assert_eq!(run_counting(&env).await.1, 3 + 5);
    let mut trials = Vec::new();
    for run in 1..=72 {
        env.advance_minutes(45);
        let (response, calls) = run_counting(&env).await;
        assert_eq!(response["totals"]["failures"], 50);
        assert!([5, 3 + 5].contains(&calls), "{calls}");
        if calls > 5 {
            trials.push(run);
        }
        assert_eq!(large_hint(&env)["filters_ineffective"], true);
    }
    assert_eq!(trials.len(), 3, "{trials:?}");
    assert!(
        trials.windows(2).all(|pair| pair[1] - pair[0] == 24),
        "{trials:?}"
    );
}

/// All members are read after the trial, so a trial without an answer costs no data. It says
/// nothing about the filters either.
#[tokio::test]
async fn failed_trial_of_filters_is_no_gap_and_keeps_flag() {
    let env = env_with_pack(500, 50).await;
    env.world.sparse_filters(true);
    env.run().await;
    env.world.sparse_filters(false);
    env.advance_minutes(DAY);
    env.world.fault(
        Fault::new(Effect::Denied)
            .operation(MEMBERS)
            .filter("Status"),
    );
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (
            calls,
            &response["complete"],
            &response["totals"]["failures"]
        ),
        (3 + 5, &json!(true), &json!(50))
    );
    assert_eq!(large_hint(&env)["filters_ineffective"], true);
}

/// A run of one account reads such a pack in full too, which counts as the daily full read. If it
/// did not try the filters, frequent runs of accounts could put off the trial forever.
#[tokio::test]
async fn run_of_one_account_tries_filters_again() {
    let env = env_with_pack(500, 50).await;
    env.world.sparse_filters(true);
    env.run().await;
    env.world.sparse_filters(false);
    env.advance_minutes(DAY);
    let response = env
        .invoke(json!({"accounts": [account(1)]}))
        .await
        .expect("the run succeeds");
    assert_eq!(response["config_calls"], 1 + 3 + 5);
    assert_eq!(large_hint(&env)["filters_ineffective"], false);
}

/// Filters can turn out to be ineffective on any page. The pack is then read in full at once, and
/// the chain of short pages is not followed.
#[tokio::test]
async fn later_short_page_makes_filters_ineffective() {
    let env = env_with_pack(500, 250).await;
    env.run().await;
    let second_page_is_short = [Change::PageSize(Some(20))];
    env.world
        .fault(Fault::then(second_page_is_short).operation(MEMBERS).nth(3));
    env.world.fault(
        Fault::then([Change::PageSize(None)])
            .operation(MEMBERS)
            .nth(4),
    );
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (calls, &response["totals"]["failures"]),
        (3 + 1 + 5, &json!(250))
    );
    assert_eq!(large_hint(&env)["filters_ineffective"], true);
}

#[tokio::test]
async fn daily_scans_are_spread_over_day_with_one_per_pack() {
    const PACKS: usize = 24;
    let env = TestEnv::new().await;
    env.world.fill(OWN, REGION, PACKS, 401, 10);
    let mut max_scans = 0;
    let mut scans: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for run in 0..72 {
        let (response, packs) = run_counting_by_pack(&env).await;
        env.advance_minutes(45);
        let failing_read = if run == 0 { 4 } else { 3 };
        let scanned: Vec<_> = packs
            .iter()
            .filter(|(_, calls)| **calls > failing_read)
            .collect();
        assert!(
            scanned.iter().all(|(_, calls)| **calls == failing_read + 5),
            "{scanned:?}"
        );
        assert!(
            run > 0 || scanned.is_empty(),
            "the first run makes no daily scan"
        );
        max_scans = max_scans.max(scanned.len());
        for (pack, _) in scanned {
            scans.entry(pack.clone()).or_default().push(run);
        }
        assert_eq!(response["totals"]["failures"], 240);
    }
    assert_eq!(scans.len(), PACKS);
    for (pack, runs) in &scans {
        assert!(
            runs[0] <= 24,
            "{pack} is read in full within a day: {runs:?}"
        );
        assert!(
            runs.windows(2).all(|pair| pair[1] - pair[0] == 24),
            "{pack} is read in full once a day: {runs:?}"
        );
    }
    assert!(max_scans <= PACKS / 4, "{max_scans} daily scans in one run");
    println!("{PACKS} packs: at most {max_scans} daily scans in a run");
}

#[tokio::test]
async fn daily_scan_time_is_stable_across_versions() {
    let env = env_with_pack(500, 0).await;
    env.invoke(json!({})).await.expect("the run succeeds");
    env.advance_seconds(45036 - 1);
    assert_eq!(
        env.invoke(json!({})).await.expect("the run succeeds")["config_calls"],
        1 + 3
    );
    env.advance_seconds(1);
    assert_eq!(
        env.invoke(json!({})).await.expect("the run succeeds")["config_calls"],
        1 + 3 + 5
    );
    env.advance_seconds(60 * DAY - 1);
    assert_eq!(
        env.invoke(json!({})).await.expect("the run succeeds")["config_calls"],
        1 + 3
    );
    env.advance_seconds(1);
    assert_eq!(
        env.invoke(json!({})).await.expect("the run succeeds")["config_calls"],
        1 + 3 + 5
    );
}

#[tokio::test]
async fn pack_shrunk_to_one_page_is_detected_by_daily_scan() {
    let env = env_with_pack(500, 10).await;
    env.run().await;
    for number in 50..500 {
        env.world
            .remove_member(OWN, REGION, "baseline", &account(number));
    }
    assert_eq!(run_counting(&env).await.1, 3);
    assert_eq!(run_until_full_scan(&env).await, 3 + 1);
    assert_eq!(large_hint(&env), json!(null));
    let (response, calls) = run_counting(&env).await;
    assert_eq!((calls, &response["totals"]["failures"]), (1, &json!(10)));
}

#[tokio::test]
async fn status_without_filter_is_found_by_daily_scan() {
    let env = env_with_pack(500, 0).await;
    env.run().await;
    env.world.forget_publishes();
    env.member("baseline", &account(7), "ROLLBACK_FAILED");
    assert_eq!(run_counting(&env).await.0["totals"]["failures"], 0);
    run_until_full_scan(&env).await;
    assert_eq!(
        keys(&env.digests()[0]["appeared"]),
        [format!("baseline/{}", account(7))]
    );
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (calls, &response["totals"]["failures"]),
        (3 + 1, &json!(1)),
        "the account is read by its id"
    );
    env.member("baseline", &account(7), "UPDATE_SUCCESSFUL");
    env.run().await;
    let last = env.digests().pop().expect("a digest");
    assert_eq!(last["cleared"][0]["resolution"], "recovered");
}

#[tokio::test]
async fn daily_scan_out_of_time_is_retried_without_gap() {
    let env = env_with_pack(500, 10).await;
    env.run().await;
    env.advance_minutes(DAY);
    // The first page of the daily scan gets no response before the deadline.
    let no_response = Change::Fault(Fault::new(Effect::NoResponse).operation(MEMBERS));
    env.world
        .fault(Fault::then([no_response]).operation(MEMBERS).nth(3));
    let mut context = env.context();
    let deadline = env.now() + jiff::SignedDuration::from_secs(3);
    context.deadline =
        u64::try_from(deadline.as_millisecond()).expect("the deadline is after 1970");
    let function = env.function().await;
    let report = function
        .invoke("{}", context)
        .await
        .expect("the run succeeds");
    let response = serde_json::to_value(report).expect("the text is valid JSON");
    assert_eq!(
        (&response["complete"], &response["config_calls"]),
        (&json!(true), &json!(1 + 3 + 1))
    );
    let pack = &env.snapshot(&response)["packs"][0];
    assert_eq!(
        (&pack["coverage"], &pack["members"]["failed"]),
        (&json!("failing_only"), &json!(10))
    );
    env.world.clear_faults();
    env.advance_minutes(15);
    assert_eq!(run_counting(&env).await.1, 3 + 5);
}

#[tokio::test]
async fn denied_daily_scan_is_gap_and_clears_nothing() {
    let env = env_with_pack(500, 10).await;
    env.run().await;
    env.advance_minutes(DAY);
    env.world
        .fault(Fault::new(Effect::Denied).operation(MEMBERS).nth(5));
    let (response, _) = run_counting(&env).await;
    assert_eq!(
        (&response["complete"], &response["totals"]["failures"]),
        (&json!(false), &json!(10))
    );
    assert_eq!(
        env.snapshot(&response)["gaps"][0]["code"],
        "AccessDeniedException"
    );
    let (response, calls) = run_counting(&env).await;
    assert_eq!(
        (calls, &response["complete"]),
        (3 + 5, &json!(true)),
        "the scan is retried and completes"
    );
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn member_counts_are_those_of_last_full_read() {
    let env = env_with_pack(500, 10).await;
    let (response, _) = run_counting(&env).await;
    let not_counted = json!({"total": null, "failed": 10, "in_progress": null, "successful": null, "as_of": null});
    assert_eq!(env.snapshot(&response)["packs"][0]["members"], not_counted);
    put_members(&env, "baseline", 490..500, "UPDATE_IN_PROGRESS");
    run_until_full_scan(&env).await;
    let at = large_hint(&env)["last_full_scan"]["at"].clone();
    let counted =
        json!({"total": 500, "failed": 10, "in_progress": 10, "successful": 480, "as_of": at});
    assert_eq!(env.latest()["packs"][0]["members"], counted);
    put_members(&env, "baseline", 10..20, "CREATE_FAILED");
    let (response, _) = run_counting(&env).await;
    let pack = env.snapshot(&response)["packs"][0].clone();
    let members =
        json!({"total": 500, "failed": 20, "in_progress": 10, "successful": 480, "as_of": at});
    assert_eq!(
        (&pack["coverage"], &pack["members"]),
        (&json!("failing_only"), &members)
    );
    assert_eq!(response["totals"]["packs_in_progress"], 0);
}

#[tokio::test]
async fn in_progress_large_pack_is_read_in_full_once_an_hour() {
    let env = env_with_pack(500, 0).await;
    env.pack("baseline", "CREATE_FAILED");
    env.run().await;
    env.run().await;
    assert_eq!(keys(&env.digests()[1]["appeared"]), ["baseline/-"]);
    env.pack("baseline", "UPDATE_IN_PROGRESS");
    let mut call_counts = Vec::new();
    for _ in 0..5 {
        call_counts.push(run_counting(&env).await.1);
    }
    assert_eq!(
        call_counts,
        [3 + 5, 3, 3, 3, 3 + 5],
        "two full reads, an hour apart"
    );
    let last = env.digests().pop().expect("a digest");
    assert_eq!(last["cleared"][0]["resolution"], "recovered");
    assert_eq!(run_counting(&env).await.1, 3);
}

#[tokio::test]
async fn gap_ends_after_complete_failing_only_read() {
    let env = env_with_pack(500, 150).await;
    env.run().await;
    env.world
        .fault(Fault::new(Effect::RepeatToken).operation(MEMBERS));
    for _ in 0..2 {
        let (response, _) = run_counting(&env).await;
        assert_eq!(
            (&response["complete"], &response["totals"]["failures"]),
            (&json!(false), &json!(150))
        );
        let pack = env.snapshot(&response)["packs"][0].clone();
        assert_eq!(
            (&pack["coverage"], &pack["members"]["total"]),
            (&json!("partial"), &json!(null))
        );
    }
    env.world.clear_faults();
    env.run().await;
    let digests = env.digests();
    assert_eq!(
        digests.last().expect("a digest was published")["gaps"][0]["state"],
        "ended"
    );
}

#[tokio::test]
async fn ledger_without_size_hint_is_accepted() {
    let env = env_with_pack(500, 10).await;
    env.run().await;
    let mut ledger = env.document("ledger.json");
    ledger["pack_hints"][0][1]
        .as_object_mut()
        .expect("the pack has a hint")
        .remove("large");
    env.world
        .set_object(BUCKET, "ledger.json", ledger.to_string());
    let (response, calls) = run_counting(&env).await;
    assert_eq!((calls, &response["totals"]["failures"]), (4, &json!(10)));
}
