//! The laws of the comparison and of telling, over random worlds, changes and settings.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use packwatch::collect::{Coverage, Listing, Observation, ObservationBuilder};
use packwatch::evaluate::{Evaluation, EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, NotifyMode, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::PendingChanges;
use packwatch::ledger::{Delivery, LastCommit, Ledger};
use packwatch::model::Scope;
use packwatch::model::{
    AccountId, ApiError, FailureKey, GapKey, PackKey, Source, StatusKind, StatusRecord, TopicArn,
};
use packwatch::notify::NotificationContext;
use packwatch::report::RunFindings;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::support::harness::{CHAT, OWN, TOPIC, time};

const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const PACKS: [&str; 2] = ["baseline", "guardrails"];
const ACCOUNTS: [&str; 3] = ["222233334444", "333344445555", "444455556666"];
const STATUSES: [&str; 8] = [
    "CREATE_SUCCESSFUL",
    "UPDATE_SUCCESSFUL",
    "CREATE_FAILED",
    "UPDATE_FAILED",
    "UPDATE_IN_PROGRESS",
    "DELETE_SUCCESSFUL",
    "WONDERING",
    "ROLLBACK_FAILED",
];

/// One call's answer, or none.
#[derive(Debug, Clone)]
enum Found {
    Listing(usize, Listing),
    SourceGap(usize),
    Pack(usize, usize, StatusRecord),
    NoPack(usize, usize),
    PackGap(usize, usize),
    Coverage(usize, usize, Coverage),
    Member(usize, usize, usize, StatusRecord),
    NoMember(usize, usize, usize),
    StatusAfter(usize, usize, &'static str),
}

fn source(region: usize) -> Source {
    Source {
        caller: OWN.into(),
        region: REGIONS[region].into(),
    }
}

fn pack(region: usize, pack: usize) -> PackKey {
    PackKey {
        source: source(region),
        pack: PACKS[pack].into(),
    }
}

fn cause() -> ApiError {
    ApiError {
        operation: "Describe".into(),
        code: "AccessDeniedException".into(),
        message: "no".into(),
    }
}

fn row() -> impl Strategy<Value = StatusRecord> {
    (
        select(&STATUSES[..]),
        proptest::option::of(select(vec!["Broken", "Denied"])),
        proptest::option::of(0..300_i64),
    )
        .prop_map(|(status, code, updated)| StatusRecord {
            error_code: code.map(Into::into),
            last_update_time: updated
                .map(|minutes| time("2026-03-01T06:00:00Z") + SignedDuration::from_mins(minutes)),
            ..StatusRecord::new(status)
        })
}

fn coverage() -> impl Strategy<Value = Coverage> {
    use Coverage::{AllPages, FailingOnly, NotRead, Partial, SinglePage};
    select(vec![
        SinglePage,
        SinglePage,
        FailingOnly,
        AllPages,
        Partial,
        NotRead,
    ])
}

/// What a reader could find of one pack.
fn found_of_pack(r: usize, p: usize) -> impl Strategy<Value = Vec<Found>> {
    let members = vec((0..ACCOUNTS.len(), row()), 0..4);
    let absent = vec(0..ACCOUNTS.len(), 0..2);
    let after = proptest::option::of(select(&STATUSES[..5]));
    (row(), coverage(), members, absent, after, 0..10_u8).prop_map(
        move |(row, coverage, members, absent, after, fate)| {
            let mut found = match fate {
                0 => return vec![],
                1 => return vec![Found::NoPack(r, p)],
                2 => vec![Found::PackGap(r, p)],
                _ => vec![],
            };
            found.push(Found::Pack(r, p, row));
            found.push(Found::Coverage(r, p, coverage));
            let seen: BTreeSet<usize> = members.iter().map(|(account, _)| *account).collect();
            found.extend(
                members
                    .into_iter()
                    .map(|(account, row)| Found::Member(r, p, account, row)),
            );
            found.extend(
                absent
                    .into_iter()
                    .filter(|a| !seen.contains(a))
                    .map(|account| Found::NoMember(r, p, account)),
            );
            found.extend(after.map(|status| Found::StatusAfter(r, p, status)));
            found
        },
    )
}

fn found_of_source(r: usize) -> impl Strategy<Value = Vec<Found>> {
    let listing = prop_oneof![
        5 => Just(Listing { pages: 1, complete: true }),
        2 => Just(Listing { pages: 2, complete: true }),
        1 => Just(Listing { pages: 1, complete: false }),
    ];
    let rarely = || proptest::bool::weighted(0.15);
    (
        listing,
        rarely(),
        rarely(),
        found_of_pack(r, 0),
        found_of_pack(r, 1),
    )
        .prop_map(move |(listing, dark, bare, one, two)| {
            if dark {
                return vec![Found::SourceGap(r)];
            }
            let mut found = vec![Found::Listing(r, listing)];
            if !listing.complete {
                found.push(Found::SourceGap(r));
            }
            if !bare {
                found.extend(one.into_iter().chain(two));
            }
            found
        })
}

fn found() -> impl Strategy<Value = Vec<Found>> {
    (found_of_source(0), found_of_source(1))
        .prop_map(|(one, two)| one.into_iter().chain(two).collect())
}

/// Packs are found before what is found of them; everything else may come in any order.
fn observe(found: &[Found], scope: &Scope, started_at: Timestamp, reversed: bool) -> Observation {
    let mut builder = ObservationBuilder::new(started_at);
    let covers = |r: usize, p: usize| scope.covers_pack(&pack(r, p));
    for part in found {
        match part {
            Found::Pack(r, p, row) if covers(*r, *p) => {
                builder.found_pack(&pack(*r, *p), row.clone())
            }
            Found::Listing(r, listing) if scope.sources.contains(&source(*r)) => {
                builder.found_listing(&source(*r), *listing);
            }
            _ => {}
        }
    }
    let mut rest: Vec<&Found> = found.iter().collect();
    if reversed {
        rest.reverse();
    }
    for part in rest {
        match part {
            Found::SourceGap(r) if scope.sources.contains(&source(*r)) => {
                builder.found_gap(GapKey::source(&source(*r)), cause());
            }
            Found::PackGap(r, p) if covers(*r, *p) => {
                builder.found_gap(GapKey::pack(&pack(*r, *p)), cause())
            }
            Found::Coverage(r, p, coverage) => {
                builder.found_coverage(&pack(*r, *p), *coverage, |_| true)
            }
            Found::Member(r, p, a, row) => {
                builder.found_member(&pack(*r, *p), &ACCOUNTS[*a].into(), row.clone())
            }
            Found::NoMember(r, p, a) => {
                builder.found_no_member(&pack(*r, *p), &ACCOUNTS[*a].into())
            }
            Found::StatusAfter(r, p, status) => {
                builder.found_recheck_status(&pack(*r, *p), (*status).into())
            }
            _ => {}
        }
    }
    for part in found {
        if let Found::NoPack(r, p) = part
            && covers(*r, *p)
        {
            builder.found_no_pack(&pack(*r, *p));
        }
    }
    builder.build(started_at + SignedDuration::from_secs(3))
}

/// One run: when, what it is asked, how it is set up, what it finds, and whether its digests are
/// noted as sent.
#[derive(Debug, Clone)]
struct Step {
    minutes: i64,
    same_run: bool,
    request: ManualRequest,
    one_region: bool,
    ignored_accounts: bool,
    chat: bool,
    found: Vec<Found>,
    settled: bool,
}

fn request() -> impl Strategy<Value = ManualRequest> {
    let full = Just(ManualRequest::default());
    let packs = select(&PACKS[..]).prop_map(|pack| ManualRequest {
        packs: Some(vec![pack.into()]),
        ..ManualRequest::default()
    });
    let accounts = select(&ACCOUNTS[..]).prop_map(|account| ManualRequest {
        accounts: Some(vec![account.into()]),
        ..ManualRequest::default()
    });
    let region = Just(ManualRequest {
        regions: Some(vec![REGIONS[0].into()]),
        ..ManualRequest::default()
    });
    let scope = prop_oneof![6 => full, 1 => packs, 1 => accounts, 1 => region];
    let announce = prop_oneof![8 => Just(NotifyMode::Changes), 1 => Just(NotifyMode::Never), 1 => Just(NotifyMode::Always)];
    (scope, announce).prop_map(|(request, announce)| ManualRequest {
        announce,
        ..request
    })
}

fn step() -> impl Strategy<Value = Step> {
    let rarely = || proptest::bool::weighted(0.1);
    (
        1..90_i64,
        rarely(),
        request(),
        rarely(),
        rarely(),
        any::<bool>(),
        found(),
        proptest::bool::weighted(0.8),
    )
        .prop_map(
            |(minutes, same_run, request, one_region, ignored_accounts, chat, found, settled)| {
                Step {
                    minutes,
                    same_run,
                    request,
                    one_region,
                    ignored_accounts,
                    chat,
                    found,
                    settled,
                }
            },
        )
}

fn plan(step: &Step, number: usize, now: Timestamp) -> RunPlan {
    let lookup = |name: &str| {
        let value = match name {
            "AWS_REGION" => "eu-west-1",
            "SNAPSHOT_BUCKET" => "bucket",
            "TOPIC_ARN" => TOPIC,
            "CHAT_TOPIC_ARN" if step.chat => CHAT,
            "REGIONS" if !step.one_region => "eu-west-1,us-east-1",
            "IGNORE_ACCOUNTS" if step.ignored_accounts => ACCOUNTS[0],
            "ANNOUNCE_AFTER_MINUTES" => "60",
            "REMIND_AFTER_HOURS" => "6",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let settings = Settings::read(lookup).expect("right settings");
    let invocation = Invocation {
        request_id: format!(
            "run-{}",
            if step.same_run {
                number.saturating_sub(1)
            } else {
                number
            }
        ),
        execution: format!("execution-{number}"),
        deadline: now + SignedDuration::from_mins(2),
        now,
    };
    RunPlan::new(Trigger::Manual(step.request.clone()), &settings, invocation)
        .expect("an accepted request")
}

struct Run {
    plan: RunPlan,
    scope: Scope,
    observation: Observation,
    evaluation: Evaluation,
}

/// The pure part of a run, up to the comparison.
fn run(ledger: &Ledger, step: &Step, number: usize, now: Timestamp) -> Run {
    let plan = plan(step, number, now);
    let watched = plan.targets(&OWN.into()).expect("one caller");
    let scope = plan.scope(&watched, true);
    let observation = observe(&step.found, &scope, now, false);
    let mut evaluation = evaluate(
        ledger,
        &observation,
        EvaluationContext {
            scope: &scope,
            policy: &plan.policy,
            run_id: &plan.run_id,
        },
    );
    if !scope.narrowed {
        evaluation
            .ledger
            .forget_audiences_but(&plan.audiences().cloned().collect::<Vec<_>>());
    }
    evaluation.ledger.register_receivers(plan.audiences());
    Run {
        plan,
        scope,
        observation,
        evaluation,
    }
}

/// The rest of it: the digests that it gives out.
fn tell(run: &Run, before: &Ledger, settled: bool) -> (Ledger, Vec<(TopicArn, Value)>) {
    let mut next = run.evaluation.ledger.clone();
    next.sequence = before.sequence + 1;
    let findings = RunFindings {
        plan: &run.plan,
        scope: &run.scope,
        observation: &run.observation,
        evaluation: &run.evaluation,
        changes: &PendingChanges::default(),
    };
    next.last = Some(LastCommit {
        run_id: run.plan.run_id.clone(),
        at: run.observation.ended_at,
        snapshot: run.plan.snapshot_key.clone(),
        totals: findings.totals(),
        first: before.last.is_none(),
    });
    let at = run.observation.ended_at;
    let notification_context = NotificationContext {
        plan: &run.plan,
        scope: &run.scope,
        due_at: at,
        now: at,
    };
    let mut offered = Vec::new();
    if run.plan.announce == NotifyMode::Never {
        notification_context.suppress(&mut next, before);
    } else {
        offered = enqueue(
            &notification_context,
            &mut next,
            run.plan.announce == NotifyMode::Always,
        );
    }
    while settled
        && next
            .audiences
            .values()
            .any(|receiver| receiver.head.is_some())
    {
        let heads: Vec<_> = next
            .audiences
            .iter()
            .filter_map(|(topic, a)| Some((topic.clone(), a.head.clone()?)))
            .collect();
        for (topic, head) in heads {
            next.settle(
                &topic,
                &head.id,
                &head.owner.expect("owned").execution,
                Delivery::Published,
            );
        }
        if run.plan.announce != NotifyMode::Never {
            offered.extend(enqueue(&notification_context, &mut next, false));
        }
    }
    (next, offered)
}

/// Gives digests out; what each says to programs, had it been for the digest topic.
fn enqueue(
    notification_context: &NotificationContext<'_>,
    ledger: &mut Ledger,
    force: bool,
) -> Vec<(TopicArn, Value)> {
    let before = ledger.clone();
    let offered = notification_context.enqueue(ledger, |_| force);
    let told = offered.into_iter().map(|topic| {
        let receiver = &before.audiences[&topic];
        let digest = notification_context.digest(
            &before,
            receiver,
            &notification_context.changes(&before, receiver),
        );
        assert_eq!(
            Some(&digest.id),
            ledger.audiences[&topic].head.as_ref().map(|head| &head.id)
        );
        let body: Value = serde_json::from_str(&digest.message().body).expect("JSON");
        (
            topic,
            serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON"),
        )
    });
    told.collect()
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..12)
}

/// Plays a history; gives what each run made of the ledger before it.
fn play(history: &[Step], mut each: impl FnMut(&Ledger, &Run, &Step)) -> Ledger {
    let mut ledger = Ledger::default();
    let mut now = time("2026-03-01T08:00:00Z");
    for (number, step) in history.iter().enumerate() {
        let run = run(&ledger, step, number, now);
        each(&ledger, &run, step);
        ledger = tell(&run, &ledger, step.settled).0;
        now += SignedDuration::from_mins(step.minutes);
    }
    ledger
}

fn key_of(record: &Value) -> FailureKey {
    serde_json::from_value(record.clone()).expect("a record has its key")
}

fn keys(list: &Value) -> BTreeSet<FailureKey> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(key_of)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn comparing_again_with_the_same_observation_changes_nothing(history in history()) {
        play(&history, |_, run, _| {
            let context = EvaluationContext { scope: &run.scope, policy: &run.plan.policy, run_id: &run.plan.run_id };
            let again = evaluate(&run.evaluation.ledger, &run.observation, context);
            assert_eq!(again.ledger, run.evaluation.ledger);
        });
    }

    #[test]
    fn input_order_does_not_matter(history in history()) {
        play(&history, |before, run, step| {
            let other = observe(&step.found, &run.scope, run.observation.started_at, true);
            assert_eq!(&other, &run.observation);
            let context = EvaluationContext { scope: &run.scope, policy: &run.plan.policy, run_id: &run.plan.run_id };
            assert_eq!(evaluate(before, &other, context).unconfirmed, run.evaluation.unconfirmed.clone());
        });
    }

    #[test]
    fn nothing_closes_without_a_proof(history in history()) {
        play(&history, |before, run, _| {
            for (key, open) in &before.open {
                if !run.evaluation.ledger.open.contains_key(key) {
                    assert!(has_proof(key, open.absent_since, open.settled_since, run), "{key:?} closed in {:?}", run.observation);
                }
            }
        });
    }

    #[test]
    fn a_source_is_emptied_only_by_a_complete_listing_without_packs_where_some_were_known(history in history()) {
        play(&history, |before, run, _| {
            let is_empty = |ledger: &Ledger, source: &Source| ledger.emptied.get(source).is_some_and(|emptied| !emptied.ended);
            for source in run.evaluation.ledger.emptied.keys().filter(|source| is_empty(&run.evaluation.ledger, source)) {
                if is_empty(before, source) {
                    continue;
                }
                let seen = &run.observation;
                assert!(run.scope.packs.is_none() && run.scope.accounts.is_none(), "a run that saw less");
                assert!(seen.listings[source].complete, "{source} was not listed whole");
                assert!(seen.packs.keys().all(|pack| pack.source != *source), "{source} has packs");
                let known = before.packs.keys().chain(before.open.keys().map(|key| &key.pack)).cloned();
                let unread = before.gaps.keys().filter(|key| !seen.gaps.contains_key(*key)).filter_map(GapKey::pack_key);
                let known: Vec<_> = known.chain(unread).filter(|pack| pack.source == *source).collect();
                assert!(!known.is_empty() || before.emptied.contains_key(source), "{source} had no packs");
                assert!(known.iter().all(|pack| seen.listings[source].pages == 1 || seen.gone.contains(pack)), "a pack may be hidden");
            }
        });
    }

    #[test]
    fn a_narrowed_run_changes_nothing_outside_its_scope(history in history()) {
        play(&history, |before, run, _| {
            if run.scope.narrowed {
                let outside = |ledger: &Ledger| {
                    let open: Vec<_> = ledger.open.iter().filter(|(key, _)| !run.scope.covers(key)).map(|(k, o)| (k.clone(), o.clone())).collect();
                    let closed: Vec<_> = ledger.closed.iter().filter(|(key, _)| !run.scope.covers(key)).map(|(k, c)| (k.clone(), c.clone())).collect();
                    let gaps: Vec<_> = ledger.gaps.iter().filter(|(key, _)| !run.scope.covers_gap(key)).map(|(k, g)| (k.clone(), g.clone())).collect();
                    let emptied: Vec<_> = ledger.emptied.iter().filter(|(source, _)| !run.scope.covers_source(source)).map(|(s, e)| (s.clone(), e.clone())).collect();
                    (open, closed, gaps, emptied)
                };
                assert_eq!(outside(before), outside(&run.evaluation.ledger));
                for (key, _) in before.gaps.iter().filter(|(key, gap)| gap.ended.is_none() && !run.scope.can_close_gap(key)) {
                    assert_eq!(run.evaluation.ledger.gaps[key].ended, None, "{key:?} was not looked at whole");
                }
            }
            for key in run.observation.gaps.keys() {
                assert_eq!(run.evaluation.ledger.gaps[key].ended, None, "{key:?} is not read, and recorded so");
            }
        });
    }

    #[test]
    fn a_pack_that_was_tried_is_noted_and_one_that_is_gone_is_forgotten_by_who_sees_its_source_whole(history in history()) {
        play(&history, |before, run, _| {
            let (seen, after) = (&run.observation, &run.evaluation.ledger);
            for pack in before.packs.keys().chain(after.packs.keys()).chain(seen.packs.keys()) {
                let known = before.packs.get(pack).map(|hint| hint.attempted_at);
                let tried = seen.packs.get(pack).is_some_and(|reading| reading.coverage != Coverage::NotRead);
                // Who looks at some packs or accounts only cannot say that a source is emptied, and
                // leaves what tells it.
                let forgets = run.scope.covers_source(&pack.source) && seen.proves_absent(pack);
                let expected = match (run.scope.covers_pack(pack), tried) {
                    (true, true) => Some(seen.ended_at),
                    (true, false) => known.filter(|_| !forgets),
                    (false, _) => known.filter(|_| run.scope.narrowed),
                };
                assert_eq!(after.packs.get(pack).map(|hint| hint.attempted_at), expected, "{pack:?}");
            }
        });
    }

    #[test]
    fn what_an_audience_was_told_replayed_is_what_is_open_and_due(history in history()) {
        let topic = TopicArn::from(TOPIC);
        let mut ledger = Ledger::default();
        let mut believed: BTreeSet<FailureKey> = BTreeSet::new();
        let mut believed_empty: BTreeSet<Source> = BTreeSet::new();
        let mut now = time("2026-03-01T08:00:00Z");
        for (number, step) in history.iter().enumerate() {
            let run = run(&ledger, step, number, now);
            let (next, told) = tell(&run, &ledger, step.settled);
            for (_, digest) in told.iter().filter(|(to, _)| *to == topic) {
                let (appeared, cleared) = (keys(&digest["appeared"]), keys(&digest["cleared"]));
                prop_assert!(appeared.is_disjoint(&cleared), "appeared and cleared are disjoint");
                prop_assert!(appeared.is_disjoint(&believed), "nothing appears twice");
                prop_assert!(cleared.is_subset(&believed), "nothing clears that was not told");
                prop_assert!(keys(&digest["reminded"]).is_subset(&believed), "nothing is reminded of that was not told");
                let better = digest["cleared"].as_array().expect("a list").iter().filter(|record| record["how"] != "explained");
                prop_assert_eq!(better.count() as u64, digest["totals"]["cleared"].as_u64().expect("a number"));
                believed.extend(appeared);
                for gone in cleared.iter().chain(&keys(&digest["unwatched"])) {
                    believed.remove(gone);
                }
                for record in digest["emptied"].as_array().expect("a list") {
                    let source: Source = serde_json::from_value(record.clone()).expect("a source");
                    let changed = if record["state"] == "began" { believed_empty.insert(source) } else { believed_empty.remove(&source) };
                    prop_assert!(changed, "nothing is told twice: {}", record);
                }
            }
            if !run.scope.narrowed {
                // What is no longer watched is dropped without a word.
                believed_empty.retain(|source| run.scope.sources.contains(source));
            }
            if run.plan.announce == NotifyMode::Never {
                // What was silently told is believed too.
                let id = next.receiver_id(&topic).expect("known");
                believed = next.open.iter().filter(|(_, open)| open.told.contains_key(&id)).map(|(key, _)| key.clone()).collect();
                believed.extend(next.closed.iter().filter(|(_, c)| c.owed.contains_key(&id)).map(|(key, _)| key.clone()));
                believed_empty = next.emptied.iter().filter(|(_, e)| e.told.contains(&id)).map(|(source, _)| source.clone()).collect();
            }
            let id = next.receiver_id(&topic).expect("known");
            let at = run.observation.ended_at;
            if step.settled && !run.scope.narrowed && run.plan.announce != NotifyMode::Never {
                let expected: BTreeSet<_> = next
                    .open
                    .iter()
                    .filter(|(key, open)| !run.plan.policy.ignores(key) && (open.told.contains_key(&id) || open.is_due(key, &run.plan.policy, at)))
                    .map(|(key, _)| key.clone())
                    .collect();
                prop_assert_eq!(&believed, &expected);
                let empty: BTreeSet<_> = next.emptied.iter().filter(|(_, e)| !e.ended).map(|(source, _)| source.clone()).collect();
                prop_assert_eq!(&believed_empty, &empty);
            }
            ledger = next;
            now += SignedDuration::from_mins(step.minutes);
        }
    }

    #[test]
    fn equal_input_gives_equal_bytes_and_a_stored_ledger_is_the_same(history in history()) {
        let (one, other) = (play(&history, |_, _, _| {}), play(&history, |_, _, _| {}));
        let bytes = one.to_bytes().expect("bytes");
        prop_assert_eq!(&bytes, &other.to_bytes().expect("bytes"));
        prop_assert_eq!(Ledger::from_bytes(&bytes).expect("a ledger"), one);
    }

    #[test]
    fn the_ledger_holds_no_more_than_what_is_open_or_waited_for(history in history()) {
        let ledger = play(&history, |_, _, _| {});
        for (key, closed) in &ledger.closed {
            prop_assert!(!closed.owed.is_empty(), "{key:?} is waited for by nobody");
        }
        for (key, gap) in &ledger.gaps {
            prop_assert!(gap.ended.is_none() || !gap.told.is_empty(), "{key:?} is waited for by nobody");
        }
        let known: BTreeSet<_> = ledger.audiences.values().map(|receiver| receiver.id).collect();
        for (source, emptied) in &ledger.emptied {
            prop_assert!(emptied.told.is_subset(&known), "{source} is waited for by who is forgotten");
            prop_assert!(!emptied.ended || !emptied.told.is_empty(), "{source} is waited for by nobody");
        }
    }
}

/// The proofs of a closing, said once more and in other words than the program's.
fn has_proof(
    key: &FailureKey,
    absent_since: Option<Timestamp>,
    settled_since: Option<Timestamp>,
    run: &Run,
) -> bool {
    let seen = &run.observation;
    let hour_ago = |since: Option<Timestamp>| {
        since.is_some_and(|since| seen.ended_at.duration_since(since).as_mins() >= 60)
    };
    if !run.scope.covers(key) {
        return !run.scope.narrowed;
    }
    let listed_in_one_page = seen.listings.get(&key.pack.source)
        == Some(&Listing {
            pages: 1,
            complete: true,
        });
    let Some(reading) = seen.packs.get(&key.pack) else {
        if key.is_pack()
            && run
                .evaluation
                .ledger
                .open
                .keys()
                .any(|open| open.pack == key.pack && !open.is_pack())
        {
            return true;
        }
        return seen.gone.contains(&key.pack) || listed_in_one_page;
    };
    let kind = |row: &StatusRecord| row.status.kind();
    match &key.account_id {
        Some(account) if reading.settled.contains(account) => true,
        Some(account) => match reading.unsettled.get(account).map(|row| kind(row)) {
            Some(StatusKind::Successful) => true,
            Some(StatusKind::Failed | StatusKind::InProgress) => false,
            None | Some(StatusKind::Deleted) => {
                let absent =
                    reading.coverage == Coverage::SinglePage || reading.absent.contains(account);
                let still = reading
                    .recheck_status
                    .as_ref()
                    .is_some_and(|status| status.kind() != StatusKind::InProgress);
                absent && (still || hour_ago(absent_since))
            }
        },
        None => {
            let failing = reading
                .unsettled
                .values()
                .any(|row| kind(row) == StatusKind::Failed);
            let settled = reading
                .unsettled
                .values()
                .all(|row| kind(row) == StatusKind::Deleted);
            let whole = matches!(reading.coverage, Coverage::SinglePage | Coverage::AllPages);
            let explained = || {
                run.evaluation
                    .ledger
                    .open
                    .keys()
                    .any(|open| open.pack == key.pack && !open.is_pack())
            };
            failing
                || explained()
                || kind(&reading.row) == StatusKind::Successful
                || (kind(&reading.row) == StatusKind::InProgress
                    && whole
                    && settled
                    && hour_ago(settled_since))
        }
    }
}

#[test]
fn account_ids_have_twelve_digits() {
    assert!(AccountId::is_valid("012345678901"));
    for wrong in [
        "",
        "12345678901",
        "1234567890123",
        "12345678901a",
        "１２３４５６７８９０１２",
    ] {
        assert!(!AccountId::is_valid(wrong), "{wrong}");
    }
}

/// A told failure of an account that is then ignored, and no longer so: who looks elsewhere does
/// not take that back.
#[test]
fn a_narrowed_run_leaves_what_is_unwatched_elsewhere_to_a_full_one() {
    let failing = |r: usize, p: usize| {
        let row = StatusRecord {
            last_update_time: Some(time("2026-03-01T06:00:00Z")),
            ..StatusRecord::new("UPDATE_FAILED")
        };
        vec![
            Found::Listing(
                r,
                Listing {
                    pages: 1,
                    complete: true,
                },
            ),
            Found::Pack(r, p, StatusRecord::new("UPDATE_SUCCESSFUL")),
            Found::Coverage(r, p, Coverage::SinglePage),
            Found::Member(r, p, 0, row),
        ]
    };
    let found = [failing(0, 0), failing(1, 1)].concat();
    let full = Step {
        minutes: 10,
        same_run: false,
        request: ManualRequest::default(),
        one_region: false,
        ignored_accounts: false,
        chat: false,
        found,
        settled: false,
    };
    let ignoring = Step {
        ignored_accounts: true,
        ..full.clone()
    };
    let near = ManualRequest {
        regions: Some(vec![REGIONS[0].into()]),
        ..ManualRequest::default()
    };
    let narrowed = Step {
        request: near,
        ..full.clone()
    };
    let mut looked = false;
    play(&[full, ignoring, narrowed], |before, run, _| {
        if run.scope.narrowed {
            let far = |ledger: &Ledger| {
                let closed = ledger
                    .closed
                    .keys()
                    .filter(|key| !run.scope.covers(key))
                    .cloned()
                    .collect::<Vec<_>>();
                let told = ledger
                    .open
                    .iter()
                    .filter(|(key, _)| !run.scope.covers(key))
                    .map(|(_, open)| open.told.clone());
                (closed, told.collect::<Vec<_>>())
            };
            looked = !far(before).0.is_empty();
            assert_eq!(far(before), far(&run.evaluation.ledger));
        }
    });
    assert!(looked, "there is something to leave");
}
