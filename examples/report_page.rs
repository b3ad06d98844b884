//! Writes the reports of several situations, each after real runs against a simulated organization.
//!
//! `cargo run --example report_page -- FOLDER [FAILURES]` writes `<situation>.html`, and beside it
//! the snapshot as `<situation>.json`. FAILURES is the number of failures of the largest situation.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a terminal program over its own simulated organization"
)]

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use aws_sdk_s3::config::Credentials;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use packwatch::aws::{self, AwsNotifier, ConfigServiceApi, PreflightClients, S3Store};
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::ports::Clock;
use packwatch::run::ServiceSet;
use packwatch_simulation::{Fault, Organization, Server, Service, StatusRecord};
use serde_json::json;

const OWN: &str = "111122223333";
const BUCKET: &str = "packwatch-bucket-1p2q3r4s5t6u";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:packwatch";
const REGIONS: [&str; 3] = ["eu-west-1", "eu-central-1", "us-east-1"];
const TEAMS: [&str; 10] = [
    "payments",
    "data-lake",
    "identity",
    "web",
    "mobile",
    "logistics",
    "billing",
    "ml-platform",
    "search",
    "sandbox",
];
const STAGES: [&str; 4] = ["prod", "staging", "dev", "test"];
const PACKS: [&str; 12] = [
    "backup",
    "cost-hygiene",
    "data-residency",
    "ec2-hardening",
    "encryption-at-rest",
    "gdpr",
    "iam-guardrails",
    "logging-and-monitoring",
    "network-perimeter",
    "Operational-Best-Practices-for-CIS-AWS-v1-4-Level2",
    "security-baseline",
    "tagging",
];

#[derive(Clone)]
struct ManualClock(Rc<Cell<Timestamp>>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.get()
    }
}

/// A situation: an organization, its function, and the clock.
struct Situation {
    folder: PathBuf,
    name: &'static str,
    world: Organization,
    server: Server,
    clock: ManualClock,
    runs: Cell<usize>,
}

impl Situation {
    async fn new(folder: &str, name: &'static str) -> Self {
        let world = Organization::new(OWN);
        world.create_bucket(BUCKET);
        world.create_topic(TOPIC);
        for number in 0..60 {
            world.put_account(&account(number), &account_name(number), "ACTIVE");
        }
        Self {
            folder: folder.into(),
            name,
            server: Server::start(&world).await,
            world,
            clock: ManualClock(Rc::new(Cell::new(Timestamp::UNIX_EPOCH))),
            runs: Cell::new(0),
        }
    }

    /// Deploys packs to accounts in all regions.
    fn deploy(&self, packs: &[&str], accounts: usize) {
        for region in REGIONS {
            for pack in packs {
                self.pack(region, pack, "CREATE_SUCCESSFUL");
                for number in 0..accounts {
                    let record = StatusRecord::new("CREATE_SUCCESSFUL");
                    self.member(region, pack, &account(number), record);
                }
            }
        }
    }

    fn pack(&self, region: &str, pack: &str, status: &str) {
        self.world
            .put_pack(OWN, region, pack, StatusRecord::new(status));
    }

    fn member(&self, region: &str, pack: &str, account: &str, record: StatusRecord) {
        self.world.put_member(OWN, region, pack, account, record);
    }

    async fn invoke(&self, at: &str, event: serde_json::Value) {
        self.clock.0.set(at.parse().expect("a time"));
        self.runs.set(self.runs.get() + 1);
        let settings = Settings::read(|name| {
            let value = match name {
                "AWS_REGION" => "eu-west-1",
                "SNAPSHOT_BUCKET" => BUCKET,
                "TOPIC_ARN" => TOPIC,
                "REGIONS" => "eu-west-1,eu-central-1,us-east-1",
                "ANNOUNCE_AFTER_MINUTES" => "60",
                "LABEL" => "prod",
                "ACCOUNT_NAMES" => "on",
                "ACCESS_PORTAL_URL" => "https://example.awsapps.com/start",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .expect("the settings are valid");
        let loader = aws::sdk_config()
            .endpoint_url(self.server.url())
            .credentials_provider(Credentials::new("AKIDOWN", "secret", None, None, "example"));
        let aws = aws::connect(loader, &settings, aws::Timeouts::default(), |_| None).await;
        let aws = aws.expect("no variable names a proxy or certificates");
        let services: ServiceSet<
            ConfigServiceApi,
            S3Store,
            AwsNotifier,
            PreflightClients,
            ManualClock,
        > = ServiceSet {
            config: aws.config,
            store: aws.store,
            notifier: aws.notifier,
            preflight: aws.preflight,
            clock: self.clock.clone(),
        };
        let handler = Handler::new(settings, services, || "example".to_owned(), None);
        let mut context = Context::default();
        context.request_id = format!("8f0c6d1e-4b1a-4c57-9a0e-{:012}", self.runs.get());
        let deadline = self.clock.now() + SignedDuration::from_mins(10);
        context.deadline = u64::try_from(deadline.as_millisecond()).expect("after 1970");
        let response = handler.invoke(&event.to_string(), context).await;
        response.unwrap_or_else(|error| panic!("{}", error.to_report()));
    }

    async fn run(&self, at: &str) {
        self.invoke(at, json!({})).await;
    }

    fn write(&self) {
        for (key, extension) in [("report.html", "html"), ("latest.json", "json")] {
            let bytes = self.world.object(BUCKET, key).expect("a full run wrote it");
            let path = self.folder.join(format!("{}.{extension}", self.name));
            std::fs::write(path, bytes).expect("the folder can be written");
        }
        println!("{}", self.name);
    }
}

fn account(number: usize) -> String {
    format!("{:012}", 210_000_000_000_u64 + number as u64 * 7_919_113)
}

fn account_name(number: usize) -> String {
    format!("{}-{}", TEAMS[number % 10], STAGES[number / 10 % 4])
}

fn no_recorder(account: &str) -> StatusRecord {
    StatusRecord::new("CREATE_FAILED")
        .code("NoAvailableConfigurationRecorderException")
        .message(format!(
            "There is no configuration recorder available in account {account}."
        ))
}

fn denied(account: &str) -> StatusRecord {
    StatusRecord::new("UPDATE_FAILED")
        .code("InsufficientPermissionsException")
        .message(format!(
            "User: arn:aws:sts::{account}:assumed-role/AWSServiceRoleForConfigConforms/AwsConfigConformsWorkflow is not \
             authorized to perform: config:PutConfigRule on resource: arn:aws:config:us-east-1:{account}:config-rule/* \
             with an explicit deny in a service control policy"
        ))
}

async fn nothing_fails(folder: &str) {
    let situation = Situation::new(folder, "nothing-fails").await;
    situation.deploy(&PACKS, 12);
    situation.run("2026-03-01T03:00:00Z").await;
    situation.run("2026-03-02T03:00:00Z").await;
    situation.write();
}

/// Eight accounts lose their recorder: fifty packs fail for one cause.
async fn one_cause(folder: &str) {
    let situation = Situation::new(folder, "one-cause").await;
    for pack in 0..50 {
        let pack = format!("guardrail-{pack:02}");
        situation.pack("eu-west-1", &pack, "CREATE_SUCCESSFUL");
        for number in 0..12 {
            let record = StatusRecord::new("CREATE_SUCCESSFUL");
            situation.member("eu-west-1", &pack, &account(number), record);
        }
    }
    situation.run("2026-03-01T03:00:00Z").await;
    for pack in 0..50 {
        let pack = format!("guardrail-{pack:02}");
        for number in 0..8 {
            let account = account(number);
            let record = no_recorder(&account).updated("2026-03-02T01:45:00Z");
            situation.member("eu-west-1", &pack, &account, record);
        }
    }
    situation.run("2026-03-02T02:00:00Z").await;
    situation.run("2026-03-02T03:00:00Z").await;
    situation.write();
}

fn several_causes(situation: &Situation) {
    for pack in &PACKS {
        for number in 0..5 {
            let account = account(number);
            let record = no_recorder(&account).updated("2026-02-27T10:00:00Z");
            situation.member("eu-central-1", pack, &account, record);
        }
        for number in 30..34 {
            let account = account(number);
            let record = denied(&account).updated("2026-02-28T22:14:00Z");
            situation.member("us-east-1", pack, &account, record);
        }
    }
    for number in 10..30 {
        let record = StatusRecord::new("UPDATE_FAILED")
            .code("ConformancePackTemplateValidationException")
            .message(
                "Template error: instance of Fn::If references undefined condition 'HasMfaParam'",
            )
            .updated("2026-03-01T04:31:00Z");
        situation.member("eu-west-1", "encryption-at-rest", &account(number), record);
    }
    let record = StatusRecord::new("UPDATE_FAILED").updated("2026-03-01T05:45:00Z");
    situation.member("eu-west-1", "security-baseline", &account(40), record);
}

/// Several causes after six weeks, in which packwatch did not run on some days.
async fn causes_and_trend(folder: &str) {
    let situation = Situation::new(folder, "several-causes").await;
    situation.deploy(&PACKS, 42);
    let mut day: Timestamp = "2026-01-20T06:00:00Z".parse().expect("a time");
    for number in 0..41 {
        let failing = [0, 3, 4, 9, 7, 2, 0][number % 7] + number / 10;
        for index in 0..14 {
            let record = if index < failing {
                denied(&account(index)).updated("2026-01-19T00:00:00Z")
            } else {
                StatusRecord::new("UPDATE_SUCCESSFUL")
            };
            situation.member("eu-west-1", "tagging", &account(index), record);
        }
        if !(12..15).contains(&number) && number != 30 {
            situation.run(&day.to_string()).await;
        }
        day += SignedDuration::from_hours(24);
    }
    several_causes(&situation);
    situation.run("2026-03-02T03:00:00Z").await;
    situation.write();
}

/// A region is denied while something fails there and elsewhere.
async fn region_without_data(folder: &str) {
    let situation = Situation::new(folder, "no-data").await;
    situation.deploy(&PACKS[..6], 12);
    for region in ["us-east-1", "eu-west-1"] {
        for number in 0..4 {
            let account = account(number);
            let record = no_recorder(&account).updated("2026-03-01T20:00:00Z");
            situation.member(region, "backup", &account, record);
        }
    }
    situation.run("2026-03-01T22:00:00Z").await;
    let message = "User: arn:aws:sts::111122223333:assumed-role/packwatch-FunctionRole-1A2B3C4D5E6F/packwatch is not authorized \
                   to perform: config:DescribeOrganizationConformancePackStatuses with an explicit deny in a service control policy";
    situation.world.fault(
        Fault::error(400, "AccessDeniedException", message)
            .service(Service::Config)
            .region("us-east-1"),
    );
    for pack in &PACKS[..6] {
        situation.world.remove_pack(OWN, "eu-central-1", pack);
    }
    situation.run("2026-03-02T02:45:00Z").await;
    situation.run("2026-03-02T03:00:00Z").await;
    situation.write();
}

async fn mutes_and_stuck(folder: &str) {
    let situation = Situation::new(folder, "mutes-and-stuck").await;
    situation.deploy(&PACKS[..6], 20);
    for number in 0..6 {
        let account = account(number);
        let record = denied(&account).updated("2026-02-20T20:00:00Z");
        situation.member("eu-west-1", "gdpr", &account, record);
    }
    for number in 6..9 {
        let record = StatusRecord::new("UPDATE_IN_PROGRESS").updated("2026-02-27T20:00:00Z");
        situation.member("eu-central-1", "backup", &account(number), record);
    }
    situation.run("2026-03-01T02:00:00Z").await;
    let account = account(2);
    for mute in [
        json!({"packs": ["gd*"], "accounts": [account], "until": "2026-03-14", "reason": "Decommission of the old data lake", "by": "jo"}),
        json!({"regions": ["us-east-1"], "codes": ["NoAvailable*"], "until": "2026-04-01T00:00:00Z", "reason": "Region is being closed"}),
    ] {
        situation
            .invoke("2026-03-01T03:00:00Z", json!({ "mute": mute }))
            .await;
    }
    let young = no_recorder(&self::account(15)).updated("2026-03-02T02:50:00Z");
    situation.member("eu-west-1", "backup", &self::account(15), young);
    situation.run("2026-03-02T03:00:00Z").await;
    situation.write();
}

/// Names, codes and messages that try to be more than text.
async fn hostile_texts(folder: &str) {
    let situation = Situation::new(folder, "hostile-texts").await;
    let texts = [
        "</script><script>window.attacked = true</script>",
        "\"><img src=x onerror=\"window.attacked = true\">",
        "=HYPERLINK(\"https://evil.example.com\",\"click\")",
        "+1+1",
        "-2+3",
        "@SUM(A1:A9)",
        "\t=1+1",
        "\u{202e}evil\u{202c} \u{200b}right to left\u{0} and \u{7} bell",
        "{{7*7}} ${7*7} <!-- --> ]]> &lt;b&gt; &#x3c;",
        "javascript:alert(1) 'quoted' \"quoted\", comma; semicolon\r\nnew line",
        "\u{ff1d}cmd|' /C calc'!A0",
        "\u{2066}left\u{2067} right\u{2068} first\u{2069} end \u{2060}\u{61c}\u{feff}",
    ];
    situation.pack("eu-west-1", "baseline", "UPDATE_FAILED");
    for (number, text) in texts.iter().enumerate() {
        situation.world.put_account(&account(number), text, text);
        let record = StatusRecord::new("UPDATE_FAILED")
            .code(*text)
            .message(format!("{text} in account {}", account(number)))
            .updated("2026-03-01T20:00:00Z");
        situation.member("eu-west-1", "baseline", &account(number), record);
    }
    for (number, text) in texts.iter().enumerate() {
        let by: String = text.chars().take(64).collect();
        let codes = ["</script>*".to_owned(), format!("other-{number}")];
        let mute = json!({"accounts": [account(0)], "codes": codes, "until": "2026-03-14", "reason": text, "by": by});
        situation
            .invoke("2026-03-02T03:00:00Z", json!({ "mute": mute }))
            .await;
    }
    situation.world.fault(
        Fault::error(400, "AccessDeniedException", &texts.join(" "))
            .service(Service::Config)
            .region("us-east-1"),
    );
    situation.run("2026-03-02T03:00:00Z").await;
    situation.write();
}

/// More failures than the page has rows, each with a message of its own.
async fn many_failures(folder: &str, failures: usize) {
    let situation = Situation::new(folder, "many-failures").await;
    let accounts = 250;
    for pack in 0..failures.div_ceil(accounts) {
        let name = format!("pack-{pack:03}");
        situation.pack("eu-west-1", &name, "UPDATE_FAILED");
        for number in 0..accounts.min(failures - pack * accounts) {
            let word = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or_default());
            let n = pack * accounts + number;
            let words = [word(n), word(n / 26), word(n / 676), word(n / 17_576)];
            let word: String = words.iter().collect();
            let text = "The template of the conformance pack could not be applied to this account because of a rule that is named ";
            let record = StatusRecord::new("UPDATE_FAILED")
                .code("ConformancePackTemplateValidationException")
                .message(format!("{text}{}{word}", text.repeat(2)))
                .updated("2026-03-01T20:00:00Z");
            situation.member("eu-west-1", &name, &account(number), record);
        }
    }
    situation.run("2026-03-02T03:00:00Z").await;
    situation.run("2026-03-02T03:15:00Z").await;
    situation.write();
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder to write to");
    let failures = arguments.next().map_or(5_500, |number| {
        number.parse().expect("a number of failures")
    });
    std::fs::create_dir_all(&folder).expect("the folder can be created");
    nothing_fails(&folder).await;
    one_cause(&folder).await;
    causes_and_trend(&folder).await;
    region_without_data(&folder).await;
    mutes_and_stuck(&folder).await;
    hostile_texts(&folder).await;
    many_failures(&folder, failures).await;
}
