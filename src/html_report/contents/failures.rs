//! The rows of failing accounts.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::input::plan::RunPlan;
use crate::ledger::{Ledger, OpenFailure};
use crate::model::{Account, FailureKey};
use crate::report::NotificationState;

/// Maximum number of rows in the page. `latest.json` has all of them.
const MAX_ROWS: usize = 5_000;

/// An open failure.
#[derive(Debug, Clone, Copy)]
pub(in crate::html_report) struct FailureRow<'a> {
    pub key: &'a FailureKey,
    pub open: &'a OpenFailure,
    pub account: Option<&'a Account>,
    pub change: NotificationState,
    /// The end of its mutes, if it is muted.
    pub muted_until: Option<Timestamp>,
}

/// The open failures: first those that are new, then by account; muted and ignored ones at the end.
#[derive(Debug)]
pub(in crate::html_report) struct FailureRows<'a> {
    pub rows: Vec<FailureRow<'a>>,
    /// Number of open failures, those that are left out included.
    pub total: usize,
}

impl<'a> FailureRows<'a> {
    pub(super) fn new(
        ledger: &'a Ledger,
        plan: &RunPlan,
        appeared: &BTreeSet<FailureKey>,
        at: Timestamp,
    ) -> Self {
        let receiver = ledger.receiver_id(&plan.settings.topic);
        let state = |key: &FailureKey, open: &OpenFailure| match NotificationState::of(
            key,
            open,
            &plan.settings.policy,
            receiver,
            at,
        ) {
            NotificationState::Ongoing if appeared.contains(key) => NotificationState::Appeared,
            state => state,
        };
        let mut open: Vec<_> = ledger
            .open
            .iter()
            .map(|(key, open)| (state(key, open), key, &**open))
            .collect();
        open.sort_by_key(|(state, key, _)| (rank(*state), &key.account_id, &key.pack));
        let total = open.len();
        open.truncate(MAX_ROWS);
        let rows = open
            .into_iter()
            .map(|(change, key, open)| FailureRow {
                key,
                open,
                account: ledger.account(key),
                change,
                muted_until: open.muted_until.filter(|until| at < *until),
            })
            .collect();
        Self { rows, total }
    }
}

/// Returns the order of the states in the page.
fn rank(state: NotificationState) -> u8 {
    match state {
        NotificationState::Appeared => 0,
        NotificationState::Ongoing => 1,
        NotificationState::Pending => 2,
        NotificationState::Muted => 3,
        NotificationState::Ignored => 4,
    }
}
