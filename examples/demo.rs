//! A day of an organization, without AWS: the simulated organization stands in for it, and the real
//! function reads it over the real wire, hour by hour. Prints every digest as a reader gets it;
//! leaves the objects of the bucket in `target/demo/`.
//!
//! `cargo run --example demo`
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal, whose world is its own"
)]

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use aws_sdk_s3::config::Credentials;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use packwatch::aws::{self, ConfigServiceApi, S3Store, SnsNotifier};
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::ports::Clock;
use packwatch::run::Services;
use packwatch_simulation::{Fault, Organization, Publish, Server, Service, StatusRecord};
use serde_json::Value;

const OWN: &str = "111122223333";
const HOME: &str = "eu-west-1";
const FAR: &str = "us-east-1";
const BUCKET: &str = "packwatch-snapshots";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:packwatch";
const ACCOUNTS: usize = 40;
const OBJECTS: &str = "target/demo";

/// A clock that the day moves.
#[derive(Clone)]
struct ManualClock(Rc<Cell<Timestamp>>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.get()
    }
}

/// What happens at an hour of the day, before the function looks.
struct Hour {
    at: &'static str,
    what: &'static str,
    happens: fn(&Organization),
}

const DAY: &[Hour] = &[
    Hour {
        at: "08:00",
        what: "the first run; one account has been failing for days",
        happens: |_| {},
    },
    Hour {
        at: "09:00",
        what: "nothing new",
        happens: |_| {},
    },
    Hour {
        at: "10:00",
        what: "accounts that joined yesterday turn out to have no recorder, in both regions",
        happens: |world| {
            for number in 30..35 {
                let account = account(number);
                let row = StatusRecord::new("CREATE_FAILED")
                    .code("NoAvailableConfigurationRecorderException")
                    .message(format!(
                        "There is no configuration recorder available in account {account}."
                    ))
                    .updated("2026-03-01T08:40:00Z");
                for region in [HOME, FAR] {
                    world.put_member(OWN, region, "security-baseline", &account, row.clone());
                }
            }
        },
    },
    Hour {
        at: "11:00",
        what: "somebody deploys the pack again: rows move, and moving proves nothing",
        happens: |world| {
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
        what: "two of them have recovered, the others fail as before",
        happens: |world| {
            world.put_pack(
                OWN,
                HOME,
                "security-baseline",
                StatusRecord::new("UPDATE_SUCCESSFUL"),
            );
            for number in 30..35 {
                let account = account(number);
                let row = if number < 32 {
                    StatusRecord::new("UPDATE_SUCCESSFUL")
                } else {
                    StatusRecord::new("UPDATE_FAILED")
                        .code("NoAvailableConfigurationRecorderException")
                        .message(format!(
                            "There is no configuration recorder available in account {account}."
                        ))
                };
                world.put_member(OWN, HOME, "security-baseline", &account, row);
            }
        },
    },
    Hour {
        at: "13:00",
        what: "a new policy denies us-east-1; a gap is told when it lasts",
        happens: |world| {
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
        what: "it lasts",
        happens: |_| {},
    },
    Hour {
        at: "15:00",
        what: "and is not told again",
        happens: |_| {},
    },
    Hour {
        at: "16:00",
        what: "the policy is mended; what recovered meanwhile is proven only now",
        happens: |world| {
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
        what: "a quiet end",
        happens: |_| {},
    },
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let world = organization();
    let server = Server::start(&world).await;
    let clock = ManualClock(Rc::new(Cell::new(at("08:00"))));
    let function = function(&server.url(), clock.clone()).await;
    println!(
        "An organization of {ACCOUNTS} accounts with two packs in two regions, at {}.",
        server.url()
    );
    for (number, hour) in DAY.iter().enumerate() {
        clock.0.set(at(hour.at));
        (hour.happens)(&world);
        let told = world.publishes().len();
        println!("\n{} {}", hour.at, hour.what);
        eprint!("      reading ...");
        let report = function.invoke("{}", context(number, clock.now())).await;
        match report {
            Ok(report) => {
                let totals = report.totals;
                eprintln!(
                    "\r      run {} read {} packs in {} calls: {} open, {} unconfirmed{}",
                    report.sequence,
                    totals.packs,
                    report.config_calls,
                    totals.failures,
                    totals.unconfirmed,
                    if world.publishes().len() > told {
                        "; a digest:"
                    } else {
                        "; nothing to tell"
                    },
                );
            }
            Err(error) => eprintln!("\r      {}: {}", error.kind(), error.to_report()),
        }
        for publish in world.publishes().iter().skip(told) {
            show(publish);
        }
    }
    let objects = world.objects(BUCKET);
    keep(&objects).expect("the objects are written under target/demo");
    println!(
        "\n{} digests in {} runs. {} objects are in {OBJECTS}/:",
        world.publishes().len(),
        DAY.len(),
        objects.len()
    );
    println!("ledger.json, latest.json, and a snapshot of each run.");
}

/// Two packs over all accounts in two regions; one old failure.
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

async fn function(
    url: &str,
    clock: ManualClock,
) -> Handler<ConfigServiceApi, S3Store, SnsNotifier, ManualClock> {
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
    let settings = settings.expect("the demo's settings are right");
    let loader = aws::sdk_config()
        .endpoint_url(url)
        .credentials_provider(Credentials::new("AKIDOWN", "secret", None, None, "demo"));
    let aws = aws::connect(loader, &settings, aws::Timeouts::default(), |_| None).await;
    let services = Services {
        config: aws.config,
        store: aws.store,
        notifier: aws.notifier,
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
        .expect("an hour of the day")
}

/// The digest as it lands in an inbox.
fn show(publish: &Publish) {
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

fn keep(objects: &std::collections::BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
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
