//! The template and the events held to the program that they start.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use packwatch::input::event::Trigger;
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::model::Region;
use packwatch::notify::digest::SnapshotAddress;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use crate::support::harness::{BUCKET, REGION, TOPIC, time};

/// What the function's role may do, each beside what needs it.
const ACTIONS: [(&str, &str); 15] = [
    (
        "config:DescribeOrganizationConformancePackStatuses",
        "the listing of packs",
    ),
    (
        "config:GetOrganizationConformancePackDetailedStatus",
        "the readings of members",
    ),
    (
        "kms:Decrypt",
        "KmsKeyArn alone: objects that are read, and the data keys of topic and queue",
    ),
    (
        "kms:GenerateDataKey",
        "KmsKeyArn alone: objects, digests and dead letters that are written",
    ),
    ("logs:CreateLogStream", "Lambda, for each process"),
    ("logs:PutLogEvents", "Lambda, for what the function writes"),
    (
        "organizations:DescribeAccount",
        "AccountNames alone: the names of failing accounts",
    ),
    (
        "s3:GetObject",
        "the ledger and latest.json; If-Match asks for it too",
    ),
    (
        "s3:ListBucket",
        "the 404 of a missing ledger, which is a 403 without it",
    ),
    ("s3:PutObject", "the snapshot, the ledger and latest.json"),
    ("sns:Publish", "the digest"),
    ("sqs:SendMessage", "Lambda, for a run that failed for good"),
    ("sts:AssumeRole", "ROLE_ARNS: the roles to read as"),
    ("xray:PutTelemetryRecords", "Lambda, for active tracing"),
    ("xray:PutTraceSegments", "Lambda, for active tracing"),
];

/// What the schedule's role may do.
const SCHEDULE_ACTIONS: [(&str, &str); 4] = [
    ("kms:Decrypt", "KmsKeyArn alone: the data key of the queue"),
    ("kms:GenerateDataKey", "KmsKeyArn alone: dead letters"),
    ("lambda:InvokeFunction", "starting the function"),
    ("sqs:SendMessage", "a start that could not be delivered"),
];

/// What the role of `roles/collector.yaml` may do.
const READER_ACTIONS: [(&str, &str); 2] = [
    (
        "config:DescribeOrganizationConformancePackStatuses",
        "the listing of packs",
    ),
    (
        "config:GetOrganizationConformancePackDetailedStatus",
        "the readings of members",
    ),
];

/// The placeholder that EventBridge Scheduler fills in.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

#[test]
fn every_event_in_the_repository_is_planned() {
    let settings = Settings::read(|name| {
        let set = [
            ("AWS_REGION", REGION),
            ("SNAPSHOT_BUCKET", BUCKET),
            ("TOPIC_ARN", TOPIC),
        ];
        set.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
    .expect("the settings are right");
    let mut triggers = BTreeSet::new();
    for (name, event) in events() {
        let now = time("2026-03-01T08:15:07Z");
        let invocation = Invocation {
            request_id: "58e7d1b4-9c1c-4f0e-8f5a-2f6f3c8d0b11".to_owned(),
            execution: "execution".to_owned(),
            deadline: now + SignedDuration::from_secs(120),
            now,
        };
        let plan = Trigger::parse(&event)
            .and_then(|trigger| RunPlan::new(trigger, &settings, invocation))
            .unwrap_or_else(|refusal| panic!("events/{name}: {refusal}"));
        // A file is named after what it does.
        assert_eq!(
            plan.trigger == "manual",
            name.starts_with("manual-"),
            "events/{name} is a {} run",
            plan.trigger
        );
        assert_eq!(
            plan.dry_run,
            name.contains("dry-run"),
            "events/{name}: dry_run"
        );
        assert_eq!(
            plan.narrowed,
            name.contains("one-"),
            "events/{name}: narrowed"
        );
        triggers.insert(plan.trigger);
    }
    assert_eq!(
        triggers,
        BTreeSet::from(["manual", "schedule"]),
        "events/ shows both"
    );
}

#[test]
fn the_schedules_input_is_accepted_and_is_the_event_in_the_repository() {
    let template = Template::read();
    let schedule = template
        .resource("Function")
        .get("Events")
        .get("Schedule")
        .get("Properties");
    let input = schedule.get("Input").text();
    let at = "2026-03-01T08:15:00Z";
    assert_eq!(input.matches(SCHEDULED_TIME).count(), 1, "{input}");
    let event: Value =
        serde_json::from_str(&input.replace(SCHEDULED_TIME, at)).expect("the input is JSON");
    assert_eq!(
        Trigger::parse(&event),
        Ok(Trigger::Schedule {
            scheduled_at: time(at)
        })
    );
    assert_eq!(
        events()["scheduled.json"],
        event,
        "events/scheduled.json is what the template's schedule sends"
    );
}

#[test]
fn the_template_sets_the_variables_that_the_settings_read() {
    let asked = RefCell::new(BTreeSet::new());
    let _ = Settings::read(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    let mut asked = asked.into_inner();
    // Lambda's own.
    for region in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        assert!(asked.remove(region), "{region} is read");
    }
    let template = Template::read();
    let variables = template
        .resource("Function")
        .get("Environment")
        .get("Variables");
    assert_eq!(variables.keys(), asked.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_templates_defaults_are_settings() {
    let template = Template::read();
    let variables = template
        .resource("Function")
        .get("Environment")
        .get("Variables");
    let parameters = template.root().get("Parameters");
    let defaults: BTreeMap<_, _> = variables
        .keys()
        .into_iter()
        .filter_map(|name| {
            let parameter = variables.get(&name).reference()?.to_owned();
            let default = parameters.find(&parameter)?.get("Default").text();
            Some((name, default))
        })
        .collect();
    let settings = Settings::read(|name| match name {
        "AWS_REGION" => Some(REGION.to_owned()),
        "SNAPSHOT_BUCKET" => Some(BUCKET.to_owned()),
        "TOPIC_ARN" => Some(TOPIC.to_owned()),
        name => defaults.get(name).cloned(),
    })
    .expect("a stack without parameters has settings that are right");
    assert_eq!(settings.announce_after, SignedDuration::from_mins(60));
    assert_eq!(settings.remind_after, Some(SignedDuration::from_hours(168)));
    assert!(settings.account_names);
    assert_eq!(settings.concurrency, 8);
}

#[test]
fn the_roles_may_do_what_is_done_and_nothing_else() {
    let (template, collector) = (Template::read(), Template::open("roles/reader.yaml"));
    let roles = [
        (template.resource("FunctionRole"), &ACTIONS[..]),
        (template.resource("ScheduleRole"), &SCHEDULE_ACTIONS[..]),
        (collector.resource("Reader"), &READER_ACTIONS[..]),
    ];
    for (role, allowed) in roles {
        let mut actions = Vec::new();
        role.get("Policies").walk(&mut |key, value| {
            if key == "Action" {
                actions.extend(value.texts());
            }
            assert!(
                !["NotAction", "NotResource"].contains(&key),
                "{}: {key} allows what nobody listed",
                role.at
            );
        });
        actions.sort();
        let allowed: Vec<_> = allowed.iter().map(|(action, _)| *action).collect();
        assert_eq!(actions, allowed, "{}", role.at);
        assert!(
            role.find("ManagedPolicyArns").is_none(),
            "{}: a managed policy allows more",
            role.at
        );
    }
    let roles = template.of_type("AWS::IAM::Role");
    assert_eq!(
        roles,
        ["FunctionRole", "ScheduleRole"],
        "a role that no list is held to"
    );
    assert!(
        template.resource("Function").find("Policies").is_none(),
        "the function's role is its own"
    );
}

#[test]
fn the_program_accepts_what_the_template_lets_in_and_refuses_what_it_refuses() {
    let text =
        fs::read_to_string(path("tests/proof/parameters.json")).expect("the examples are there");
    let examples: BTreeMap<String, Value> =
        serde_json::from_str(&text).expect("the examples are JSON");
    let accepts = |variable: &str, value: &str| {
        let base = [
            ("AWS_REGION", REGION),
            ("SNAPSHOT_BUCKET", BUCKET),
            ("TOPIC_ARN", TOPIC),
        ];
        let read = Settings::read(|name| {
            let set = base
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value);
            if name == variable {
                Some(value.to_owned())
            } else {
                set.map(str::to_owned)
            }
        });
        read.is_ok()
    };
    let mut variables = 0;
    for (parameter, example) in &examples {
        let Some(variable) = example.get("variable").and_then(Value::as_str) else {
            continue;
        };
        variables += 1;
        let values = |key: &str| example[key].as_array().cloned().unwrap_or_default();
        let narrower = example.get("narrower").and_then(Value::as_object);
        let refused_there_alone = narrower
            .into_iter()
            .flat_map(|values| values.keys().cloned());
        for value in values("accepted")
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .chain(refused_there_alone)
        {
            assert!(
                accepts(variable, &value),
                "{parameter}: the program refuses {value:?}"
            );
        }
        for value in values("refused").iter().filter_map(Value::as_str) {
            assert!(
                !accepts(variable, value),
                "{parameter}: the program accepts {value:?}"
            );
        }
    }
    let template = Template::read();
    let set = template
        .resource("Function")
        .get("Environment")
        .get("Variables")
        .keys()
        .len();
    assert_eq!(variables, set, "every variable has examples");
}

#[test]
fn the_template_names_the_version_that_it_belongs_to() {
    let template = Template::read();
    let application = template
        .root()
        .get("Metadata")
        .get("AWS::ServerlessRepo::Application");
    assert_eq!(
        application.get("SemanticVersion").text(),
        env!("CARGO_PKG_VERSION")
    );
    for file in ["LicenseUrl", "ReadmeUrl"] {
        let name = application.get(file).text();
        assert!(path(&name).is_file(), "{file}: there is no {name}");
    }
}

#[test]
fn the_template_and_the_digest_know_the_same_consoles() {
    let template = Template::read();
    let consoles = template.root().get("Mappings").get("Console");
    let regions = [
        ("aws", "eu-west-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-eusc", "eusc-de-east-1"),
        ("aws-us-gov", "us-gov-west-1"),
    ];
    let mut partitions = consoles.keys();
    partitions.sort();
    assert_eq!(partitions, regions.map(|(partition, _)| partition));
    for (partition, region) in regions {
        let region = Region::from(region);
        let link = SnapshotAddress {
            bucket: BUCKET.to_owned(),
            key: "key".to_owned(),
            region,
        }
        .console();
        let host = consoles.get(partition).get("Host").text();
        assert!(
            link.starts_with(&format!("https://{host}/s3/")),
            "{partition}: {link}"
        );
    }
}

#[test]
fn every_parameter_of_the_template_is_used_and_shown() {
    let template = Template::read();
    let parameters = template.root().get("Parameters").keys();
    let text = fs::read_to_string(path("template.yaml")).expect("the template is there");
    let interface = template
        .root()
        .get("Metadata")
        .get("AWS::CloudFormation::Interface")
        .get("ParameterGroups");
    let mut shown = Vec::new();
    interface.walk(&mut |key, value| {
        if key == "Parameters" {
            shown.extend(value.texts());
        }
    });
    shown.sort();
    assert_eq!(
        shown, parameters,
        "the console shows every parameter in a group, once"
    );
    for parameter in parameters {
        let used = text.contains(&format!("!Ref {parameter}"))
            || text.contains(&format!("${{{parameter}}}"));
        assert!(used, "{parameter} is used nowhere");
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The events in the repository, by file name.
fn events() -> BTreeMap<String, Value> {
    let files = fs::read_dir(path("events")).expect("there are events");
    files
        .map(|file| {
            let file = file.expect("the folder can be read");
            let name = file.file_name().to_string_lossy().into_owned();
            let text = fs::read_to_string(file.path()).expect("the file can be read");
            let event = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("events/{name}: {error}"));
            (name, event)
        })
        .collect()
}

/// The template, read with CloudFormation's tags kept.
pub struct Template(Yaml<'static>);

impl Template {
    pub fn read() -> Self {
        Self::open("template.yaml")
    }

    fn open(name: &str) -> Self {
        let text: &'static str = fs::read_to_string(path(name))
            .expect("the template is there")
            .leak();
        let mut documents = Yaml::load_from_str(text).expect("the template is YAML");
        assert_eq!(documents.len(), 1, "one document");
        Self(documents.remove(0))
    }

    fn root(&self) -> Node<'_> {
        Node {
            at: String::new(),
            yaml: &self.0,
        }
    }

    /// The names of the resources of a type, sorted.
    pub fn of_type(&self, kind: &str) -> Vec<String> {
        let resources = self.root().get("Resources");
        resources
            .keys()
            .into_iter()
            .filter(|name| resources.get(name).get("Type").text() == kind)
            .collect()
    }

    /// The properties of a resource.
    pub fn resource(&self, name: &str) -> Node<'_> {
        self.root().get("Resources").get(name).get("Properties")
    }
}

/// A place in the template.
pub struct Node<'t> {
    at: String,
    yaml: &'t Yaml<'static>,
}

impl<'t> Node<'t> {
    pub fn find(&self, key: &str) -> Option<Node<'t>> {
        let yaml = self.yaml.as_mapping_get(key)?;
        Some(Node {
            at: format!("{}/{key}", self.at),
            yaml,
        })
    }

    pub fn get(&self, key: &str) -> Node<'t> {
        self.find(key)
            .unwrap_or_else(|| panic!("{} has no {key}", self.at))
    }

    /// The keys of a mapping, sorted.
    fn keys(&self) -> Vec<String> {
        let mapping = self
            .yaml
            .as_mapping()
            .unwrap_or_else(|| panic!("{} is no mapping", self.at));
        let mut keys: Vec<_> = mapping
            .keys()
            .filter_map(Yaml::as_str)
            .map(str::to_owned)
            .collect();
        keys.sort();
        keys
    }

    /// A plain value as CloudFormation passes it on: a string.
    pub fn text(&self) -> String {
        let text = self.yaml.as_str().map(str::to_owned);
        text.or_else(|| self.yaml.as_integer().map(|number| number.to_string()))
            .unwrap_or_else(|| panic!("{} is no plain value", self.at))
    }

    /// A plain value, or a list of them.
    fn texts(&self) -> Vec<String> {
        match self.yaml.as_sequence() {
            None => vec![self.text()],
            Some(items) => items
                .iter()
                .map(|yaml| {
                    Node {
                        at: self.at.clone(),
                        yaml,
                    }
                    .text()
                })
                .collect(),
        }
    }

    /// What a `!Ref` refers to.
    pub fn reference(&self) -> Option<&'t str> {
        let tag = self.yaml.get_tag()?;
        if tag.suffix == "Ref" {
            self.yaml.get_tagged_node()?.as_str()
        } else {
            None
        }
    }

    /// The text of a `!Sub`.
    pub fn substituted(&self) -> Option<&'t str> {
        let tag = self.yaml.get_tag()?;
        if tag.suffix == "Sub" {
            self.yaml.get_tagged_node()?.as_str()
        } else {
            None
        }
    }

    /// The nodes of a list.
    pub fn items(&self) -> Vec<Node<'t>> {
        let items = self
            .yaml
            .as_sequence()
            .unwrap_or_else(|| panic!("{} is no list", self.at));
        items
            .iter()
            .enumerate()
            .map(|(place, yaml)| Node {
                at: format!("{}/{place}", self.at),
                yaml,
            })
            .collect()
    }

    /// Visits every key below, in tagged nodes too.
    fn walk(&self, visit: &mut impl FnMut(&str, &Node<'t>)) {
        let below = |yaml| Node {
            at: self.at.clone(),
            yaml,
        };
        if let Some(tagged) = self.yaml.get_tagged_node() {
            below(tagged).walk(visit);
        } else if let Some(items) = self.yaml.as_sequence() {
            for item in items {
                below(item).walk(visit);
            }
        } else if let Some(mapping) = self.yaml.as_mapping() {
            for (key, value) in mapping {
                let key = key
                    .as_str()
                    .unwrap_or_else(|| panic!("{} has a key that is no string", self.at));
                let node = Node {
                    at: format!("{}/{key}", self.at),
                    yaml: value,
                };
                visit(key, &node);
                node.walk(visit);
            }
        }
    }
}
