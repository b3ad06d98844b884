//! Digests of typical situations, as their reader sees them: how long they are, and that their first
//! words say what happened. Built with `PRINT=1` and run with `--nocapture`, they are printed.

use packwatch_simulation::{Fault, Publish, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, TOPIC, TestEnv, chat_text, email, program_json};

const OTHER: &str = "444455556666";
const ROLE: &str = "arn:aws:iam::444455556666:role/packwatch-reader";
const REGIONS: [&str; 3] = ["eu-west-1", "eu-central-1", "us-east-1"];

const PACKS: [&str; 20] = [
    "Operational-Best-Practices-for-CIS-AWS-v1.4-Level2",
    "Operational-Best-Practices-for-NIST-800-53-rev-5",
    "Operational-Best-Practices-for-PCI-DSS",
    "security-baseline",
    "iam-guardrails",
    "s3-guardrails",
    "encryption-at-rest",
    "logging-and-monitoring",
    "network-perimeter",
    "backup",
    "tagging",
    "cost-hygiene",
    "eks",
    "rds",
    "lambda",
    "ec2-hardening",
    "kms-rotation",
    "vpc-flow-logs",
    "data-residency",
    "gdpr",
];

fn account(number: usize) -> String {
    format!("{:012}", 210_000_000_000 + number * 7_919_113)
}

fn account_name(number: usize) -> String {
    let teams = [
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
    let stages = ["prod", "staging", "dev", "test"];
    let suffix = match number / 40 {
        0 => String::new(),
        more => format!("-{more}"),
    };
    format!(
        "{}-{}{suffix}",
        teams[number % 10],
        stages[(number / 10) % 4]
    )
}

/// Returns the status record of a cause.
fn cause(number: usize, account: &str, region: &str) -> StatusRecord {
    match number % 6 {
        0 => StatusRecord::new("CREATE_FAILED")
            .code("NoAvailableConfigurationRecorderException")
            .message(format!(
                "There is no configuration recorder available in account {account}."
            ))
            .updated("2026-02-27T10:00:00Z"),
        1 => StatusRecord::new("UPDATE_FAILED")
            .code("InsufficientPermissionsException")
            .message(format!(
                "User: arn:aws:sts::{account}:assumed-role/AWSServiceRoleForConfigConforms/AwsConfigConformsWorkflow \
                 is not authorized to perform: config:PutConfigRule on resource: arn:aws:config:{region}:{account}:\
                 config-rule/config-rule-abc123 with an explicit deny in a service control policy"
            ))
            .updated("2026-02-28T22:14:00Z"),
        2 => StatusRecord::new("UPDATE_FAILED")
            .code("ConformancePackTemplateValidationException")
            .message(
                "Template error: instance of Fn::If references undefined condition 'HasMfaParam'",
            )
            .updated("2026-03-01T04:31:00Z"),
        3 => StatusRecord::new("UPDATE_FAILED")
            .code("MaxNumberOfConfigRulesExceededException")
            .message(format!(
                "Failed to put config rules in account {account}: the maximum number of config rules per region \
                 (1000) was reached."
            ))
            .updated("2026-01-15T12:00:00Z"),
        4 => StatusRecord::new("CREATE_FAILED")
            .code("AccessDeniedException")
            .message("The role AWSServiceRoleForConfigConforms is missing or cannot be assumed.")
            .updated("2026-02-20T09:09:00Z"),
        _ => StatusRecord::new("UPDATE_FAILED").updated("2026-03-01T05:45:00Z"),
    }
    .pack_name("OrgConformsPack-some-pack-ab12cd34")
}

/// An organization whose digests are kept.
struct Stage {
    env: TestEnv,
    name: &'static str,
    told: usize,
    chats: usize,
}

/// What one run sent to the digest topic and the chat topic.
struct Sent {
    subject: String,
    email: String,
    chat: String,
    json: Value,
}

impl Stage {
    async fn new(name: &'static str) -> Self {
        let mut env = TestEnv::new().await;
        env.world.create_topic(CHAT);
        env.world.allow_caller(OTHER);
        env.world.allow_role(ROLE, None);
        for (variable, value) in [
            ("CHAT_TOPIC_ARN", CHAT),
            ("REGIONS", "eu-west-1,eu-central-1,us-east-1"),
            ("ANNOUNCE_AFTER_MINUTES", "60"),
            ("LABEL", "prod"),
            ("ACCOUNT_NAMES", "on"),
        ] {
            env.set(variable, value);
        }
        for number in 0..80 {
            env.world
                .put_account(&account(number), &account_name(number), "ACTIVE");
        }
        env.world.put_account(OTHER, "audit", "ACTIVE");
        Self {
            env,
            name,
            told: 0,
            chats: 0,
        }
    }

    /// Puts packs without failures into all regions.
    fn settle(&self, packs: usize, accounts: usize) {
        for region in REGIONS {
            for pack in &PACKS[..packs] {
                self.put_pack(region, pack, accounts);
            }
        }
    }

    fn put_pack(&self, region: &str, pack: &str, accounts: usize) {
        let world = &self.env.world;
        world.put_pack(OWN, region, pack, StatusRecord::new("CREATE_SUCCESSFUL"));
        for number in 0..accounts {
            let record = StatusRecord::new("CREATE_SUCCESSFUL");
            world.put_member(OWN, region, pack, &account(number), record);
        }
    }

    fn put(&self, region: &str, pack: &str, number: usize, record: StatusRecord) {
        self.env
            .world
            .put_member(OWN, region, pack, &account(number), record);
    }

    /// Makes a run, and returns what it sent.
    async fn run_event(&mut self, at: &str, event: Value) -> (Value, Option<Sent>) {
        self.env.set_time(at);
        let response = self.env.invoke(event.clone()).await;
        let response = response.unwrap_or_else(|error| panic!("{}", error.to_report()));
        let (emails, chats) = (self.env.publishes(TOPIC), self.env.publishes(CHAT));
        let email_sent = emails.get(self.told..).and_then(<[Publish]>::last);
        let chat_sent = chats.get(self.chats..).and_then(<[Publish]>::last);
        let sent = email_sent.zip(chat_sent).map(|(publish, chat)| Sent {
            subject: publish.subject.clone().expect("a subject"),
            email: email(publish),
            chat: chat_text(chat),
            json: program_json(publish),
        });
        (self.told, self.chats) = (emails.len(), chats.len());
        if option_env!("PRINT").is_some() {
            println!("######## {} at {at} {event}", self.name);
            if let Some(text) = response["digest"]["text"].as_str() {
                println!("--- text in the response\n{text}");
            }
            match &sent {
                Some(sent) => println!(
                    "Subject: {}\n         |{:.40}|\n{} lines\n\n{}\n--- chat\n{}\n",
                    sent.subject,
                    sent.subject,
                    sent.email.lines().count(),
                    sent.email,
                    sent.chat
                ),
                None => println!("(no digest)\n"),
            }
        }
        (response, sent)
    }

    async fn run(&mut self, at: &str) -> Option<Sent> {
        self.run_event(at, json!({})).await.1
    }

    /// Makes a run that must send something.
    async fn digest(&mut self, at: &str) -> Sent {
        self.run(at).await.expect("a digest")
    }
}

impl Sent {
    /// Asserts the length of the email and the first 40 characters of the subject.
    fn assert(&self, max_lines: usize, start: &str) {
        let lines = self.email.lines().count();
        assert!(lines <= max_lines, "{lines} lines:\n{}", self.email);
        assert!(self.subject.starts_with(start), "{}", self.subject);
        for line in self.email.lines().filter(|line| !line.is_empty()) {
            let is_exempt = line.contains("https://") || line.contains("aws ");
            assert!(line.starts_with("  "), "{line}");
            assert!(line.chars().count() <= 60 || is_exempt, "{line}");
        }
    }
}

/// Puts or heals 300 failures of six causes.
fn three_hundred(stage: &Stage, heal: bool) {
    let mut failures = Vec::new();
    let all_packs = |accounts: std::ops::Range<usize>, region, cause| {
        accounts.flat_map(move |account| (0..20).map(move |pack| (account, pack, region, cause)))
    };
    failures.extend(all_packs(0..9, 1, 0));
    failures.extend(all_packs(30..34, 2, 1));
    failures.extend((10..30).map(|account| (account, 6, 0, 2)));
    failures.extend((40..42).flat_map(|account| (3..9).map(move |pack| (account, pack, 0, 3))));
    failures.extend((10..16).map(|pack| (50, pack, 0, 4)));
    failures.extend([(55, 3, 0, 5), (56, 9, 2, 5)]);
    assert_eq!(failures.len(), 300);
    for (number, pack, region, of) in failures {
        let stays = of == 1 && number == 33;
        let record = if heal && !stays {
            StatusRecord::new("UPDATE_SUCCESSFUL")
        } else {
            cause(of, &account(number), REGIONS[region])
        };
        stage.put(REGIONS[region], PACKS[pack], number, record);
    }
}

#[tokio::test]
async fn first_look_recovery_and_reminder_are_short() {
    let mut stage = Stage::new("01 first look with 6 causes").await;
    stage.settle(20, 60);
    three_hundred(&stage, false);
    let first = stage.digest("2026-03-02T03:00:00Z").await;
    first.assert(70, "[prod] FIRST LOOK 38 accounts fail, 6 cau");
    assert!(stage.run("2026-03-02T03:15:00Z").await.is_none());
    three_hundred(&stage, true);
    let recovery = stage.digest("2026-03-02T06:45:00Z").await;
    recovery.assert(55, "[prod] CLEARED 37 accounts; 1 still fail");
    let reminder = stage.digest("2026-03-09T07:00:00Z").await;
    reminder.assert(25, "[prod] STILL FAILING 8 days: web-test, 20");
}

#[tokio::test]
async fn one_cause_in_50_packs_is_one_block() {
    let mut stage = Stage::new("05 one cause in 50 packs").await;
    let packs: Vec<String> = (0..50).map(|pack| format!("guardrail-{pack:02}")).collect();
    for pack in &packs {
        stage.put_pack("eu-west-1", pack, 30);
    }
    stage.digest("2026-03-02T01:00:00Z").await;
    for pack in &packs {
        for number in 0..8 {
            let record = cause(0, &account(number), "eu-west-1").updated("2026-03-02T01:45:00Z");
            stage.put("eu-west-1", pack, number, record);
        }
    }
    stage.run("2026-03-02T02:00:00Z").await;
    let sent = stage.digest("2026-03-02T03:00:00Z").await;
    sent.assert(45, "[prod] FAILING 8 accounts: no Config reco");
    assert_eq!(sent.json["groups"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn lost_region_stands_in_every_digest() {
    let mut stage = Stage::new("02 region lost").await;
    stage.settle(6, 60);
    for number in 0..8 {
        for region in ["us-east-1", "eu-west-1"] {
            let record = cause(0, &account(number), region);
            stage.put(region, "security-baseline", number, record);
        }
    }
    stage.digest("2026-03-02T02:00:00Z").await;
    let denied = "User: arn:aws:sts::111122223333:assumed-role/packwatch-FunctionRole-1A2B3C4D5E6F/packwatch is not \
                  authorized to perform: config:DescribeOrganizationConformancePackStatuses with an explicit deny in a \
                  service control policy";
    stage.env.world.fault(
        Fault::error(400, "AccessDeniedException", denied)
            .service(Service::Config)
            .region("us-east-1"),
    );
    assert!(stage.run("2026-03-02T02:45:00Z").await.is_none());
    let lost = stage.digest("2026-03-02T03:00:00Z").await;
    lost.assert(45, "[prod] NO DATA us-east-1: AccessDenied");
    assert!(stage.run("2026-03-02T03:15:00Z").await.is_none());
    let new = cause(2, &account(20), "eu-west-1").updated("2026-03-02T03:20:00Z");
    stage.put("eu-west-1", "s3-guardrails", 20, new);
    let other = stage.digest("2026-03-02T10:00:00Z").await;
    assert!(
        other.subject.contains("no data us-east-1"),
        "{}",
        other.subject
    );
    for text in [&other.email, &other.chat] {
        assert!(
            text.contains("NO DATA") && text.contains("us-east-1"),
            "{text}"
        );
    }
    stage
        .run_event("2026-03-02T10:15:00Z", json!({"announce": "always"}))
        .await;
    stage.env.world.clear_faults();
    let recovered = StatusRecord::new("UPDATE_SUCCESSFUL");
    stage.put("us-east-1", "security-baseline", 3, recovered);
    stage.digest("2026-03-02T11:00:00Z").await;
}

#[tokio::test]
async fn lost_role_is_one_block_for_all_regions() {
    let mut stage = Stage::new("03 role lost").await;
    stage.env.set("ROLE_ARNS", &format!("self,{ROLE}"));
    stage.settle(3, 20);
    for region in REGIONS {
        let world = &stage.env.world;
        world.put_pack(
            OTHER,
            region,
            "audit-pack",
            StatusRecord::new("CREATE_SUCCESSFUL"),
        );
        for number in 0..20 {
            let record = StatusRecord::new("CREATE_SUCCESSFUL");
            world.put_member(OTHER, region, "audit-pack", &account(number), record);
        }
    }
    stage.digest("2026-03-02T02:00:00Z").await;
    stage.env.world.deny_role(ROLE);
    stage.run("2026-03-02T02:45:00Z").await;
    let lost = stage.digest("2026-03-02T03:00:00Z").await;
    lost.assert(45, "[prod] NO DATA account 444455556666, 3 re");
    assert_eq!(lost.email.matches("NO DATA").count(), 1, "{}", lost.email);
    assert!(lost.email.contains("audit"), "{}", lost.email);
}

#[tokio::test]
async fn policy_over_ten_accounts_does_not_hide_another_failure() {
    let mut stage = Stage::new("14 ten accounts in all packs").await;
    stage.settle(12, 60);
    stage.digest("2026-03-02T01:00:00Z").await;
    for region in REGIONS {
        for pack in &PACKS[..12] {
            for number in 20..30 {
                let record = cause(1, &account(number), region).updated("2026-03-02T01:10:00Z");
                stage.put(region, pack, number, record);
            }
        }
    }
    stage.put_pack("eu-west-1", "gdpr-x", 0);
    let record = cause(3, &account(2), "eu-west-1").updated("2026-03-02T01:10:00Z");
    stage.put("eu-west-1", "gdpr-x", 2, record);
    let sent = stage.digest("2026-03-02T03:00:00Z").await;
    sent.assert(45, "[prod] FAILING 11 accounts: denied by SCP");
    assert!(sent.email.contains("quota"), "{}", sent.email);
}

#[tokio::test]
async fn other_situations_are_well_formed() {
    let mut stage = Stage::new("other").await;
    stage.settle(6, 30);
    let first = stage.digest("2026-03-02T01:00:00Z").await;
    first.assert(30, "[prod] WATCHING 6 packs in 3 regions: not");
    // A failure that is too young, in a dry run; then it is due, cleared in one region, and so on.
    for region in ["eu-west-1", "us-east-1"] {
        let record = cause(1, &account(10), region).updated("2026-03-02T01:50:00Z");
        stage.put(region, "security-baseline", 10, record);
    }
    stage
        .run_event("2026-03-02T02:00:00Z", json!({"dry_run": true}))
        .await;
    let due = stage.digest("2026-03-02T03:00:00Z").await;
    due.assert(40, "[prod] FAILING payments-staging: denied b");
    let healed = StatusRecord::new("UPDATE_SUCCESSFUL");
    stage.put("eu-west-1", "security-baseline", 10, healed);
    let cleared = stage.digest("2026-03-02T04:00:00Z").await;
    cleared.assert(40, "[prod] CLEARED payments-staging in part; ");
    let stuck = StatusRecord::new("CREATE_IN_PROGRESS").updated("2026-03-01T01:00:00Z");
    stage.put("eu-central-1", "backup", 11, stuck);
    let other = StatusRecord::new("CREATE_FAILED")
        .code("SomethingNewException")
        .message("This text is not known to anybody.")
        .updated("2026-03-02T02:00:00Z")
        .pack_name("OrgConformsPack-eks-ab12cd34");
    stage.put("eu-central-1", "iam-guardrails", 12, other);
    stage.digest("2026-03-02T05:00:00Z").await;
    let (response, _) = stage
        .run_event(
            "2026-03-02T05:05:00Z",
            json!({"mute": {"accounts": [account(10), account(13)], "until": "2026-03-02T07:00:00Z", "reason": "change 4711"}}),
        )
        .await;
    assert_eq!(response["outcome"], "muted");
    for number in [13, 14] {
        let record = cause(0, &account(number), "us-east-1").updated("2026-03-02T05:00:00Z");
        stage.put("us-east-1", "s3-guardrails", number, record);
    }
    stage.digest("2026-03-02T06:30:00Z").await;
    stage
        .run_event("2026-03-02T06:40:00Z", json!({"summary": true}))
        .await;
    let unmuted = stage.digest("2026-03-02T08:00:00Z").await;
    assert!(
        unmuted.subject.contains("no longer muted"),
        "{}",
        unmuted.subject
    );
    let (response, test) = stage
        .run_event("2026-03-02T08:10:00Z", json!({"test": true}))
        .await;
    assert_eq!(response["outcome"], "test");
    test.expect("a test notification")
        .assert(40, "[prod] TEST of packwatch");
    stage
        .run_event(
            "2026-03-02T08:20:00Z",
            json!({"packs": ["s3*"], "announce": "always"}),
        )
        .await;
    stage.env.set("IGNORE_ACCOUNTS", &account(13));
    stage.env.set("REGIONS", "eu-west-1,eu-central-1");
    stage.digest("2026-03-02T09:00:00Z").await;
    for pack in &PACKS[..6] {
        stage.env.world.remove_pack(OWN, "eu-central-1", pack);
    }
    stage.digest("2026-03-02T10:00:00Z").await;
}
