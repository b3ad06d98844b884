//! Terminal output: the digest or the response on standard output, messages about the run on
//! standard error.

use std::collections::BTreeSet;
use std::io;

use packwatch::model::GapKey;
use packwatch::report::{Checked, Outcome, Response, RunResponse, counted, sanitize};

use crate::error::CliError;
use crate::progress::ProgressStats;
use crate::status::place;
use crate::terminal::{ALARM, WARNING, colored, error_width, print, print_error, styled, wrapped};

/// Prints what failed, why, and what to do.
pub(crate) fn error(error: &CliError) {
    let report = error.report();
    for (index, line) in report.lines().enumerate() {
        // Lines of a list stay as they are.
        let lines = fitted(line);
        match lines.split_once(": ") {
            Some((first, rest)) if index == 0 => {
                print_error(&format!("{}: {rest}", styled(ALARM, first)));
            }
            _ => print_error(&lines),
        }
    }
}

/// Returns a message broken into lines for the terminal.
fn fitted(message: &str) -> String {
    match error_width() {
        Some(width) => wrapped(message, width, "").join("\n"),
        None => message.to_owned(),
    }
}

/// Prints the response as JSON.
pub(crate) fn json(response: &Response) -> Result<(), CliError> {
    print(&serde_json::to_string_pretty(response)?)?;
    Ok(())
}

/// Prints the text of the digest, and returns whether there was one. `published` is the text that
/// was published, if any.
pub(crate) fn digest(response: &RunResponse, published: Option<&str>) -> io::Result<bool> {
    let text = response.digest.text.as_deref().or(published);
    match text {
        Some(text) => print(&colored(text.trim_end()))?,
        None => print(&without_digest(response))?,
    }
    Ok(text.is_some())
}

/// Returns the line that is printed if no digest is due.
fn without_digest(response: &RunResponse) -> String {
    let open = counted(response.totals.open_total, "failure");
    if response.complete {
        format!("No digest is due: no changes, {open} open. `packwatch status` shows them.")
    } else {
        format!("No digest is due, but not everything could be read; {open} open.")
    }
}

/// Prints the table of the checks, and what to do.
pub(crate) fn checks(checked: &Checked) -> io::Result<()> {
    print(checked.text.trim_end())
}

/// Prints the failed reads: one line for all that failed with the same message.
pub(crate) fn failed_reads(stats: &ProgressStats) {
    for (cause, keys) in &stats.failures {
        let keys: &BTreeSet<GapKey> = keys;
        let message = format!(
            "{}: {}: {}: {}",
            place(keys),
            cause.operation,
            cause.code,
            sanitize(&cause.message)
        );
        print_error(&format!(
            "{}  {}",
            styled(WARNING, "NO DATA"),
            fitted(&message)
        ));
    }
}

/// Prints the outcome and the number of calls. If `commit` is set, a dry run can only
/// be due to the event.
pub(crate) fn summary(response: &RunResponse, stats: &ProgressStats, commit: bool) {
    let outcome = match response.outcome {
        Outcome::DryRun if commit => {
            "Dry run, as the event asks: nothing was written, nothing was published.".to_owned()
        }
        Outcome::DryRun => {
            "Dry run: nothing was written, nothing was published. --commit does both.".to_owned()
        }
        Outcome::Committed => format!("Committed as run {}.", response.sequence),
        Outcome::Resumed => format!(
            "Run {} was already committed; its undelivered digests were sent.",
            response.sequence
        ),
        Outcome::Superseded => {
            "Another run with a newer read was committed first; this one changed nothing."
                .to_owned()
        }
    };
    let packs = counted(response.totals.packs, "pack");
    print_error(&fitted(&format!(
        "{packs}, {} calls to AWS Config, {} throttled. {outcome}",
        stats.calls, stats.throttle_count
    )));
}
