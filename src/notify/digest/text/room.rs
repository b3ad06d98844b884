//! The room of the text: every entry gets its heading first, then details are given round by round,
//! one piece per entry and round, until the room is used.

use std::collections::BTreeMap;

/// One entry of a section, such as a group of failures.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The lines that the entry begins with.
    pub heading: Vec<String>,
    /// The pieces in the order in which they are given.
    pub pieces: Vec<Piece>,
    /// Number of accounts, to count the entries that are left out.
    pub accounts: usize,
}

/// Some lines of an entry.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where the lines stand in the entry. A later piece takes the place of an earlier one with the
    /// same position.
    pub position: u8,
    /// The lines; none if the entry has nothing to say in this round.
    pub lines: Vec<String>,
}

/// An entry as it is shown.
#[derive(Debug, Default)]
pub(super) struct ShownEntry {
    /// Whether the heading is shown.
    pub shown: bool,
    details: BTreeMap<u8, usize>,
}

impl ShownEntry {
    pub(super) fn has_details(&self) -> bool {
        !self.details.is_empty()
    }

    /// Returns the lines of the entry.
    pub(super) fn lines(&self, entry: &Entry) -> Vec<String> {
        let pieces = self
            .details
            .values()
            .filter_map(|index| entry.pieces.get(*index));
        let details = pieces.flat_map(|piece| &piece.lines);
        entry.heading.iter().chain(details).cloned().collect()
    }
}

/// Bytes and lines that are left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub bytes: usize,
    /// Lines for details. A reader on call reads about one screen; the rest is in the report.
    pub lines: usize,
}

impl Room {
    /// Decides what is shown of the entries.
    pub(super) fn allocate(&mut self, entries: &[&Entry]) -> Vec<ShownEntry> {
        let mut shown: Vec<ShownEntry> = Vec::with_capacity(entries.len());
        for entry in entries {
            // A heading needs no line of the details, and a blank line follows it.
            let bytes = entry
                .heading
                .iter()
                .map(|line| line.len() + 1)
                .sum::<usize>()
                + 1;
            let fits = bytes <= self.bytes;
            self.bytes -= if fits { bytes } else { 0 };
            shown.push(ShownEntry {
                shown: fits,
                ..ShownEntry::default()
            });
        }
        let rounds = entries.iter().map(|entry| entry.pieces.len()).max();
        for round in 0..rounds.unwrap_or_default() {
            for (entry, shown) in entries
                .iter()
                .zip(&mut shown)
                .filter(|(_, shown)| shown.shown)
            {
                let piece = entry.pieces.get(round);
                let Some(piece) = piece.filter(|piece| !piece.lines.is_empty()) else {
                    continue;
                };
                let replaced = shown.details.get(&piece.position);
                let replaced = replaced.and_then(|index| entry.pieces.get(*index));
                let replaced = replaced.map_or(&[][..], |piece| &piece.lines);
                if self.take(&piece.lines, replaced) {
                    shown.details.insert(piece.position, round);
                }
            }
        }
        shown
    }

    /// Takes the room for lines in place of others, if there is enough.
    fn take(&mut self, lines: &[String], replaced: &[String]) -> bool {
        let bytes = |lines: &[String]| lines.iter().map(|line| line.len() + 1).sum::<usize>();
        let needed_bytes = bytes(lines);
        let needed_lines = lines.len();
        let (freed_bytes, freed_lines) = (bytes(replaced), replaced.len());
        let fits =
            needed_bytes <= self.bytes + freed_bytes && needed_lines <= self.lines + freed_lines;
        if fits {
            self.bytes = self.bytes + freed_bytes - needed_bytes;
            self.lines = self.lines + freed_lines - needed_lines;
        }
        fits
    }
}
