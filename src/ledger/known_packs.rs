//! The packs that are known from earlier runs.

use super::state::Ledger;
use crate::model::PackKey;

impl Ledger {
    /// Returns the packs of which there is a hint or an open failure, some of them twice.
    pub fn known_packs(&self) -> impl Iterator<Item = &PackKey> {
        let with_failure = self.open.keys().map(|key| &key.pack);
        self.pack_hints.keys().chain(with_failure)
    }

    /// Returns the known packs and those of which there is only a gap. A source counts as empty only
    /// if AWS Config has none of them.
    pub fn known_packs_with_gaps(&self) -> impl Iterator<Item = PackKey> {
        let lasting = self.gaps.iter().filter(|(_, gap)| gap.ended.is_none());
        let with_gap = lasting.filter_map(|(key, _)| key.pack_key());
        self.known_packs().cloned().chain(with_gap)
    }
}
