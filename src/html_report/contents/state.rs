//! The state of the organization in words.

use jiff::Timestamp;

use super::causes::Causes;
use super::mutes::{Mutes, muted_in_words};
use super::no_data::NoData;
use super::packs::Packs;
use super::words::since;
use crate::input::plan::RunPlan;
use crate::model::RunTotals;
use crate::report::counted;

/// The state of the organization in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::html_report) struct State {
    /// What fails, in one sentence.
    pub headline: String,
    /// What else is to be known, in sentences.
    pub details: Vec<String>,
    pub is_failing: bool,
    /// Whether everything was read, and every source lists packs.
    pub is_complete: bool,
}

impl State {
    pub(super) fn new(
        plan: &RunPlan,
        totals: RunTotals,
        no_data: &NoData,
        packs: &Packs<'_>,
        mutes: &Mutes,
        causes: &Causes,
        at: Timestamp,
    ) -> Self {
        let is_complete = no_data.gaps.is_empty() && no_data.empty_sources.is_empty();
        let is_failing = totals.failures > 0;
        let watched = format!(
            "{} in {}",
            counted(packs.distinct(), "pack"),
            counted(packs.regions(), "region")
        );
        let headline = match (is_failing, is_complete) {
            (true, _) => failing(causes),
            (false, true) if packs.total == 0 => "No packs are watched.".to_owned(),
            (false, true) => format!("Nothing fails in {watched}."),
            (false, false) => "Nothing is known to fail, but not everything was read.".to_owned(),
        };
        let mut details = Vec::new();
        if let Some(first) = causes.since {
            details.push(format!("The oldest failure began {}.", since(first, at)));
        }
        if is_complete && is_failing {
            details.push(format!("Everything was read: {watched}."));
        }
        if let Some(unread) = no_data.in_words() {
            let failures = match totals.unconfirmed {
                0 => String::new(),
                number => format!(
                    " {} known from earlier runs cannot be confirmed.",
                    counted(number, "failure")
                ),
            };
            details.push(format!("There has been no data from {unread}.{failures}"));
        }
        if totals.pending > 0 {
            let after = plan.settings.policy.announce_after.as_mins();
            details.push(format!(
                "{} not due for a digest yet: a failure is notified once it is {after} min old.",
                is_or_are(totals.pending, "failure")
            ));
        }
        if totals.stuck > 0 {
            details.push(format!(
                "{} stuck: in progress for too long.",
                is_or_are(totals.stuck, "failure")
            ));
        }
        details.extend(muted_in_words(totals.muted, mutes));
        if totals.ignored > 0 {
            details.push(format!(
                "{} ignored by the settings.",
                is_or_are(totals.ignored, "failure")
            ));
        }
        Self {
            headline,
            details,
            is_failing,
            is_complete,
        }
    }
}

/// Returns what fails, such as `8 accounts fail in 50 packs, due to 1 cause.`
fn failing(causes: &Causes) -> String {
    let packs = counted(causes.packs, "pack");
    let regions = match causes.regions {
        0 | 1 => String::new(),
        many => format!(" in {many} regions"),
    };
    let number = counted(causes.total(), "cause");
    match causes.accounts {
        0 => {
            let verb = if causes.packs == 1 { "fails" } else { "fail" };
            format!("{packs} {verb}{regions}, and AWS Config names no account.")
        }
        1 => format!("1 account fails in {packs}{regions}, due to {number}."),
        many => format!("{many} accounts fail in {packs}{regions}, due to {number}."),
    }
}

fn is_or_are(number: usize, noun: &str) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(number, noun))
}
