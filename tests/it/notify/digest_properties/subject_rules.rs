//! The rules of the subject, written down once more as a table of states.

use packwatch::ledger::GapResolution;
use packwatch::notify::digest::DigestKind;
use packwatch::report::EmptySourceState;

use super::world::Made;

/// Returns the state words that a digest has, in the order of their weight.
pub fn states(made: &Made) -> Vec<&'static str> {
    let Made {
        digest, changes, ..
    } = made;
    let lasting = digest.gaps.iter().filter(|gap| gap.record.end.is_none());
    let triggering = lasting
        .clone()
        .any(|gap| changes.gaps_lasting.contains(&gap.record.key));
    let no_data = triggering || digest.first_look && lasting.count() > 0;
    let empty = |state| {
        let mut sources = digest.empty_sources.iter();
        sources.any(|source| source.state == state && source.packs_before > 0)
    };
    let ended = |end| {
        let mut ended = changes.gaps_ended.iter();
        ended.any(|key| made.ledger.gaps[key].ended == Some(end))
    };
    let failing = if digest.first_look {
        "FIRST LOOK"
    } else {
        "FAILING"
    };
    [
        (!changes.appeared.is_empty(), failing),
        (no_data, "NO DATA"),
        (empty(EmptySourceState::Began), "NO PACKS"),
        (!changes.reminders.is_empty(), "STILL FAILING"),
        (!changes.cleared.is_empty(), "CLEARED"),
        (ended(GapResolution::Read), "DATA BACK"),
        (empty(EmptySourceState::Ended), "PACKS BACK"),
        (
            !changes.unwatched.is_empty() || ended(GapResolution::OutOfScope),
            "NO LONGER WATCHED",
        ),
    ]
    .into_iter()
    .filter_map(|(has, word)| has.then_some(word))
    .collect()
}

/// Returns the words that the subject must begin with.
pub fn leading_word(made: &Made) -> &'static str {
    let digest = &made.digest;
    if digest.kind == DigestKind::Summary {
        return "SUMMARY";
    }
    let leads_first_look = |state: &&str| ["FIRST LOOK", "NO DATA", "NO PACKS"].contains(state);
    let states = states(made);
    if let Some(first) = states.first()
        && (!digest.first_look || leads_first_look(first))
    {
        return first;
    }
    let covered = |key| !made.scope.narrowed || made.scope.covers(key);
    let open = made.ledger.open.keys().filter(|key| covered(key)).count();
    match () {
        () if !digest.first_look => "STATUS",
        () if digest.pack_names().is_empty() => "NO PACKS",
        () if open == 0 => "WATCHING",
        () => "FIRST LOOK",
    }
}
