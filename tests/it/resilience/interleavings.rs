//! Executions that overlap, die and are lied to, in every order that chance finds: the real
//! pipeline over a bucket, topics and statuses in memory, polled one call at a time by a script.
//! Whatever happens, runs without faults then fall silent, and what each audience was told,
//! replayed, is what is open.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use packwatch::model::SnsMessage;
use packwatch::model::SourceTarget;
use packwatch::model::{Account, AccountId, ApiError, PackName, StatusRecord};
use packwatch::ports::{BoxError, ConfigApi, Filter, MembersError, Page};
use packwatch::report::Outcome;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, TOPIC, keys};
use crate::support::scheduler::{
    FAULTS, InMemoryServices, Scheduler, perform, two_topics, yield_now,
};

/// Failing from the first moment to the last.
const LASTING: &str = "222233334444";
/// Failing now and then.
const WAVERING: [&str; 2] = ["333344445555", "444455556666"];

/// One pack whose members fail now and then.
#[derive(Default)]
struct World {
    failing: RefCell<BTreeSet<&'static str>>,
    read_fault: Cell<bool>,
    /// When each execution's last reading began and ended.
    readings: RefCell<BTreeMap<u32, (i64, i64)>>,
}

#[derive(Clone)]
struct Statuses {
    house: InMemoryServices,
    world: Rc<World>,
}

impl ConfigApi for Statuses {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        Ok(OWN.into())
    }

    async fn account(&self, _: &AccountId) -> Result<Option<Account>, BoxError> {
        Ok(None)
    }

    fn throttles(&self) -> u64 {
        0
    }

    async fn packs(
        &self,
        _: &SourceTarget,
        _: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        // The reading began when the call was made.
        self.world
            .readings
            .borrow_mut()
            .insert(self.house.yield_now.get(), (self.house.now.get(), i64::MAX));
        yield_now().await;
        if self.world.read_fault.take() {
            return Err(ApiError {
                operation: "Describe".into(),
                code: "AccessDenied".into(),
                message: "no".into(),
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
            .readings
            .borrow_mut()
            .get_mut(&self.house.yield_now.get())
        {
            *end = self.house.now.get();
        }
        let failing = self.world.failing.borrow();
        let row = |account: &'static str| {
            let status = if failing.contains(account) {
                "CREATE_FAILED"
            } else {
                "CREATE_SUCCESSFUL"
            };
            (account.into(), StatusRecord::new(status))
        };
        Ok(Page {
            rows: [LASTING].into_iter().chain(WAVERING).map(row).collect(),
            next: None,
        })
    }
}

struct Runner {
    theatre: Scheduler<Statuses>,
    house: InMemoryServices,
    world: Rc<World>,
    started: u32,
    ended: Vec<&'static str>,
    /// The runs that an execution answered to have committed.
    committed: Vec<u32>,
    /// The executions in the order of their commits.
    commits: BTreeMap<u64, u32>,
}

impl Runner {
    fn new() -> Self {
        let (house, world) = (InMemoryServices::default(), Rc::new(World::default()));
        world.failing.borrow_mut().insert(LASTING);
        Self {
            theatre: Scheduler::new(
                house.clone(),
                Statuses {
                    house: house.clone(),
                    world: world.clone(),
                },
            ),
            house,
            world,
            started: 0,
            ended: Vec::new(),
            committed: Vec::new(),
            commits: BTreeMap::new(),
        }
    }

    fn start(&mut self, same_run: bool) {
        if !same_run || self.started == 0 {
            self.started += 1;
        }
        self.theatre.start(self.started, two_topics(), json!({}));
    }

    fn poll(&mut self, which: usize) {
        if self.theatre.alive.is_empty() {
            return self.house.pass(1);
        }
        if let Some((execution, result)) = self.theatre.poll(which) {
            if result
                .as_ref()
                .is_ok_and(|report| report.outcome == Outcome::Committed)
            {
                self.committed.push(execution.run);
            }
            self.ended.push(match result {
                Ok(_) => "well",
                Err(error) => error.kind(),
            });
        }
        self.note_commits();
    }

    fn note_commits(&mut self) {
        let Some(ledger) = self.house.document("ledger.json") else {
            return;
        };
        for run in ledger["runs"].as_array().expect("runs") {
            let execution = run["execution"]
                .as_str()
                .and_then(|token| token.strip_prefix("execution-")?.parse().ok());
            self.commits.insert(
                run["sequence"].as_u64().expect("a number"),
                execution.expect("a token of ours"),
            );
        }
    }

    fn act(&mut self, byte: u8) {
        let (what, detail) = (byte % 16, usize::from(byte / 16));
        let fault = FAULTS[detail % 3];
        match what {
            0..=7 => self.poll(detail),
            8 if self.theatre.alive.len() < 3 => self.start(false),
            9 if self.theatre.alive.len() < 3 => self.start(true),
            10 => self.theatre.kill(detail),
            11 => {
                let account = WAVERING[detail % 2];
                let mut failing = self.world.failing.borrow_mut();
                if !failing.remove(account) {
                    failing.insert(account);
                }
            }
            12 => self.house.pass([1_000, 5_000, 30_000, 130_000][detail % 4]),
            13 => self.house.put_fault.set(Some(fault)),
            14 => self.house.publish_fault.set(Some(fault)),
            15 if detail == 0 => self.world.read_fault.set(true),
            _ => {}
        }
    }

    /// Runs without faults until two in a row had nothing to say.
    fn until_quiet(&mut self) {
        while !self.theatre.alive.is_empty() {
            self.theatre.kill(0);
        }
        self.house.forget_faults();
        self.world.read_fault.set(false);
        let mut quiet = 0;
        for _ in 0..8 {
            self.house.pass(3_600_000);
            let before = self.house.sent.borrow().len();
            self.start(false);
            for _ in 0..200 {
                self.poll(0);
            }
            assert!(self.theatre.alive.is_empty(), "a run ends");
            assert_eq!(
                self.ended.last(),
                Some(&"well"),
                "a run without faults ends well"
            );
            quiet = if self.house.sent.borrow().len() == before {
                quiet + 1
            } else {
                0
            };
            if quiet == 2 {
                return;
            }
        }
        panic!("it does not fall silent");
    }

    fn check(&self) {
        for (topic, receiver) in self.house.ledger()["audiences"]
            .as_object()
            .expect("audiences")
        {
            assert_eq!(receiver["head"], Value::Null, "{topic} is left with a head");
        }
        let mut believed: BTreeSet<String> = BTreeSet::new();
        let mut seen: BTreeMap<String, SnsMessage> = BTreeMap::new();
        let mut again = 0;
        for (_, message) in self
            .house
            .sent
            .borrow()
            .iter()
            .filter(|(topic, _)| topic.as_str() == TOPIC)
        {
            let body: Value = serde_json::from_str(&message.body).expect("JSON");
            let digest: Value =
                serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON");
            let id = digest["digest_id"].as_str().expect("an id").to_owned();
            if let Some(first) = seen.insert(id, message.clone()) {
                assert_eq!(&first, message, "one id, one message");
                again += 1;
                continue;
            }
            for key in keys(&digest["appeared"]) {
                assert!(believed.insert(key.clone()), "{key} appeared twice");
            }
            for key in keys(&digest["cleared"]) {
                assert!(believed.remove(&key), "{key} cleared and was not told");
                assert!(!key.ends_with(LASTING), "it failed all along");
            }
        }
        let open: BTreeSet<String> = self
            .world
            .failing
            .borrow()
            .iter()
            .map(|account| format!("baseline/{account}"))
            .collect();
        assert_eq!(believed, open, "what was told, replayed, is what is open");
        let chats: BTreeSet<String> = self
            .house
            .sent
            .borrow()
            .iter()
            .filter(|(topic, _)| topic.as_str() == CHAT)
            .map(|(_, message)| message.deduplication_id.clone())
            .collect();
        assert!(!chats.is_empty(), "chat is told too");
        let allowed_duplicates = self.house.allowed_duplicates.get();
        assert!(
            again <= allowed_duplicates,
            "{again} digests were sent again, and {allowed_duplicates} things had gone wrong"
        );
        let mut runs = self.committed.clone();
        runs.sort_unstable();
        runs.dedup();
        assert_eq!(
            runs.len(),
            self.committed.len(),
            "two executions say that they committed one run"
        );
        let readings = self.world.readings.borrow();
        let in_order: Vec<(i64, i64)> = self
            .commits
            .values()
            .map(|execution| readings[execution])
            .collect();
        for pair in in_order.windows(2) {
            assert!(
                pair[1].0 >= pair[0].1,
                "a reading was committed over one that ended after it began: {pair:?}"
            );
        }
        self.check_chain();
    }

    /// Every commit has its snapshot, and each names the one before it.
    fn check_chain(&self) {
        let ledger = self.house.ledger();
        let objects = self.house.objects.borrow();
        let mut number = ledger["sequence"].as_u64().expect("a number");
        let mut next = ledger["snapshot"].as_str().map(str::to_owned);
        let mut runs = BTreeSet::new();
        let latest: Value = serde_json::from_slice(&objects["latest.json"].0).expect("JSON");
        assert_eq!(latest["run"]["sequence"], number, "the latest is the last");
        while let Some(key) = next {
            let snapshot: Value = serde_json::from_slice(&objects[&key].0).expect("JSON");
            assert_eq!(snapshot["run"]["sequence"], number, "{key}");
            assert!(
                runs.insert(snapshot["run"]["id"].to_string()),
                "a run was committed twice: {key}"
            );
            number -= 1;
            next = snapshot["run"]["previous"].as_str().map(str::to_owned);
        }
        assert_eq!(number, 0, "the chain begins with the first commit");
    }
}

fn scenario(script: &[u8]) -> Runner {
    perform(|| {
        let mut scenario = Runner::new();
        for byte in script {
            scenario.act(*byte);
        }
        scenario.until_quiet();
        scenario.check();
        scenario
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn executions_that_overlap_die_and_are_lied_to_lose_nothing_and_tell_nothing_twice(script in vec(any::<u8>(), 0..400)) {
        scenario(&script);
    }
}

#[test]
fn the_script_reaches_what_it_is_meant_to_reach() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut ended: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..300 {
        let script = vec(any::<u8>(), 300..400)
            .new_tree(&mut runner)
            .expect("a script")
            .current();
        for end in scenario(&script).ended {
            *ended.entry(end).or_default() += 1;
        }
    }
    println!("{ended:?}");
    for end in [
        "well",
        "StoreFailed",
        "PublishFailed",
        "SettleFailed",
        "NothingRead",
    ] {
        assert!(ended.contains_key(end), "no run ended as {end}: {ended:?}");
    }
}
