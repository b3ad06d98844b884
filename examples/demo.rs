//! Demonstrates a day of an organization without AWS.
//!
//! The real handler reads a simulated organization over HTTP, once per simulated hour. The demo
//! prints every digest as an email recipient gets it, and writes the objects of the bucket to
//! `target/demo/`.
//!
//! `cargo run --example demo`
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a terminal program over its own simulated organization"
)]

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use aws_sdk_s3::config::Credentials;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use packwatch::aws::{self, AwsNotifier, ConfigServiceApi, PreflightClients, S3Store};
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::ports::Clock;
use packwatch::report::Response;
use packwatch::run::ServiceSet;
use packwatch_simulation::{Fault, Organization, Publish, Server, Service, StatusRecord};
use serde_json::Value;

const OWN: &str = "111122223333";
const HOME: &str = "eu-west-1";
const FAR: &str = "us-east-1";
const BUCKET: &str = "packwatch-snapshots";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:packwatch";
const ACCOUNTS: usize = 40;
const OBJECTS: &str = "target/demo";

/// A clock that advances only when the demo advances it.
#[derive(Clone)]
struct ManualClock(Rc<Cell<Timestamp>>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.get()
    }
}

/// An hour of the day, with the change that happens before its run.
struct Hour {
    at: &'static str,
    description: &'static str,
    change: fn(&Organization),
}

const DAY: &[Hour] = &[
    Hour {
        at: "08:00",
        description: "first run; one account has been failing for days",
        change: |_| {},
    },
    Hour {
        at: "09:00",
        description: "no changes",
        change: |_| {},
    },
    Hour {
        at: "10:00",
        description: "new accounts fail in both regions, because they have no configuration recorder",
        change: |world| {
            for number in 30..35 {
                let account = account(number);
                let record = StatusRecord::new("CREATE_FAILED")
                    .code("NoAvailableConfigurationRecorderException")
                    .message(format!(
                        "There is no configuration recorder available in account {account}."
                    ))
                    .updated("2026-03-01T08:40:00Z");
                for region in [HOME, FAR] {
                    world.put_member(OWN, region, "security-baseline", &account, record.clone());
                }
            }
        },
    },
    Hour {
        at: "11:00",
        description: "the pack is deployed again; failures stay open while their status is in progress",
        change: |world| {
            world.put_pack(
                OWN,
                HOME,
                "security-baseline",
                StatusRecord::new("UPDATE_IN_PROGRESS"),
            );
            for number in 30..35 {
                world.put_member(
                    OWN,
                    HOME,
                    "security-baseline",
                    &account(number),
                    StatusRecord::new("UPDATE_IN_PROGRESS"),
                );
            }
        },
    },
    Hour {
        at: "12:00",
        description: "two of the accounts have recovered; the others fail again",
        change: |world| {
            world.put_pack(
                OWN,
                HOME,
                "security-baseline",
                StatusRecord::new("UPDATE_SUCCESSFUL"),
            );
            for number in 30..35 {
                let account = account(number);
                let record = if number < 32 {
                    StatusRecord::new("UPDATE_SUCCESSFUL")
                } else {
                    StatusRecord::new("UPDATE_FAILED")
                        .code("NoAvailableConfigurationRecorderException")
                        .message(format!(
                            "There is no configuration recorder available in account {account}."
                        ))
                };
                world.put_member(OWN, HOME, "security-baseline", &account, record);
            }
        },
    },
    Hour {
        at: "13:00",
        description: "a new policy denies us-east-1; the gap is reported if it persists",
        change: |world| {
            let denied = "User is not authorized to perform this action with an explicit deny in a service control policy";
            world.fault(
                Fault::error(400, "AccessDeniedException", denied)
                    .service(Service::Config)
                    .region(FAR),
            );
        },
    },
    Hour {
        at: "14:00",
        description: "the gap persists",
        change: |_| {},
    },
    Hour {
        at: "15:00",
        description: "the gap is not reported again",
        change: |_| {},
    },
    Hour {
        at: "16:00",
        description: "the policy is fixed; accounts that recovered during the gap are cleared now",
        change: |world| {
            world.clear_faults();
            for number in 30..35 {
                world.put_member(
                    OWN,
                    FAR,
                    "security-baseline",
                    &account(number),
                    StatusRecord::new("CREATE_SUCCESSFUL"),
                );
            }
        },
    },
    Hour {
        at: "17:00",
        description: "no changes",
        change: |_| {},
    },
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let world = organization();
    let server = Server::start(&world).await;
    let clock = ManualClock(Rc::new(Cell::new(at("08:00"))));
    let handler = handler(&server.url(), clock.clone()).await;
    println!(
        "An organization of {ACCOUNTS} accounts with two packs in two regions, at {}.",
        server.url()
    );
    for (number, hour) in DAY.iter().enumerate() {
        clock.0.set(at(hour.at));
        (hour.change)(&world);
        let published = world.publishes().len();
        println!("\n{} {}", hour.at, hour.description);
        eprint!("      reading ...");
        let response = handler.invoke("{}", context(number, clock.now())).await;
        match response.map(Response::into_run) {
            Ok(None) => {}
            Ok(Some(response)) => {
                let totals = response.totals;
                eprintln!(
                    "\r      run {} read {} packs in {} calls: {} open, {} unconfirmed{}",
                    response.sequence,
                    totals.packs,
                    response.config_calls,
                    totals.failures,
                    totals.unconfirmed,
                    if world.publishes().len() > published {
                        "; a digest:"
                    } else {
                        "; no digest"
                    },
                );
            }
            Err(error) => eprintln!("\r      {}: {}", error.kind(), error.to_report()),
        }
        for publish in world.publishes().iter().skip(published) {
            print_digest(publish);
        }
    }
    let objects = world.objects(BUCKET);
    write_objects(&objects).expect("target/demo is writable");
    println!(
        "\n{} digests in {} runs. {} objects are in {OBJECTS}/:",
        world.publishes().len(),
        DAY.len(),
        objects.len()
    );
    println!("ledger.json, latest.json, report.html, and a snapshot of each run.");
}

/// Returns an organization with two packs in two regions, all accounts as members, and one failure.
fn organization() -> Organization {
    let world = Organization::new(OWN);
    world.create_bucket(BUCKET);
    world.create_topic(TOPIC);
    world.latency(Duration::from_millis(40));
    for region in [HOME, FAR] {
        for pack in ["operations", "security-baseline"] {
            world.put_pack(OWN, region, pack, StatusRecord::new("CREATE_SUCCESSFUL"));
            for number in 0..ACCOUNTS {
                world.put_member(
                    OWN,
                    region,
                    pack,
                    &account(number),
                    StatusRecord::new("CREATE_SUCCESSFUL"),
                );
            }
        }
    }
    let old = StatusRecord::new("UPDATE_FAILED")
        .code("AccessDeniedException")
        .message("The role AWSServiceRoleForConfigConforms is missing or cannot be assumed.")
        .updated("2026-02-26T16:20:00Z");
    world.put_member(OWN, HOME, "operations", &account(7), old);
    world
}

async fn handler(
    url: &str,
    clock: ManualClock,
) -> Handler<ServiceSet<ConfigServiceApi, S3Store, AwsNotifier, PreflightClients, ManualClock>> {
    let settings = Settings::read(|name| {
        let value = match name {
            "AWS_REGION" => HOME,
            "SNAPSHOT_BUCKET" => BUCKET,
            "TOPIC_ARN" => TOPIC,
            "REGIONS" => "eu-west-1,us-east-1",
            "ANNOUNCE_AFTER_MINUTES" => "60",
            "LABEL" => "demo",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let settings = settings.expect("the settings of the demo are valid");
    let loader = aws::sdk_config()
        .endpoint_url(url)
        .credentials_provider(Credentials::new("AKIDOWN", "secret", None, None, "demo"));
    let aws = aws::connect(loader, &settings, aws::Timeouts::default(), |_| None).await;
    let aws = aws.expect("no variable names a proxy or certificates");
    let services = ServiceSet {
        config: aws.config,
        store: aws.store,
        notifier: aws.notifier,
        preflight: aws.preflight,
        clock,
    };
    Handler::new(settings, services, || "demo".to_owned(), None)
}

fn context(number: usize, now: Timestamp) -> Context {
    let mut context = Context::default();
    context.request_id = format!("demo-{:02}", number + 1);
    let deadline = now + SignedDuration::from_mins(2);
    context.deadline = u64::try_from(deadline.as_millisecond()).unwrap_or_default();
    context
}

fn account(number: usize) -> String {
    format!("{:012}", 200_000_000_000_u64 + number as u64)
}

fn at(hour: &str) -> Timestamp {
    format!("2026-03-01T{hour}:00Z")
        .parse()
        .expect("a time of day")
}

/// Prints a digest as an email.
fn print_digest(publish: &Publish) {
    let body: Value = serde_json::from_str(&publish.message).unwrap_or_default();
    println!(
        "      ┌── Subject: {}",
        publish.subject.as_deref().unwrap_or_default()
    );
    for line in body["email"].as_str().unwrap_or_default().lines() {
        println!("      │ {line}");
    }
    println!("      └──");
}

fn write_objects(objects: &std::collections::BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    let folder = Path::new(OBJECTS);
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    for (key, bytes) in objects {
        let path = folder.join(key);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}
