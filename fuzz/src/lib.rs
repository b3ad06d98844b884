//! Invariants that hold for any input, and their shared settings and run.
//!
//! The fuzz targets search for violations guided by coverage, on a nightly toolchain.
//! `tests/it/run/fuzzed_inputs.rs` tries random inputs on any toolchain.

use jiff::{SignedDuration, Timestamp};
use packwatch::input::event::{InvalidEvent, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;

pub mod event;
pub mod ledger;
pub mod settings;

/// Start time of every run.
pub const NOW: &str = "2026-03-02T08:00:00Z";

/// Returns settings with a digest topic and a chat topic, which get different message formats.
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
    .expect("valid settings")
}

/// Returns the plan of the run for a trigger, or the reason why the event is invalid.
pub fn plan(trigger: Trigger, settings: &Settings) -> Result<RunPlan, InvalidEvent> {
    let now: Timestamp = NOW.parse().expect("a timestamp");
    let invocation = Invocation {
        request_id: "run-2".to_owned(),
        execution: "execution-2".to_owned(),
        deadline: now + SignedDuration::from_mins(5),
        now,
    };
    RunPlan::new(trigger, settings, invocation)
}
