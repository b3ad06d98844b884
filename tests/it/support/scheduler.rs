//! The theatre of whole runs without a network: the real function over a bucket, topics and a clock
//! in memory, polled one call at a time, so that executions overlap, die and are lied to as the
//! play wants it. What AWS Config says is the play's.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::model::SnsMessage;
use packwatch::model::TopicArn;
use packwatch::ports::{
    BoxError, Clock, ConfigApi, ETag, Notifier, ObjectStore, PutError, PutMode,
};
use packwatch::report::RunResponse;
use packwatch::run::RunError;
use packwatch::run::Services;
use serde_json::Value;

use crate::support::harness::{CHAT, TOPIC, time};

/// What goes wrong with the next call of a kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Refused, without effect.
    Refused,
    /// Not answered, without effect.
    LostBefore,
    /// Not answered, and done.
    LostAfter,
}

pub const FAULTS: [Fault; 3] = [Fault::Refused, Fault::LostBefore, Fault::LostAfter];

/// The bucket, the topics and the time. They live on when executions die.
#[derive(Default)]
pub struct InMemoryState {
    /// Milliseconds since the beginning.
    pub now: Cell<i64>,
    pub objects: RefCell<BTreeMap<String, (Vec<u8>, u64)>>,
    versions: Cell<u64>,
    pub sent: RefCell<Vec<(TopicArn, SnsMessage)>>,
    pub get_fault: Cell<bool>,
    pub put_fault: Cell<Option<Fault>>,
    pub publish_fault: Cell<Option<Fault>>,
    /// The execution whose turn it is.
    pub yield_now: Cell<u32>,
    /// Deaths, refusals and lost answers: so often a digest may be sent again.
    pub allowed_duplicates: Cell<usize>,
}

/// A handle that all services share.
#[derive(Clone, Default)]
pub struct InMemoryServices(Rc<InMemoryState>);

impl Deref for InMemoryServices {
    type Target = InMemoryState;

    fn deref(&self) -> &InMemoryState {
        &self.0
    }
}

impl InMemoryServices {
    pub fn pass(&self, milliseconds: i64) {
        self.now.set(self.now.get() + milliseconds);
    }

    pub fn allow_duplicate(&self) {
        self.allowed_duplicates
            .set(self.allowed_duplicates.get() + 1);
    }

    pub fn forget_faults(&self) {
        self.get_fault.set(false);
        self.put_fault.set(None);
        self.publish_fault.set(None);
    }

    pub fn document(&self, key: &str) -> Option<Value> {
        self.objects
            .borrow()
            .get(key)
            .map(|(bytes, _)| serde_json::from_slice(bytes).expect("JSON"))
    }

    pub fn ledger(&self) -> Value {
        self.document("ledger.json").expect("a ledger")
    }
}

thread_local! {
    /// The execution that asks for its token.
    static ASKING: Cell<u32> = const { Cell::new(0) };
}

fn token() -> String {
    ASKING.with(|asking| format!("execution-{}", asking.get()))
}

/// A digest topic and a chat topic, and everything due at once and once.
pub fn two_topics() -> Settings {
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
    settings.expect("right settings")
}

/// Gives the turn back once: what follows happens when the play polls again.
pub async fn yield_now() {
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

impl Clock for InMemoryServices {
    fn now(&self) -> Timestamp {
        time("2026-03-01T08:00:00Z") + SignedDuration::from_millis(self.now.get())
    }
}

impl ObjectStore for InMemoryServices {
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        yield_now().await;
        if self.get_fault.take() {
            self.allow_duplicate();
            return Err("no answer".into());
        }
        let objects = self.objects.borrow();
        Ok(objects
            .get(key)
            .map(|(bytes, version)| (bytes.clone(), ETag(version.to_string()))))
    }

    async fn put(&self, key: &str, bytes: Bytes, expect: &PutMode) -> Result<ETag, PutError> {
        yield_now().await;
        let fault = self.put_fault.take();
        if fault.is_some() {
            self.allow_duplicate();
        }
        match fault {
            Some(Fault::Refused) => return Err(PutError::Rejected("refused".into())),
            Some(Fault::LostBefore) => return Err(PutError::Indeterminate("no answer".into())),
            Some(Fault::LostAfter) | None => {}
        }
        let mut objects = self.objects.borrow_mut();
        let there = objects.get(key).map(|(_, version)| version.to_string());
        let holds = match expect {
            PutMode::Create => there.is_none(),
            PutMode::Update(ETag(version)) => there.as_ref() == Some(version),
        };
        if !holds {
            return Err(PutError::PreconditionFailed);
        }
        self.versions.set(self.versions.get() + 1);
        objects.insert(key.to_owned(), (bytes.into(), self.versions.get()));
        match fault {
            Some(_) => Err(PutError::Indeterminate("no answer".into())),
            None => Ok(ETag(self.versions.get().to_string())),
        }
    }
}

impl Notifier for InMemoryServices {
    async fn publish(&self, topic: &TopicArn, message: &SnsMessage) -> Result<(), BoxError> {
        yield_now().await;
        let ledger = self.ledger();
        let head = &ledger["audiences"][topic.as_str()]["head"];
        let owner = format!("execution-{}", self.yield_now.get());
        assert_eq!(head["owner"]["execution"], owner, "who sends is the owner");
        assert_eq!(
            head["id"], message.deduplication_id,
            "of what is to be sent"
        );
        let fault = self.publish_fault.take();
        if fault.is_some() {
            self.allow_duplicate();
        }
        if matches!(fault, None | Some(Fault::LostAfter)) {
            self.sent
                .borrow_mut()
                .push((topic.clone(), message.clone()));
        }
        fault.map_or(Ok(()), |fault| Err(format!("{fault:?}").into()))
    }
}

/// One execution, alive until it ends, dies, or its time is over.
pub struct Execution {
    pub number: u32,
    pub run: u32,
    future: Pin<Box<dyn Future<Output = Result<RunResponse, RunError>>>>,
    deadline: i64,
}

/// The house and the executions in it.
pub struct Scheduler<S> {
    pub house: InMemoryServices,
    pub source: S,
    pub alive: Vec<Execution>,
    executions: u32,
}

/// Lambda ends an execution after so many milliseconds.
const TIME: i64 = 120_000;

impl<S: ConfigApi + Clone + 'static> Scheduler<S> {
    pub fn new(house: InMemoryServices, source: S) -> Self {
        Self {
            house,
            source,
            alive: Vec::new(),
            executions: 0,
        }
    }

    /// Starts an execution of the run with this number.
    pub fn start(&mut self, run: u32, settings: Settings, event: Value) {
        let house = || self.house.clone();
        let services = Services {
            config: self.source.clone(),
            store: house(),
            notifier: house(),
            clock: house(),
        };
        let function = Handler::new(settings, services, token, None);
        let mut context = Context::default();
        context.request_id = format!("run-{run}");
        let deadline = Clock::now(&self.house) + SignedDuration::from_millis(TIME);
        context.deadline = u64::try_from(deadline.as_millisecond()).expect("after 1970");
        self.executions += 1;
        let future = Box::pin(async move { function.invoke(&event.to_string(), context).await });
        let deadline = self.house.now.get() + TIME;
        self.alive.push(Execution {
            number: self.executions,
            run,
            future,
            deadline,
        });
    }

    /// One step of one execution, a millisecond long; gives the one that it ended, and how.
    pub fn poll(&mut self, which: usize) -> Option<(Execution, Result<RunResponse, RunError>)> {
        self.house.pass(1);
        let now = self.house.now.get();
        let before = self.alive.len();
        self.alive.retain(|execution| execution.deadline > now);
        (self.alive.len()..before).for_each(|_| self.house.allow_duplicate());
        if self.alive.is_empty() {
            return None;
        }
        let which = which % self.alive.len();
        let execution = &mut self.alive[which];
        self.house.yield_now.set(execution.number);
        ASKING.with(|asking| asking.set(execution.number));
        match execution
            .future
            .as_mut()
            .poll(&mut TaskContext::from_waker(Waker::noop()))
        {
            Poll::Ready(result) => Some((self.alive.remove(which), result)),
            Poll::Pending => None,
        }
    }

    /// An execution dies where it is.
    pub fn kill(&mut self, which: usize) {
        if !self.alive.is_empty() {
            self.house.allow_duplicate();
            drop(self.alive.remove(which % self.alive.len()));
        }
    }
}

/// Runs a play inside a runtime whose timers stand still.
pub fn perform<T>(scenario: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    scenario()
}
