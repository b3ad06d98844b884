//! Executions that overlap, die and are lied to, in every order that chance finds: the real pipeline over a bucket, topics
//! and statuses in memory, polled one call at a time by a script. Whatever happens, runs without faults then fall silent, and
//! what each audience was told, replayed, is what is open.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use packwatch::error::RunError;
use packwatch::handler::Function;
use packwatch::message::Message;
use packwatch::model::{AccountId, GapCause, PackName, Row, TopicArn};
use packwatch::pipeline::Ports;
use packwatch::plan::Watched;
use packwatch::ports::{Archive, Cause, Clock, Expect, Notifier, Page, StatusSource, Unread, Unwritten, Version};
use packwatch::report::{Outcome, Report};
use packwatch::settings::Settings;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{CHAT, OWN, TOPIC, keys, time};

/// Failing from the first moment to the last.
const LASTING: &str = "222233334444";
/// Failing now and then.
const WAVERING: [&str; 2] = ["333344445555", "444455556666"];

/// What goes wrong with the next call of a kind.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Refused, without effect.
    Refused,
    /// Not answered, without effect.
    LostBefore,
    /// Not answered, and done.
    LostAfter,
}

/// Everything outside: it lives on when executions die.
#[derive(Default)]
struct World {
    now: Cell<i64>,
    objects: RefCell<BTreeMap<String, (Vec<u8>, u64)>>,
    versions: Cell<u64>,
    sent: RefCell<Vec<(TopicArn, Message)>>,
    failing: RefCell<BTreeSet<&'static str>>,
    put_fault: Cell<Option<Fault>>,
    publish_fault: Cell<Option<Fault>>,
    read_fault: Cell<bool>,
    /// The execution whose turn it is.
    turn: Cell<u32>,
    /// When each execution's last reading began and ended.
    readings: RefCell<BTreeMap<u32, (i64, i64)>>,
    /// Deaths, refusals and lost answers: so often a digest may be sent again.
    excuses: Cell<usize>,
}

impl World {
    fn excuse(&self) {
        self.excuses.set(self.excuses.get() + 1);
    }
}

thread_local! {
    /// The execution that asks for its token.
    static ASKING: Cell<u32> = const { Cell::new(0) };
}

fn token() -> String {
    ASKING.with(|asking| format!("execution-{}", asking.get()))
}

/// A handle on the world that all ports share.
#[derive(Clone)]
struct Shared(Rc<World>);

/// Gives the turn back once: what follows happens when the script polls again.
async fn turn() {
    let mut given = false;
    std::future::poll_fn(move |task| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        time("2026-03-01T08:00:00Z") + SignedDuration::from_millis(self.0.now.get())
    }
}

impl StatusSource for Shared {
    async fn identify(&self) -> Result<AccountId, GapCause> {
        Ok(OWN.into())
    }

    async fn packs(&self, _: &Watched, _: Option<&str>) -> Result<Page<(PackName, Row)>, GapCause> {
        // The reading began when the call was made.
        self.0.readings.borrow_mut().insert(self.0.turn.get(), (self.0.now.get(), i64::MAX));
        turn().await;
        if self.0.read_fault.take() {
            return Err(GapCause { operation: "Describe".into(), code: "AccessDenied".into(), message: "no".into() });
        }
        Ok(Page { rows: vec![("baseline".into(), Row::new("CREATE_IN_PROGRESS"))], next: None })
    }

    async fn pack(&self, _: &Watched, _: &PackName) -> Result<Option<Row>, GapCause> {
        Ok(Some(Row::new("CREATE_IN_PROGRESS")))
    }

    async fn members(
        &self,
        _: &Watched,
        _: &PackName,
        _: Option<&AccountId>,
        _: Option<&str>,
    ) -> Result<Page<(AccountId, Row)>, Unread> {
        turn().await;
        if let Some((_, end)) = self.0.readings.borrow_mut().get_mut(&self.0.turn.get()) {
            *end = self.0.now.get();
        }
        let failing = self.0.failing.borrow();
        let row = |account: &'static str| {
            let status = if failing.contains(account) { "CREATE_FAILED" } else { "CREATE_SUCCESSFUL" };
            (account.into(), Row::new(status))
        };
        Ok(Page { rows: [LASTING].into_iter().chain(WAVERING).map(row).collect(), next: None })
    }
}

impl Archive for Shared {
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, Cause> {
        turn().await;
        let objects = self.0.objects.borrow();
        Ok(objects.get(key).map(|(bytes, version)| (bytes.clone(), Version(version.to_string()))))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, expect: &Expect) -> Result<Version, Unwritten> {
        turn().await;
        let fault = self.0.put_fault.take();
        if fault.is_some() {
            self.0.excuse();
        }
        match fault {
            Some(Fault::Refused) => return Err(Unwritten::Refused("refused".into())),
            Some(Fault::LostBefore) => return Err(Unwritten::Unknown("no answer".into())),
            Some(Fault::LostAfter) | None => {}
        }
        let mut objects = self.0.objects.borrow_mut();
        let there = objects.get(key).map(|(_, version)| version.to_string());
        let holds = match expect {
            Expect::Absent => there.is_none(),
            Expect::Version(Version(version)) => there.as_ref() == Some(version),
        };
        if !holds {
            return Err(Unwritten::Lost);
        }
        self.0.versions.set(self.0.versions.get() + 1);
        objects.insert(key.to_owned(), (bytes, self.0.versions.get()));
        match fault {
            Some(_) => Err(Unwritten::Unknown("no answer".into())),
            None => Ok(Version(self.0.versions.get().to_string())),
        }
    }
}

impl Notifier for Shared {
    async fn publish(&self, topic: &TopicArn, message: &Message) -> Result<(), Cause> {
        turn().await;
        let ledger: Value = serde_json::from_slice(&self.0.objects.borrow()["ledger.json"].0).expect("JSON");
        let head = &ledger["audiences"][topic.as_str()]["head"];
        let owner = format!("execution-{}", self.0.turn.get());
        assert_eq!(head["owner"]["execution"], owner, "who sends is the owner");
        assert_eq!(head["id"], message.deduplication_id, "of what is to be sent");
        let fault = self.0.publish_fault.take();
        if fault.is_some() {
            self.0.excuse();
        }
        if matches!(fault, None | Some(Fault::LostAfter)) {
            self.0.sent.borrow_mut().push((topic.clone(), message.clone()));
        }
        fault.map_or(Ok(()), |fault| Err(format!("{fault:?}").into()))
    }
}

/// One execution, alive until it ends, dies, or its time is over.
struct Execution {
    number: u32,
    run: u32,
    future: Pin<Box<dyn Future<Output = Result<Report, RunError>>>>,
    deadline: i64,
}

struct Stage {
    world: Shared,
    alive: Vec<Execution>,
    started: u32,
    executions: u32,
    ended: Vec<&'static str>,
    /// The runs that an execution answered to have committed.
    committed: Vec<u32>,
    /// The executions in the order of their commits.
    commits: BTreeMap<u64, u32>,
}

impl Stage {
    fn new() -> Self {
        let world = Shared(Rc::new(World::default()));
        world.0.failing.borrow_mut().insert(LASTING);
        Self {
            world,
            alive: Vec::new(),
            started: 0,
            executions: 0,
            ended: Vec::new(),
            committed: Vec::new(),
            commits: BTreeMap::new(),
        }
    }

    fn start(&mut self, same_run: bool) {
        if !same_run || self.started == 0 {
            self.started += 1;
        }
        let settings = Settings::read(|name| {
            let value = match name {
                "AWS_REGION" => "eu-west-1",
                "SNAPSHOT_BUCKET" => "bucket",
                "TOPIC_ARN" => TOPIC,
                "CHAT_TOPIC_ARN" => CHAT,
                "REMIND_AFTER_HOURS" => "0",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let world = || self.world.clone();
        let ports = Ports { source: world(), archive: world(), notifier: world(), clock: world() };
        let function = Function::new(settings.expect("right settings"), ports, token);
        let mut context = Context::default();
        context.request_id = format!("run-{}", self.started);
        let deadline = self.world.now() + SignedDuration::from_secs(120);
        context.deadline = u64::try_from(deadline.as_millisecond()).expect("after 1970");
        let deadline = self.world.0.now.get() + 120_000;
        self.executions += 1;
        let future = Box::pin(async move { function.invoke(LambdaEvent::new(json!({}), context)).await });
        self.alive.push(Execution { number: self.executions, run: self.started, future, deadline });
    }

    /// One step of one execution. Lambda ends those whose time is over.
    fn poll(&mut self, which: usize) {
        let now = self.world.0.now.get() + 1;
        self.world.0.now.set(now);
        self.alive.retain(|execution| {
            if execution.deadline <= now {
                self.world.0.excuse();
            }
            execution.deadline > now
        });
        if self.alive.is_empty() {
            return;
        }
        let which = which % self.alive.len();
        let mut task = TaskContext::from_waker(Waker::noop());
        self.world.0.turn.set(self.alive[which].number);
        ASKING.with(|asking| asking.set(self.alive[which].number));
        if let Poll::Ready(result) = self.alive[which].future.as_mut().poll(&mut task) {
            if result.as_ref().is_ok_and(|report| report.outcome == Outcome::Committed) {
                self.committed.push(self.alive[which].run);
            }
            self.ended.push(match result {
                Ok(_) => "well",
                Err(error) => error.kind(),
            });
            drop(self.alive.remove(which));
        }
        self.note_commits();
    }

    fn note_commits(&mut self) {
        if !self.world.0.objects.borrow().contains_key("ledger.json") {
            return;
        }
        for run in self.ledger()["runs"].as_array().expect("runs") {
            let execution = run["execution"].as_str().and_then(|token| token.strip_prefix("execution-")?.parse().ok());
            self.commits.insert(run["sequence"].as_u64().expect("a number"), execution.expect("a token of ours"));
        }
    }

    fn act(&mut self, byte: u8) {
        let (what, detail) = (byte % 16, usize::from(byte / 16));
        let fault = [Fault::Refused, Fault::LostBefore, Fault::LostAfter][detail % 3];
        match what {
            0..=7 => self.poll(detail),
            8 if self.alive.len() < 3 => self.start(false),
            9 if self.alive.len() < 3 => self.start(true),
            10 if !self.alive.is_empty() => {
                self.world.0.excuse();
                drop(self.alive.remove(detail % self.alive.len()));
            }
            11 => {
                let account = WAVERING[detail % 2];
                let mut failing = self.world.0.failing.borrow_mut();
                if !failing.remove(account) {
                    failing.insert(account);
                }
            }
            12 => self.world.0.now.set(self.world.0.now.get() + [1_000, 5_000, 30_000, 130_000][detail % 4]),
            13 => self.world.0.put_fault.set(Some(fault)),
            14 => self.world.0.publish_fault.set(Some(fault)),
            15 if detail == 0 => self.world.0.read_fault.set(true),
            _ => {}
        }
    }

    /// Runs without faults until two in a row had nothing to say.
    fn until_quiet(&mut self) {
        for _ in self.alive.drain(..) {
            self.world.0.excuse();
        }
        self.world.0.put_fault.set(None);
        self.world.0.publish_fault.set(None);
        self.world.0.read_fault.set(false);
        let mut quiet = 0;
        for _ in 0..8 {
            self.world.0.now.set(self.world.0.now.get() + 3_600_000);
            let before = self.world.0.sent.borrow().len();
            self.start(false);
            for _ in 0..200 {
                self.poll(0);
            }
            assert!(self.alive.is_empty(), "a run ends");
            assert_eq!(self.ended.last(), Some(&"well"), "a run without faults ends well");
            quiet = if self.world.0.sent.borrow().len() == before { quiet + 1 } else { 0 };
            if quiet == 2 {
                return;
            }
        }
        panic!("it does not fall silent");
    }

    fn ledger(&self) -> Value {
        serde_json::from_slice(&self.world.0.objects.borrow()["ledger.json"].0).expect("JSON")
    }

    fn check(&self) {
        for (topic, audience) in self.ledger()["audiences"].as_object().expect("audiences") {
            assert_eq!(audience["head"], Value::Null, "{topic} is left with a head");
        }
        let mut believed: BTreeSet<String> = BTreeSet::new();
        let mut seen: BTreeMap<String, Message> = BTreeMap::new();
        let mut again = 0;
        for (_, message) in self.world.0.sent.borrow().iter().filter(|(topic, _)| topic.as_str() == TOPIC) {
            let body: Value = serde_json::from_str(&message.body).expect("JSON");
            let digest: Value = serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON");
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
        let open: BTreeSet<String> =
            self.world.0.failing.borrow().iter().map(|account| format!("baseline/{account}")).collect();
        assert_eq!(believed, open, "what was told, replayed, is what is open");
        let chats: BTreeSet<String> = self
            .world
            .0
            .sent
            .borrow()
            .iter()
            .filter(|(topic, _)| topic.as_str() == CHAT)
            .map(|(_, message)| message.deduplication_id.clone())
            .collect();
        assert!(!chats.is_empty(), "chat is told too");
        let excuses = self.world.0.excuses.get();
        assert!(again <= excuses, "{again} digests were sent again, and {excuses} things had gone wrong");
        let mut runs = self.committed.clone();
        runs.sort_unstable();
        runs.dedup();
        assert_eq!(runs.len(), self.committed.len(), "two executions say that they committed one run");
        let readings = self.world.0.readings.borrow();
        let in_order: Vec<(i64, i64)> = self.commits.values().map(|execution| readings[execution]).collect();
        for pair in in_order.windows(2) {
            assert!(pair[1].0 >= pair[0].1, "a reading was committed over one that ended after it began: {pair:?}");
        }
        self.check_chain();
    }

    /// Every commit has its snapshot, and each names the one before it.
    fn check_chain(&self) {
        let ledger = self.ledger();
        let objects = self.world.0.objects.borrow();
        let mut number = ledger["sequence"].as_u64().expect("a number");
        let mut next = ledger["snapshot"].as_str().map(str::to_owned);
        let mut runs = BTreeSet::new();
        let latest: Value = serde_json::from_slice(&objects["latest.json"].0).expect("JSON");
        assert_eq!(latest["run"]["sequence"], number, "the latest is the last");
        while let Some(key) = next {
            let snapshot: Value = serde_json::from_slice(&objects[&key].0).expect("JSON");
            assert_eq!(snapshot["run"]["sequence"], number, "{key}");
            assert!(runs.insert(snapshot["run"]["id"].to_string()), "a run was committed twice: {key}");
            number -= 1;
            next = snapshot["run"]["previous"].as_str().map(str::to_owned);
        }
        assert_eq!(number, 0, "the chain begins with the first commit");
    }
}

fn play(script: &[u8]) -> Stage {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let _inside = runtime.enter();
    let mut stage = Stage::new();
    for byte in script {
        stage.act(*byte);
    }
    stage.until_quiet();
    stage.check();
    stage
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn executions_that_overlap_die_and_are_lied_to_lose_nothing_and_tell_nothing_twice(script in vec(any::<u8>(), 0..400)) {
        play(&script);
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
        let script = vec(any::<u8>(), 300..400).new_tree(&mut runner).expect("a script").current();
        for end in play(&script).ended {
            *ended.entry(end).or_default() += 1;
        }
    }
    println!("{ended:?}");
    for end in ["well", "StoreFailed", "PublishFailed", "SettleFailed", "NothingRead"] {
        assert!(ended.contains_key(end), "no run ended as {end}: {ended:?}");
    }
}
