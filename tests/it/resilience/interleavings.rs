//! Random interleavings of executions that overlap, crash and receive faults.
//!
//! The real run operates on an in-memory bucket, topics and statuses, and a random schedule polls
//! its executions one call at a time. Afterwards, runs without faults must become quiescent, and
//! the digests that each receiver got must add up to the open failures.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use packwatch::model::{
    Account, AccountId, ApiError, PackName, SnsMessage, SourceTarget, StatusRecord,
};
use packwatch::ports::{BoxError, ConfigApi, Filter, MembersError, Page};
use packwatch::report::Outcome;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, TOPIC, keys};
use crate::support::scheduler::{
    FAULTS, InMemoryServices, Scheduler, two_topics, with_paused_clock, yield_now,
};

/// Account that fails all the time.
const ONGOING: &str = "222233334444";
/// Accounts that fail and recover.
const FLAPPING: [&str; 2] = ["333344445555", "444455556666"];

/// Organization with one pack whose member accounts fail and recover.
#[derive(Default)]
struct World {
    failing: RefCell<BTreeSet<&'static str>>,
    read_fault: Cell<bool>,
    /// Start and end of the last read of each execution.
    reads: RefCell<BTreeMap<u32, (i64, i64)>>,
}

#[derive(Clone)]
struct Statuses {
    services: InMemoryServices,
    world: Rc<World>,
}

impl ConfigApi for Statuses {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        Ok(OWN.into())
    }

    async fn account(&self, _: &AccountId) -> Result<Option<Account>, BoxError> {
        Ok(None)
    }

    fn throttle_count(&self) -> u64 {
        0
    }

    async fn packs(
        &self,
        _: &SourceTarget,
        _: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        // A read starts when its first call is made, not when the response arrives.
        self.world.reads.borrow_mut().insert(
            self.services.running.get(),
            (self.services.now.get(), i64::MAX),
        );
        yield_now().await;
        if self.world.read_fault.take() {
            return Err(ApiError {
                operation: "Describe".into(),
                code: "AccessDenied".into(),
                message: "denied".into(),
            });
        }
        Ok(Page {
            rows: vec![("baseline".into(), StatusRecord::new("CREATE_IN_PROGRESS"))],
            next: None,
        })
    }

    async fn pack(&self, _: &SourceTarget, _: &PackName) -> Result<Option<StatusRecord>, ApiError> {
        Ok(Some(StatusRecord::new("CREATE_IN_PROGRESS")))
    }

    async fn members(
        &self,
        _: &SourceTarget,
        _: &PackName,
        _: Option<Filter<'_>>,
        _: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        yield_now().await;
        if let Some((_, end)) = self
            .world
            .reads
            .borrow_mut()
            .get_mut(&self.services.running.get())
        {
            *end = self.services.now.get();
        }
        let failing = self.world.failing.borrow();
        let record = |account: &'static str| {
            let status = if failing.contains(account) {
                "CREATE_FAILED"
            } else {
                "CREATE_SUCCESSFUL"
            };
            (account.into(), StatusRecord::new(status))
        };
        Ok(Page {
            rows: [ONGOING].into_iter().chain(FLAPPING).map(record).collect(),
            next: None,
        })
    }
}

/// Runs a schedule and records its results.
struct Runner {
    scheduler: Scheduler<Statuses>,
    services: InMemoryServices,
    world: Rc<World>,
    runs: u32,
    /// The result of each execution that returned.
    results: Vec<&'static str>,
    /// The run of each execution that reported a commit.
    committed: Vec<u32>,
    /// Execution by sequence number of its commit.
    commits: BTreeMap<u64, u32>,
}

impl Runner {
    fn new() -> Self {
        let (services, world) = (InMemoryServices::default(), Rc::new(World::default()));
        world.failing.borrow_mut().insert(ONGOING);
        Self {
            scheduler: Scheduler::new(
                services.clone(),
                Statuses {
                    services: services.clone(),
                    world: world.clone(),
                },
            ),
            services,
            world,
            runs: 0,
            results: Vec::new(),
            committed: Vec::new(),
            commits: BTreeMap::new(),
        }
    }

    fn start(&mut self, same_run: bool) {
        if !same_run || self.runs == 0 {
            self.runs += 1;
        }
        self.scheduler.start(self.runs, two_topics(), json!({}));
    }

    fn poll(&mut self, which: usize) {
        if self.scheduler.running.is_empty() {
            return self.services.advance_millis(1);
        }
        if let Some((execution, result)) = self.scheduler.poll(which) {
            if result
                .as_ref()
                .is_ok_and(|response| response.outcome == Outcome::Committed)
            {
                self.committed.push(execution.run);
            }
            self.results.push(match result {
                Ok(_) => "Succeeded",
                Err(error) => error.kind(),
            });
        }
        self.record_commits();
    }

    fn record_commits(&mut self) {
        let Some(ledger) = self.services.document("ledger.json") else {
            return;
        };
        for run in ledger["recent_runs"].as_array().expect("runs") {
            let execution = run["execution"]
                .as_str()
                .and_then(|id| id.strip_prefix("execution-")?.parse().ok());
            self.commits.insert(
                run["sequence"].as_u64().expect("a sequence number"),
                execution.expect("an execution ID of this test"),
            );
        }
    }

    /// Performs the action that a byte of the schedule encodes.
    fn act(&mut self, byte: u8) {
        let (action, detail) = (byte % 16, usize::from(byte / 16));
        let fault = FAULTS[detail % 3];
        match action {
            0..=7 => self.poll(detail),
            8 if self.scheduler.running.len() < 3 => self.start(false),
            9 if self.scheduler.running.len() < 3 => self.start(true),
            10 => self.scheduler.kill(detail),
            11 => {
                let account = FLAPPING[detail % 2];
                let mut failing = self.world.failing.borrow_mut();
                if !failing.remove(account) {
                    failing.insert(account);
                }
            }
            12 => self
                .services
                .advance_millis([1_000, 5_000, 30_000, 130_000][detail % 4]),
            13 => self.services.put_fault.set(Some(fault)),
            14 => self.services.publish_fault.set(Some(fault)),
            15 if detail == 0 => self.world.read_fault.set(true),
            _ => {}
        }
    }

    /// Makes runs without faults until two in a row send no digest. Panics after eight runs.
    fn run_until_quiescent(&mut self) {
        while !self.scheduler.running.is_empty() {
            self.scheduler.kill(0);
        }
        self.services.clear_faults();
        self.world.read_fault.set(false);
        let mut quiescent_runs = 0;
        for _ in 0..8 {
            self.services.advance_millis(3_600_000);
            let before = self.services.sent.borrow().len();
            self.start(false);
            for _ in 0..200 {
                self.poll(0);
            }
            assert!(
                self.scheduler.running.is_empty(),
                "a run without faults does not end"
            );
            assert_eq!(
                self.results.last(),
                Some(&"Succeeded"),
                "a run without faults failed"
            );
            quiescent_runs = if self.services.sent.borrow().len() == before {
                quiescent_runs + 1
            } else {
                0
            };
            if quiescent_runs == 2 {
                return;
            }
        }
        panic!("runs without faults keep sending digests");
    }

    fn check(&self) {
        for (topic, receiver) in self.services.ledger()["receivers"]
            .as_object()
            .expect("receivers")
        {
            assert_eq!(
                receiver["outgoing"],
                Value::Null,
                "{topic} still has an outgoing digest"
            );
        }
        let mut reported_open: BTreeSet<String> = BTreeSet::new();
        let mut seen: BTreeMap<String, SnsMessage> = BTreeMap::new();
        let mut duplicates = 0;
        for (_, message) in self
            .services
            .sent
            .borrow()
            .iter()
            .filter(|(topic, _)| topic.as_str() == TOPIC)
        {
            let body: Value = serde_json::from_str(&message.body).expect("JSON");
            let digest: Value =
                serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON");
            let id = digest["digest_id"]
                .as_str()
                .expect("a digest ID")
                .to_owned();
            if let Some(first) = seen.insert(id, message.clone()) {
                assert_eq!(&first, message, "one digest ID has two messages");
                duplicates += 1;
                continue;
            }
            for key in keys(&digest["appeared"]) {
                assert!(reported_open.insert(key.clone()), "{key} appeared twice");
            }
            for key in keys(&digest["cleared"]) {
                assert!(
                    reported_open.remove(&key),
                    "{key} cleared without having appeared"
                );
                assert!(!key.ends_with(ONGOING), "{key} cleared but never recovered");
            }
        }
        let open: BTreeSet<String> = self
            .world
            .failing
            .borrow()
            .iter()
            .map(|account| format!("baseline/{account}"))
            .collect();
        assert_eq!(
            reported_open, open,
            "the digests do not report what is open"
        );
        let chat_ids: BTreeSet<String> = self
            .services
            .sent
            .borrow()
            .iter()
            .filter(|(topic, _)| topic.as_str() == CHAT)
            .map(|(_, message)| message.deduplication_id.clone())
            .collect();
        assert!(!chat_ids.is_empty(), "the chat topic got no digest");
        let allowed_duplicates = self.services.allowed_duplicates.get();
        assert!(
            duplicates <= allowed_duplicates,
            "{duplicates} duplicate digests after {allowed_duplicates} faults"
        );
        let mut runs = self.committed.clone();
        runs.sort_unstable();
        runs.dedup();
        assert_eq!(
            runs.len(),
            self.committed.len(),
            "two executions reported a commit of the same run"
        );
        let reads = self.world.reads.borrow();
        let in_commit_order: Vec<(i64, i64)> = self
            .commits
            .values()
            .map(|execution| reads[execution])
            .collect();
        for pair in in_commit_order.windows(2) {
            assert!(
                pair[1].0 >= pair[0].1,
                "a read was committed over one that ended after its start: {pair:?}"
            );
        }
        self.check_chain();
    }

    /// Asserts that every commit has a snapshot and that each snapshot names the previous one.
    fn check_chain(&self) {
        let ledger = self.services.ledger();
        let objects = self.services.objects.borrow();
        let mut sequence = ledger["sequence"].as_u64().expect("a sequence number");
        let mut next = ledger["snapshot"].as_str().map(str::to_owned);
        let mut runs = BTreeSet::new();
        let latest: Value = serde_json::from_slice(&objects["latest.json"].bytes).expect("JSON");
        assert_eq!(
            latest["run"]["sequence"], sequence,
            "latest.json is not the last commit"
        );
        while let Some(key) = next {
            let snapshot: Value = serde_json::from_slice(&objects[&key].bytes).expect("JSON");
            assert_eq!(snapshot["run"]["sequence"], sequence, "{key}");
            assert!(
                runs.insert(snapshot["run"]["id"].to_string()),
                "a run was committed twice: {key}"
            );
            sequence -= 1;
            next = snapshot["run"]["previous"].as_str().map(str::to_owned);
        }
        assert_eq!(sequence, 0, "the chain does not reach the first commit");
    }
}

/// Runs a schedule, then checks the final state.
fn scenario(schedule: &[u8]) -> Runner {
    with_paused_clock(|| {
        let mut runner = Runner::new();
        for byte in schedule {
            runner.act(*byte);
        }
        runner.run_until_quiescent();
        runner.check();
        runner
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn overlapping_executions_with_faults_report_each_change_once(schedule in vec(any::<u8>(), 0..400)) {
        scenario(&schedule);
    }
}

#[test]
fn random_schedules_reach_every_expected_result() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut results: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..300 {
        let schedule = vec(any::<u8>(), 300..400)
            .new_tree(&mut runner)
            .expect("a schedule")
            .current();
        for result in scenario(&schedule).results {
            *results.entry(result).or_default() += 1;
        }
    }
    println!("{results:?}");
    for result in [
        "Succeeded",
        "StoreFailed",
        "PublishFailed",
        "SettleFailed",
        "AllSourcesFailed",
    ] {
        assert!(
            results.contains_key(result),
            "no run ended with {result}: {results:?}"
        );
    }
}
