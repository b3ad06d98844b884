//! Preflight: tries what a run needs, and says what is missing and what to do about it.
//!
//! First all calls are made concurrently (`facts`); then each check is a pure function of the
//! responses. A check that could not be made is *skipped* and never *ok*. Only `preflight.json` is
//! written, and nothing is published.
//!
//! | file | content |
//! | --- | --- |
//! | `facts` | what the checks are made from: all answers |
//! | `lister` | the packs of a source, or of a region that is not watched |
//! | `bucket_probe` | writes of `preflight.json` that must succeed, and some that must be refused |
//! | `regions` | the regions of each partition |
//! | `answers` | what an error code means |
//! | `services` | the services and limits of a preflight |
//! | `identity`, `account_kind`, ... | one check each |
//! | `s3_action`, `reader_role` | what to do about a failed call to the bucket, and about a missing role |
//! | `table` | the checks as text |
//! | `document` | `preflight.json` |
//!
//! A new check is a function of `Facts` that `checks` calls. One about the entries of the ledger
//! takes `Facts::ledger`.

mod account_kind;
mod answers;
mod bucket;
mod bucket_probe;
mod document;
mod event_bus;
mod facts;
mod identity;
mod ledger;
mod lister;
mod mutes;
mod other_administrators;
mod pack_filters;
mod reader_role;
mod regions;
mod roles;
mod s3_action;
mod services;
mod sources;
mod table;
mod topics;
mod unwatched_regions;

use crate::input::settings::InvalidSettings;
use crate::ports::{ConfigApi, ObjectStore, PreflightApi, PutError};
use crate::report::{Check, Checked, CheckedOutcome};

use bucket_probe::{BucketProbe, LastWrite};
use document::Document;
use facts::Facts;

pub use regions::{PARTITIONS, Partition};
pub use services::Preflight;

/// Result of a preflight.
#[derive(Debug)]
pub struct Preflighted {
    /// The response.
    pub checked: Checked,
    /// Calls to AWS Config, not counting retries.
    pub config_calls: u64,
}

impl<C: ConfigApi, S: ObjectStore, P: PreflightApi> Preflight<'_, C, S, P> {
    /// Makes all checks and stores them in `preflight.json`; a dry run stores nothing.
    ///
    /// Fails if the settings are invalid for the account of the function.
    pub async fn run(&self) -> Result<Preflighted, InvalidSettings> {
        let facts = Facts::gather(self).await?;
        let mut checks = checks(&facts);
        if let Ok(mode) = &facts.bucket.written {
            let bytes = Document::finished(self.plan, &checks).to_bytes();
            let probe = BucketProbe::new(self.store, self.plan, self.write_deadline);
            let stored = probe.put(bytes, mode).await;
            // After a lost race the object has the result of a check that ended just before.
            if let Err(PutError::Rejected(cause) | PutError::Indeterminate(cause)) = stored {
                let failed = bucket::write_failed(&facts, &LastWrite::Failed(cause));
                let previous = checks.iter_mut().find(|check| check.name == failed.name);
                if let Some(previous) = previous {
                    *previous = failed;
                }
            }
        }
        Ok(Preflighted {
            checked: Checked {
                run_id: self.plan.run.id.clone(),
                outcome: CheckedOutcome::Checked,
                text: table::render(&checks, self.plan.timing.started_at),
                checks,
            },
            config_calls: facts.config_calls,
        })
    }
}

/// Makes the checks, in their fixed order.
fn checks(facts: &Facts<'_>) -> Vec<Check> {
    let mut checks = vec![identity::check(facts), account_kind::check(facts)];
    checks.extend(sources::checks(facts));
    checks.extend(unwatched_regions::checks(facts));
    checks.push(other_administrators::check(facts));
    checks.extend(roles::checks(facts));
    checks.extend(bucket::checks(facts));
    checks.extend(ledger::checks(facts));
    checks.extend(topics::checks(facts));
    checks.extend(event_bus::check(facts));
    checks.extend(pack_filters::checks(facts));
    checks.push(mutes::check(facts));
    checks
}
