//! Checks that the SAM template, the roles and the example events match the function.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use packwatch::input::event::Trigger;
use packwatch::input::plan::{Invocation, RunPlan, Task, TriggerKind};
use packwatch::input::settings::Settings;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use crate::support::harness::{BUCKET, REGION, TOPIC, time};

/// The actions that the function's role allows, each with its purpose.
pub const ACTIONS: [(&str, &str); 21] = [
    (
        "config:DescribeOrganizationConformancePackStatuses",
        "listing the packs",
    ),
    (
        "config:GetOrganizationConformancePackDetailedStatus",
        "reading the member accounts of a pack",
    ),
    (
        "events:DescribeEventBus",
        "only with EventBusName: check: whether the bus exists",
    ),
    (
        "events:PutEvents",
        "only with EventBusName: digests and causes as events",
    ),
    (
        "kms:Decrypt",
        "only with a KMS key: the data keys of the topic and the queue; always: reading objects that a former key encrypted",
    ),
    (
        "kms:GenerateDataKey",
        "only with a KMS key: writing objects, digests and dead letters",
    ),
    (
        "logs:CreateLogStream",
        "Lambda: one log stream for each execution environment",
    ),
    (
        "logs:PutLogEvents",
        "Lambda: the log output of the function",
    ),
    (
        "organizations:DescribeAccount",
        "only with AccountNames: the names of failing accounts",
    ),
    (
        "organizations:DescribeOrganization",
        "check: the kind of the account",
    ),
    (
        "organizations:ListDelegatedAdministrators",
        "check: the accounts that can deploy packs",
    ),
    (
        "s3:GetBucketVersioning",
        "check: whether a damaged ledger can be restored",
    ),
    (
        "s3:GetObject",
        "reading the ledger and the metadata of latest.json; If-Match also requires it",
    ),
    (
        "s3:ListBucket",
        "a missing ledger is a 404 response, which is a 403 without this action",
    ),
    (
        "s3:PutObject",
        "writing the snapshot, the ledger and latest.json",
    ),
    (
        "sns:GetTopicAttributes",
        "check: whether the topic exists and has subscriptions",
    ),
    ("sns:Publish", "publishing the digest"),
    (
        "sqs:SendMessage",
        "Lambda: the event of a run whose last retry failed",
    ),
    ("sts:AssumeRole", "assuming the roles of ROLE_ARNS"),
    (
        "xray:PutTelemetryRecords",
        "only with Tracing: traces of Lambda",
    ),
    (
        "xray:PutTraceSegments",
        "only with Tracing: traces of Lambda",
    ),
];

/// The actions that the schedule's role allows, each with its purpose.
const SCHEDULE_ACTIONS: [(&str, &str); 4] = [
    (
        "kms:Decrypt",
        "only with KmsKeyArn: the data key of the queue",
    ),
    (
        "kms:GenerateDataKey",
        "only with KmsKeyArn: writing dead letters",
    ),
    ("lambda:InvokeFunction", "invoking the function"),
    (
        "sqs:SendMessage",
        "the event of an invocation that could not be delivered",
    ),
];

/// The actions that the role of `roles/reader.yaml` allows, each with its purpose.
const READER_ACTIONS: [(&str, &str); 2] = [
    (
        "config:DescribeOrganizationConformancePackStatuses",
        "listing the packs",
    ),
    (
        "config:GetOrganizationConformancePackDetailedStatus",
        "reading the member accounts of a pack",
    ),
];

/// The placeholder that EventBridge Scheduler replaces with the scheduled time.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

#[test]
fn repository_events_are_planned() {
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
    .expect("the settings are valid");
    let mut triggers = BTreeSet::new();
    for (name, event) in events() {
        let now = time("2026-03-01T08:15:07Z");
        let invocation = Invocation {
            request_id: "58e7d1b4-9c1c-4f0e-8f5a-2f6f3c8d0b11".to_owned(),
            execution: "execution".to_owned(),
            deadline: now + SignedDuration::from_secs(120),
            now,
        };
        let plan = Trigger::read(event.to_string())
            .and_then(|trigger| RunPlan::new(trigger, &settings, invocation))
            .unwrap_or_else(|error| panic!("events/{name}: {error}"));
        // The file name tells the reader which kind of run the event starts.
        assert_eq!(
            plan.run.trigger == TriggerKind::Manual,
            name.starts_with("manual-"),
            "events/{name} is a {:?} run",
            plan.run.trigger
        );
        assert_eq!(
            plan.mode.dry_run,
            name.contains("dry-run"),
            "events/{name}: dry_run"
        );
        assert_eq!(
            plan.selection.narrowed,
            name.contains("one-"),
            "events/{name}: narrowed"
        );
        assert_eq!(
            plan.mode.summary,
            name.contains("summary"),
            "events/{name}: summary"
        );
        assert_eq!(
            plan.task == Task::Test,
            name.contains("test"),
            "events/{name}: {:?}",
            plan.task
        );
        assert_eq!(
            plan.task == Task::AdoptLedger,
            name.contains("adopt-ledger"),
            "events/{name}: {:?}",
            plan.task
        );
        assert_eq!(
            plan.task == Task::Check,
            name.contains("check"),
            "events/{name}: {:?}",
            plan.task
        );
        triggers.insert(plan.run.trigger);
    }
    assert_eq!(
        triggers,
        BTreeSet::from([TriggerKind::Manual, TriggerKind::Schedule]),
        "events/ has examples of both triggers"
    );
}

#[test]
fn schedule_input_is_accepted_and_equals_scheduled_json() {
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
        Trigger::read(event.to_string()),
        Ok(Trigger::Schedule {
            scheduled_at: time(at),
            summary: false,
        })
    );
    assert_eq!(
        events()["scheduled.json"],
        event,
        "events/scheduled.json differs from the input of the template's schedule"
    );
}

#[test]
fn template_sets_exactly_the_variables_of_settings() {
    let read = RefCell::new(BTreeSet::new());
    let _ = Settings::read(|name| {
        read.borrow_mut().insert(name.to_owned());
        None
    });
    let mut read = read.into_inner();
    // Lambda sets these two variables itself.
    for region in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        assert!(read.remove(region), "{region} is not read");
    }
    let template = Template::read();
    let variables = template
        .resource("Function")
        .get("Environment")
        .get("Variables");
    assert_eq!(variables.keys(), read.into_iter().collect::<Vec<_>>());
}

#[test]
fn template_defaults_are_valid_settings() {
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
    .expect("the defaults of the parameters are valid settings");
    assert_eq!(
        settings.policy.announce_after,
        SignedDuration::from_mins(60)
    );
    assert_eq!(
        settings.policy.remind_after,
        Some(SignedDuration::from_hours(168))
    );
    assert!(settings.account_names);
    assert_eq!(settings.concurrency, 8);
}

#[test]
fn roles_allow_exactly_the_listed_actions() {
    let (template, reader) = (Template::read(), Template::open("roles/reader.yaml"));
    let roles = [
        (template.resource("FunctionRole"), &ACTIONS[..]),
        (template.resource("ScheduleRole"), &SCHEDULE_ACTIONS[..]),
        (reader.resource("Reader"), &READER_ACTIONS[..]),
    ];
    for (role, allowed) in roles {
        let mut actions = Vec::new();
        role.get("Policies").walk(&mut |key, value| {
            if key == "Action" {
                actions.extend(value.texts());
            }
            assert!(
                !["NotAction", "NotResource"].contains(&key),
                "{}: {key} allows unlisted actions",
                role.path
            );
        });
        actions.sort();
        // Statements for different keys allow the same actions.
        actions.dedup();
        let allowed: Vec<_> = allowed.iter().map(|(action, _)| *action).collect();
        assert_eq!(actions, allowed, "{}", role.path);
        assert!(
            role.find("ManagedPolicyArns").is_none(),
            "{}: a managed policy allows unlisted actions",
            role.path
        );
    }
    let roles = template.of_type("AWS::IAM::Role");
    assert_eq!(
        roles,
        ["FunctionRole", "ScheduleRole"],
        "a role of the template has no list of actions"
    );
    assert!(
        template.resource("Function").find("Policies").is_none(),
        "the function must use FunctionRole, not policies of its own"
    );
}

#[test]
fn template_parameter_examples_agree_with_settings() {
    let text = fs::read_to_string(path("tests/e2e/parameters.json")).expect("the examples exist");
    let examples: BTreeMap<String, Value> =
        serde_json::from_str(&text).expect("the examples are JSON");
    let accepts = |variable: &str, value: &str| {
        let base = [
            ("AWS_REGION", REGION),
            ("SNAPSHOT_BUCKET", BUCKET),
            ("TOPIC_ARN", TOPIC),
        ];
        let read = Settings::read(|name| {
            let default = base
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value);
            if name == variable {
                Some(value.to_owned())
            } else {
                default.map(str::to_owned)
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
        let narrower = example
            .get("rejected_by_template")
            .and_then(Value::as_object);
        let rejected_by_template_only = narrower
            .into_iter()
            .flat_map(|values| values.keys().cloned());
        for value in values("accepted")
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .chain(rejected_by_template_only)
        {
            assert!(
                accepts(variable, &value),
                "{parameter}: the settings reject {value:?}"
            );
        }
        for value in values("rejected").iter().filter_map(Value::as_str) {
            assert!(
                !accepts(variable, value),
                "{parameter}: the settings accept {value:?}"
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
    assert_eq!(
        variables, set,
        "the number of variables with examples differs from the template"
    );
}

#[test]
fn template_parameters_are_all_used_and_shown() {
    let template = Template::read();
    let parameters = template.root().get("Parameters").keys();
    let text = fs::read_to_string(path("template.yaml")).expect("the template exists");
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
        "each parameter must be in exactly one parameter group"
    );
    for parameter in parameters {
        let used = text.contains(&format!("!Ref {parameter}"))
            || text.contains(&format!("${{{parameter}}}"));
        assert!(used, "{parameter} is not used");
    }
}

/// Returns the path of a file in the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Returns the example events in the repository by file name.
fn events() -> BTreeMap<String, Value> {
    let files = fs::read_dir(path("events")).expect("the events folder exists");
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

/// A CloudFormation template, parsed with its tags (`!Ref`, `!Sub`).
pub struct Template(Yaml<'static>);

impl Template {
    pub fn read() -> Self {
        Self::open("template.yaml")
    }

    pub fn open(name: &str) -> Self {
        let text: &'static str = fs::read_to_string(path(name))
            .expect("the template exists")
            .leak();
        let mut documents = Yaml::load_from_str(text).expect("the template is YAML");
        assert_eq!(documents.len(), 1, "{name} is not one YAML document");
        Self(documents.remove(0))
    }

    fn root(&self) -> Node<'_> {
        Node {
            path: String::new(),
            yaml: &self.0,
        }
    }

    /// Returns the names of the resources of a type, sorted.
    pub fn of_type(&self, kind: &str) -> Vec<String> {
        let resources = self.root().get("Resources");
        resources
            .keys()
            .into_iter()
            .filter(|name| resources.get(name).get("Type").text() == kind)
            .collect()
    }

    /// Returns the names of the parameters, sorted.
    pub fn parameters(&self) -> Vec<String> {
        self.root().get("Parameters").keys()
    }

    /// Returns the names of the outputs, sorted.
    pub fn outputs(&self) -> Vec<String> {
        self.root().get("Outputs").keys()
    }

    /// Returns the properties of a resource.
    pub fn resource(&self, name: &str) -> Node<'_> {
        self.root().get("Resources").get(name).get("Properties")
    }
}

/// A node of the template with its path.
pub struct Node<'t> {
    path: String,
    yaml: &'t Yaml<'static>,
}

impl<'t> Node<'t> {
    pub fn find(&self, key: &str) -> Option<Node<'t>> {
        let yaml = self.yaml.as_mapping_get(key)?;
        Some(Node {
            path: format!("{}/{key}", self.path),
            yaml,
        })
    }

    pub fn get(&self, key: &str) -> Node<'t> {
        self.find(key)
            .unwrap_or_else(|| panic!("{} has no {key}", self.path))
    }

    /// Returns the keys of a mapping, sorted.
    fn keys(&self) -> Vec<String> {
        let mapping = self
            .yaml
            .as_mapping()
            .unwrap_or_else(|| panic!("{} is not a mapping", self.path));
        let mut keys: Vec<_> = mapping
            .keys()
            .filter_map(Yaml::as_str)
            .map(str::to_owned)
            .collect();
        keys.sort();
        keys
    }

    /// Returns a scalar as the string that CloudFormation passes on.
    pub fn text(&self) -> String {
        let text = self.yaml.as_str().map(str::to_owned);
        text.or_else(|| self.yaml.as_integer().map(|number| number.to_string()))
            .unwrap_or_else(|| panic!("{} is not a scalar", self.path))
    }

    /// Returns a scalar, or every scalar of a list.
    fn texts(&self) -> Vec<String> {
        match self.yaml.as_sequence() {
            None => vec![self.text()],
            Some(items) => items
                .iter()
                .map(|yaml| {
                    Node {
                        path: self.path.clone(),
                        yaml,
                    }
                    .text()
                })
                .collect(),
        }
    }

    /// Returns the target of a `!Ref`.
    pub fn reference(&self) -> Option<&'t str> {
        let tag = self.yaml.get_tag()?;
        if tag.suffix == "Ref" {
            self.yaml.get_tagged_node()?.as_str()
        } else {
            None
        }
    }

    /// Returns the text of a `!Sub`.
    pub fn substituted(&self) -> Option<&'t str> {
        let tag = self.yaml.get_tag()?;
        if tag.suffix == "Sub" {
            self.yaml.get_tagged_node()?.as_str()
        } else {
            None
        }
    }

    /// Returns the nodes of a list.
    pub fn items(&self) -> Vec<Node<'t>> {
        let items = self
            .yaml
            .as_sequence()
            .unwrap_or_else(|| panic!("{} is not a list", self.path));
        items
            .iter()
            .enumerate()
            .map(|(index, yaml)| Node {
                path: format!("{}/{index}", self.path),
                yaml,
            })
            .collect()
    }

    /// Visits every key below this node, including keys of tagged nodes.
    fn walk(&self, visit: &mut impl FnMut(&str, &Node<'t>)) {
        let child = |yaml| Node {
            path: self.path.clone(),
            yaml,
        };
        if let Some(tagged) = self.yaml.get_tagged_node() {
            child(tagged).walk(visit);
        } else if let Some(items) = self.yaml.as_sequence() {
            for item in items {
                child(item).walk(visit);
            }
        } else if let Some(mapping) = self.yaml.as_mapping() {
            for (key, value) in mapping {
                let key = key
                    .as_str()
                    .unwrap_or_else(|| panic!("{} has a key that is not a string", self.path));
                let node = Node {
                    path: format!("{}/{key}", self.path),
                    yaml: value,
                };
                visit(key, &node);
                node.walk(visit);
            }
        }
    }
}
