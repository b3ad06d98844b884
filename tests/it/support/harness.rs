//! The stage of whole runs: a simulated organization, the real function over the real SDK, and a
//! clock set by hand.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use aws_sdk_s3::config::Credentials;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use packwatch::aws::{self, ConfigServiceApi, S3Store, SnsNotifier, Timeouts};
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::ports::Clock;
use packwatch::run::RunError;
use packwatch::run::Services;
use packwatch_simulation::{Organization, Publish, Server, StatusRecord};
use serde_json::{Value, json};

pub const OWN: &str = "111122223333";
pub const REGION: &str = "eu-west-1";
pub const BUCKET: &str = "packwatch-snapshots";
pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:digest";
pub const CHAT: &str = "arn:aws:sns:eu-west-1:111122223333:chat";

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct ManualClock(Rc<Cell<Timestamp>>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.get()
    }
}

pub type RealPorts = Services<ConfigServiceApi, S3Store, SnsNotifier, ManualClock>;
pub type RealFunction = Handler<ConfigServiceApi, S3Store, SnsNotifier, ManualClock>;

pub struct TestEnv {
    pub world: Organization,
    pub server: Server,
    pub env: BTreeMap<String, String>,
    pub timeouts: Timeouts,
    clock: ManualClock,
    runs: Cell<u32>,
}

impl TestEnv {
    /// An organization with a bucket and a topic, and no pack.
    pub async fn new() -> Self {
        let world = Organization::new(OWN);
        world.create_bucket(BUCKET);
        world.create_topic(TOPIC);
        let server = Server::start(&world).await;
        let env = [
            ("AWS_REGION", REGION),
            ("SNAPSHOT_BUCKET", BUCKET),
            ("TOPIC_ARN", TOPIC),
        ];
        Self {
            world,
            server,
            env: env
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            timeouts: Timeouts::default(),
            clock: ManualClock(Rc::new(Cell::new(time("2026-03-01T08:00:00Z")))),
            runs: Cell::new(0),
        }
    }

    /// An organization in which one member of one pack fails.
    pub async fn failing() -> Self {
        let stage = Self::new().await;
        stage.pack("baseline", "UPDATE_SUCCESSFUL");
        stage.member("baseline", "222233334444", "UPDATE_FAILED");
        stage
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn pass(&self, minutes: i64) {
        self.pass_seconds(60 * minutes);
    }

    pub fn pass_seconds(&self, seconds: i64) {
        self.clock
            .0
            .set(self.clock.now() + SignedDuration::from_secs(seconds));
    }

    /// A fresh process.
    pub async fn function(&self) -> RealFunction {
        let (settings, services) = self.connected().await;
        Handler::new(settings, services, token, None)
    }

    /// What a fresh process is made of.
    pub async fn connected(&self) -> (Settings, RealPorts) {
        let settings = Settings::read(|name| self.env.get(name).cloned())
            .expect("the stage's settings are right");
        let loader = aws::sdk_config()
            .endpoint_url(self.server.url())
            .credentials_provider(Credentials::new("AKIDOWN", "secret", None, None, "stage"));
        let aws = aws::connect(loader, &settings, self.timeouts, |name| {
            self.env.get(name).cloned()
        })
        .await;
        let services = Services {
            config: aws.config,
            store: aws.store,
            notifier: aws.notifier,
            clock: self.clock.clone(),
        };
        (settings, services)
    }

    /// The context of the next invocation, under a new request id.
    pub fn context(&self) -> Context {
        self.runs.set(self.runs.get() + 1);
        self.context_of(&format!("run-{}", self.runs.get()))
    }

    /// The next invocation is the last one, which Lambda tries again.
    pub fn again(&self) {
        self.runs.set(self.runs.get() - 1);
    }

    pub fn context_of(&self, request_id: &str) -> Context {
        let mut context = Context::default();
        request_id.clone_into(&mut context.request_id);
        let deadline = self.now() + SignedDuration::from_secs(120);
        context.deadline =
            u64::try_from(deadline.as_millisecond()).expect("the stage plays after 1970");
        context
    }

    /// One invocation in a fresh process: its answer, as the caller gets it.
    pub async fn invoke(&self, event: Value) -> Result<Value, RunError> {
        let function = self.function().await;
        self.invoke_in(&function, event).await
    }

    pub async fn invoke_in(
        &self,
        function: &RealFunction,
        event: Value,
    ) -> Result<Value, RunError> {
        let report = function.invoke(&event.to_string(), self.context()).await?;
        Ok(serde_json::to_value(report).expect("an answer is JSON"))
    }

    /// A full run that must succeed; the clock then goes on by a quarter of an hour.
    pub async fn run(&self) -> Value {
        let answer = self
            .invoke(json!({}))
            .await
            .unwrap_or_else(|error| panic!("{}", error.to_report()));
        self.pass(15);
        answer
    }

    pub fn pack(&self, pack: &str, status: &str) {
        self.world
            .put_pack(OWN, REGION, pack, StatusRecord::new(status));
    }

    pub fn member(&self, pack: &str, account: &str, status: &str) {
        self.world
            .put_member(OWN, REGION, pack, account, StatusRecord::new(status));
    }

    /// The digests that the topic took, as programs read them.
    pub fn digests(&self) -> Vec<Value> {
        self.publishes(TOPIC).iter().map(program_json).collect()
    }

    pub fn publishes(&self, topic: &str) -> Vec<Publish> {
        self.world
            .publishes()
            .into_iter()
            .filter(|publish| publish.topic == topic)
            .collect()
    }

    pub fn latest(&self) -> Value {
        self.document("latest.json")
    }

    pub fn document(&self, key: &str) -> Value {
        let bytes = self
            .world
            .object(BUCKET, key)
            .unwrap_or_else(|| panic!("{key} is not in the bucket"));
        serde_json::from_slice(&bytes).expect("what is stored is JSON")
    }

    /// The snapshot that an answer names.
    pub fn snapshot(&self, answer: &Value) -> Value {
        let address = answer["snapshot"]
            .as_str()
            .expect("a committed run names its snapshot");
        self.document(
            address
                .strip_prefix(&format!("s3://{BUCKET}/"))
                .expect("in the bucket"),
        )
    }
}

/// The JSON in a digest.
pub fn program_json(publish: &Publish) -> Value {
    let structure: Value = serde_json::from_str(&publish.message).expect("the body is JSON");
    serde_json::from_str(structure["default"].as_str().expect("with a default"))
        .expect("that is JSON")
}

/// The text in a digest.
pub fn email(publish: &Publish) -> String {
    let structure: Value = serde_json::from_str(&publish.message).expect("the body is JSON");
    structure["email"]
        .as_str()
        .expect("with a text for people")
        .to_owned()
}

/// A list of records as `pack/account` words.
pub fn keys(records: &Value) -> Vec<String> {
    let word =
        |record: &Value| format!("{}/{}", text(&record["pack"]), text(&record["account_id"]));
    records
        .as_array()
        .expect("a list")
        .iter()
        .map(word)
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a time in RFC 3339")
}

pub fn token() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static TOKENS: AtomicU32 = AtomicU32::new(1);
    format!("execution{}", TOKENS.fetch_add(1, Ordering::Relaxed))
}
