//! The dry run: evaluates the observation and renders the digest, but writes and publishes nothing.

use super::execution::{Run, log_warnings};
use super::services::Services;
use crate::collect::Observation;
use crate::input::event::NotifyMode;
use crate::ledger::Ledger;
use crate::notify::digest::{Digest, DigestKind, DryRunNote};
use crate::report::{DigestStatus, DigestSummary, Outcome, RunFindings, RunResponse};

impl<S: Services> Run<'_, S> {
    /// Returns the response of a dry run. Its text is that of the digest that the run would send,
    /// or else the present state.
    pub(super) fn dry_run(&self, ledger: &Ledger, observation: &Observation) -> RunResponse {
        let (evaluation, changes) = self.evaluate(ledger, observation, &[]);
        let findings = RunFindings::new(self.plan, self.scope, observation, &evaluation, &changes);
        let mut next = evaluation.ledger.clone();
        self.record_commit(&mut next, ledger, &findings, "");
        let context = self.committing_context(observation.ended_at);
        let receiver = next.receivers.get(&self.plan.settings.topic);
        let digest = receiver.map(|receiver| {
            let mode = self.plan.mode;
            let is_sent = mode.announce != NotifyMode::Never
                && (!changes.is_empty()
                    || mode.asks_for_digest()
                    || context.is_first_look(receiver));
            let (kind, note) = if is_sent {
                (context.requested_kind(), DryRunNote::WouldBeSent)
            } else {
                (DigestKind::Status, DryRunNote::State)
            };
            let digest = Digest {
                dry_run: Some(note),
                // A dry run stores no snapshot to link to.
                snapshot: None,
                report: None,
                ..Digest::of(&context.request(&next, receiver, &changes, kind))
            };
            let subject = is_sent.then(|| digest.subject());
            (subject, digest.text())
        });
        log_warnings(&findings.warnings);
        let (subject, text) = digest.map_or((None, None), |(subject, text)| (subject, Some(text)));
        RunResponse {
            run_id: self.plan.run.id.clone(),
            sequence: ledger.sequence,
            outcome: Outcome::DryRun,
            complete: findings.is_complete(),
            snapshot: None,
            report: None,
            totals: findings.totals,
            digest: DigestSummary {
                status: DigestStatus::DryRun,
                id: None,
                subject,
                text,
            },
            warnings: findings.warnings,
            config_calls: self.metrics.config_calls,
        }
    }
}
