//! Random histories of the real run, compared with a small reference model.
//!
//! A history has thirty runs, with status changes, faults, crashes and overlapping executions. The
//! reference knows only the real statuses and the digests. After every run without faults, both
//! must agree.

mod generators;
mod incidents;
mod invariants;
mod ledger_invariants;
mod organization;
mod reference;
/// The example that keeps tickets.
#[allow(dead_code, reason = "the program itself is not run")]
#[path = "../../../../examples/tickets.rs"]
mod tickets;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use packwatch::input::settings::Settings;
use packwatch::model::{ReceiverArn, SnsMessage};
use packwatch::ports::Clock;
use packwatch::report::{DigestStatus, Outcome, RunResponse};
use packwatch::run::RunError;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::harness::{BUS, CHAT, TOPIC};
use crate::support::scheduler::{InMemoryServices, Scheduler, StoredObject, with_paused_clock};

use generators::{
    History, InjectedFault, MuteChange, Request, Scope, SettingsChange, Step, history,
};
use incidents::Incidents;
use invariants::StoredState;
use organization::{Change, Statuses, World};
use reference::{Mute, Reference};

/// Topic that takes the place of the digest topic for a while.
const OTHER_TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:other";

/// Maximum age of an asynchronous event that Lambda retries, in milliseconds.
const MAX_EVENT_AGE: i64 = 6 * 3_600_000;

/// Runs a history against the real run and the reference.
struct Runner<'a> {
    history: &'a History,
    scheduler: Scheduler<Statuses>,
    services: InMemoryServices,
    world: Rc<World>,
    reference: Reference,
    /// Number of sent messages that `replay` has processed.
    replayed: usize,
    /// Sent messages, by topic, digest id and whether it is the last form.
    messages: BTreeMap<(ReceiverArn, String, bool), SnsMessage>,
    /// Number of duplicate digests.
    duplicates: usize,
    /// Gaps that the digests report as open, by region and pack.
    gaps: BTreeSet<(String, String)>,
    /// Tickets that a program keeps from the groups of the digests alone.
    tickets: BTreeMap<String, String>,
    /// Incidents that a tool like PagerDuty keeps from the events of the bus alone.
    incidents: Incidents,
    /// Whether the incidents must be those of the causes that are open: since a digest of
    /// everything, nothing was suppressed, and no mute began or ended, of which the bus hears with
    /// the next digest.
    incidents_are_exact: bool,
    /// The digests that failed a run, each with its receiver.
    refused: BTreeSet<(String, String)>,
    /// The last digest with reminders, and when it was created.
    last_reminders: Option<(String, Timestamp)>,
    /// The ledger after the tenth step.
    older_ledger: Option<StoredObject>,
    /// Request of each run.
    requests: Vec<Request>,
    /// Time of the last request.
    requested_at: i64,
    /// Settings of the current runs.
    settings: SettingsChange,
    /// Receiver id of the digest topic in the ledger.
    receiver_id: Value,
    /// Number of digests that the topics have refused in every form.
    dropped: u32,
    /// Whether the digest topic got a digest without its changes, and the ledger did not say yet
    /// what it was notified of.
    unlisted: bool,
    /// Number of events of each kind.
    event_counts: BTreeMap<String, u32>,
}

impl<'a> Runner<'a> {
    fn new(history: &'a History) -> Self {
        let (services, world) = (InMemoryServices::default(), Rc::new(World::default()));
        world.with_timestamps.set(history.with_timestamps);
        Self {
            history,
            scheduler: Scheduler::new(
                services.clone(),
                Statuses {
                    services: services.clone(),
                    world: world.clone(),
                },
            ),
            services,
            world,
            reference: Reference::new(
                60_000 * history.announce_after,
                (history.stuck_after > 0).then_some(3_600_000 * history.stuck_after),
            ),
            replayed: 0,
            messages: BTreeMap::new(),
            duplicates: 0,
            gaps: BTreeSet::new(),
            tickets: BTreeMap::new(),
            incidents: Incidents::default(),
            incidents_are_exact: true,
            refused: BTreeSet::new(),
            last_reminders: None,
            older_ledger: None,
            requests: Vec::new(),
            requested_at: 0,
            settings: SettingsChange::None,
            receiver_id: Value::Null,
            dropped: 0,
            unlisted: false,
            event_counts: BTreeMap::new(),
        }
    }

    fn count(&mut self, event: &str) {
        *self.event_counts.entry(event.to_owned()).or_default() += 1;
    }

    fn observe(&mut self) {
        self.reference.observe(&self.world, self.services.now.get());
    }

    fn change(&mut self, change: &Change) {
        self.count(format!("{change:?}").split('(').next().expect("a name"));
        self.observe();
        self.world.change(change, self.services.now.get());
        self.observe();
    }

    /// Starts an execution of a new run, or another execution of the last run if `request` is
    /// `None`.
    fn start(&mut self, request: Option<Request>) {
        if let Some(request) = request.or_else(|| self.requests.is_empty().then_some(Request::FULL))
        {
            self.requests.push(request);
            self.requested_at = self.services.now.get();
            self.reference.runs_started += 1;
        }
        let settings = self.settings();
        let event = self.requests.last().expect("a request").event();
        let run = u32::try_from(self.requests.len()).expect("few runs");
        self.scheduler.start(run, settings, event);
        self.observe();
    }

    /// Returns the settings of the next execution.
    fn settings(&self) -> Settings {
        let settings = Settings::read(|name| {
            let value = match name {
                "AWS_REGION" => organization::REGIONS[0],
                "REGIONS" if self.settings == SettingsChange::FirstRegionOnly => {
                    organization::REGIONS[0]
                }
                "REGIONS" => return Some(organization::REGIONS.join(",")),
                "SNAPSHOT_BUCKET" => "bucket",
                "TOPIC_ARN"
                    if self.settings != SettingsChange::None
                        && self.settings != SettingsChange::FirstRegionOnly =>
                {
                    OTHER_TOPIC
                }
                "TOPIC_ARN" => TOPIC,
                "CHAT_TOPIC_ARN" => CHAT,
                "EVENT_BUS" => BUS,
                "IGNORE_ACCOUNTS" => organization::IGNORED,
                "ANNOUNCE_AFTER_MINUTES" => return Some(self.history.announce_after.to_string()),
                "STUCK_AFTER_HOURS" => return Some(self.history.stuck_after.to_string()),
                "REMIND_AFTER_HOURS" => return Some(self.history.remind_after.to_string()),
                _ => return None,
            };
            Some(value.to_owned())
        });
        settings.expect("valid settings")
    }

    /// Mutes or unmutes while nothing is running.
    fn change_mutes(&mut self, change: MuteChange) {
        self.incidents_are_exact = false;
        self.count(if change == MuteChange::Unmute {
            "Unmute"
        } else {
            "Mute"
        });
        self.services.advance_millis(1_000);
        self.observe();
        let now = self.services.now.get();
        let request_id = format!("mute-{now}");
        let settings = self.settings();
        match change {
            MuteChange::Mute(scope, minutes) => {
                let until = Clock::now(&self.services) + SignedDuration::from_mins(minutes);
                let mut mute = json!({"until": until.to_string(), "reason": "history"});
                match scope {
                    Scope::Everything => mute["codes"] = json!(["*"]),
                    Scope::Region(region) => mute["regions"] = json!([region]),
                    Scope::Pack(pack) => mute["packs"] = json!([pack]),
                    Scope::Account(account) => mute["accounts"] = json!([account]),
                }
                let event = json!({ "mute": mute });
                self.scheduler.invoke(&request_id, settings, event);
                self.reference.mute(Mute {
                    scope,
                    from: now,
                    until: now + 60_000 * minutes,
                });
            }
            MuteChange::Unmute => {
                let list = json!({"mutes": true});
                let response = self.scheduler.invoke(&request_id, settings.clone(), list);
                let response = serde_json::to_value(response).expect("JSON");
                let now = self.services.now.get();
                let at = self.services.now();
                let mut listed = response["mutes"].as_array().into_iter().flatten();
                let applies = |mute: &&Value| {
                    let until = mute["until"].as_str().and_then(|until| until.parse().ok());
                    until.is_some_and(|until: Timestamp| until > at)
                };
                let Some(mute) = listed.find(applies) else {
                    return;
                };
                let event = json!({ "unmute": mute["id"] });
                self.scheduler.invoke(&request_id, settings, event);
                let mut active = self.reference.mutes.iter_mut();
                let oldest = active.find(|mute| mute.until > now);
                oldest.expect("the oldest mute that applies").until = now;
            }
        }
    }

    /// Ends all mutes by the clock.
    fn wait_for_mutes(&mut self) {
        let ends = self.reference.mutes.iter().map(|mute| mute.until);
        let wait = ends.max().unwrap_or(0) - self.services.now.get();
        self.observe();
        self.services.advance_millis(wait.max(0) + 1_000);
        self.observe();
    }

    /// Polls until every execution has ended. Returns the result of the last one.
    fn finish(
        &mut self,
        during: &[(usize, InjectedFault)],
        poll_order: u64,
    ) -> Option<Result<RunResponse, RunError>> {
        let mut last = None;
        for poll in 0..1_000 {
            if self.scheduler.running.is_empty() {
                break;
            }
            for (_, fault) in during.iter().filter(|(at, _)| *at == poll) {
                self.inject(fault);
            }
            let which = usize::from(poll_order >> (poll % 64) & 1 == 1);
            if let Some((execution, result)) = self.scheduler.poll(which) {
                match &result {
                    Ok(response) => {
                        self.count(&format!("{:?}", response.outcome));
                        let run = usize::try_from(execution.run).expect("few runs");
                        self.assert_request_is_met(self.requests[run - 1], response);
                    }
                    Err(error) => {
                        self.count(error.kind());
                        self.assert_refusal_is_new(error);
                    }
                }
                last = Some(result);
            }
        }
        assert!(self.scheduler.running.is_empty(), "a run does not end");
        self.observe();
        self.reference.runs_ended = self.reference.runs_started;
        self.reference.changing = false;
        last
    }

    fn inject(&mut self, fault: &InjectedFault) {
        self.count(format!("{fault:?}").split('(').next().expect("a name"));
        match fault {
            InjectedFault::Change(change) => self.change(change),
            InjectedFault::Seconds(seconds) => self.services.advance_millis(1_000 * seconds),
            InjectedFault::Crash(which) => self.scheduler.kill(*which),
            InjectedFault::Overlap(request) => self.start(*request),
            InjectedFault::Read(fault) => self.world.read_fault.set(Some(*fault)),
            InjectedFault::Get => self.services.get_fault.set(true),
            InjectedFault::Put(fault) => self.services.put_fault.set(Some(*fault)),
            InjectedFault::Publish(fault) => self.services.publish_fault.set(Some(*fault)),
        }
    }

    /// Makes one full run without faults and with changed settings, and one with the usual ones.
    fn run_with_changed_settings(&mut self, settings: SettingsChange) {
        self.run_until_quiescent();
        self.count(&format!("{settings:?}"));
        self.settings = settings;
        self.full_run();
        if settings == SettingsChange::OtherTopicForWeek {
            self.services.advance_millis(7 * 24 * 3_600_000);
            self.full_run();
        }
        if settings == SettingsChange::FirstRegionOnly {
            let second = organization::REGIONS[1];
            self.reference.unwatch(second);
            assert!(
                !self.has_outgoing_digests(),
                "a run without faults leaves an outgoing digest"
            );
            // What is attributed joins a later digest.
            let still = self.reference.notified.iter();
            let mut still = still.filter(|key| key.0 == second && !self.is_attributed(**key));
            assert_eq!(
                still.next(),
                None,
                "a failure of a source that is not watched is still reported"
            );
        }
        self.settings = SettingsChange::None;
        self.run_until_quiescent();
    }

    fn full_run(&mut self) {
        self.observe();
        self.services.advance_millis(180_000);
        self.start(Some(Request::FULL));
        let result = self.finish(&[], 0).expect("the run ends");
        self.replay();
        assert_eq!(
            result.map(|response| response.outcome).ok(),
            Some(Outcome::Committed),
            "a run without faults failed"
        );
    }

    fn step(&mut self, step: &Step) {
        if step.settings != SettingsChange::None {
            self.run_with_changed_settings(step.settings);
        }
        if let Some(change) = step.mute {
            self.change_mutes(change);
        }
        let event_age = self.services.now.get() + 60_000 * step.minutes - self.requested_at;
        let retry = step.retry && event_age <= MAX_EVENT_AGE;
        let suppressed = step.request.announce == "never" && !step.request.dry_run && !retry;
        if suppressed {
            // The changes that this run suppresses are known only if no digest is outstanding.
            self.run_until_quiescent();
        }
        self.services.advance_millis(60_000 * step.minutes);
        for change in &step.before {
            self.change(change);
        }
        let (before, during) = (
            self.stored_state(),
            if suppressed { &[] } else { &step.during[..] },
        );
        self.reference.changing = !during.is_empty();
        self.reference.runs_ended -= u32::from(retry && self.reference.runs_ended > 0);
        self.world.denied.set(step.denied.filter(|_| !suppressed));
        self.services
            .message_limit
            .set(step.message_limit.filter(|_| !suppressed));
        self.start((!retry).then_some(step.request));
        let result = self.finish(during, step.poll_order);
        self.world.denied.set(None);
        self.services.message_limit.set(None);
        self.world.read_fault.set(None);
        self.services.clear_faults();
        self.replay();
        let read_disturbed = self.world.read_disturbed.take();
        let alone = !retry
            && during
                .iter()
                .all(|(_, fault)| matches!(fault, InjectedFault::Read(_)));
        if let Some(result) = result.filter(|_| alone) {
            self.check_undisturbed_run(step.request, result, read_disturbed, &before);
        }
    }

    /// Checks a run during which nothing changed, crashed or overlapped.
    fn check_undisturbed_run(
        &mut self,
        request: Request,
        result: Result<RunResponse, RunError>,
        read_disturbed: bool,
        before: &StoredState,
    ) {
        self.assert_stays_in_scope(request, before, &result);
        // A run that reports that it is complete, because another call had the answer too, must
        // agree with the real statuses like any other.
        let is_complete = matches!(&result, Ok(response) if response.complete);
        if read_disturbed && !is_complete {
            return self.assert_reported_incomplete(result);
        }
        let response = match result {
            Ok(response) => response,
            // A digest was refused in every form, and dropped.
            Err(error) if error.kind() == "PublishFailed" && self.dropped > 0 => return,
            Err(error) => panic!("a run without faults failed: {}", error.to_report()),
        };
        assert!(response.complete);
        if request.dry_run {
            return;
        }
        assert_eq!(response.outcome, Outcome::Committed);
        let sent = self.services.sent.borrow().len() - before.sent;
        if request.announce == "never" {
            assert_eq!(sent, 0, "a run with announce=never sent a digest");
            let key = response.snapshot.as_deref().expect("a snapshot");
            let key = key.strip_prefix("s3://bucket/").expect("the bucket");
            let snapshot = self.services.document(key).expect("the snapshot");
            assert_eq!(snapshot["run"]["announce"], "never");
            self.incidents_are_exact = false;
            return self.accept_suppressed_changes(request.scope);
        }
        assert!(
            sent > 0 || self.has_outgoing_digests() || !request.asks_for_digest(),
            "a run that asks for a digest sent none"
        );
        self.assert_reminders_joined(request, &response);
        if request.announce == "always"
            && request.scope == Scope::Everything
            && !self.has_outgoing_digests()
        {
            let now = self.services.now.get();
            let mut mutes = self.reference.mutes.iter();
            self.incidents_are_exact = mutes.all(|mute| mute.until <= now);
            self.compare_incidents();
        }
        match (request.scope, self.has_outgoing_digests()) {
            (scope, false) => self.assert_agreement(scope),
            (Scope::Everything, true) => self.run_until_quiescent(),
            (_, true) => {}
        }
    }

    /// Makes up to three runs without faults until no digest is outgoing, then checks agreement.
    fn run_until_quiescent(&mut self) {
        for _ in 0..3 {
            self.full_run();
            if !self.has_outgoing_digests() {
                self.assert_old_runs_are_forgotten();
                if self.incidents_are_exact {
                    self.compare_incidents();
                }
                return self.assert_agreement(Scope::Everything);
            }
        }
        panic!("outgoing digests remain after three runs without faults");
    }

    /// Asserts that after a digest of everything open exactly the tickets of what is open are open.
    fn assert_tickets(&mut self) {
        self.services.advance_millis(180_000);
        self.start(Some(Request {
            announce: "always",
            ..Request::FULL
        }));
        self.finish(&[], 0)
            .expect("the run ends")
            .expect("a run without faults");
        self.replay();
        let tickets: BTreeSet<String> = self.tickets.keys().cloned().collect();
        assert_eq!(tickets, self.open_causes(TOPIC));
        assert_eq!(self.incidents.open, self.open_causes(BUS));
        if !tickets.is_empty() {
            self.count("open tickets");
        }
    }

    /// Compares the incidents with the causes that are open, apart from those of failures that were
    /// attributed: their end joins the next digest.
    fn compare_incidents(&mut self) {
        self.count("incidents compared");
        let attributed = self.attributed_causes(BUS);
        assert_eq!(
            &self.incidents.open - &attributed,
            &self.open_causes(BUS) - &attributed
        );
    }

    /// Asserts that a run that asks for a digest has sent one, or that one waits.
    fn assert_request_is_met(&mut self, request: Request, response: &RunResponse) {
        let decides = matches!(response.outcome, Outcome::Committed | Outcome::Superseded);
        if request.asks_for_digest() && decides {
            self.count("digest asked for");
            assert_ne!(
                response.digest.status,
                DigestStatus::None,
                "{request:?} sent no digest and {:?}",
                response.outcome
            );
        }
    }

    fn has_outgoing_digests(&self) -> bool {
        let ledger = self.services.ledger();
        ledger["receivers"]
            .as_object()
            .expect("receivers")
            .values()
            .any(|receiver| !receiver["outgoing"].is_null())
    }
}

/// Runs a history. Returns the number of events of each kind.
fn scenario(history: &History) -> BTreeMap<String, u32> {
    with_paused_clock(|| {
        let mut runner = Runner::new(history);
        for change in &history.first {
            runner.change(change);
        }
        for (number, step) in history.steps.iter().enumerate() {
            runner.step(step);
            if number == 9 {
                let objects = runner.services.objects.borrow();
                runner.older_ledger = objects.get("ledger.json").cloned();
            }
        }
        runner.run_until_quiescent();
        runner.wait_for_mutes();
        runner.run_until_quiescent();
        runner.assert_tickets();
        let allowed_duplicates = runner.services.allowed_duplicates.get();
        assert!(
            runner.duplicates <= allowed_duplicates,
            "{} duplicate digests after {allowed_duplicates} faults",
            runner.duplicates
        );
        assert!(
            runner.incidents.repeated.len() <= allowed_duplicates,
            "events of {:?} were sent again after {allowed_duplicates} faults",
            runner.incidents.repeated
        );
        runner.restore_older_ledger();
        runner.event_counts
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn digests_match_real_statuses_after_every_fault_free_run(history in history()) {
        scenario(&history);
    }
}

#[test]
fn random_histories_reach_every_expected_event() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut test_runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut totals: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..40 {
        for (event, number) in scenario(
            &history()
                .new_tree(&mut test_runner)
                .expect("a history")
                .current(),
        ) {
            *totals.entry(event).or_default() += number;
        }
    }
    println!("{totals:#?}");
    let changes = [
        "Create", "Delete", "Status", "Member", "Leave", "Recover", "Pages",
    ];
    let faults = [
        "Change", "Seconds", "Crash", "Overlap", "Read", "Get", "Put", "Publish",
    ];
    let outcomes = ["Committed", "Resumed", "Superseded", "DryRun"];
    let errors = [
        "AllSourcesFailed",
        "LedgerUnreadable",
        "StoreFailed",
        "PublishFailed",
        "SettleFailed",
    ];
    let notifications = [
        "appeared",
        "reminders",
        "recovered",
        "account_removed",
        "pack_removed",
        "attributed",
        "began",
        "lasting",
        "ended",
        "open tickets",
        "incidents compared",
        "digest asked for",
        "refused",
        "restored ledger",
        "reminders compared",
        "triggered",
        "resolved",
    ];
    let agreement = ["exact agreement", "agreement within bounds"];
    let refusals = [
        "last form",
        "dropped",
        "forgotten",
        "OtherTopic",
        "FirstRegionOnly",
        "Mute",
        "Unmute",
        "muted",
        "stuck",
    ];
    for event in changes
        .iter()
        .chain(&faults)
        .chain(&outcomes)
        .chain(&errors)
        .chain(&notifications)
        .chain(&agreement)
        .chain(&refusals)
    {
        assert!(totals.contains_key(*event), "{event} never happens");
    }
}
