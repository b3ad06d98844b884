//! Properties of `evaluate` and of the digests, over random observations, requests and settings.

mod evidence;
mod found;
mod histories;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use packwatch::collect::{Coverage, Listing};
use packwatch::evaluate::{EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, NotifyMode};
use packwatch::ledger::{Ledger, PendingChanges};
use packwatch::model::{
    AccountId, FailureKey, Globs, ReceiverArn, Resolution, Source, StatusKind, StatusRecord,
};
use packwatch::report::{RunFindings, WarningCode};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::harness::{OWN, TOPIC, time};
use evidence::has_evidence;
use found::{ACCOUNTS, Found, PACKS, REGIONS, observe, pack, source};
use histories::{Step, deliver, globs, history, keys, mute, plan, replay, run, step};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evaluate_twice_with_same_observation_changes_nothing(history in history()) {
        replay(&history, |_, run, _| {
            let context = EvaluationContext { scope: &run.scope, later_reads: &[], policy: &run.plan.settings.policy, run_id: &run.plan.run.id };
            let again = evaluate(&run.evaluation.ledger, &run.observation, context);
            assert_eq!(again.ledger, run.evaluation.ledger);
        });
    }

    #[test]
    fn observation_order_does_not_change_evaluation(history in history()) {
        replay(&history, |before, run, step| {
            let other = observe(&step.found, &run.scope, run.observation.started_at, true);
            assert_eq!(&other, &run.observation);
            let context = EvaluationContext { scope: &run.scope, later_reads: &[], policy: &run.plan.settings.policy, run_id: &run.plan.run.id };
            assert_eq!(evaluate(before, &other, context).unconfirmed, run.evaluation.unconfirmed.clone());
        });
    }

    #[test]
    fn warnings_name_exactly_the_globs_that_match_nothing(
        step in step(), include in globs(), requested in proptest::option::of(globs())
    ) {
        let now = time("2026-03-01T08:00:00Z");
        let packs = requested.clone().map(|globs| globs.iter().map(|(glob, _)| (*glob).to_owned()).collect());
        let step = Step { request: ManualRequest { packs, ..step.request }, ..step };
        let mut plan = plan(&step, 0, now);
        plan.settings.include = Globs::parse(include.iter().map(|(glob, _)| *glob)).expect("the globs are valid");
        let scope = plan.scope(&plan.targets(&OWN.into()).expect("one caller"), true);
        let observation = observe(&step.found, &scope, now, false);
        let context = EvaluationContext { scope: &scope, later_reads: &[], policy: &plan.settings.policy, run_id: &plan.run.id };
        let evaluation = evaluate(&Ledger::default(), &observation, context);
        let warnings = RunFindings::new(&plan, &scope, &observation, &evaluation, &PendingChanges::default()).warnings;

        let listed = |r: usize| step.found.iter().any(|found| matches!(found, Found::Listing(listed, listing) if *listed == r && listing.complete));
        let in_scope = |r: usize| scope.sources.contains(&source(r));
        let complete = (0..REGIONS.len()).all(|r| !in_scope(r) || listed(r));
        let is_included = |p: usize| include.iter().any(|(_, matches)| matches[p]);
        let is_requested = |p: usize| requested.as_ref().is_none_or(|globs| globs.iter().any(|(_, matches)| matches[p]));
        let exists = |p: usize| step.found.iter().any(|found| match found {
            Found::Pack(r, of, row) => *of == p && in_scope(*r) && row.kind() != StatusKind::Deleted,
            Found::PackGap(r, of) => *of == p && in_scope(*r) && is_included(p) && is_requested(p),
            _ => false,
        });
        let packs = || (0..PACKS.len()).filter(|p| exists(*p));
        let all_regions = plan.selection.regions == plan.settings.regions;
        let mut expected = BTreeSet::new();
        if complete {
            let include = include.iter().filter(|_| all_regions);
            expected.extend(include.filter(|(_, matches)| !packs().any(|p| matches[p])).map(|(glob, _)| ("INCLUDE_PACKS", *glob)));
            let requested = requested.iter().flatten();
            expected.extend(requested.filter(|(_, matches)| !packs().any(|p| matches[p] && is_included(p))).map(|(glob, _)| ("\"packs\"", *glob)));
        }
        expected.retain(|(_, glob)| *glob != "*");
        let warned: BTreeSet<_> = warnings.iter().filter(|warning| warning.code == WarningCode::PackGlobMatchesNothing)
            .map(|warning| (warning.message.split(' ').next().expect("a word"), warning.subject.as_str())).collect();
        prop_assert_eq!(warned, expected);
        for warning in warnings.iter().filter(|warning| warning.code == WarningCode::AccountMatchesNothing) {
            let is_member = step.found.iter().any(|found| matches!(found, Found::Member(r, p, account, _)
                if ACCOUNTS[*account] == warning.subject && scope.covers_pack(&pack(*r, *p)) && observation.packs.contains_key(&pack(*r, *p))));
            prop_assert!(complete && observation.gaps.is_empty() && !is_member, "{warning:?}");
        }
    }

    #[test]
    fn failure_clears_only_with_evidence(history in history()) {
        replay(&history, |before, run, _| {
            for (key, open) in &before.open {
                if !run.evaluation.ledger.open.contains_key(key) {
                    assert!(has_evidence(key, open.absent_since, open.successful_since, run), "{key:?} cleared without evidence in {:?}", run.observation);
                }
            }
        });
    }

    #[test]
    fn source_empties_only_after_complete_listing_without_packs(history in history()) {
        replay(&history, |before, run, _| {
            let is_empty = |ledger: &Ledger, source: &Source| ledger.empty_sources.get(source).is_some_and(|empty_source| empty_source.ended.is_none());
            for source in run.evaluation.ledger.empty_sources.keys().filter(|source| is_empty(&run.evaluation.ledger, source)) {
                if is_empty(before, source) {
                    continue;
                }
                let seen = &run.observation;
                assert!(run.scope.packs.is_none() && run.scope.accounts.is_none(), "the run was filtered by pack or account");
                assert!(seen.listings[source].complete, "the listing of {source} is incomplete");
                assert!(seen.packs.keys().all(|pack| pack.source != *source), "{source} has packs");
                let known = before.pack_hints.keys().chain(before.open.keys().map(|key| &key.pack)).cloned();
                let unread = before.gaps.iter().filter(|(_, gap)| gap.ended.is_none()).filter_map(|(key, _)| key.pack_key());
                let known: Vec<_> = known.chain(unread).filter(|pack| pack.source == *source).collect();
                let packs_before = &run.evaluation.ledger.empty_sources[source].packs;
                assert!(packs_before.is_empty() || !known.is_empty() || before.empty_sources.contains_key(source), "{source} had no packs");
                assert!(known.iter().all(|pack| seen.gone.contains(pack)), "a known pack of {source} is not confirmed as removed");
            }
        });
    }

    #[test]
    fn narrowed_run_changes_nothing_outside_its_scope(history in history()) {
        replay(&history, |before, run, _| {
            if run.scope.narrowed {
                let outside = |ledger: &Ledger| {
                    let open: Vec<_> = ledger.open.iter().filter(|(key, _)| !run.scope.covers(key)).map(|(k, o)| (k.clone(), o.clone())).collect();
                    let resolved: Vec<_> = ledger.resolved.iter().filter(|(key, _)| !run.scope.covers(key)).map(|(k, c)| (k.clone(), c.clone())).collect();
                    let gaps: Vec<_> = ledger.gaps.iter().filter(|(key, _)| !run.scope.covers_gap(key)).map(|(k, g)| (k.clone(), g.clone())).collect();
                    let empty_sources: Vec<_> = ledger.empty_sources.iter().filter(|(source, _)| !run.scope.covers_source(source)).map(|(s, e)| (s.clone(), e.clone())).collect();
                    (open, resolved, gaps, empty_sources)
                };
                assert_eq!(outside(before), outside(&run.evaluation.ledger));
                for (key, _) in before.gaps.iter().filter(|(key, gap)| gap.ended.is_none() && !run.scope.can_close_gap(key)) {
                    assert_eq!(run.evaluation.ledger.gaps[key].ended, None, "{key:?} ended in a run that did not cover all of it");
                }
            }
            for key in run.observation.gaps.keys() {
                assert_eq!(run.evaluation.ledger.gaps[key].ended, None, "{key:?} ended although this run has the gap");
            }
        });
    }

    #[test]
    fn pack_hint_records_attempts_and_is_removed_with_pack(history in history()) {
        replay(&history, |before, run, _| {
            let (seen, after) = (&run.observation, &run.evaluation.ledger);
            for pack in before.pack_hints.keys().chain(after.pack_hints.keys()).chain(seen.packs.keys()) {
                let known = before.pack_hints.get(pack).map(|hint| hint.attempted_at);
                let tried = seen.packs.get(pack).is_some_and(|observed| observed.coverage != Coverage::NotRead);
                // A run that is filtered by pack or account cannot report an empty source, so it
                // keeps the hints that a later full run needs to report it.
                let removes = run.scope.covers_source(&pack.source) && seen.proves_absent(pack);
                let expected = match (run.scope.covers_pack(pack), tried) {
                    (true, true) => Some(seen.ended_at),
                    (true, false) => known.filter(|_| !removes),
                    (false, _) => known.filter(|_| run.scope.narrowed),
                };
                assert_eq!(after.pack_hints.get(pack).map(|hint| hint.attempted_at), expected, "{pack:?}");
            }
        });
    }

    #[test]
    fn replayed_digests_equal_open_and_due_failures(history in history()) {
        let topic = ReceiverArn::from(TOPIC);
        let mut ledger = Ledger::default();
        let mut replayed: BTreeSet<FailureKey> = BTreeSet::new();
        let mut replayed_empty: BTreeSet<Source> = BTreeSet::new();
        let mut now = time("2026-03-01T08:00:00Z");
        for (number, step) in history.iter().enumerate() {
            let run = run(&ledger, step, number, now);
            let (next, notified) = deliver(&run, &ledger, step.settled);
            for (_, digest) in notified.iter().filter(|(to, _)| *to == topic) {
                let (appeared, cleared) = (keys(&digest["appeared"]), keys(&digest["cleared"]));
                prop_assert!(appeared.is_disjoint(&cleared), "a failure both appeared and cleared");
                prop_assert!(appeared.is_disjoint(&replayed), "a failure appears twice");
                prop_assert!(cleared.is_subset(&replayed), "a failure clears that was never notified");
                prop_assert!(keys(&digest["reminders"]).is_subset(&replayed), "a reminder lists a failure that was never notified");
                let cleared_records = digest["cleared"].as_array().expect("the field is a list").iter().filter(|record| record["resolution"] != "attributed");
                prop_assert_eq!(cleared_records.count() as u64, digest["totals"]["cleared"].as_u64().expect("the field is a number"));
                replayed.extend(appeared);
                for ended in cleared.iter().chain(&keys(&digest["unwatched"])) {
                    replayed.remove(ended);
                }
                let had_packs = |record: &&Value| record["packs_before"] != 0;
                for record in digest["empty_sources"].as_array().expect("the field is a list").iter().filter(had_packs) {
                    let source: Source = serde_json::from_value(record.clone()).expect("the record names a source");
                    match record["state"].as_str().expect("a string") {
                        "began" => prop_assert!(replayed_empty.insert(source), "an empty source is notified twice: {}", record),
                        "lasting" => prop_assert!(replayed_empty.contains(&source), "an empty source lasts that was never notified: {}", record),
                        _ => prop_assert!(replayed_empty.remove(&source), "an empty source ends that was never notified: {}", record),
                    }
                }
            }
            if run.plan.mode.announce == NotifyMode::Never {
                // A suppressed digest counts as notified.
                let id = next.receiver_id(&topic).expect("the receiver is registered");
                replayed = next.open.iter().filter(|(_, open)| open.notified.contains(id)).map(|(key, _)| key.clone()).collect();
                replayed.extend(next.resolved.iter().filter(|(_, c)| c.unnotified.contains(id)).map(|(key, _)| key.clone()));
                replayed_empty = next.empty_sources.iter().filter(|(_, e)| e.notified.contains(&id) && !e.packs.is_empty()).map(|(source, _)| source.clone()).collect();
            }
            let id = next.receiver_id(&topic).expect("the receiver is registered");
            if step.settled && !run.scope.narrowed && run.plan.mode.announce != NotifyMode::Never {
                // An attribution starts no digest.
                let attributed = next.resolved.iter().filter(|(_, resolved)| resolved.resolution == Resolution::Attributed && resolved.unnotified.contains(id));
                let expected: BTreeSet<_> = next
                    .open
                    .iter()
                    .filter(|(key, open)| !run.plan.settings.policy.ignores(key) && (open.notified.contains(id) || open.is_due(key, &run.plan.settings.policy, now)))
                    .map(|(key, _)| key.clone())
                    .chain(attributed.map(|(key, _)| key.clone()))
                    .collect();
                prop_assert_eq!(&replayed, &expected);
                let empty: BTreeSet<_> = next.empty_sources.iter().filter(|(_, e)| e.ended.is_none() && !e.packs.is_empty()).map(|(source, _)| source.clone()).collect();
                prop_assert_eq!(&replayed_empty, &empty);
            }
            ledger = next;
            now += SignedDuration::from_mins(step.minutes);
        }
    }

    #[test]
    fn open_failure_counts_in_exactly_one_class(history in history(), muted in vec(any::<bool>(), 12)) {
        let mut ledger = Ledger::default();
        let mut now = time("2026-03-01T08:00:00Z");
        for (number, step) in history.iter().enumerate() {
            if muted[number % muted.len()] {
                ledger.add_mute(&mute(number, step, now), now);
            }
            let run = run(&ledger, step, number, now);
            let (next, _) = deliver(&run, &ledger, step.settled);
            let totals = next.last_commit.as_ref().expect("a commit").totals;
            let open = &run.evaluation.ledger.open;
            let (mut ignored, mut muted, mut failures) = (0, 0, 0);
            let (mut accounts, mut packs) = (BTreeSet::new(), BTreeSet::new());
            for (key, open) in open.iter().filter(|(key, _)| run.scope.covers(key)) {
                let account = key.account_id.as_ref();
                if step.ignored_accounts && account.is_some_and(|account| account.as_str() == ACCOUNTS[0]) {
                    ignored += 1;
                } else if open.muted_until.is_some_and(|until| until > run.observation.ended_at) {
                    muted += 1;
                } else {
                    failures += 1;
                    accounts.extend(account);
                    packs.insert(&key.pack);
                }
            }
            prop_assert_eq!((totals.ignored, totals.muted, totals.failures), (ignored, muted, failures));
            prop_assert_eq!((totals.accounts_failing, totals.packs_failing), (accounts.len(), packs.len()));
            prop_assert_eq!(totals.open_total, open.len());
            prop_assert!(totals.pending + totals.stuck + totals.unconfirmed <= 3 * failures);
            prop_assert!([totals.pending, totals.stuck, totals.unconfirmed].iter().all(|part| *part <= failures));
            ledger = next;
            now += SignedDuration::from_mins(step.minutes);
        }
    }

    #[test]
    fn equal_histories_give_equal_ledger_bytes(history in history()) {
        let (one, other) = (replay(&history, |_, _, _| {}), replay(&history, |_, _, _| {}));
        let bytes = one.to_bytes().expect("the ledger serializes");
        prop_assert_eq!(&bytes, &other.to_bytes().expect("the ledger serializes"));
        prop_assert_eq!(Ledger::from_bytes(&bytes).expect("the ledger deserializes"), one);
    }

    #[test]
    fn ledger_holds_only_open_or_unnotified_entries(history in history()) {
        let ledger = replay(&history, |_, _, _| {});
        for (key, resolved) in &ledger.resolved {
            prop_assert!(!resolved.unnotified.is_empty(), "no receiver is still to be notified of {key:?}");
        }
        for (key, gap) in &ledger.gaps {
            prop_assert!(gap.ended.is_none() || !gap.notified.is_empty(), "no receiver is still to be notified of {key:?}");
        }
        let known: BTreeSet<_> = ledger.receivers.values().map(|receiver| receiver.id).collect();
        for (source, empty_source) in &ledger.empty_sources {
            prop_assert!(empty_source.notified.is_subset(&known), "{source} refers to an unknown receiver");
            prop_assert!(empty_source.ended.is_none() || !empty_source.notified.is_empty(), "no receiver is still to be notified of {source}");
        }
    }
}

#[test]
fn account_id_has_twelve_digits() {
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

/// A notified failure becomes unwatched because its account is ignored, and the account is then no
/// longer ignored. A narrowed run of another region does not undo this.
#[test]
fn narrowed_run_keeps_unwatched_failures_outside_scope() {
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
    let ignored = Step {
        ignored_accounts: true,
        ..full.clone()
    };
    let near_region = ManualRequest {
        regions: Some(vec![REGIONS[0].into()]),
        ..ManualRequest::default()
    };
    let narrowed = Step {
        request: near_region,
        ..full.clone()
    };
    let mut checked = false;
    replay(&[full, ignored, narrowed], |before, run, _| {
        if run.scope.narrowed {
            let outside = |ledger: &Ledger| {
                let resolved = ledger
                    .resolved
                    .keys()
                    .filter(|key| !run.scope.covers(key))
                    .cloned()
                    .collect::<Vec<_>>();
                let notified = ledger
                    .open
                    .iter()
                    .filter(|(key, _)| !run.scope.covers(key))
                    .map(|(_, open)| open.notified.clone());
                (resolved, notified.collect::<Vec<_>>())
            };
            checked = !outside(before).0.is_empty();
            assert_eq!(outside(before), outside(&run.evaluation.ledger));
        }
    });
    assert!(checked, "a failure outside the scope is unwatched");
}
