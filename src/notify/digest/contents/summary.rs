//! What only a summary of everything contains.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::request::{DigestKind, DigestRequest};
use crate::ledger::Turnover;
use crate::model::PackKey;

/// Age of a gap at which its packs are named.
const UNREAD_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What only a summary contains. Nothing of it is about the scope of a narrowed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryFacts {
    /// What opened and ended since the last summary.
    pub turnover: Turnover,
    /// Packs that no run has read for a day, and since when.
    pub unread: BTreeMap<PackKey, Timestamp>,
}

impl SummaryFacts {
    /// Returns the facts, if the digest is a summary of everything.
    pub(super) fn of(request: &DigestRequest<'_>) -> Option<Self> {
        if request.kind != DigestKind::Summary || request.scope.narrowed {
            return None;
        }
        let DigestRequest { ledger, at, .. } = *request;
        let mut unread = BTreeMap::new();
        for (key, gap) in &ledger.gaps {
            if gap.ended.is_some() || at.duration_since(gap.since) < UNREAD_AFTER {
                continue;
            }
            match key.pack_key() {
                Some(pack) => drop(unread.insert(pack, gap.since)),
                None => {
                    let known = ledger.pack_hints.keys();
                    let known = known.filter(|pack| pack.source == key.source);
                    unread.extend(known.map(|pack| (pack.clone(), gap.since)));
                }
            }
        }
        Some(Self {
            turnover: ledger.turnover(request.receiver.id, at),
            unread,
        })
    }
}
