//! Whole histories: random worlds, changes, faults, crashes and overlaps, thirty runs each, of the
//! real pipeline. Beside it goes a small reference that knows only what is true and what was told;
//! after every fault-free run they agree.

mod generators;
mod invariants;
mod organization;
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use packwatch::input::settings::Settings;
use packwatch::model::SnsMessage;
use packwatch::model::TopicArn;
use packwatch::report::{Outcome, RunResponse};
use packwatch::run::RunError;
use proptest::prelude::*;

use crate::support::harness::{CHAT, TOPIC};
use crate::support::scheduler::{InMemoryServices, Scheduler, perform};
use generators::{History, InjectedFault, Request, Scope, Step, history};
use invariants::Before;
use organization::{Change, Statuses, World};
use reference::Reference;

/// How long Lambda tries an asynchronous invocation again, in milliseconds.
const LAMBDA_TRIES_FOR: i64 = 6 * 3_600_000;

struct Runner<'a> {
    history: &'a History,
    theatre: Scheduler<Statuses>,
    house: InMemoryServices,
    world: Rc<World>,
    reference: Reference,
    /// How much of what was sent is read.
    replayed: usize,
    messages: BTreeMap<(TopicArn, String), SnsMessage>,
    /// How many of them came again.
    again: usize,
    /// What was told as not read, by region and pack.
    gaps: BTreeSet<(String, String)>,
    /// What each run was asked, and when the last one was.
    requests: Vec<Request>,
    asked_at: i64,
    /// What happened, and how often.
    happened: BTreeMap<String, u32>,
}

impl<'a> Runner<'a> {
    fn new(history: &'a History) -> Self {
        let (house, world) = (InMemoryServices::default(), Rc::new(World::default()));
        world.dated.set(history.dated);
        Self {
            history,
            theatre: Scheduler::new(
                house.clone(),
                Statuses {
                    house: house.clone(),
                    world: world.clone(),
                },
            ),
            house,
            world,
            reference: Reference::new(60_000 * history.announce_after),
            replayed: 0,
            messages: BTreeMap::new(),
            again: 0,
            gaps: BTreeSet::new(),
            requests: Vec::new(),
            asked_at: 0,
            happened: BTreeMap::new(),
        }
    }

    fn note(&mut self, what: &str) {
        *self.happened.entry(what.to_owned()).or_default() += 1;
    }

    fn look(&mut self) {
        self.reference.look(&self.world, self.house.now.get());
    }

    fn change(&mut self, change: &Change) {
        self.note(format!("{change:?}").split('(').next().expect("a name"));
        self.look();
        self.world.change(change, self.house.now.get());
        self.look();
    }

    /// Starts an execution, of the last run where nothing else is asked.
    fn start(&mut self, request: Option<Request>) {
        if let Some(request) = request.or_else(|| self.requests.is_empty().then_some(Request::FULL))
        {
            self.requests.push(request);
            self.asked_at = self.house.now.get();
            self.reference.runs += 1;
        }
        let settings = Settings::read(|name| {
            let value = match name {
                "AWS_REGION" => organization::REGIONS[0],
                "REGIONS" => return Some(organization::REGIONS.join(",")),
                "SNAPSHOT_BUCKET" => "bucket",
                "TOPIC_ARN" => TOPIC,
                "CHAT_TOPIC_ARN" => CHAT,
                "IGNORE_ACCOUNTS" => organization::IGNORED,
                "ANNOUNCE_AFTER_MINUTES" => return Some(self.history.announce_after.to_string()),
                "REMIND_AFTER_HOURS" => return Some(self.history.remind_after.to_string()),
                _ => return None,
            };
            Some(value.to_owned())
        });
        let event = self.requests.last().expect("a request").event();
        let run = u32::try_from(self.requests.len()).expect("not so many");
        self.theatre
            .start(run, settings.expect("right settings"), event);
        self.look();
    }

    /// Polls until every execution has ended; gives how the last one did.
    fn finish(
        &mut self,
        during: &[(usize, InjectedFault)],
        turns: u64,
    ) -> Option<Result<RunResponse, RunError>> {
        let mut last = None;
        for poll in 0..1_000 {
            if self.theatre.alive.is_empty() {
                break;
            }
            for (_, trouble) in during.iter().filter(|(at, _)| *at == poll) {
                self.happen(trouble);
            }
            let which = usize::from(turns >> (poll % 64) & 1 == 1);
            if let Some((_, result)) = self.theatre.poll(which) {
                match &result {
                    Ok(report) => self.note(&format!("{:?}", report.outcome)),
                    Err(error) => self.note(error.kind()),
                }
                last = Some(result);
            }
        }
        assert!(self.theatre.alive.is_empty(), "a run ends");
        self.look();
        self.reference.over = self.reference.runs;
        self.reference.shifting = false;
        last
    }

    fn happen(&mut self, trouble: &InjectedFault) {
        self.note(format!("{trouble:?}").split('(').next().expect("a name"));
        match trouble {
            InjectedFault::Change(change) => self.change(change),
            InjectedFault::Seconds(seconds) => self.house.pass(1_000 * seconds),
            InjectedFault::Crash(which) => self.theatre.kill(*which),
            InjectedFault::Overlap(request) => self.start(*request),
            InjectedFault::Read(fault) => self.world.read_fault.set(Some(*fault)),
            InjectedFault::Get => self.house.get_fault.set(true),
            InjectedFault::Put(fault) => self.house.put_fault.set(Some(*fault)),
            InjectedFault::Publish(fault) => self.house.publish_fault.set(Some(*fault)),
        }
    }

    fn step(&mut self, step: &Step) {
        let waited = self.house.now.get() + 60_000 * step.minutes - self.asked_at;
        let again = step.again && waited <= LAMBDA_TRIES_FOR;
        let silent = step.request.announce == "never" && !step.request.dry_run && !again;
        if silent {
            // What such a run changed is known only where nothing else was left to tell.
            self.until_quiet();
        }
        self.house.pass(60_000 * step.minutes);
        for change in &step.before {
            self.change(change);
        }
        let (before, during) = (self.before(), if silent { &[] } else { &step.during[..] });
        self.reference.shifting = !during.is_empty();
        self.reference.over -= u32::from(again && self.reference.over > 0);
        self.world.denied.set(step.denied.filter(|_| !silent));
        self.start((!again).then_some(step.request));
        let result = self.finish(during, step.turns);
        self.world.denied.set(None);
        self.world.read_fault.set(None);
        self.house.forget_faults();
        self.replay();
        let misread = self.world.misread.take();
        let alone = !again
            && during
                .iter()
                .all(|(_, trouble)| matches!(trouble, InjectedFault::Read(_)));
        if let Some(result) = result.filter(|_| alone) {
            self.undisturbed(step.request, result, misread, &before);
        }
    }

    /// A run that had the world for itself.
    fn undisturbed(
        &mut self,
        request: Request,
        result: Result<RunResponse, RunError>,
        misread: bool,
        before: &Before,
    ) {
        self.stays_in_scope(request, before, &result);
        if misread {
            return Self::admits_it(result);
        }
        let report = result.unwrap_or_else(|error| panic!("without faults: {}", error.to_report()));
        assert!(report.complete);
        if request.dry_run {
            return;
        }
        assert_eq!(report.outcome, Outcome::Committed);
        let sent = self.house.sent.borrow().len() - before.sent;
        match request.announce {
            "never" => {
                assert_eq!(sent, 0, "who asks for silence gets it");
                return self.believe_in_silence(request.scope);
            }
            "always" => assert!(
                sent > 0 || self.heads_are_left(),
                "who asks for a digest gets one"
            ),
            _ => {}
        }
        match (request.scope, self.heads_are_left()) {
            (scope, false) => self.agree(scope),
            (Scope::Everything, true) => self.until_quiet(),
            (_, true) => {}
        }
    }

    fn until_quiet(&mut self) {
        for _ in 0..3 {
            self.look();
            self.house.pass(180_000);
            self.start(Some(Request::FULL));
            let result = self.finish(&[], 0).expect("it ends");
            self.replay();
            assert_eq!(
                result.map(|report| report.outcome).ok(),
                Some(Outcome::Committed),
                "a run without faults"
            );
            if !self.heads_are_left() {
                return self.agree(Scope::Everything);
            }
        }
        panic!("digests are left");
    }

    fn heads_are_left(&self) -> bool {
        let ledger = self.house.ledger();
        ledger["audiences"]
            .as_object()
            .expect("audiences")
            .values()
            .any(|receiver| !receiver["head"].is_null())
    }
}

fn scenario(history: &History) -> BTreeMap<String, u32> {
    perform(|| {
        let mut scenario = Runner::new(history);
        for change in &history.first {
            scenario.change(change);
        }
        for step in &history.steps {
            scenario.step(step);
        }
        scenario.until_quiet();
        let allowed_duplicates = scenario.house.allowed_duplicates.get();
        assert!(
            scenario.again <= allowed_duplicates,
            "{} digests were sent again, and {allowed_duplicates} things had gone wrong",
            scenario.again
        );
        scenario.happened
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_told_is_what_is_true_after_every_fault_free_run(history in history()) {
        scenario(&history);
    }
}

#[test]
fn the_histories_reach_what_they_are_meant_to_reach() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut happened: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..40 {
        for (what, times) in scenario(
            &history()
                .new_tree(&mut runner)
                .expect("a history")
                .current(),
        ) {
            *happened.entry(what).or_default() += times;
        }
    }
    println!("{happened:#?}");
    let changes = [
        "Create", "Delete", "Status", "Member", "Leave", "Recover", "Pages",
    ];
    let troubles = [
        "Change", "Seconds", "Crash", "Overlap", "Read", "Get", "Put", "Publish",
    ];
    let outcomes = ["Committed", "Resumed", "Superseded", "DryRun"];
    let errors = [
        "NothingRead",
        "LedgerUnreadable",
        "StoreFailed",
        "PublishFailed",
        "SettleFailed",
    ];
    let told = [
        "appeared",
        "reminded",
        "recovered",
        "account_removed",
        "pack_removed",
        "explained",
        "lasting",
        "ended",
    ];
    let agreed = ["agreed to the letter", "agreed within bounds"];
    for what in changes
        .iter()
        .chain(&troubles)
        .chain(&outcomes)
        .chain(&errors)
        .chain(&told)
        .chain(&agreed)
    {
        assert!(happened.contains_key(*what), "{what} never happens");
    }
}
