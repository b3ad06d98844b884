//! The records of mutes in the snapshot, the digest and the response.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use crate::ledger::Ledger;
use crate::model::Mute;

/// A mute, with the number of failures that it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MuteRecord<'a> {
    /// The mute.
    #[serde(flatten)]
    pub mute: Cow<'a, Mute>,
    /// Open failures that it matches now.
    pub matches: usize,
}

impl MuteRecord<'_> {
    /// Returns the record with a mute of its own.
    pub fn into_owned(self) -> MuteRecord<'static> {
        MuteRecord {
            mute: Cow::Owned(self.mute.into_owned()),
            matches: self.matches,
        }
    }
}

/// Returns the mutes that apply at `now`, in the order of their creation.
pub fn mute_records(ledger: &Ledger, now: Timestamp) -> Vec<MuteRecord<'_>> {
    records(ledger, ledger.active_mutes(now), now)
}

/// Returns all mutes that the ledger keeps, in the order of their creation. Those that have ended
/// match nothing.
pub fn kept_mute_records(ledger: &Ledger, now: Timestamp) -> Vec<MuteRecord<'_>> {
    records(ledger, ledger.mutes.iter(), now)
}

fn records<'a>(
    ledger: &'a Ledger,
    mutes: impl Iterator<Item = &'a Mute>,
    now: Timestamp,
) -> Vec<MuteRecord<'a>> {
    let matches = ledger.mute_matches(now);
    mutes
        .map(|mute| MuteRecord {
            mute: Cow::Borrowed(mute),
            matches: matches.get(mute.id.as_str()).copied().unwrap_or_default(),
        })
        .collect()
}
