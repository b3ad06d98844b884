//! The objects about the newest full run, `latest.json` and `report.html`: written after the
//! commit, beside delivery.

use futures_util::future;
use tokio::sync::OnceCell;

use super::execution::Run;
use super::ledger_store::LatestMetadata;
use super::overlap::while_answered;
use super::services::Services;
use crate::html_report::{ReportPage, ReportRequest, RunFacts};
use crate::ledger::{Ledger, RecentRun};
use crate::object_body::ObjectBody;
use crate::ports::{BoxError, ContentType};
use crate::report::{LinkTarget, ObjectAddress};

/// A committed full run whose objects are to be written.
pub(super) struct LatestRun<'a> {
    /// The run.
    pub run: RecentRun,
    /// The ledger as it is before delivery. It shares its failures with the one that delivery
    /// changes.
    pub ledger: Ledger,
    /// Its snapshot, if it is at hand.
    pub snapshot: Option<ObjectBody>,
    /// What the report shows of the run, if this execution has read it.
    pub facts: Option<&'a RunFacts>,
}

impl<S: Services> Run<'_, S> {
    /// Writes `latest.json` and `report.html`, unless they are those of the same or a newer run.
    /// Returns the address of the report if it is that of this run.
    pub(super) async fn write_latest(&self, latest: LatestRun<'_>) -> Option<String> {
        let keys = &self.plan.keys;
        let LatestRun { run, snapshot, .. } = &latest;
        let metadata = |name, content| LatestMetadata {
            name,
            sequence: run.sequence,
            content,
        };
        let stored = OnceCell::new_with(snapshot.clone());
        let read = async || -> Result<ObjectBody, BoxError> {
            let read = || self.store.snapshot(&run.snapshot);
            stored.get_or_try_init(read).await.cloned()
        };
        let page = OnceCell::new();
        let render = async |facts: &RunFacts| {
            let render = async || self.report(&latest, facts);
            page.get_or_init(render).await.clone()
        };
        let requests = future::join(
            self.store.update_latest(
                &keys.latest,
                metadata("latest.json", ContentType::Json),
                &read,
            ),
            self.store.update_latest(
                &keys.report,
                metadata("report.html", ContentType::Html),
                async || match latest.facts {
                    Some(facts) => Ok(render(facts).await),
                    None => {
                        let facts = RunFacts::from_snapshot(&read().await?)?;
                        Ok(render(&facts).await)
                    }
                },
            ),
        );
        let ((_, written), ()) = while_answered(requests, async || {
            if let Some(facts) = latest.facts {
                render(facts).await;
            }
        })
        .await;
        written.then(|| self.store.address(&keys.report))
    }

    /// Renders the report, and hashes it.
    fn report(&self, latest: &LatestRun<'_>, facts: &RunFacts) -> ObjectBody {
        let snapshot = ObjectAddress {
            bucket: self.plan.settings.bucket.clone(),
            key: latest.run.snapshot.clone(),
            region: self.plan.settings.home_region.clone(),
        };
        let target = LinkTarget {
            portal: self.plan.settings.access_portal.clone(),
            own_account: latest.ledger.own_account.clone(),
        };
        let page = ReportPage::new(ReportRequest {
            ledger: &latest.ledger,
            run: &latest.run,
            facts,
            plan: self.plan,
            snapshot: &snapshot,
            link_target: &target,
        })
        .render();
        ObjectBody::from(page.into_bytes()).hashed()
    }
}
