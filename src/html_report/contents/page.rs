//! The page, and what it is computed from.

use jiff::Timestamp;

use super::causes::Causes;
use super::changes::Changes;
use super::failures::FailureRows;
use super::mutes::Mutes;
use super::no_data::NoData;
use super::packs::Packs;
use super::state::State;
use super::trend::Trend;
use crate::html_report::run_facts::RunFacts;
use crate::input::plan::RunPlan;
use crate::ledger::{Ledger, RecentRun};
use crate::model::RunTotals;
use crate::report::{LinkTarget, ObjectAddress};

/// What the page is computed from.
#[derive(Debug, Clone, Copy)]
pub struct ReportRequest<'a> {
    /// The committed ledger.
    pub ledger: &'a Ledger,
    /// The run that the page is about.
    pub run: &'a RecentRun,
    /// What the page shows of that run beside the ledger.
    pub facts: &'a RunFacts,
    /// The plan of the run.
    pub plan: &'a RunPlan,
    /// The snapshot of the run.
    pub snapshot: &'a ObjectAddress,
    /// How links lead into an account.
    pub link_target: &'a LinkTarget,
}

/// What the page shows.
#[derive(Debug)]
pub struct ReportPage<'a> {
    pub(in crate::html_report) label: Option<&'a str>,
    pub(in crate::html_report) run: &'a RecentRun,
    /// The end of the read that the page is about.
    pub(in crate::html_report) as_of: Timestamp,
    pub(in crate::html_report) totals: RunTotals,
    pub(in crate::html_report) state: State,
    pub(in crate::html_report) no_data: NoData,
    pub(in crate::html_report) warnings: &'a [String],
    pub(in crate::html_report) changes: Changes<'a>,
    pub(in crate::html_report) causes: Causes,
    pub(in crate::html_report) failures: FailureRows<'a>,
    pub(in crate::html_report) packs: Packs<'a>,
    pub(in crate::html_report) mutes: Mutes,
    pub(in crate::html_report) trend: Trend,
    pub(in crate::html_report) snapshot: &'a ObjectAddress,
    pub(in crate::html_report) link_target: &'a LinkTarget,
}

impl<'a> ReportPage<'a> {
    /// Computes the page. Equal requests give equal pages.
    pub fn new(request: ReportRequest<'a>) -> Self {
        let ReportRequest {
            ledger,
            run,
            facts,
            plan,
            snapshot,
            link_target,
        } = request;
        let as_of = run.at;
        let failures = FailureRows::new(ledger, plan, &facts.appeared, as_of);
        let packs = Packs::new(ledger, plan, facts, as_of);
        let changes = Changes::new(ledger, plan, as_of);
        let causes = Causes::new(ledger, plan, &packs, &changes, as_of);
        let no_data = NoData::new(ledger);
        let mutes = Mutes::new(ledger, as_of);
        let state = State::new(plan, run.totals, &no_data, &packs, &mutes, &causes, as_of);
        Self {
            label: plan.settings.label.as_deref(),
            run,
            as_of,
            totals: run.totals,
            state,
            no_data,
            warnings: &facts.warnings,
            changes,
            causes,
            failures,
            packs,
            mutes,
            trend: Trend::new(&ledger.history, as_of),
            snapshot,
            link_target,
        }
    }
}
