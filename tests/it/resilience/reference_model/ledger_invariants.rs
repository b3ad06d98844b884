//! Invariants of what the ledger remembers: for how long, and of whom.

use jiff::{SignedDuration, Timestamp};
use packwatch::report::RunResponse;
use packwatch::run::RunError;
use serde_json::Value;

use super::Runner;
use super::generators::{Request, Scope};
use crate::support::harness::TOPIC;

/// How long Lambda can retry an event, and so how long a run id can come again.
const RETRIED_FOR: SignedDuration = SignedDuration::from_mins(6 * 60 + 30);

fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("a time")
}

impl Runner<'_> {
    /// Asserts that the ledger has forgotten the run ids that cannot come again.
    pub fn assert_old_runs_are_forgotten(&self) {
        let ledger = self.services.ledger();
        let runs = ledger["recent_runs"].as_array().expect("a list");
        let last = runs.iter().map(|run| time(&run["at"])).max();
        for run in runs {
            let age = last.expect("a run").duration_since(time(&run["at"]));
            assert!(
                age < RETRIED_FOR,
                "{} is still in the ledger",
                run["run_id"]
            );
        }
    }

    /// Asserts that a digest fails at most one run that can record it: later ones only log it.
    pub fn assert_refusal_is_new(&mut self, error: &RunError) {
        let RunError::PublishFailed {
            receivers,
            settle_error: None,
        } = error
        else {
            return;
        };
        let ledger = self.services.ledger();
        for (receiver, _) in receivers {
            let outgoing = &ledger["receivers"][receiver.as_str()]["outgoing"];
            // A digest that was refused in every form is dropped.
            if outgoing["refused"] == true {
                let refused = (receiver.to_string(), outgoing["id"].to_string());
                assert!(
                    self.refused.insert(refused),
                    "{receiver} fails a second run with {}",
                    outgoing["id"]
                );
                self.count("refused");
            }
        }
    }

    /// Puts an older ledger in the place of the newest one, and asserts that the next run writes
    /// the objects about the newest run again, although they are of a later run.
    pub fn restore_older_ledger(&mut self) {
        let Some(older) = self.older_ledger.take() else {
            return;
        };
        self.count("restored ledger");
        self.services.restore("ledger.json", older);
        self.services.advance_millis(180_000);
        self.start(Some(Request::FULL));
        let result = self.finish(&[], 0).expect("the run ends");
        result.expect("a run without faults");
        let sequence = self.services.ledger()["sequence"].clone();
        let latest = self.services.document("latest.json").expect("an object");
        assert_eq!(latest["run"]["sequence"], sequence);
        assert_eq!(
            self.services.sequence("report.html"),
            sequence.as_u64(),
            "the report is that of another run"
        );
    }

    /// Asserts that after a digest with reminders no other is due within a day: all that are due
    /// until then have joined it.
    pub fn assert_reminders_joined(&mut self, request: Request, response: &RunResponse) {
        if request.scope != Scope::Everything || self.history.remind_after == 0 {
            return;
        }
        let ledger = self.services.ledger();
        let receiver = ledger["receivers"][TOPIC]["id"].to_string();
        let open = ledger["open"].as_array().expect("a list").iter();
        let reminded = open.filter(|pair| {
            let (key, open) = (&pair[0], &pair[1]);
            let reads_as_failing = open["row"]["status"]
                .as_str()
                .is_some_and(|status| status.ends_with("_FAILED"));
            let is_read = open["absent_since"].is_null() && open["unconfirmed"] != true;
            let is_muted = open["muted_until"].is_string();
            let is_ignored = key["account_id"] == super::organization::IGNORED;
            reads_as_failing
                && is_read
                && !is_muted
                && !is_ignored
                && !open["notified"][&receiver].is_null()
        });
        let reminded: Vec<Value> = reminded.cloned().collect();
        let sent = response.digest.id.as_deref().unwrap_or_default();
        let reminders = self.last_reminders.as_ref().filter(|(id, _)| id == sent);
        let Some(created_at) = reminders.map(|(_, at)| *at) else {
            return;
        };
        self.count("reminders compared");
        for pair in reminded {
            assert!(
                time(&pair[1]["notified"][&receiver]) >= created_at,
                "{sent} reminds of some failures and leaves out one that is due within a day: {pair}"
            );
        }
    }
}
