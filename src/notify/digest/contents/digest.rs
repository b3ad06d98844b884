//! The contents of one digest.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::failures::{Muted, Pending, Tallies, Tally};
use super::gaps::GapNotice;
use super::records::Records;
use super::recoveries::Recoveries;
use super::request::DigestKind;
use super::summary::SummaryFacts;
use crate::model::{AccountId, GroupId, PackKey, PackName, Region, RunTotals, Source, Warning};
use crate::report::{
    AccountView, EmptySourceRecord, EmptySourceState, Group, GroupEvent, LinkTarget, MuteRecord,
    ObjectAddress, Omitted, RunScope,
};

/// Contents of one digest for one receiver. Texts from AWS are sanitized; pack names are not.
#[derive(Debug, Clone)]
pub struct Digest {
    /// The id, which stays the same when the digest is sent again.
    pub id: String,
    /// The id of the last committed run, if any.
    pub run_id: Option<String>,
    /// The sequence of the ledger.
    pub sequence: u64,
    /// When the digest was created.
    pub created_at: Timestamp,
    /// The end of the read that the digest describes.
    pub as_of: Timestamp,
    /// Label of the deployment, shown in the subject.
    pub label: Option<String>,
    /// What the digest is.
    pub kind: DigestKind,
    /// For a dry run, what the text says about itself.
    pub dry_run: Option<DryRunNote>,
    /// A sentence that the text begins with.
    pub note: Option<String>,
    /// Whether this is the receiver's first digest of a full run.
    pub first_look: bool,
    /// Whether that run is the first full run of the ledger too.
    pub first_run: bool,
    /// Whether everything in scope was read.
    pub complete: bool,
    /// The scope of a narrowed run.
    pub scope: Option<RunScope>,
    /// Totals of the run; appeared and cleared are those of this digest.
    pub totals: RunTotals,
    /// Open failures that are neither ignored nor muted, in scope or not.
    pub open: usize,
    /// The failures by what happened to them, each counted once.
    pub tallies: Tallies,
    /// Number of members of the packs that are the only one of a group, where it is exact.
    pub members: BTreeMap<PackKey, usize>,
    /// The accounts that the packs of the gaps and of the groups are deployed from.
    pub callers: BTreeMap<AccountId, AccountView>,
    /// The groups, new causes first.
    pub groups: Vec<Group>,
    /// Number of open failures of each cause that the receiver is notified of, with this digest;
    /// muted ones are not counted. All causes, in scope or not.
    pub open_causes: BTreeMap<GroupId, usize>,
    /// The groups that are left out because there are too many.
    pub omitted: Omitted,
    /// The records for programs.
    pub records: Records,
    /// Which accounts recovered.
    pub recoveries: Recoveries,
    /// What only a summary of everything contains.
    pub summary: Option<SummaryFacts>,
    /// Open failures that are not due.
    pub pending: Pending,
    /// Open failures that are muted.
    pub muted: Muted,
    /// Number of open failures of ignored accounts.
    pub ignored: usize,
    /// The gaps that last, and those that ended for the receiver.
    pub gaps: Vec<GapNotice>,
    /// Sources that list no packs, or list packs again.
    pub empty_sources: Vec<EmptySourceRecord>,
    /// The mutes that apply.
    pub mutes: Vec<MuteRecord<'static>>,
    /// The warnings of the last run.
    pub warnings: Vec<Warning>,
    /// The known packs of each source in scope.
    pub watched: BTreeMap<Source, BTreeSet<PackName>>,
    /// Sources that are watched since the last digest to this receiver.
    pub newly_watched: BTreeSet<Source>,
    /// Names of the packs that the digest is about, for routing.
    pub packs: BTreeSet<PackName>,
    /// The regions that the digest is about, for routing.
    pub regions: BTreeSet<Region>,
    /// How links lead into an account.
    pub link_target: LinkTarget,
    /// Address of the snapshot, if there is one.
    pub snapshot: Option<ObjectAddress>,
    /// Address of the report, if there is one.
    pub report: Option<ObjectAddress>,
}

/// What the text of a dry run says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRunNote {
    /// The run would send this digest.
    WouldBeSent,
    /// The run would send no digest; the text is the present state.
    State,
}

impl Digest {
    /// Returns the groups with this event that people are shown, without those of muted failures.
    pub fn groups_with(&self, event: GroupEvent) -> impl Iterator<Item = &Group> {
        self.groups
            .iter()
            .filter(move |group| group.event == event && group.muted == 0)
    }

    /// Returns the numbers of the failures with this event.
    pub fn tally(&self, event: GroupEvent) -> &Tally {
        match event {
            GroupEvent::Appeared => &self.tallies.appeared,
            GroupEvent::Cleared => &self.tallies.cleared,
            GroupEvent::Reminder => &self.tallies.reminders,
            GroupEvent::Open => &self.tallies.open,
        }
    }

    /// Returns the gaps that last.
    pub fn lasting_gaps(&self) -> impl Iterator<Item = &GapNotice> {
        self.gaps.iter().filter(|gap| gap.record.end.is_none())
    }

    /// Returns whether everything that is watched was read, in scope or not, and no source has lost
    /// its packs.
    pub fn sees_everything(&self) -> bool {
        self.lasting_gaps().next().is_none() && self.emptied_sources().next().is_none()
    }

    /// Returns the sources that had packs and list none.
    pub fn emptied_sources(&self) -> impl Iterator<Item = &EmptySourceRecord> {
        self.empty_sources.iter().filter(|record| {
            let lasts = matches!(
                record.state,
                EmptySourceState::Began | EmptySourceState::Lasting
            );
            lasts && record.packs_before > 0
        })
    }

    /// Returns whether warnings are shown.
    pub fn shows_warnings(&self) -> bool {
        self.first_look || self.kind.lists_everything() || self.dry_run.is_some()
    }

    /// Returns the sources that list no packs, or list packs again, by what there is to say about
    /// them: the state, and whether they had packs before.
    pub fn empty_source_kinds(
        &self,
    ) -> BTreeMap<(EmptySourceState, bool), Vec<&EmptySourceRecord>> {
        let mut kinds: BTreeMap<_, Vec<&EmptySourceRecord>> = BTreeMap::new();
        for record in &self.empty_sources {
            let kind = (record.state, record.packs_before > 0);
            kinds.entry(kind).or_default().push(record);
        }
        kinds
    }

    /// Returns the distinct names of the known packs in scope.
    pub fn pack_names(&self) -> BTreeSet<&PackName> {
        self.watched.values().flatten().collect()
    }

    /// Returns whether `packs` are all known packs of these regions.
    pub fn are_all_packs(&self, packs: &BTreeSet<PackName>, regions: &BTreeSet<Region>) -> bool {
        let known: BTreeSet<&PackName> = self
            .watched
            .iter()
            .filter(|(source, _)| regions.contains(&source.region))
            .flat_map(|(_, packs)| packs)
            .collect();
        packs.len() > 1
            && known.len() == packs.len()
            && packs.iter().all(|pack| known.contains(pack))
    }
}
