//! Properties of the read strategies. For any ledger, the collector's reads evaluate to the same
//! result as a full read of every pack. When packs change between two calls, every row that was
//! read was true at some instant, and no failure clears that was failing during the whole run. The
//! same holds if some responses contradict the others: a listing comes empty, a request by account
//! is answered as if the pack did not exist, a page by status is short.

mod organization;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use packwatch::collect::{
    Collector, Coverage, Listing, Observation, ObservationBuilder, StatusFilters,
};
use packwatch::evaluate::{Evaluation, EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::{Gap, LargePack, LastFullScan, Ledger, OpenFailure, PackHint};
use packwatch::model::{
    ApiError, FailureKey, GapKey, GroupId, Identity, PackKey, Resolution, Scope, Source,
    SourceTarget, Status, StatusKind, StatusRecord,
};
use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::harness::{OWN, REGION, TOPIC, time};

use organization::{
    Change, Contradictions, Organization, PACKS, Pack, Packs, StatusName, account, kind, row,
};

/// The statuses of AWS Config, and one that AWS Config may add. A status that is listed twice is
/// generated twice as often.
const KNOWN: [StatusName; 9] = [
    "CREATE_SUCCESSFUL",
    "UPDATE_SUCCESSFUL",
    "CREATE_FAILED",
    "CREATE_FAILED",
    "UPDATE_FAILED",
    "DELETE_FAILED",
    "UPDATE_IN_PROGRESS",
    "DELETE_SUCCESSFUL",
    "WONDERING",
];
/// A failing status that the failing-only read does not filter by.
const UNFILTERED: StatusName = "ROLLBACK_FAILED";
/// Range of the numbers that the member accounts of a pack are derived from.
const NUMBERS: std::ops::Range<u32> = 0..440;

fn now() -> Timestamp {
    time("2026-03-01T08:00:00Z")
}

fn source() -> Source {
    Source {
        caller: OWN.into(),
        region: REGION.into(),
    }
}

fn targets() -> [SourceTarget; 1] {
    [SourceTarget {
        source: source(),
        identity: Identity::Own,
    }]
}

fn key(pack: &str) -> PackKey {
    PackKey {
        source: source(),
        pack: pack.into(),
    }
}

fn plan(now: Timestamp, run: usize) -> RunPlan {
    let settings = Settings::read(|name| {
        let value = match name {
            "AWS_REGION" => REGION,
            "SNAPSHOT_BUCKET" => "bucket",
            "TOPIC_ARN" => TOPIC,
            _ => return None,
        };
        Some(value.to_owned())
    });
    let deadline = now + SignedDuration::from_mins(10);
    let invocation = Invocation {
        request_id: format!("run-{run}"),
        execution: "execution".into(),
        deadline,
        now,
    };
    RunPlan::new(
        Trigger::Manual(ManualRequest::default()),
        &settings.expect("the settings are valid"),
        invocation,
    )
    .expect("the request is valid")
}

fn scope(plan: &RunPlan) -> Scope {
    plan.scope(&targets(), true)
}

/// Runs the real collector on a paused clock.
fn read(organization: &Organization, ledger: &Ledger, at: Timestamp) -> Observation {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("the runtime starts").block_on(async {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(500);
        let (scope, targets) = (scope(&plan(at, 1)), targets());
        let collector = Collector::new(organization, &scope, &targets, 4, at, until);
        let load = async { Ok::<_, Infallible>(Box::new(ledger.clone())) };
        let Ok((_, observation)) = collector.collect(load, || at).await;
        observation
    })
}

/// Returns the observation of an unfiltered full read of static packs: every row, a read by id for
/// every open account that has no row, and a request by name for every known pack that is missing.
fn read_everything(packs: &Packs, ledger: &Ledger, at: Timestamp) -> Observation {
    let mut found = ObservationBuilder::new(at);
    found.found_listing(
        &source(),
        Listing {
            pages: 1,
            complete: true,
        },
    );
    for pack in known_packs(ledger) {
        let status = packs.get(pack.pack.as_str()).map(|pack| pack.status);
        if status.is_none_or(|status| status == "DELETE_SUCCESSFUL") {
            found.found_no_pack(&pack);
        }
    }
    for (name, pack) in packs {
        let key = key(name);
        found.found_pack(&key, StatusRecord::new(pack.status));
        for (number, status) in &pack.members {
            found.found_member(&key, &account(*number), StatusRecord::new(status));
        }
        let pages = if pack.members.len() > 100 {
            Coverage::AllPages
        } else {
            Coverage::SinglePage
        };
        found.found_coverage(&key, pages, |_| true);
        for id in ledger
            .open_in(&key)
            .filter_map(|(key, _)| key.account_id.as_ref())
        {
            if found
                .so_far()
                .packs
                .get(&key)
                .is_some_and(|observed| !observed.contains(id))
            {
                found.found_no_member(&key, id);
                found.found_recheck_status(&key, pack.status.into());
            }
        }
    }
    found.build(at)
}

/// Returns the packs that a ledger knows.
fn known_packs(ledger: &Ledger) -> BTreeSet<PackKey> {
    let open = ledger.open.keys().map(|key| key.pack.clone());
    let with_gap = ledger.gaps.keys().filter_map(GapKey::pack_key);
    open.chain(ledger.pack_hints.keys().cloned())
        .chain(with_gap)
        .collect()
}

fn evaluate_run(ledger: &Ledger, observation: &Observation, run: usize) -> Evaluation {
    let plan = plan(observation.ended_at, run);
    let scope = scope(&plan);
    evaluate(
        ledger,
        observation,
        EvaluationContext {
            scope: &scope,
            later_reads: &[],
            policy: &plan.settings.policy,
            run_id: &plan.run.id,
        },
    )
}

/// Removes what depends on how the packs were read: the pack hints, and the times of the full reads
/// of in-progress packs.
fn without_read_details(mut evaluation: Evaluation) -> Evaluation {
    evaluation.ledger.pack_hints.clear();
    for open in evaluation.ledger.open.values_mut() {
        Arc::make_mut(open).successful_since = None;
    }
    evaluation
}

fn any_pack(statuses: Vec<StatusName>) -> impl Strategy<Value = Pack> {
    let size = select(vec![0, 1, 3, 100, 101, 199, 250, 430]);
    let block = of((0..300_u32, 0..150_u32, select(statuses.clone())));
    let some = vec((NUMBERS, of(select(statuses.clone()))), 0..8);
    (select(statuses), size, block, some).prop_map(|(status, size, block, some)| {
        let mut members: BTreeMap<u32, StatusName> = (0..size)
            .map(|number| (number, "CREATE_SUCCESSFUL"))
            .collect();
        if let Some((from, many, status)) = block {
            members
                .range_mut(from..from + many)
                .for_each(|(_, current)| *current = status);
        }
        for (number, status) in some {
            match status {
                Some(status) => drop(members.insert(number, status)),
                None => drop(members.remove(&number)),
            }
        }
        Pack { status, members }
    })
}

fn packs(statuses: Vec<StatusName>) -> impl Strategy<Value = Packs> {
    vec(
        proptest::option::weighted(0.9, any_pack(statuses)),
        PACKS.len(),
    )
    .prop_map(|packs| {
        PACKS
            .into_iter()
            .zip(packs)
            .filter_map(|(name, pack)| Some((name, pack?)))
            .collect()
    })
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn open_failure(
    status: StatusName,
    absent: Option<i64>,
    successful: Option<i64>,
) -> Arc<OpenFailure> {
    Arc::new(OpenFailure {
        row: Arc::new(StatusRecord::new(status)),
        failing_row: None,
        group_id: GroupId::of(&StatusRecord::new(status)),
        changed_group_id: None,
        stuck_since: None,
        muted_until: None,
        was_muted: false,
        failing_since: ago(3_000),
        changed_at: None,
        first_run: "run-0".into(),
        seen_again: true,
        due: true,
        unconfirmed: false,
        absent_since: absent.map(ago),
        successful_since: successful.map(ago),
        notified: [(0, ago(2_900))].into_iter().collect(),
    })
}

fn pack_hint() -> impl Strategy<Value = PackHint> {
    let full_scan = (0..500_usize, 0..2_900_i64);
    let full_scan = full_scan.prop_map(|(total, minutes)| LastFullScan {
        at: ago(minutes),
        total,
        in_progress: 0,
        successful: total,
    });
    let large = (0..2_900_i64, proptest::bool::weighted(0.2), of(full_scan));
    let large = large.prop_map(|(since, filters_ineffective, last_full_scan)| LargePack {
        since: ago(since),
        filters_ineffective,
        last_full_scan,
    });
    proptest::option::weighted(0.8, large).prop_map(|large| PackHint {
        attempted_at: ago(15),
        members: None,
        large,
    })
}

/// Generates the ledger that an earlier run may have left for a pack, or for an earlier pack of the
/// same name.
fn ledger_of(pack: &'static str) -> impl Strategy<Value = Ledger> {
    let failing = || {
        select(vec![
            "CREATE_FAILED",
            "UPDATE_FAILED",
            "DELETE_FAILED",
            "UPDATE_IN_PROGRESS",
            UNFILTERED,
        ])
    };
    let some = vec((NUMBERS, failing(), of(0..120_i64)), 0..6);
    let block = of((0..300_u32, 0..250_u32, failing()));
    let itself = proptest::option::weighted(0.3, (failing(), of(0..120_i64)));
    (
        some,
        block,
        itself,
        of(pack_hint()),
        proptest::bool::weighted(0.2),
    )
        .prop_map(move |(some, block, itself, hint, gap)| {
            let (mut ledger, pack) = (Ledger::default(), key(pack));
            if let Some((from, many, status)) = block {
                for number in from..from + many {
                    let key = FailureKey::member(&pack, &account(number));
                    ledger.open.insert(key, open_failure(status, None, None));
                }
            }
            for (number, status, absent) in some {
                let key = FailureKey::member(&pack, &account(number));
                ledger.open.insert(key, open_failure(status, absent, None));
            }
            if let Some((status, successful)) = itself {
                ledger.open.insert(
                    FailureKey::pack_itself(&pack),
                    open_failure(status, None, successful),
                );
            }
            if gap {
                let cause = ApiError {
                    operation: "Get".into(),
                    code: "No".into(),
                    message: "no".into(),
                };
                let (first_run, notified) = ("run-0".into(), BTreeSet::from([0]));
                let gap = Gap {
                    cause,
                    since: ago(15),
                    first_run,
                    seen_again: true,
                    ended: None,
                    announced: BTreeSet::new(),
                    notified,
                };
                ledger.gaps.insert(GapKey::pack(&pack), gap);
            }
            ledger.pack_hints.extend(hint.map(|hint| (pack, hint)));
            ledger
        })
}

fn ledger() -> impl Strategy<Value = Ledger> {
    (ledger_of(PACKS[0]), ledger_of(PACKS[1])).prop_map(|(mut one, other)| {
        one.open.extend(other.open);
        one.gaps.extend(other.gaps);
        one.pack_hints.extend(other.pack_hints);
        one
    })
}

fn change(statuses: &[StatusName]) -> impl Strategy<Value = Change> + use<> {
    let pack = || select(PACKS.to_vec());
    let statuses = || select(statuses.to_vec());
    prop_oneof![
        8 => (pack(), NUMBERS, of(statuses())).prop_map(|(pack, number, status)| Change::Member(pack, number, status)),
        // Adding and removing members of the first page shifts all later pages.
        4 => (pack(), 0..3_u32, of(statuses())).prop_map(|(pack, number, status)| Change::Member(pack, number, status)),
        1 => (pack(), of(statuses())).prop_map(|(pack, status)| Change::Pack(pack, status)),
    ]
}

fn changing_packs() -> impl Strategy<Value = (Packs, BTreeMap<usize, Vec<Change>>)> {
    let mut statuses = KNOWN.to_vec();
    statuses.push(UNFILTERED);
    (
        packs(statuses.clone()),
        vec((0..30_usize, change(&statuses)), 0..12),
    )
        .prop_map(|(packs, changes)| {
            let mut at: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
            for (call, change) in changes {
                at.entry(call).or_default().push(change);
            }
            (packs, at)
        })
}

/// Generates contradictions that a run resolves: a request by account that is denied once is
/// answered when it is made again.
fn resolvable_contradictions() -> impl Strategy<Value = Contradictions> {
    (
        of(0..4_usize),
        proptest::bool::weighted(0.2),
        of(0..6_usize),
    )
        .prop_map(
            |(denied_account, empty_listing, short_page)| Contradictions {
                denied_accounts: denied_account.into_iter().collect(),
                empty_listing,
                short_page,
            },
        )
}

fn any_contradictions() -> impl Strategy<Value = Contradictions> {
    (resolvable_contradictions(), btree_set(0..20_usize, 0..12)).prop_map(
        |(contradictions, denied_accounts)| Contradictions {
            denied_accounts,
            ..contradictions
        },
    )
}

fn has_kind(packs: &Packs, key: &FailureKey, wanted: StatusKind) -> bool {
    kind(packs, key.pack.pack.as_str(), key.account_id.as_ref()) == wanted
}

/// Returns whether the packs were in the state that the resolution claims at some instant.
fn was_true(organization: &Organization, key: &FailureKey, resolution: Resolution) -> bool {
    organization.once(|packs| match resolution {
        Resolution::Recovered if key.is_pack() => !has_kind(packs, key, StatusKind::Failed),
        Resolution::Recovered => has_kind(packs, key, StatusKind::Successful),
        Resolution::AccountRemoved => has_kind(packs, key, StatusKind::Deleted),
        Resolution::PackRemoved => has_kind(
            packs,
            &FailureKey::pack_itself(&key.pack),
            StatusKind::Deleted,
        ),
        Resolution::Attributed => true,
        Resolution::Unwatched => false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn static_packs_evaluate_as_if_read_in_full(
        packs in packs(KNOWN.to_vec()), ledger in ledger(), sparse in any::<bool>(), packs_per_page in select(vec![1, 100]),
        contradictions in resolvable_contradictions(),
    ) {
        let organization = Organization { packs_per_page, sparse, contradictions, ..Organization::unchanging(packs) };
        let observation = read(&organization, &ledger, now());
        prop_assert_eq!(observation.config_calls, organization.calls.get() as u64);
        let collected = evaluate_run(&ledger, &observation, 1);
        let mut found = organization.now();
        if organization.contradictions.empty_listing {
            // The run finds the packs that the ledger knows.
            let known = known_packs(&ledger);
            found.retain(|name, _| known.contains(&key(name)));
        }
        let full = evaluate_run(&ledger, &read_everything(&found, &ledger, now()), 1);
        prop_assert_eq!(without_read_details(collected), without_read_details(full));
    }

    /// The collector counts successful members and remembers only those that its ledger has open.
    /// Another run may commit in the meantime, and its ledger may have other failures open.
    #[test]
    fn account_unknown_to_collector_is_not_taken_as_absent(
        packs in packs(KNOWN.to_vec()), read_with in ledger(), committed in ledger(), sparse in any::<bool>(),
        contradictions in any_contradictions(),
    ) {
        let organization = Organization { sparse, contradictions, ..Organization::unchanging(packs) };
        let observation = read(&organization, &read_with, now());
        for (key, resolved) in &evaluate_run(&committed, &observation, 1).ledger.resolved {
            prop_assert!(was_true(&organization, key, resolved.resolution), "{:?} cleared as {:?}, which was never true", key, resolved.resolution);
        }
    }

    #[test]
    fn changing_packs_give_true_rows_and_true_resolutions(
        (packs, changes) in changing_packs(), ledger in ledger(), sparse in proptest::bool::weighted(0.2),
        delays in vec(1..9_u64, 7), packs_per_page in select(vec![1, 100]), contradictions in any_contradictions(),
    ) {
        let organization = Organization { changes, delays, packs_per_page, sparse, contradictions, ..Organization::unchanging(packs) };
        let observation = read(&organization, &ledger, now());
        for pack in &observation.gone {
            let denied = organization.denied_by_name.borrow().get(pack.pack.as_str()).copied();
            let seen = organization.last_seen.borrow().get(pack.pack.as_str()).copied();
            prop_assert!(denied.is_some() && denied >= seen, "{} is gone, but not by name after it was last seen: {:?} {:?}", pack.pack, denied, seen);
        }
        for (pack, observed) in &observation.packs {
            let status_of = |packs: &Packs, id| row(packs, pack.pack.as_str(), Some(id));
            for (id, found) in &observed.not_successful {
                prop_assert!(organization.once(|packs| status_of(packs, id).as_ref() == Some(&found.status)), "{}: {:?}", id, found);
            }
            for id in &observed.successful {
                let successful = |packs: &Packs| status_of(packs, id).is_some_and(|status| status.kind() == StatusKind::Successful);
                prop_assert!(organization.once(successful), "{} was never successful", id);
            }
        }
        let after = evaluate_run(&ledger, &observation, 1).ledger;
        for (key, resolved) in &after.resolved {
            let failing = organization.always(|packs| has_kind(packs, key, StatusKind::Failed));
            prop_assert!(!failing || resolved.resolution == Resolution::Attributed, "{:?} cleared as {:?} although it failed during the whole run", key, resolved.resolution);
            prop_assert!(was_true(&organization, key, resolved.resolution), "{:?} cleared as {:?}, which was never true", key, resolved.resolution);
        }
        // The rows of a pack are read at different instants, so the status of the pack is not taken
        // into account here: it may have changed before the failing member was read.
        let failed = |packs: &Packs, key: &FailureKey| {
            let status = row(packs, key.pack.pack.as_str(), key.account_id.as_ref());
            status.is_some_and(|status| status.kind() == StatusKind::Failed)
        };
        for key in after.open.keys().filter(|key| !ledger.open.contains_key(key)) {
            prop_assert!(organization.once(|packs| failed(packs, key)), "{:?} never failed", key);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ledger_matches_static_packs_within_a_day(
        packs in packs([KNOWN.as_slice(), &[UNFILTERED]].concat()), mut ledger in ledger(), sparse in any::<bool>(),
        contradictions in resolvable_contradictions(),
    ) {
        let contradictions = Contradictions { empty_listing: false, ..contradictions };
        let organization = Organization { sparse, contradictions, ..Organization::unchanging(packs.clone()) };
        let mut last_short_page = None;
        for run in 0..=25 {
            let at = now() + SignedDuration::from_hours(i64::try_from(run).expect("the hours fit i64"));
            let observation = read(&organization, &ledger, at);
            if observation.packs.values().any(|observed| observed.status_filters == StatusFilters::Ineffective) {
                last_short_page = Some(run);
            }
            ledger = evaluate_run(&ledger, &observation, run).ledger;
        }
        for (name, pack) in &packs {
            let exists = pack.status != "DELETE_SUCCESSFUL";
            for (number, status) in &pack.members {
                let open = ledger.open.contains_key(&FailureKey::member(&key(name), &account(*number)));
                match Status::from(*status).kind() {
                    StatusKind::Failed => prop_assert_eq!(open, exists, "member {} of {}", number, name),
                    StatusKind::InProgress => {}
                    StatusKind::Successful | StatusKind::Deleted => prop_assert!(!open, "member {} of {}", number, name),
                }
            }
            let hint = ledger.pack_hints.get(&key(name)).and_then(|hint| hint.large);
            prop_assert_eq!(hint.is_some(), exists && pack.members.len() > 100, "{}: the large hint does not match the pack size", name);
            let flagged = hint.is_some_and(|large| large.filters_ineffective);
            // The filters are tried again within a day after a short page, which may come in any
            // run.
            let tried_again = last_short_page <= Some(1);
            prop_assert!(!flagged || sparse || !tried_again, "{}: the filters were not tried again", name);
            if let Some(full_scan) = hint.and_then(|large| large.last_full_scan) {
                let total = pack.members.values().filter(|status| **status != "DELETE_SUCCESSFUL").count();
                prop_assert_eq!(full_scan.total, total);
            }
        }
        let known: BTreeSet<_> = packs.keys().map(|name| key(name)).collect();
        prop_assert!(ledger.open.keys().all(|open| known.contains(&open.pack)), "a failure is open in a pack that does not exist");
    }
}
