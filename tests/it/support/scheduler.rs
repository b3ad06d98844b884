//! Deterministic scheduler for complete runs without a network.
//!
//! The real handler runs over an in-memory bucket, in-memory topics and a manual clock. The test
//! polls one execution at a time, up to its next service call, so that it controls how executions
//! overlap, crash and receive faults. The test supplies the AWS Config responses.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::model::{
    Attribute, BusEvent, EventBus, MAX_EVENTS_IN_CALL, MAX_EVENTS_SIZE, ReceiverArn, SnsMessage,
};
use packwatch::object_body::ObjectBody;
use packwatch::ports::{
    BoxError, Clock, ConfigApi, ETag, Notifier, ObjectHead, ObjectMetadata, ObjectStore,
    PublishError, PutError, PutMode,
};
use packwatch::report::{Response, RunResponse};
use packwatch::run::{RunError, ServiceSet};
use serde_json::Value;

use crate::support::harness::{BUS, CHAT, FUNCTION_ARN, TOPIC, time};
use crate::support::in_memory_preflight::InMemoryPreflight;

/// Fault of the next call of a kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The service rejects the call. The call has no effect.
    Rejected,
    /// No response arrives. The call has no effect.
    RequestLost,
    /// No response arrives. The call has its effect.
    ResponseLost,
}

pub const FAULTS: [Fault; 3] = [Fault::Rejected, Fault::RequestLost, Fault::ResponseLost];

/// An object in the bucket.
#[derive(Clone)]
pub struct StoredObject {
    pub bytes: Vec<u8>,
    /// Its `ETag`, as a number.
    version: u64,
    metadata: ObjectMetadata,
}

impl StoredObject {
    fn etag(&self) -> ETag {
        ETag(self.version.to_string())
    }
}

/// The bucket, the topics and the clock. They outlive the executions.
#[derive(Default)]
pub struct InMemoryState {
    /// Milliseconds since the start of the test.
    pub now: Cell<i64>,
    pub objects: RefCell<BTreeMap<String, StoredObject>>,
    versions: Cell<u64>,
    pub sent: RefCell<Vec<(ReceiverArn, SnsMessage)>>,
    /// Events that the bus accepted.
    pub events: RefCell<Vec<BusEvent>>,
    /// Whether the next read of an object, or of its metadata, gets no response.
    pub get_fault: Cell<bool>,
    pub put_fault: Cell<Option<Fault>>,
    pub publish_fault: Cell<Option<Fault>>,
    /// Maximum size in bytes of a message body.
    pub message_limit: Cell<Option<usize>>,
    /// Number of digests that were refused even in their last form.
    pub dropped: Cell<u32>,
    /// Number of the execution that is being polled.
    pub running: Cell<u32>,
    /// Crashes, rejections and lost responses so far. Each allows one duplicate digest.
    pub allowed_duplicates: Cell<usize>,
}

/// Handle to the state that all in-memory services share.
#[derive(Clone, Default)]
pub struct InMemoryServices(Rc<InMemoryState>);

impl Deref for InMemoryServices {
    type Target = InMemoryState;

    fn deref(&self) -> &InMemoryState {
        &self.0
    }
}

impl InMemoryServices {
    /// Advances the clock.
    pub fn advance_millis(&self, milliseconds: i64) {
        self.now.set(self.now.get() + milliseconds);
    }

    /// Records an event after which one digest may be sent twice.
    pub fn allow_duplicate(&self) {
        self.allowed_duplicates
            .set(self.allowed_duplicates.get() + 1);
    }

    /// Removes the faults that no call has used.
    pub fn clear_faults(&self) {
        self.get_fault.set(false);
        self.put_fault.set(None);
        self.publish_fault.set(None);
    }

    /// Returns a JSON object of the bucket.
    pub fn document(&self, key: &str) -> Option<Value> {
        self.objects
            .borrow()
            .get(key)
            .map(|object| serde_json::from_slice(&object.bytes).expect("JSON"))
    }

    /// Writes an object as it was before, as a new version.
    pub fn restore(&self, key: &str, object: StoredObject) {
        let version = self.versions.get() + 1;
        self.versions.set(version);
        let object = StoredObject { version, ..object };
        self.objects.borrow_mut().insert(key.to_owned(), object);
    }

    /// Returns the sequence in the metadata of an object.
    pub fn sequence(&self, key: &str) -> Option<u64> {
        self.objects.borrow().get(key)?.metadata.sequence
    }

    pub fn ledger(&self) -> Value {
        self.document("ledger.json").expect("a ledger")
    }

    /// Starts a read, which fails if a fault is set.
    async fn read(&self) -> Result<(), BoxError> {
        yield_now().await;
        if self.get_fault.take() {
            self.allow_duplicate();
            return Err("no response".into());
        }
        Ok(())
    }
}

thread_local! {
    /// Number of the execution that requests its execution ID.
    static CALLER: Cell<u32> = const { Cell::new(0) };
}

fn new_execution_id() -> String {
    CALLER.with(|caller| format!("execution-{}", caller.get()))
}

/// Settings with a digest topic and a chat topic, without a delay and without reminders.
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
    settings.expect("valid settings")
}

/// The same settings with an event bus in place of the chat topic.
pub fn topic_and_bus() -> Settings {
    Settings {
        chat_topic: None,
        event_bus: Some(EventBus::Arn(BUS.into())),
        ..two_topics()
    }
}

/// Yields to the scheduler once: the execution continues when the test polls it again.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(move |task| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
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
    async fn get(&self, key: &str) -> Result<Option<(ObjectBody, ETag)>, BoxError> {
        self.read().await?;
        let objects = self.objects.borrow();
        Ok(objects
            .get(key)
            .map(|object| (object.bytes.clone().into(), object.etag())))
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, BoxError> {
        self.read().await?;
        let objects = self.objects.borrow();
        Ok(objects.get(key).map(|object| ObjectHead {
            etag: object.etag(),
            sequence: object.metadata.sequence,
        }))
    }

    async fn put(
        &self,
        key: &str,
        body: ObjectBody,
        metadata: ObjectMetadata,
        expect: &PutMode,
    ) -> Result<ETag, PutError> {
        yield_now().await;
        let fault = self.put_fault.take();
        if fault.is_some() {
            self.allow_duplicate();
        }
        match fault {
            Some(Fault::Rejected) => return Err(PutError::Rejected("rejected".into())),
            Some(Fault::RequestLost) => return Err(PutError::Indeterminate("no response".into())),
            Some(Fault::ResponseLost) | None => {}
        }
        let mut objects = self.objects.borrow_mut();
        let current = objects.get(key).map(StoredObject::etag);
        let precondition_holds = match expect {
            PutMode::Create => current.is_none(),
            PutMode::Update(etag) => current.as_ref() == Some(etag),
        };
        if !precondition_holds {
            return Err(PutError::PreconditionFailed);
        }
        self.versions.set(self.versions.get() + 1);
        let stored = StoredObject {
            bytes: body.bytes().expect("bytes").into(),
            version: self.versions.get(),
            metadata,
        };
        let etag = stored.etag();
        objects.insert(key.to_owned(), stored);
        match fault {
            Some(_) => Err(PutError::Indeterminate("no response".into())),
            None => Ok(etag),
        }
    }
}

impl Notifier for InMemoryServices {
    async fn publish(&self, topic: &ReceiverArn, message: &SnsMessage) -> Result<(), PublishError> {
        yield_now().await;
        let ledger = self.ledger();
        let outgoing = &ledger["receivers"][topic.as_str()]["outgoing"];
        let execution = format!("execution-{}", self.running.get());
        assert_eq!(
            outgoing["lease"]["holder"], execution,
            "an execution sent a digest without the lease"
        );
        assert_eq!(
            outgoing["id"], message.deduplication_id,
            "the message is not the outgoing digest"
        );
        assert!(
            message
                .attributes
                .values()
                .all(|attribute| *attribute != Attribute::Strings(Vec::new())),
            "SNS may refuse an empty list"
        );
        if self
            .message_limit
            .get()
            .is_some_and(|limit| message.body.len() > limit)
        {
            let is_last_form = outgoing["last_form"]["body"] == message.body;
            self.dropped
                .set(self.dropped.get() + u32::from(is_last_form));
            return Err(PublishError::Content("the message is too long".into()));
        }
        let fault = self.publish_fault.take();
        if fault.is_some() {
            self.allow_duplicate();
        }
        if matches!(fault, None | Some(Fault::ResponseLost)) {
            self.sent
                .borrow_mut()
                .push((topic.clone(), message.clone()));
        }
        fault.map_or(Ok(()), |fault| {
            Err(PublishError::Failed(format!("{fault:?}").into()))
        })
    }

    /// A rejected call is rejected in part: the bus accepts every second event.
    async fn put_events(
        &self,
        bus: &ReceiverArn,
        events: &[BusEvent],
    ) -> Result<Vec<Result<(), PublishError>>, PublishError> {
        yield_now().await;
        let ledger = self.ledger();
        let outgoing = &ledger["receivers"][bus.as_str()]["outgoing"];
        let execution = format!("execution-{}", self.running.get());
        assert_eq!(
            outgoing["lease"]["holder"], execution,
            "an execution sent events without the lease"
        );
        assert!((1..=MAX_EVENTS_IN_CALL).contains(&events.len()));
        assert!(events.iter().map(BusEvent::size).sum::<usize>() <= MAX_EVENTS_SIZE);
        let fault = self.publish_fault.take();
        if fault.is_some() {
            self.allow_duplicate();
        }
        let mut results = Vec::new();
        for (position, event) in events.iter().enumerate() {
            let is_stored = outgoing["events"]
                .as_array()
                .expect("a list of events")
                .iter()
                .any(|stored| stored["detail"] == event.detail);
            assert!(is_stored, "the event is not in the outbox");
            let accepted = match fault {
                None | Some(Fault::ResponseLost) => true,
                Some(Fault::RequestLost) => false,
                Some(Fault::Rejected) => position % 2 == 0,
            };
            results.push(if accepted {
                self.events.borrow_mut().push(event.clone());
                Ok(())
            } else {
                Err(PublishError::Failed("refused".into()))
            });
        }
        match fault {
            Some(Fault::RequestLost | Fault::ResponseLost) => {
                Err(PublishError::Failed("no response".into()))
            }
            _ => Ok(results),
        }
    }
}

/// A running execution. It ends when it returns, crashes, or reaches its deadline.
pub struct Execution {
    pub number: u32,
    pub run: u32,
    future: Pin<Box<dyn Future<Output = Result<RunResponse, RunError>>>>,
    deadline: i64,
}

/// Polls executions over shared in-memory services.
pub struct Scheduler<S> {
    pub services: InMemoryServices,
    pub config: S,
    pub running: Vec<Execution>,
    started: u32,
}

/// Lambda timeout of an execution, in milliseconds.
const LAMBDA_TIMEOUT: i64 = 120_000;

impl<S: ConfigApi + Clone + 'static> Scheduler<S> {
    pub fn new(services: InMemoryServices, config: S) -> Self {
        Self {
            services,
            config,
            running: Vec::new(),
            started: 0,
        }
    }

    /// Starts an execution of a run. Executions with the same `run` share their request ID.
    pub fn start(&mut self, run: u32, settings: Settings, event: Value) {
        let invocation = self.invocation(&format!("run-{run}"), settings, event);
        self.started += 1;
        let future = Box::pin(async move {
            let response = invocation.await?;
            Ok(response.into_run().expect("a run"))
        });
        let deadline = self.services.now.get() + LAMBDA_TIMEOUT;
        self.running.push(Execution {
            number: self.started,
            run,
            future,
            deadline,
        });
    }

    /// Invokes the function without faults while nothing else is running, and returns its response.
    pub fn invoke(&mut self, request_id: &str, settings: Settings, event: Value) -> Response {
        assert!(self.running.is_empty(), "an execution is running");
        let mut invocation = Box::pin(self.invocation(request_id, settings, event));
        let mut context = TaskContext::from_waker(Waker::noop());
        loop {
            self.services.advance_millis(1);
            if let Poll::Ready(result) = invocation.as_mut().poll(&mut context) {
                return result.unwrap_or_else(|error| panic!("{}", error.to_report()));
            }
        }
    }

    /// Returns an invocation of a new process.
    fn invocation(
        &self,
        request_id: &str,
        settings: Settings,
        event: Value,
    ) -> impl Future<Output = Result<Response, RunError>> + use<S> {
        let in_memory = || self.services.clone();
        let services = ServiceSet {
            config: self.config.clone(),
            store: in_memory(),
            notifier: in_memory(),
            preflight: InMemoryPreflight::default(),
            clock: in_memory(),
        };
        let handler =
            Handler::new(settings, services, new_execution_id, None).deployed_as(|name| {
                (name == "AWS_LAMBDA_FUNCTION_NAME").then(|| "packwatch".to_owned())
            });
        let mut context = Context::default();
        request_id.clone_into(&mut context.request_id);
        FUNCTION_ARN.clone_into(&mut context.invoked_function_arn);
        let deadline = Clock::now(&self.services) + SignedDuration::from_millis(LAMBDA_TIMEOUT);
        context.deadline =
            u64::try_from(deadline.as_millisecond()).expect("the clock is after 1970");
        async move { handler.invoke(&event.to_string(), context).await }
    }

    /// Polls one execution once and advances the clock by a millisecond.
    ///
    /// Returns the execution and its result if it returned.
    pub fn poll(&mut self, which: usize) -> Option<(Execution, Result<RunResponse, RunError>)> {
        self.services.advance_millis(1);
        let now = self.services.now.get();
        let before = self.running.len();
        self.running.retain(|execution| execution.deadline > now);
        (self.running.len()..before).for_each(|_| self.services.allow_duplicate());
        if self.running.is_empty() {
            return None;
        }
        let which = which % self.running.len();
        let execution = &mut self.running[which];
        self.services.running.set(execution.number);
        CALLER.with(|caller| caller.set(execution.number));
        match execution
            .future
            .as_mut()
            .poll(&mut TaskContext::from_waker(Waker::noop()))
        {
            Poll::Ready(result) => Some((self.running.remove(which), result)),
            Poll::Pending => None,
        }
    }

    /// Crashes an execution at its current service call.
    pub fn kill(&mut self, which: usize) {
        if !self.running.is_empty() {
            self.services.allow_duplicate();
            drop(self.running.remove(which % self.running.len()));
        }
    }
}

/// Runs a scenario in a runtime with a paused clock, so that no timeout fires.
pub fn with_paused_clock<T>(scenario: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("the runtime builds");
    let _guard = runtime.enter();
    scenario()
}
