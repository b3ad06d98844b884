//! The dry run: evaluates the observation and renders the digest, but writes and publishes nothing.

use super::execution::{Run, log_warnings};
use super::ledger_store::StoredLedger;
use super::services::Services;
use crate::collect::Observation;
use crate::input::event::NotifyMode;
use crate::notify::digest::Digest;
use crate::report::{DigestStatus, DigestSummary, Outcome, RunFindings, RunResponse, Warning};

impl<S: Services> Run<'_, S> {
    /// Returns the response of a dry run, with the text of the digest that the run would send, and
    /// with the warnings.
    pub(super) fn dry_run(&self, current: &StoredLedger, observation: &Observation) -> RunResponse {
        let (evaluation, changes) = self.evaluate(&current.ledger, observation, &[]);
        let findings = RunFindings::new(self.plan, self.scope, observation, &evaluation, &changes);
        let mut next = evaluation.ledger.clone();
        self.record_commit(&mut next, &current.ledger, &findings, "");
        let has_digest = match self.plan.mode.announce {
            NotifyMode::Changes => !changes.is_empty(),
            NotifyMode::Always => true,
            NotifyMode::Never => false,
        };
        let notification_context =
            self.notification_context(observation.ended_at, observation.ended_at);
        let receiver = next
            .receivers
            .get(&self.plan.settings.topic)
            .filter(|_| has_digest);
        let digest = receiver.map(|receiver| Digest {
            // A dry run stores no snapshot to link to.
            snapshot: None,
            ..notification_context.digest(&next, receiver, &changes)
        });
        log_warnings(&findings.warnings);
        let text = digest.as_ref().map(Digest::text);
        RunResponse {
            run_id: self.plan.run.id.clone(),
            sequence: current.ledger.sequence,
            outcome: Outcome::DryRun,
            complete: findings.is_complete(),
            snapshot: None,
            totals: findings.totals,
            digest: DigestSummary {
                status: DigestStatus::DryRun,
                id: None,
                subject: digest.as_ref().map(Digest::subject),
                text: with_warnings(text, &findings.warnings),
            },
            warnings: findings.warnings,
            config_calls: self.metrics.config_calls,
        }
    }
}

/// Appends the warnings to the text of a dry run. They are shown even without a digest.
fn with_warnings(text: Option<String>, warnings: &[Warning]) -> Option<String> {
    let lines: Vec<String> = warnings
        .iter()
        .map(|warning| format!("Warning: {}\n", warning.message))
        .collect();
    let blocks = text
        .into_iter()
        .chain((!lines.is_empty()).then(|| lines.concat()));
    blocks.reduce(|text, warnings| format!("{text}\n{warnings}"))
}
