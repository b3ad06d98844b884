//! The rules that hold whatever comes in, and what they share: settings, and the run that an event
//! makes under them. The targets try them guided by coverage; `tests/it/inputs.rs` tries them by
//! chance, on any toolchain.

use jiff::{SignedDuration, Timestamp};
use packwatch::input::event::{InvalidEvent, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;

pub mod event;
pub mod ledger;
pub mod settings;

/// When every run begins.
pub const NOW: &str = "2026-03-02T08:00:00Z";

/// Settings with both topics, whose audiences are worded differently.
pub fn settings_of_two_topics() -> Settings {
    Settings::read(|name| {
        let value = match name {
            "AWS_REGION" => "eu-west-1",
            "REGIONS" => "eu-west-1,us-east-1",
            "SNAPSHOT_BUCKET" => "bucket",
            "TOPIC_ARN" => "arn:aws:sns:eu-west-1:111122223333:digest",
            "CHAT_TOPIC_ARN" => "arn:aws:sns:eu-west-1:111122223333:chat",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .expect("right settings")
}

/// The run that a trigger makes, or why there is none.
pub fn plan(trigger: Trigger, settings: &Settings) -> Result<RunPlan, InvalidEvent> {
    let now: Timestamp = NOW.parse().expect("a time");
    let invocation = Invocation {
        request_id: "run-2".to_owned(),
        execution: "execution-2".to_owned(),
        deadline: now + SignedDuration::from_mins(5),
        now,
    };
    RunPlan::new(trigger, settings, invocation)
}
