//! The template and the events held to the program that they start.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use packwatch::event::Trigger;
use packwatch::plan::{Invocation, Plan};
use packwatch::settings::Settings;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use crate::stage::{BUCKET, REGION, TOPIC, time};

/// What the function's role may do, each beside what needs it.
const ACTIONS: [(&str, &str); 9] = [
    ("config:DescribeOrganizationConformancePackStatuses", "the listing of packs"),
    ("config:GetOrganizationConformancePackDetailedStatus", "the readings of members"),
    ("logs:CreateLogStream", "Lambda, for each process"),
    ("logs:PutLogEvents", "Lambda, for what the function writes"),
    ("s3:GetObject", "the ledger and latest.json; If-Match asks for it too"),
    ("s3:ListBucket", "the 404 of a missing ledger, which is a 403 without it"),
    ("s3:PutObject", "the snapshot, the ledger and latest.json"),
    ("sns:Publish", "the digest"),
    ("sts:AssumeRole", "ROLE_ARNS: the roles to read as"),
];

/// The placeholder that EventBridge Scheduler fills in.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

#[test]
fn every_event_in_the_repository_is_planned() {
    let settings = Settings::read(|name| {
        let set = [("AWS_REGION", REGION), ("SNAPSHOT_BUCKET", BUCKET), ("TOPIC_ARN", TOPIC)];
        set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
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
            .and_then(|trigger| Plan::make(trigger, &settings, invocation))
            .unwrap_or_else(|refusal| panic!("events/{name}: {refusal}"));
        // A file is named after what it does.
        assert_eq!(plan.trigger == "manual", name.starts_with("manual-"), "events/{name} is a {} run", plan.trigger);
        assert_eq!(plan.dry_run, name.contains("dry-run"), "events/{name}: dry_run");
        assert_eq!(plan.narrowed, name.contains("one-"), "events/{name}: narrowed");
        triggers.insert(plan.trigger);
    }
    assert_eq!(triggers, BTreeSet::from(["manual", "schedule"]), "events/ shows both");
}

#[test]
fn the_schedules_input_is_accepted_and_is_the_event_in_the_repository() {
    let template = Template::read();
    let schedule = template.resource("Function").get("Events").get("Schedule").get("Properties");
    let input = schedule.get("Input").text();
    let at = "2026-03-01T08:15:00Z";
    assert_eq!(input.matches(SCHEDULED_TIME).count(), 1, "{input}");
    let event: Value = serde_json::from_str(&input.replace(SCHEDULED_TIME, at)).expect("the input is JSON");
    assert_eq!(Trigger::parse(&event), Ok(Trigger::Schedule { scheduled_at: time(at) }));
    assert_eq!(events()["scheduled.json"], event, "events/scheduled.json is what the template's schedule sends");
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
    let variables = template.resource("Function").get("Environment").get("Variables");
    assert_eq!(variables.keys(), asked.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_templates_defaults_are_settings() {
    let template = Template::read();
    let variables = template.resource("Function").get("Environment").get("Variables");
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
fn the_role_may_do_what_the_function_does_and_nothing_else() {
    let template = Template::read();
    let policies = template.resource("FunctionRole").get("Policies");
    let mut actions = Vec::new();
    policies.walk(&mut |key, value| {
        if key == "Action" {
            actions.extend(value.texts());
        }
        assert!(!["NotAction", "NotResource"].contains(&key), "{key} allows what nobody listed");
    });
    actions.sort();
    assert_eq!(actions, ACTIONS.map(|(action, _)| action));
    assert!(template.resource("FunctionRole").find("ManagedPolicyArns").is_none(), "a managed policy allows more");
    assert!(template.resource("Function").find("Policies").is_none(), "the function's role is its own");
}

#[test]
fn every_parameter_of_the_template_is_used_and_shown() {
    let template = Template::read();
    let parameters = template.root().get("Parameters").keys();
    let text = fs::read_to_string(path("template.yaml")).expect("the template is there");
    let interface = template.root().get("Metadata").get("AWS::CloudFormation::Interface").get("ParameterGroups");
    let mut shown = Vec::new();
    interface.walk(&mut |key, value| {
        if key == "Parameters" {
            shown.extend(value.texts());
        }
    });
    shown.sort();
    assert_eq!(shown, parameters, "the console shows every parameter in a group, once");
    for parameter in parameters {
        let used = text.contains(&format!("!Ref {parameter}")) || text.contains(&format!("${{{parameter}}}"));
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
            let event = serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{name}: {error}"));
            (name, event)
        })
        .collect()
}

/// The template, read with CloudFormation's tags kept.
struct Template(Yaml<'static>);

impl Template {
    fn read() -> Self {
        let text: &'static str = fs::read_to_string(path("template.yaml")).expect("the template is there").leak();
        let mut documents = Yaml::load_from_str(text).expect("the template is YAML");
        assert_eq!(documents.len(), 1, "one document");
        Self(documents.remove(0))
    }

    fn root(&self) -> Node<'_> {
        Node { at: String::new(), yaml: &self.0 }
    }

    /// The properties of a resource.
    fn resource(&self, name: &str) -> Node<'_> {
        self.root().get("Resources").get(name).get("Properties")
    }
}

/// A place in the template.
struct Node<'t> {
    at: String,
    yaml: &'t Yaml<'static>,
}

impl<'t> Node<'t> {
    fn find(&self, key: &str) -> Option<Node<'t>> {
        let yaml = self.yaml.as_mapping_get(key)?;
        Some(Node { at: format!("{}/{key}", self.at), yaml })
    }

    fn get(&self, key: &str) -> Node<'t> {
        self.find(key).unwrap_or_else(|| panic!("{} has no {key}", self.at))
    }

    /// The keys of a mapping, sorted.
    fn keys(&self) -> Vec<String> {
        let mapping = self.yaml.as_mapping().unwrap_or_else(|| panic!("{} is no mapping", self.at));
        let mut keys: Vec<_> = mapping.keys().filter_map(Yaml::as_str).map(str::to_owned).collect();
        keys.sort();
        keys
    }

    /// A plain value as CloudFormation passes it on: a string.
    fn text(&self) -> String {
        let text = self.yaml.as_str().map(str::to_owned);
        text.or_else(|| self.yaml.as_integer().map(|number| number.to_string()))
            .unwrap_or_else(|| panic!("{} is no plain value", self.at))
    }

    /// A plain value, or a list of them.
    fn texts(&self) -> Vec<String> {
        match self.yaml.as_sequence() {
            None => vec![self.text()],
            Some(items) => items.iter().map(|yaml| Node { at: self.at.clone(), yaml }.text()).collect(),
        }
    }

    /// What a `!Ref` refers to.
    fn reference(&self) -> Option<&'t str> {
        let tag = self.yaml.get_tag()?;
        if tag.suffix == "Ref" { self.yaml.get_tagged_node()?.as_str() } else { None }
    }

    /// Visits every key below, in tagged nodes too.
    fn walk(&self, visit: &mut impl FnMut(&str, &Node<'t>)) {
        let below = |yaml| Node { at: self.at.clone(), yaml };
        if let Some(tagged) = self.yaml.get_tagged_node() {
            below(tagged).walk(visit);
        } else if let Some(items) = self.yaml.as_sequence() {
            for item in items {
                below(item).walk(visit);
            }
        } else if let Some(mapping) = self.yaml.as_mapping() {
            for (key, value) in mapping {
                let key = key.as_str().unwrap_or_else(|| panic!("{} has a key that is no string", self.at));
                let node = Node { at: format!("{}/{key}", self.at), yaml: value };
                visit(key, &node);
                node.walk(visit);
            }
        }
    }
}
