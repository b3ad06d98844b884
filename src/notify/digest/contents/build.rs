//! How the contents of a digest are computed from the ledger.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Digest;
use super::failures::{Listed, list_failures};
use super::gaps::{GapNotice, empty_sources, gap_notices, packs_affected};
use super::records::Records;
use super::recoveries::Recoveries;
use super::request::DigestRequest;
use super::summary::SummaryFacts;
use crate::input::plan::RunPlan;
use crate::ledger::Ledger;
use crate::model::{AccountId, PackKey, PackName, RunTotals, Scope, Source};
use crate::report::{
    AccountView, Group, LinkTarget, MuteRecord, ObjectAddress, RunScope, mute_records,
};

impl Digest {
    /// Returns the digest.
    pub fn of(request: &DigestRequest<'_>) -> Self {
        let DigestRequest {
            ledger,
            receiver,
            changes,
            plan,
            scope,
            kind,
            first_look,
            at,
            now,
        } = *request;
        let Listed {
            groups,
            open_causes,
            omitted,
            pending,
            muted,
            ignored,
            open,
            tallies,
            packs,
            regions,
        } = list_failures(request);
        let gaps = gap_notices(request);
        let empty_sources = empty_sources(request);
        let lasting = gaps.iter().filter(|gap| gap.record.end.is_none());
        let gap_count = lasting
            .filter(|gap| !scope.narrowed || scope.covers_gap(&gap.record.key))
            .count();
        let (mut packs, mut regions) = (packs, regions);
        let affected = packs_affected(request);
        packs.extend(affected.packs);
        regions.extend(affected.regions);
        let last = ledger.last_commit.as_ref();
        let mut totals = RunTotals {
            appeared: changes.appeared.len(),
            cleared: changes.cleared.len(),
            open_total: ledger.open.len(),
            ..last.map(|last| last.totals).unwrap_or_default()
        };
        if totals.gaps == 0 {
            // A run that could list no source records its gaps, and commits no totals.
            totals.gaps = gap_count;
        }
        Self {
            id: format!(
                "{}.{}.{}",
                plan.run.id,
                receiver.id,
                receiver.digest_count + 1
            ),
            run_id: last.map(|last| last.run_id.clone()),
            sequence: ledger.sequence,
            created_at: now,
            as_of: at,
            label: plan.settings.label.clone(),
            kind,
            dry_run: None,
            note: None,
            first_look,
            first_run: first_look && last.is_some_and(|last| last.first),
            complete: gap_count == 0,
            scope: scope.narrowed.then(|| RunScope::of(scope)),
            totals,
            open,
            tallies,
            members: members(request, &groups),
            callers: callers(request, &gaps, &groups),
            groups,
            open_causes,
            omitted,
            records: Records::of(request),
            recoveries: Recoveries::of(request),
            summary: SummaryFacts::of(request),
            pending,
            muted,
            ignored,
            gaps,
            empty_sources,
            mutes: mute_records(ledger, at)
                .into_iter()
                .map(MuteRecord::into_owned)
                .collect(),
            warnings: last.map_or_else(Vec::new, |last| last.warnings.clone()),
            watched: watched(ledger, scope),
            newly_watched: receiver.newly_watched.clone(),
            packs,
            regions,
            link_target: LinkTarget {
                portal: plan.settings.access_portal.clone(),
                own_account: ledger.own_account.clone(),
            },
            snapshot: last.map(|last| object_address(plan, &last.snapshot)),
            // A full run writes the report.
            report: ledger
                .watched
                .as_ref()
                .map(|_| object_address(plan, &plan.keys.report)),
        }
    }
}

fn object_address(plan: &RunPlan, key: &str) -> ObjectAddress {
    ObjectAddress {
        bucket: plan.settings.bucket.clone(),
        key: key.to_owned(),
        region: plan.settings.home_region.clone(),
    }
}

/// Returns the number of members of the packs that are the only one of a group, where this run read
/// all members.
fn members(request: &DigestRequest<'_>, groups: &[Group]) -> BTreeMap<PackKey, usize> {
    let only = groups.iter().filter_map(|group| group.only_pack.as_ref());
    only.filter_map(|pack| {
        let hint = request.ledger.pack_hints.get(pack)?;
        let members = hint.members.filter(|_| hint.attempted_at == request.at)?;
        Some((pack.clone(), members))
    })
    .collect()
}

/// Returns the accounts that the packs of gaps and groups are deployed from.
fn callers(
    request: &DigestRequest<'_>,
    gaps: &[GapNotice],
    groups: &[Group],
) -> BTreeMap<AccountId, AccountView> {
    gaps.iter()
        .map(|gap| &gap.record.key.source.caller)
        .chain(groups.iter().flat_map(|group| &group.callers))
        .map(|caller| {
            let cached = request.ledger.accounts.get(caller);
            let account = cached.and_then(|cached| cached.account.as_ref());
            (caller.clone(), AccountView::of(account))
        })
        .collect()
}

/// Returns the known packs of each source in scope.
fn watched(ledger: &Ledger, scope: &Scope) -> BTreeMap<Source, BTreeSet<PackName>> {
    let mut watched: BTreeMap<Source, BTreeSet<PackName>> = scope
        .sources
        .iter()
        .map(|source| (source.clone(), BTreeSet::new()))
        .collect();
    for pack in ledger.known_packs().filter(|pack| scope.covers_pack(pack)) {
        if let Some(packs) = watched.get_mut(&pack.source) {
            packs.insert(pack.pack.clone());
        }
    }
    watched
}
