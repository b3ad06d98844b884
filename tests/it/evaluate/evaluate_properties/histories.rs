//! Random histories: the pure part of consecutive runs, with the delivery of their digests.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use packwatch::collect::Observation;
use packwatch::evaluate::{Evaluation, EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, NotifyMode, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::{Delivery, LastCommit, Ledger, PendingChanges};
use packwatch::model::{FailureKey, Globs, Mute, MuteEnd, MuteMatcher, ReceiverArn, Scope};
use packwatch::notify::digest::{Digest, DigestKind};
use packwatch::notify::{AskedFor, NotificationContext};
use packwatch::report::RunFindings;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::found::{ACCOUNTS, Found, PACKS, REGIONS, found, observe};
use crate::support::harness::{CHAT, OWN, TOPIC, time};

/// One run: the minutes until the next run, the request, the settings, the findings, and whether
/// its outgoing digests are settled.
#[derive(Debug, Clone)]
pub struct Step {
    pub minutes: i64,
    pub same_run: bool,
    pub request: ManualRequest,
    pub one_region: bool,
    pub ignored_accounts: bool,
    pub chat: bool,
    pub found: Vec<Found>,
    pub settled: bool,
}

pub fn request() -> impl Strategy<Value = ManualRequest> {
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

/// Generates globs, each with whether it matches the packs of [`PACKS`].
pub fn globs() -> impl Strategy<Value = Vec<(&'static str, [bool; 2])>> {
    let glob = select(vec![
        ("*", [true, true]),
        ("base*", [true, false]),
        ("*e", [true, false]),
        ("guardrails", [false, true]),
        ("Baseline", [false, false]),
        ("bassline*", [false, false]),
    ]);
    vec(glob, 1..4)
}

pub fn step() -> impl Strategy<Value = Step> {
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

pub fn plan(step: &Step, number: usize, now: Timestamp) -> RunPlan {
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
    let settings = Settings::read(lookup).expect("the settings are valid");
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
        .expect("the request is valid")
}

pub struct Run {
    pub plan: RunPlan,
    pub scope: Scope,
    pub observation: Observation,
    pub evaluation: Evaluation,
}

/// Runs the pure part of a run, up to `evaluate`.
pub fn run(ledger: &Ledger, step: &Step, number: usize, now: Timestamp) -> Run {
    let plan = plan(step, number, now);
    let watched = plan.targets(&OWN.into()).expect("the plan has one caller");
    let scope = plan.scope(&watched, true);
    let observation = observe(&step.found, &scope, now, false);
    let mut evaluation = evaluate(
        ledger,
        &observation,
        EvaluationContext {
            scope: &scope,
            later_reads: &[],
            policy: &plan.settings.policy,
            run_id: &plan.run.id,
        },
    );
    evaluation.ledger.register_receivers(plan.receivers(), now);
    if !scope.narrowed {
        evaluation.ledger.forget_receivers(now);
    }
    Run {
        plan,
        scope,
        observation,
        evaluation,
    }
}

/// Returns a mute of a pack or an account for a while.
pub fn mute(number: usize, step: &Step, now: Timestamp) -> Mute {
    let matcher = if number.is_multiple_of(2) {
        MuteMatcher {
            packs: Some(Globs::parse([PACKS[number / 2 % 2]]).expect("a glob")),
            ..MuteMatcher::default()
        }
    } else {
        MuteMatcher {
            accounts: Some(BTreeSet::from([ACCOUNTS[number % 3].into()])),
            ..MuteMatcher::default()
        }
    };
    Mute {
        id: format!("mute-{number}"),
        matcher,
        until: MuteEnd::Time(now + SignedDuration::from_mins(1 + 3 * step.minutes)),
        reason: "history".to_owned(),
        by: None,
        created_at: now,
    }
}

/// Adds the digests of a run to the outbox, and settles them with `settled`. Returns the next
/// ledger and the digests by topic.
pub fn deliver(run: &Run, before: &Ledger, settled: bool) -> (Ledger, Vec<(ReceiverArn, Value)>) {
    let mut next = run.evaluation.ledger.clone();
    next.sequence = before.sequence + 1;
    let no_changes = PendingChanges::default();
    let findings = RunFindings::new(
        &run.plan,
        &run.scope,
        &run.observation,
        &run.evaluation,
        &no_changes,
    );
    next.last_commit = Some(LastCommit {
        run_id: run.plan.run.id.clone(),
        at: run.observation.ended_at,
        snapshot: run.plan.keys.snapshot.clone(),
        totals: findings.totals,
        first: before.last_commit.is_none(),
        warnings: Vec::new(),
    });
    let at = run.observation.ended_at;
    let notification_context = NotificationContext {
        plan: &run.plan,
        scope: &run.scope,
        due_at: at,
        now: at,
        first_looks: !run.scope.narrowed,
    };
    let mut enqueued = Vec::new();
    if run.plan.mode.announce == NotifyMode::Never {
        notification_context.suppress(&mut next, before);
    } else {
        enqueued = enqueue(&notification_context, &mut next, AskedFor::Now);
    }
    while settled
        && next
            .receivers
            .values()
            .any(|receiver| receiver.outgoing.is_some())
    {
        let outgoing: Vec<_> = next
            .receivers
            .iter()
            .filter_map(|(topic, receiver)| Some((topic.clone(), receiver.outgoing.clone()?)))
            .collect();
        for (topic, digest) in outgoing {
            next.settle(
                &topic,
                &digest.id,
                &digest.lease.expect("the digest is leased").holder,
                &Delivery::Published,
            );
        }
        if run.plan.mode.announce != NotifyMode::Never {
            enqueued.extend(enqueue(&notification_context, &mut next, AskedFor::Before));
        }
    }
    (next, enqueued)
}

/// Adds the due digests to the outbox. Returns the topic of each, and the JSON that the digest
/// topic would get.
pub fn enqueue(
    notification_context: &NotificationContext<'_>,
    ledger: &mut Ledger,
    asked_for: AskedFor,
) -> Vec<(ReceiverArn, Value)> {
    let before = ledger.clone();
    let enqueued = notification_context.enqueue(ledger, asked_for);
    let notified = enqueued.into_iter().map(|topic| {
        let receiver = &before.receivers[&topic];
        let changes = notification_context.changes(&before, receiver);
        let requested = notification_context.requested_kind();
        let narrowed = notification_context.scope.narrowed;
        let kind = match receiver.requested {
            _ if asked_for == AskedFor::Now && requested != DigestKind::Changes => requested,
            Some(waiting) if !narrowed || requested != DigestKind::Changes => waiting.into(),
            _ => DigestKind::Changes,
        };
        let request = notification_context.request(&before, receiver, &changes, kind);
        let digest = Digest::of(&request);
        assert_eq!(
            Some(&digest.id),
            ledger.receivers[&topic]
                .outgoing
                .as_ref()
                .map(|digest| &digest.id)
        );
        let body: Value =
            serde_json::from_str(&digest.message().body).expect("the text is valid JSON");
        (
            topic,
            serde_json::from_str(body["default"].as_str().expect("a default text"))
                .expect("the text is valid JSON"),
        )
    });
    notified.collect()
}

pub fn history() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..12)
}

/// Runs a history and returns the last ledger. `each` gets the ledger before each run, and the run.
pub fn replay(history: &[Step], mut each: impl FnMut(&Ledger, &Run, &Step)) -> Ledger {
    let mut ledger = Ledger::default();
    let mut now = time("2026-03-01T08:00:00Z");
    for (number, step) in history.iter().enumerate() {
        let run = run(&ledger, step, number, now);
        each(&ledger, &run, step);
        ledger = deliver(&run, &ledger, step.settled).0;
        now += SignedDuration::from_mins(step.minutes);
    }
    ledger
}

pub fn key_of(record: &Value) -> FailureKey {
    serde_json::from_value(record.clone()).expect("the record holds a failure key")
}

pub fn keys(list: &Value) -> BTreeSet<FailureKey> {
    list.as_array()
        .expect("the field is a list")
        .iter()
        .map(key_of)
        .collect()
}
