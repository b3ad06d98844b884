//! The text of `status`: the state in words, what has no data, what fails, and what is only
//! counted.

use jiff::Timestamp;
use packwatch::notify::digest::{listed, since, subjects, time};
use packwatch::report::{counted, duration, sanitize};

use super::current::Current;
use super::entry::{heading, labeled};
use super::gaps::GapGroup;
use super::{By, by_account, by_cause, by_pack};
use crate::terminal::{ALARM, GOOD, STRONG, WARNING, styled, wrapped};

/// Returns the text.
pub(super) fn text(current: &Current, by: By, now: Timestamp, width: usize) -> String {
    let mut blocks = vec![opening(current, now, width)];
    let gaps = current.gaps.iter();
    blocks.extend(gaps.map(|group| no_data(group, current, width)));
    blocks.push(no_packs(current, width));
    match by {
        By::Cause => blocks.extend(by_cause::text(current, width)),
        By::Account => blocks.push(by_account::text(current, width)),
        By::Pack => blocks.push(by_pack::text(current, width)),
    }
    blocks.push(counts(current, width));
    let blocks = blocks.into_iter().filter(|block| !block.is_empty());
    let blocks: Vec<String> = blocks.map(|block| block.join("\n")).collect();
    blocks.join("\n\n")
}

/// Returns the first sentences: what fails, what has no data, and as of when.
fn opening(current: &Current, now: Timestamp, width: usize) -> Vec<String> {
    let style = match (current.snapshot.totals.failures, current.is_complete()) {
        (0, true) => GOOD,
        (0, false) => WARNING,
        _ => ALARM,
    };
    let mut lines: Vec<String> = wrapped(&state(current), width, "")
        .iter()
        .map(|line| styled(style, line))
        .collect();
    if !current.is_complete() {
        let text = match current.snapshot.totals.unconfirmed {
            0 => "Not everything could be read.".to_owned(),
            number => format!(
                "Not everything could be read: {} could not be confirmed.",
                counted(number, "open failure")
            ),
        };
        let lines_of_text = wrapped(&text, width, "");
        lines.extend(lines_of_text.iter().map(|line| styled(WARNING, line)));
    }
    let run = &current.snapshot.run;
    let as_of = format!(
        "As of {}, {} ago (run {}).",
        run.finished_at.strftime("%a %-d %b %Y %H:%M UTC"),
        duration(now.duration_since(run.finished_at)),
        run.sequence
    );
    lines.extend(wrapped(&as_of, width, ""));
    if !run.scope.accounts.is_empty() {
        let text = format!("The run looked only at {}.", listed(&run.scope.accounts));
        lines.extend(wrapped(&text, width, ""));
    }
    lines
}

/// Returns the sentence about what fails.
fn state(current: &Current) -> String {
    let totals = &current.snapshot.totals;
    let accounts = current.accounts().len();
    let seen = current.failures.iter().map(|failure| &failure.key);
    let keys = seen.chain(current.unseen.iter().map(|unconfirmed| &unconfirmed.key));
    let packs_themselves = keys.filter(|key| key.is_pack()).count();
    if totals.failures == 0 {
        let suppressed = totals.muted + totals.ignored > 0;
        return match (current.is_complete(), suppressed) {
            (true, false) => format!("Nothing fails in {}.", counted(totals.packs, "pack")),
            (true, true) => format!(
                "Nothing fails in {} except muted or ignored failures.",
                counted(totals.packs, "pack")
            ),
            (false, false) => "No failure is known.".to_owned(),
            (false, true) => "No failures are known except muted or ignored ones.".to_owned(),
        };
    }
    let verb = if accounts + packs_themselves == 1 {
        "fails"
    } else {
        "fail"
    };
    let began = current.failures.iter().map(|failure| failure.since);
    let unseen = current.unseen.iter();
    let began = began
        .chain(unseen.map(|unconfirmed| unconfirmed.failing_since))
        .min();
    let began = began.map_or_else(String::new, |at| {
        let first = if totals.failures == 1 {
            ""
        } else {
            "the first "
        };
        format!(", {first}since {}", since(at, current.as_of()))
    });
    format!(
        "{} {verb} in {} of {}{began}.",
        subjects(accounts, packs_themselves),
        totals.packs_failing,
        counted(totals.packs, "pack")
    )
}

fn no_data(group: &GapGroup, current: &Current, width: usize) -> Vec<String> {
    let text = format!("{}: {}", group.place(), group.words.title);
    let mut lines = heading("NO DATA", WARNING, &text, width);
    let began = since(group.since, current.as_of());
    lines.extend(labeled("Since", &began, width));
    if group.unconfirmed > 0 {
        let text = format!(
            "{} known there, as of the last read",
            counted(group.unconfirmed, "failure")
        );
        lines.extend(labeled("Open", &text, width));
    }
    lines.extend(labeled("To do", &group.words.action, width));
    let message = format!(
        "{}: {}: {}",
        group.cause.operation,
        group.cause.code,
        sanitize(&group.cause.message)
    );
    lines.extend(labeled("AWS", &message, width));
    lines
}

/// Returns the sources that list no packs.
fn no_packs(current: &Current, width: usize) -> Vec<String> {
    let empty = current.snapshot.empty_sources.iter();
    let empty = empty.filter(|record| record.is_empty());
    empty
        .flat_map(|record| {
            let before = match record.packs_before {
                0 => "AWS Config has never listed a pack there".to_owned(),
                number => format!("AWS Config listed {} there before", counted(number, "pack")),
            };
            let text = format!(
                "{} of {}: {before}",
                record.source.region, record.source.caller
            );
            let mut lines = heading("NO PACKS", WARNING, &text, width);
            let began = since(record.since, current.as_of());
            lines.extend(labeled("Since", &began, width));
            lines
        })
        .collect()
}

/// Returns the lines about what is only counted.
fn counts(current: &Current, width: usize) -> Vec<String> {
    let totals = &current.snapshot.totals;
    let mut lines = Vec::new();
    let mut line = |label: &str, text: String| {
        let lines_of_text = wrapped(&format!("{label} {text}"), width, "  ");
        lines.extend(lines_of_text.into_iter().enumerate().map(|(index, text)| {
            if index == 0 {
                text.replacen(label, &styled(STRONG, label), 1)
            } else {
                text
            }
        }));
    };
    let pending = current.pending();
    if pending > 0 {
        let text = counted(pending, "failure");
        line("Pending:", format!("{text} above, not reported yet."));
    }
    if !current.unseen.is_empty() {
        let text = counted(current.unseen.len(), "failure");
        line(
            "No data:",
            format!(
                "{text} that failed when last read, with a cause that this snapshot does not have."
            ),
        );
    }
    if totals.muted > 0 {
        let until = current.next_mute_end().map_or_else(String::new, |end| {
            format!("; the next mute ends {}", time(end, current.as_of()))
        });
        line(
            "Muted:",
            format!("{}{until}.", counted(totals.muted, "failure")),
        );
    }
    if totals.ignored > 0 {
        let text = counted(totals.ignored, "failure");
        line("Ignored:", format!("{text}, by IGNORE_ACCOUNTS."));
    }
    lines
}
