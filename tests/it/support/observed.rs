//! The pure part of a run: an observation of one source, evaluated against a ledger.

use jiff::{SignedDuration, Timestamp};
use packwatch::collect::{Coverage, Listing, ObservationBuilder};
use packwatch::evaluate::{EvaluationContext, evaluate};
use packwatch::ledger::Ledger;
use packwatch::model::{Globs, NotificationPolicy, PackKey, Scope, Source, StatusRecord};

use super::harness::{OWN, REGION, time};

/// A member account of the pack.
pub const ACCOUNT: &str = "222233334444";
/// Another member account of the pack.
pub const OTHER_ACCOUNT: &str = "333344445555";

/// Returns the source of the pack.
pub fn source() -> Source {
    Source {
        caller: OWN.into(),
        region: REGION.into(),
    }
}

/// Returns the key of the pack of the source.
pub fn pack() -> PackKey {
    PackKey {
        source: source(),
        pack: "baseline".into(),
    }
}

/// Returns the scope of a run that covers everything in the source.
pub fn scope() -> Scope {
    Scope {
        sources: [source()].into(),
        identified: true,
        include: Globs::match_all(),
        exclude: Globs::default(),
        packs: None,
        accounts: None,
        narrowed: false,
    }
}

/// Returns the scope of a run that is narrowed to the packs that match `glob`.
pub fn scope_of_packs(glob: &str) -> Scope {
    Scope {
        packs: Some(Globs::parse([glob]).expect("a glob")),
        narrowed: true,
        ..scope()
    }
}

/// Returns a policy that makes every failure due at once.
pub fn policy() -> NotificationPolicy {
    NotificationPolicy {
        ignored_accounts: [].into(),
        announce_after: SignedDuration::ZERO,
        stuck_after: None,
        remind_after: None,
    }
}

/// Returns the time `minutes` after the start of the test.
pub fn minute(minutes: i64) -> Timestamp {
    time("2026-03-01T08:00:00Z") + SignedDuration::from_mins(minutes)
}

/// Returns an observation that starts at `at`, with a complete listing of the source.
fn listed(at: Timestamp) -> ObservationBuilder {
    let mut builder = ObservationBuilder::new(at);
    let listing = Listing {
        pages: 1,
        complete: true,
    };
    builder.found_listing(&source(), listing);
    builder
}

/// Returns an observation of the source that starts at `at`, with a complete listing of the pack,
/// and members that all are on one page.
pub fn observed(at: Timestamp, status: &str, members: &[(&str, &str)]) -> ObservationBuilder {
    let mut builder = listed(at);
    builder.found_pack(&pack(), StatusRecord::new(status));
    for (account, status) in members {
        builder.found_member(&pack(), &(*account).into(), StatusRecord::new(status));
    }
    builder.found_coverage(&pack(), Coverage::SinglePage, |_| true);
    builder
}

/// Returns an observation of the source that starts at `at`, after its only pack was deleted.
pub fn observed_without_packs(at: Timestamp) -> ObservationBuilder {
    let mut builder = listed(at);
    builder.found_no_pack(&pack());
    builder
}

/// Evaluates an observation that ends when it starts. Returns the next ledger.
pub fn evaluated(
    ledger: &Ledger,
    builder: ObservationBuilder,
    scope: &Scope,
    later_reads: &[Scope],
) -> Ledger {
    let at = builder.so_far().started_at;
    let run_id = format!("run at {at}");
    let policy = policy();
    let context = EvaluationContext {
        scope,
        later_reads,
        policy: &policy,
        run_id: &run_id,
    };
    evaluate(ledger, &builder.build(at), context).ledger
}
