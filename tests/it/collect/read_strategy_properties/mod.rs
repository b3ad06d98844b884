//! The laws of reading: whatever the ledger knows, a reading with few calls leads to what reading
//! everything would; and where the world changes between two calls, every row was true once, and
//! nothing closes that was failing all along.

mod organization;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use packwatch::collect::Collector;
use packwatch::collect::{Coverage, Listing, Observation, ObservationBuilder};
use packwatch::evaluate::{Evaluation, EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::{Gap, LargePack, LastFullScan, Ledger, OpenFailure, PackHint};
use packwatch::model::Identity;
use packwatch::model::Scope;
use packwatch::model::SourceTarget;
use packwatch::model::{
    ApiError, FailureKey, GapKey, PackKey, Resolution, Source, Status, StatusKind, StatusRecord,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::harness::{OWN, REGION, TOPIC, time};
use organization::{Change, Organization, PACKS, Pack, Packs, Told, account, kind, row};

/// The statuses that AWS Config knows, and one that it may come to know.
const KNOWN: [Told; 9] = [
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
/// A failing status that no filter names.
const UNNAMED: Told = "ROLLBACK_FAILED";
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

fn watched() -> [SourceTarget; 1] {
    [SourceTarget {
        source: source(),
        caller: Identity::Own,
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
        &settings.expect("settings"),
        invocation,
    )
    .expect("a plan")
}

fn scope(plan: &RunPlan) -> Scope {
    plan.scope(&watched(), true)
}

/// A run of the real reader, on a timer that waits for nobody.
fn read(organization: &Organization, ledger: &Ledger, at: Timestamp) -> Observation {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(500);
        let scope = scope(&plan(at, 1));
        let collector = Collector::new(organization, &scope, &watched(), 4, at, until);
        let watched = watched();
        let ((), listings) = collector.list(&watched, async {}).await;
        collector.read(listings, ledger, || at).await
    })
}

/// Reading everything unfiltered, where nothing moves: every row, and whoever is not there by name.
fn read_everything(packs: &Packs, ledger: &Ledger, at: Timestamp) -> Observation {
    let mut found = ObservationBuilder::new(at);
    found.found_listing(
        &source(),
        Listing {
            pages: 1,
            complete: true,
        },
    );
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
                .is_some_and(|reading| !reading.contains(id))
            {
                found.found_no_member(&key, id);
                found.found_recheck_status(&key, pack.status.into());
            }
        }
    }
    found.build(at)
}

fn compared(ledger: &Ledger, observation: &Observation, run: usize) -> Evaluation {
    let plan = plan(observation.ended_at, run);
    let scope = scope(&plan);
    evaluate(
        ledger,
        observation,
        EvaluationContext {
            scope: &scope,
            policy: &plan.policy,
            run_id: &plan.run_id,
        },
    )
}

/// All but the hints for reading, and when whole readings of a pack on the move were made.
fn meaning(mut evaluation: Evaluation) -> Evaluation {
    evaluation.ledger.packs.clear();
    for open in evaluation.ledger.open.values_mut() {
        Arc::make_mut(open).settled_since = None;
    }
    evaluation
}

fn a_pack(statuses: Vec<Told>) -> impl Strategy<Value = Pack> {
    let size = select(vec![0, 1, 3, 100, 101, 199, 250, 430]);
    let block = of((0..300_u32, 0..150_u32, select(statuses.clone())));
    let some = vec((NUMBERS, of(select(statuses.clone()))), 0..8);
    (select(statuses), size, block, some).prop_map(|(status, size, block, some)| {
        let mut members: BTreeMap<u32, Told> = (0..size)
            .map(|number| (number, "CREATE_SUCCESSFUL"))
            .collect();
        if let Some((from, many, status)) = block {
            members
                .range_mut(from..from + many)
                .for_each(|(_, said)| *said = status);
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

fn packs(statuses: Vec<Told>) -> impl Strategy<Value = Packs> {
    vec(
        proptest::option::weighted(0.9, a_pack(statuses)),
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

fn an_open(status: Told, absent: Option<i64>, settled: Option<i64>) -> Arc<OpenFailure> {
    Arc::new(OpenFailure {
        row: Arc::new(StatusRecord::new(status)),
        failed: None,
        failing_since: ago(3_000),
        changed_at: None,
        first_run: "run-0".into(),
        seen_again: true,
        absent_since: absent.map(ago),
        settled_since: settled.map(ago),
        told: [(0, ago(2_900))].into_iter().collect(),
    })
}

fn a_hint() -> impl Strategy<Value = PackHint> {
    let whole = (0..500_usize, 0..2_900_i64);
    let whole = whole.prop_map(|(total, minutes)| LastFullScan {
        at: ago(minutes),
        total,
        moving: 0,
        settled: total,
    });
    let large = (0..2_900_i64, proptest::bool::weighted(0.2), of(whole));
    let large = large.prop_map(|(since, sparse, whole)| LargePack {
        since: ago(since),
        sparse,
        whole,
    });
    proptest::option::weighted(0.8, large).prop_map(|large| PackHint {
        attempted_at: ago(15),
        large,
    })
}

/// What an earlier run may have left of one pack, or of another that had its name.
fn known_of(pack: &'static str) -> impl Strategy<Value = Ledger> {
    let failing = || {
        select(vec![
            "CREATE_FAILED",
            "UPDATE_FAILED",
            "DELETE_FAILED",
            "UPDATE_IN_PROGRESS",
            UNNAMED,
        ])
    };
    let some = vec((NUMBERS, failing(), of(0..120_i64)), 0..6);
    let block = of((0..300_u32, 0..250_u32, failing()));
    let itself = proptest::option::weighted(0.3, (failing(), of(0..120_i64)));
    (
        some,
        block,
        itself,
        of(a_hint()),
        proptest::bool::weighted(0.2),
    )
        .prop_map(move |(some, block, itself, hint, gap)| {
            let (mut ledger, pack) = (Ledger::default(), key(pack));
            if let Some((from, many, status)) = block {
                for number in from..from + many {
                    let key = FailureKey::member(&pack, &account(number));
                    ledger.open.insert(key, an_open(status, None, None));
                }
            }
            for (number, status, absent) in some {
                let key = FailureKey::member(&pack, &account(number));
                ledger.open.insert(key, an_open(status, absent, None));
            }
            if let Some((status, settled)) = itself {
                ledger.open.insert(
                    FailureKey::pack_itself(&pack),
                    an_open(status, None, settled),
                );
            }
            if gap {
                let cause = ApiError {
                    operation: "Get".into(),
                    code: "No".into(),
                    message: "no".into(),
                };
                let (first_run, told) = ("run-0".into(), BTreeSet::from([0]));
                let gap = Gap {
                    cause,
                    since: ago(15),
                    first_run,
                    met_again: true,
                    ended: None,
                    told,
                };
                ledger.gaps.insert(GapKey::pack(&pack), gap);
            }
            ledger.packs.extend(hint.map(|hint| (pack, hint)));
            ledger
        })
}

fn ledger() -> impl Strategy<Value = Ledger> {
    (known_of(PACKS[0]), known_of(PACKS[1])).prop_map(|(mut one, other)| {
        one.open.extend(other.open);
        one.gaps.extend(other.gaps);
        one.packs.extend(other.packs);
        one
    })
}

fn change(statuses: &[Told]) -> impl Strategy<Value = Change> + use<> {
    let pack = || select(PACKS.to_vec());
    let statuses = || select(statuses.to_vec());
    prop_oneof![
        8 => (pack(), NUMBERS, of(statuses())).prop_map(|(pack, number, status)| Change::Member(pack, number, status)),
        // What shifts the pages: members at the very front that come and go.
        4 => (pack(), 0..3_u32, of(statuses())).prop_map(|(pack, number, status)| Change::Member(pack, number, status)),
        1 => (pack(), of(statuses())).prop_map(|(pack, status)| Change::Pack(pack, status)),
    ]
}

fn moving_world() -> impl Strategy<Value = (Packs, BTreeMap<usize, Vec<Change>>)> {
    let mut statuses = KNOWN.to_vec();
    statuses.push(UNNAMED);
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

fn is(packs: &Packs, key: &FailureKey, wanted: StatusKind) -> bool {
    kind(packs, key.pack.pack.as_str(), key.account_id.as_ref()) == wanted
}

/// Whether there was an instant of what a failure is said to have ended with.
fn is_proven(organization: &Organization, key: &FailureKey, how: Resolution) -> bool {
    organization.once(|packs| match how {
        Resolution::Recovered if key.is_pack() => !is(packs, key, StatusKind::Failed),
        Resolution::Recovered => is(packs, key, StatusKind::Successful),
        Resolution::AccountRemoved => is(packs, key, StatusKind::Deleted),
        Resolution::PackRemoved => is(
            packs,
            &FailureKey::pack_itself(&key.pack),
            StatusKind::Deleted,
        ),
        Resolution::Explained => true,
        Resolution::Unwatched => false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_nothing_moves_few_calls_lead_to_what_reading_everything_would(
        packs in packs(KNOWN.to_vec()), ledger in ledger(), sparse in any::<bool>(), packs_a_page in select(vec![1, 100]),
    ) {
        let organization = Organization { packs_a_page, sparse, ..Organization::still(packs) };
        let observation = read(&organization, &ledger, now());
        prop_assert_eq!(observation.config_calls, organization.calls.get() as u64);
        let few = compared(&ledger, &observation, 1);
        let all = compared(&ledger, &read_everything(&organization.now(), &ledger, now()), 1);
        prop_assert_eq!(meaning(few), meaning(all));
    }

    /// Settled members that the ledger of the reading does not ask for are counted and not
    /// remembered. Another run may have committed meanwhile, and its ledger asks for others.
    #[test]
    fn who_was_not_asked_for_when_it_was_read_is_not_absent(
        packs in packs(KNOWN.to_vec()), asking in ledger(), committed in ledger(), sparse in any::<bool>(),
    ) {
        let organization = Organization { sparse, ..Organization::still(packs) };
        let observation = read(&organization, &asking, now());
        for (key, closed) in &compared(&committed, &observation, 1).ledger.closed {
            prop_assert!(is_proven(&organization, key, closed.how), "{:?} closed, {:?}", key, closed.how);
        }
    }

    #[test]
    fn where_all_moves_every_row_was_true_once_and_nothing_closes_that_was_failing_all_along(
        (packs, changes) in moving_world(), ledger in ledger(), sparse in proptest::bool::weighted(0.2),
        delays in vec(1..9_u64, 7), packs_a_page in select(vec![1, 100]),
    ) {
        let organization = Organization { changes, delays, packs_a_page, sparse, ..Organization::still(packs) };
        let observation = read(&organization, &ledger, now());
        for (pack, reading) in &observation.packs {
            let said = |packs: &Packs, id| row(packs, pack.pack.as_str(), Some(id));
            for (id, found) in &reading.unsettled {
                prop_assert!(organization.once(|packs| said(packs, id).as_ref() == Some(&found.status)), "{}: {:?}", id, found);
            }
            for id in &reading.settled {
                let settled = |packs: &Packs| said(packs, id).is_some_and(|status| status.kind() == StatusKind::Successful);
                prop_assert!(organization.once(settled), "{} was never settled", id);
            }
        }
        let after = compared(&ledger, &observation, 1).ledger;
        for (key, closed) in &after.closed {
            let failing = organization.always(|packs| is(packs, key, StatusKind::Failed));
            prop_assert!(!failing || closed.how == Resolution::Explained, "{:?} closed, {:?}", key, closed.how);
            prop_assert!(is_proven(&organization, key, closed.how), "{:?} closed, {:?}, without an instant of that", key, closed.how);
        }
        // Two rows of one pack are not of one instant: a member that fails may be read after a pack
        // that was there.
        let failed = |packs: &Packs, key: &FailureKey| {
            let said = row(packs, key.pack.pack.as_str(), key.account_id.as_ref());
            said.is_some_and(|status| status.kind() == StatusKind::Failed)
        };
        for key in after.open.keys().filter(|key| !ledger.open.contains_key(key)) {
            prop_assert!(organization.once(|packs| failed(packs, key)), "{:?} never failed", key);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn within_a_day_whatever_fails_is_open_and_whatever_is_over_is_closed(
        packs in packs([KNOWN.as_slice(), &[UNNAMED]].concat()), mut ledger in ledger(), sparse in any::<bool>(),
    ) {
        let organization = Organization { sparse, ..Organization::still(packs.clone()) };
        for run in 0..=25 {
            let at = now() + SignedDuration::from_hours(i64::try_from(run).expect("few"));
            ledger = compared(&ledger, &read(&organization, &ledger, at), run).ledger;
        }
        for (name, pack) in &packs {
            let there = pack.status != "DELETE_SUCCESSFUL";
            for (number, said) in &pack.members {
                let open = ledger.open.contains_key(&FailureKey::member(&key(name), &account(*number)));
                match Status::from(*said).kind() {
                    StatusKind::Failed => prop_assert_eq!(open, there, "{} in {}", number, name),
                    StatusKind::InProgress => {}
                    StatusKind::Successful | StatusKind::Deleted => prop_assert!(!open, "{} in {}", number, name),
                }
            }
            let hint = ledger.packs.get(&key(name)).and_then(|hint| hint.large);
            prop_assert_eq!(hint.is_some(), there && pack.members.len() > 100, "{} is large or not", name);
            if let Some(whole) = hint.and_then(|large| large.whole) {
                let total = pack.members.values().filter(|said| **said != "DELETE_SUCCESSFUL").count();
                prop_assert_eq!(whole.total, total);
            }
        }
        let known: BTreeSet<_> = packs.keys().map(|name| key(name)).collect();
        prop_assert!(ledger.open.keys().all(|open| known.contains(&open.pack)), "of packs that are not there");
    }
}
