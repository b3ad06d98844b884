//! The checks as text: a table, and what to do below it. Every line is ASCII and has at most
//! [`WIDTH`] columns. Commands begin at the first column and are broken so that a shell reads them
//! as one line.

use jiff::Timestamp;

use crate::report::{Check, CheckStatus, Step};

/// Maximum number of columns of a line.
const WIDTH: usize = 78;
/// Columns of the status.
const STATUS: usize = 9;
/// Columns of the name.
const NAME: usize = 22;
/// Columns before the second and the following lines of an instruction.
const INDENT: usize = 3;

/// Returns the text of the checks.
pub(super) fn render(checks: &[Check], at: Timestamp) -> String {
    let mut lines = vec![
        format!("packwatch check at {}", at.strftime("%Y-%m-%d %H:%M UTC")),
        summary(checks),
        String::new(),
        format!("{:STATUS$}{:NAME$}DETAIL", "STATUS", "CHECK"),
    ];
    for check in checks {
        let (mut status, mut name) = (check.status.as_str(), check.name);
        for line in wrap(&check.detail, WIDTH - STATUS - NAME) {
            lines.push(format!("{status:STATUS$}{name:NAME$}{line}"));
            (status, name) = ("", "");
        }
    }
    let actions = checks
        .iter()
        .filter_map(|check| Some((check, check.action.as_ref()?)));
    for (number, (check, action)) in actions.enumerate() {
        lines.push(String::new());
        if number == 0 {
            lines.extend(["TO DO".to_owned(), String::new()]);
        }
        let text = format!(
            "{}. {} ({}): {}:",
            number + 1,
            check.name,
            check.status.as_str(),
            action.instruction
        );
        for (index, line) in wrap(&text, WIDTH - INDENT).into_iter().enumerate() {
            let indent = if index == 0 { 0 } else { INDENT };
            lines.push(format!("{:indent$}{line}", ""));
        }
        for step in &action.steps {
            lines.extend(broken(step));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Returns the number of checks of each status.
fn summary(checks: &[Check]) -> String {
    let statuses = [
        CheckStatus::Failed,
        CheckStatus::Warning,
        CheckStatus::Ok,
        CheckStatus::Skipped,
    ];
    let counts = statuses.map(|status| {
        let number = checks.iter().filter(|check| check.status == status).count();
        let plural = if status == CheckStatus::Warning && number != 1 {
            "s"
        } else {
            ""
        };
        format!("{number} {}{plural}", status.as_str())
    });
    counts.join(", ")
}

/// Wraps a text into lines. A word that is longer than a line, such as an ARN, is broken after one
/// of its separators.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = printable(text);
    let mut lines = vec![String::new()];
    for word in text.split_ascii_whitespace() {
        let mut word = word;
        let is_full = |line: &String| !line.is_empty() && line.len() + 1 + word.len() > width;
        if lines.last().is_some_and(is_full) {
            lines.push(String::new());
        }
        while word.len() > width {
            let separator = word[..width].rfind([':', '/', '-', ',', '.']);
            let (start, rest) = word.split_at(separator.map_or(width, |at| at + 1));
            if let Some(line) = lines.last_mut() {
                line.push_str(start);
            }
            lines.push(String::new());
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Returns the text in printable ASCII: other characters become `?`.
fn printable(text: &str) -> String {
    let printable = |c: char| match c {
        ' '..='~' => c,
        c if c.is_whitespace() => ' ',
        _ => '?',
    };
    text.chars().map(printable).collect()
}

/// Returns the lines of a step. A line that is not the last ends in a backslash, which continues
/// the line in a shell. An option stays with its values if they fit; a word that is longer than a
/// line is broken, too.
fn broken(step: &Step) -> Vec<String> {
    // One column is for the backslash, and one for the space before it.
    const ROOM: usize = WIDTH - 2;
    let mut units: Vec<String> = Vec::new();
    for word in step.shell_words() {
        let word = printable(&word);
        match units.last_mut() {
            Some(unit) if !word.starts_with("--") && unit.len() + 1 + word.len() <= ROOM => {
                unit.push(' ');
                unit.push_str(&word);
            }
            _ => units.push(word),
        }
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for unit in units {
        if !line.is_empty() && line.len() + 1 + unit.len() > ROOM {
            lines.push(format!("{line} \\"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&unit);
        while line.len() > ROOM {
            let (start, rest) = split_word(&line, ROOM);
            lines.push(start);
            line = rest;
        }
    }
    lines.push(line);
    lines
}

/// Breaks a line within a word, so that a shell joins the two parts: with a backslash, and outside
/// quotes. ASCII only.
fn split_word(line: &str, width: usize) -> (String, String) {
    let is_quoting = |at: usize| matches!(line.as_bytes()[at], b'\'' | b'\\');
    let mut at = width - 1;
    // Not beside a quote, which may be a part of an escaped one.
    while at > 1 && (is_quoting(at) || is_quoting(at - 1)) {
        at -= 1;
    }
    let (start, rest) = line.split_at(at);
    let is_inside_quotes = start.matches('\'').count() % 2 == 1;
    if is_inside_quotes {
        (format!("{start}'\\"), format!("'{rest}"))
    } else {
        (format!("{start}\\"), rest.to_owned())
    }
}
