//! Test environment for complete runs: a simulated organization, the real handler over the real AWS
//! SDK, and a manual clock.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use aws_sdk_s3::config::Credentials;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use packwatch::aws::{self, AwsNotifier, ConfigServiceApi, PreflightClients, S3Store, Timeouts};
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::ports::Clock;
use packwatch::run::{RunError, ServiceSet};
use packwatch_simulation::{Organization, Publish, Server, StatusRecord};
use serde_json::{Value, json};

pub const OWN: &str = "111122223333";
pub const REGION: &str = "eu-west-1";
pub const BUCKET: &str = "packwatch-snapshots";
pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:digest";
/// ARN of the deployed function.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:packwatch";
pub const CHAT: &str = "arn:aws:sns:eu-west-1:111122223333:chat";

pub const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/operations";

/// A clock that advances only when a test advances it.
#[derive(Clone)]
pub struct ManualClock(Rc<Cell<Timestamp>>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.get()
    }
}

/// The services of the deployed function, with a manual clock.
pub type RealServices =
    ServiceSet<ConfigServiceApi, S3Store, AwsNotifier, PreflightClients, ManualClock>;
/// The handler of the deployed function, with a manual clock.
pub type RealHandler = Handler<RealServices>;

/// A simulated organization, the environment variables of the function, and a manual clock.
pub struct TestEnv {
    pub world: Organization,
    pub server: Server,
    pub env: BTreeMap<String, String>,
    pub timeouts: Timeouts,
    /// Endpoint of all AWS services.
    pub endpoint: String,
    /// ARN that Lambda passes to invocations.
    pub function_arn: String,
    clock: ManualClock,
    runs: Cell<u32>,
}

impl TestEnv {
    /// Creates an organization with a bucket and a topic, and without packs.
    pub async fn new() -> Self {
        let world = Organization::new(OWN);
        world.create_bucket(BUCKET);
        world.create_topic(TOPIC);
        let server = Server::start(&world).await;
        let env = [
            ("AWS_REGION", REGION),
            ("SNAPSHOT_BUCKET", BUCKET),
            ("TOPIC_ARN", TOPIC),
            ("AWS_LAMBDA_FUNCTION_NAME", "packwatch"),
        ];
        Self {
            world,
            endpoint: server.url(),
            server,
            env: env
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            timeouts: Timeouts::default(),
            function_arn: FUNCTION_ARN.to_owned(),
            clock: ManualClock(Rc::new(Cell::new(time("2026-03-01T08:00:00Z")))),
            runs: Cell::new(0),
        }
    }

    /// Creates an organization in which one member account of one pack fails.
    pub async fn failing() -> Self {
        let env = Self::new().await;
        env.pack("baseline", "UPDATE_SUCCESSFUL");
        env.member("baseline", "222233334444", "UPDATE_FAILED");
        env
    }

    /// Sets an environment variable of the function.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sets the clock.
    pub fn set_time(&self, at: &str) {
        self.clock.0.set(time(at));
    }

    /// Advances the clock by `minutes`.
    pub fn advance_minutes(&self, minutes: i64) {
        self.advance_seconds(60 * minutes);
    }

    /// Advances the clock by `seconds`.
    pub fn advance_seconds(&self, seconds: i64) {
        self.clock
            .0
            .set(self.clock.now() + SignedDuration::from_secs(seconds));
    }

    /// Creates the handler of a new process.
    pub async fn function(&self) -> RealHandler {
        let (settings, services) = self.connected().await;
        Handler::new(settings, services, token, None)
            .deployed_as(|name| self.env.get(name).cloned())
    }

    /// Returns the settings and the services of a new process.
    pub async fn connected(&self) -> (Settings, RealServices) {
        let settings = Settings::read(|name| self.env.get(name).cloned())
            .expect("the settings of the test environment are valid");
        let loader = aws::sdk_config()
            .endpoint_url(&self.endpoint)
            .credentials_provider(Credentials::new("AKIDOWN", "secret", None, None, "test"));
        let aws = aws::connect(loader, &settings, self.timeouts, |name| {
            self.env.get(name).cloned()
        })
        .await
        .expect("the environment names no proxy or certificates that cannot be used");
        let services = ServiceSet {
            config: aws.config,
            store: aws.store,
            notifier: aws.notifier,
            preflight: aws.preflight,
            clock: self.clock.clone(),
        };
        (settings, services)
    }

    /// Returns the context of the next invocation, with a new request ID.
    pub fn context(&self) -> Context {
        self.runs.set(self.runs.get() + 1);
        self.context_of(&format!("run-{}", self.runs.get()))
    }

    /// Makes the next invocation a Lambda retry of the previous one, with the same request ID.
    pub fn reuse_request_id(&self) {
        self.runs.set(self.runs.get() - 1);
    }

    /// Returns the context of an invocation with this request ID.
    pub fn context_of(&self, request_id: &str) -> Context {
        let mut context = Context::default();
        request_id.clone_into(&mut context.request_id);
        context.invoked_function_arn.clone_from(&self.function_arn);
        let deadline = self.now() + SignedDuration::from_secs(120);
        context.deadline =
            u64::try_from(deadline.as_millisecond()).expect("the clock is after 1970");
        context
    }

    /// Invokes a new process and returns its response as the caller receives it.
    pub async fn invoke(&self, event: Value) -> Result<Value, RunError> {
        let function = self.function().await;
        self.invoke_in(&function, event).await
    }

    /// Invokes an existing process and returns its response as the caller receives it.
    pub async fn invoke_in(&self, function: &RealHandler, event: Value) -> Result<Value, RunError> {
        let response = function.invoke(&event.to_string(), self.context()).await?;
        Ok(serde_json::to_value(response).expect("the response is JSON"))
    }

    /// Makes a full run that must succeed, then advances the clock by 15 minutes.
    pub async fn run(&self) -> Value {
        let response = self
            .invoke(json!({}))
            .await
            .unwrap_or_else(|error| panic!("{}", error.to_report()));
        self.advance_minutes(15);
        response
    }

    /// Makes a full run that sends no first look, then advances the clock by 15 minutes.
    pub async fn run_silently(&self) -> Value {
        let response = self
            .invoke(json!({"announce": "never"}))
            .await
            .unwrap_or_else(|error| panic!("{}", error.to_report()));
        self.advance_minutes(15);
        response
    }

    /// Sets the status of a pack.
    pub fn pack(&self, pack: &str, status: &str) {
        self.world
            .put_pack(OWN, REGION, pack, StatusRecord::new(status));
    }

    /// Sets the status of a member account in a pack.
    pub fn member(&self, pack: &str, account: &str, status: &str) {
        self.world
            .put_member(OWN, REGION, pack, account, StatusRecord::new(status));
    }

    /// Returns the digests that the digest topic accepted, in their JSON format.
    pub fn digests(&self) -> Vec<Value> {
        self.publishes(TOPIC).iter().map(program_json).collect()
    }

    /// Returns the messages that a topic accepted.
    pub fn publishes(&self, topic: &str) -> Vec<Publish> {
        self.world
            .publishes()
            .into_iter()
            .filter(|publish| publish.topic == topic)
            .collect()
    }

    /// Returns the events of a type that the bus accepted, each with its detail as JSON.
    pub fn bus_events(&self, detail_type: &str) -> Vec<Value> {
        let events = self.world.events().into_iter();
        events
            .filter(|event| event.bus == BUS && event.detail_type == detail_type)
            .map(|event| serde_json::from_str(&event.detail).expect("the detail is JSON"))
            .collect()
    }

    /// Returns `latest.json`.
    pub fn latest(&self) -> Value {
        self.document("latest.json")
    }

    /// Returns a JSON object of the bucket.
    pub fn document(&self, key: &str) -> Value {
        let bytes = self
            .world
            .object(BUCKET, key)
            .unwrap_or_else(|| panic!("{key} is not in the bucket"));
        serde_json::from_slice(&bytes).expect("the stored object is JSON")
    }

    /// Returns the snapshot that a response names.
    pub fn snapshot(&self, response: &Value) -> Value {
        let address = response["snapshot"]
            .as_str()
            .expect("a committed run names its snapshot");
        self.document(
            address
                .strip_prefix(&format!("s3://{BUCKET}/"))
                .expect("the snapshot is in the bucket"),
        )
    }
}

/// Returns the JSON format of a digest.
pub fn program_json(publish: &Publish) -> Value {
    let structure: Value = serde_json::from_str(&publish.message).expect("the body is JSON");
    serde_json::from_str(structure["default"].as_str().expect("a default message"))
        .expect("the default message is JSON")
}

/// Returns the email text of a digest.
pub fn email(publish: &Publish) -> String {
    let structure: Value = serde_json::from_str(&publish.message).expect("the body is JSON");
    structure["email"]
        .as_str()
        .expect("an email message")
        .to_owned()
}

/// Returns the words of a text with one space between them, wherever its lines end.
pub fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the description of a message for chat.
pub fn chat_text(publish: &Publish) -> String {
    let body: Value = serde_json::from_str(&publish.message).expect("the body is JSON");
    body["content"]["description"]
        .as_str()
        .expect("a description")
        .to_owned()
}

/// Returns records as `pack/account` strings; `-` stands for the pack itself.
pub fn keys(records: &Value) -> Vec<String> {
    let key = |record: &Value| format!("{}/{}", text(&record["pack"]), text(&record["account_id"]));
    records
        .as_array()
        .expect("a list")
        .iter()
        .map(key)
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 timestamp")
}

/// Returns a new execution ID.
pub fn token() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static TOKENS: AtomicU32 = AtomicU32::new(1);
    format!("execution{}", TOKENS.fetch_add(1, Ordering::Relaxed))
}
