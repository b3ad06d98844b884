//! Mutes: failures that are recorded and not notified until a date, with a reason.
//!
//! Which failures a mute matches is decided when the ledger is evaluated and when a mute is added
//! or removed, and is stored in each failure. Whether a failure is muted at a time follows from
//! that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::failure::OpenFailure;
use super::state::Ledger;
use crate::model::{FailureKey, Mute, PackKey};

/// Maximum number of mutes in a ledger.
pub const MAX_MUTES: usize = 200;

/// How long a mute is kept after its end.
const MUTE_RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The mutes that apply at a time, to be compared with failures in the order of their keys. What
/// many failures share is compared once: 200 mutes with 100 entries each meet tens of thousands of
/// them.
struct ActiveMutes<'a> {
    mutes: Vec<&'a Mute>,
    /// The pack of the last failure, and the mutes that match it.
    in_pack: Option<(PackKey, Vec<usize>)>,
    /// Which mutes match a code.
    by_code: BTreeMap<String, Vec<bool>>,
}

impl<'a> ActiveMutes<'a> {
    fn new(mutes: &'a [Mute], now: Timestamp) -> Self {
        Self {
            mutes: mutes.iter().filter(|mute| mute.is_active(now)).collect(),
            in_pack: None,
            by_code: BTreeMap::new(),
        }
    }

    /// Returns the mutes that match a failure.
    fn matching(&mut self, key: &FailureKey, open: &OpenFailure) -> Vec<&'a Mute> {
        if self
            .in_pack
            .as_ref()
            .is_none_or(|(pack, _)| *pack != key.pack)
        {
            let mutes = self.mutes.iter().enumerate();
            let in_pack = mutes.filter(|(_, mute)| mute.matcher.matches_pack(&key.pack));
            self.in_pack = Some((key.pack.clone(), in_pack.map(|(index, _)| index).collect()));
        }
        let in_pack = self.in_pack.as_ref().map_or(&[][..], |(_, mutes)| mutes);
        if in_pack.is_empty() {
            return Vec::new();
        }
        let code = open.failing_record().code_or_status();
        if !self.by_code.contains_key(code) {
            let matches = self
                .mutes
                .iter()
                .map(|mute| mute.matcher.matches_code(code));
            self.by_code.insert(code.to_owned(), matches.collect());
        }
        let by_code = self.by_code.get(code);
        let matches_code = |index: usize| by_code.is_some_and(|matches| matches[index]);
        in_pack
            .iter()
            .filter(|index| matches_code(**index))
            .map(|index| self.mutes[*index])
            .filter(|mute| mute.matcher.matches_failure(key, open.group_id))
            .collect()
    }
}

impl Ledger {
    /// Returns the mutes that apply at `now`.
    pub fn active_mutes(&self, now: Timestamp) -> impl Iterator<Item = &Mute> {
        self.mutes.iter().filter(move |mute| mute.is_active(now))
    }

    /// Adds a mute, in the order of creation. Does nothing if it is there already. Returns whether
    /// there is room for it; mutes that have ended make room.
    pub fn add_mute(&mut self, mute: &Mute, now: Timestamp) -> bool {
        if self.mutes.iter().any(|known| known.id == mute.id) {
            return true;
        }
        if self.mutes.len() >= MAX_MUTES {
            self.mutes.retain(|known| known.is_active(now));
        }
        if self.mutes.len() >= MAX_MUTES {
            return false;
        }
        self.mutes.push(mute.clone());
        self.mutes
            .sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        self.apply_mutes(|_| true, now);
        true
    }

    /// Removes a mute, if it is there.
    pub fn remove_mute(&mut self, id: &str, now: Timestamp) {
        self.mutes.retain(|mute| mute.id != id);
        self.apply_mutes(|_| true, now);
    }

    /// Drops the mutes that ended 30 days before `now`.
    pub fn drop_ended_mutes(&mut self, now: Timestamp) {
        self.mutes
            .retain(|mute| now.duration_since(mute.until.at()) < MUTE_RETENTION);
    }

    /// Records in every open failure that `covers` until when it is muted.
    pub fn apply_mutes(&mut self, covers: impl Fn(&FailureKey) -> bool, now: Timestamp) {
        let Self { mutes, open, .. } = self;
        let mut active = ActiveMutes::new(mutes, now);
        for (key, open) in open.iter_mut().filter(|(key, _)| covers(key)) {
            let matching = active.matching(key, open);
            let muted_until = matching.into_iter().map(|mute| mute.until.at()).max();
            if muted_until != open.muted_until {
                OpenFailure::update(open, |open| {
                    open.was_muted = muted_until.is_none();
                    open.muted_until = muted_until;
                });
            }
        }
    }

    /// Returns how many open failures each active mute matches, by the id of the mute.
    pub fn mute_matches(&self, now: Timestamp) -> BTreeMap<&str, usize> {
        let mut active = ActiveMutes::new(&self.mutes, now);
        let mut counts = BTreeMap::new();
        for (key, open) in &self.open {
            for mute in active.matching(key, open) {
                *counts.entry(mute.id.as_str()).or_default() += 1;
            }
        }
        counts
    }
}
