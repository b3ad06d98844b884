//! The layout of the text: lines of at most 60 columns that begin with two spaces, in blocks with
//! blank lines between them.

use textwrap::WordSeparator;

use crate::report::sanitize_line;

/// Maximum width of a line, in columns.
pub(in crate::notify::digest) const COLUMNS: usize = 60;

/// Indentation of every line. Some mail programs join lines that do not begin with two spaces.
pub(super) const INDENT: usize = 2;

/// Indentation of what belongs to a heading.
pub(super) const INNER_INDENT: usize = 4;

/// Width of a label, with the spaces after it.
const LABEL_WIDTH: usize = 6;

/// Indentation of the lines below a label if a word is too long to stand to the right of it.
const LONG_WORDS_INDENT: usize = 6;

/// Wraps a paragraph.
pub(super) fn paragraph(indent: usize, text: &str) -> Vec<String> {
    let indent = " ".repeat(indent);
    wrapped(&indent, &indent, text)
}

/// Wraps a text after a label, such as `To do`.
pub(super) fn labeled(label: &str, text: &str) -> Vec<String> {
    let start = format!("{:INNER_INDENT$}{label:<LABEL_WIDTH$}", "");
    // Long names and addresses are kept whole where a smaller indentation can do it.
    let is_long = |word: &str| word.chars().count() > COLUMNS - start.len();
    let next = if text.split(' ').any(is_long) {
        LONG_WORDS_INDENT
    } else {
        start.len()
    };
    wrapped(&start, &" ".repeat(next), text)
}

/// Returns a line that is not wrapped.
pub(super) fn unwrapped(indent: usize, text: &str) -> String {
    format!("{:indent$}{text}", "")
}

/// Returns an address or a command after a label. It is not wrapped: it would no longer work.
pub(super) fn labeled_command(label: &str, text: &str) -> Vec<String> {
    vec![format!("{:INNER_INDENT$}{label:<LABEL_WIDTH$}{text}", "")]
}

/// Wraps a line at spaces, and inside a word only if it is longer than a line.
fn wrapped(first: &str, next: &str, text: &str) -> Vec<String> {
    // Texts from AWS are sanitized where they enter the digest; this is the second barrier.
    let text = &sanitize_line(text);
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent(first)
        .subsequent_indent(next)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options)
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Returns a list of labels with quoted names, wrapped between its entries. No entry is longer than
/// a line.
pub(super) fn list(indent: usize, entries: &[String], ending: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let last = entries.len().saturating_sub(1);
    for (index, entry) in entries.iter().enumerate() {
        let comma = if index < last { "," } else { "" };
        push_entry(
            indent,
            &format!("{}{comma}", sanitize_line(entry)),
            &mut lines,
        );
    }
    if !ending.is_empty() {
        push_entry(indent, ending, &mut lines);
    }
    lines
}

fn push_entry(indent: usize, entry: &str, lines: &mut Vec<String>) {
    match lines.last_mut() {
        Some(line) if line.chars().count() + 1 + entry.chars().count() <= COLUMNS => {
            line.push(' ');
            line.push_str(entry);
        }
        _ => lines.push(format!("{:indent$}{entry}", "")),
    }
}

#[cfg(test)]
mod tests {
    use super::{labeled, list, paragraph};

    #[test]
    fn long_words_and_lists_keep_within_the_columns() {
        let long = "x".repeat(130);
        for line in paragraph(2, &long).iter().chain(&labeled("AWS", &long)) {
            assert!(
                line.chars().count() <= 60 && line.starts_with("  "),
                "{line}"
            );
        }
        assert_eq!(labeled("To do", "go")[0], "    To do go");
        let name = "Operational-Best-Practices-for-CIS-AWS-v1.4-Level2";
        assert_eq!(
            labeled("Where", &format!("backup, {name}, eks")),
            [
                "    Where backup,".to_owned(),
                format!("      {name},"),
                "      eks".to_owned()
            ],
            "a name is not cut where it fits"
        );
        let entries: Vec<String> = (0..5).map(|n| format!("20000000000{n} \"a, b\"")).collect();
        assert_eq!(
            list(4, &entries, "and 2 more"),
            [
                "    200000000000 \"a, b\", 200000000001 \"a, b\",",
                "    200000000002 \"a, b\", 200000000003 \"a, b\",",
                "    200000000004 \"a, b\" and 2 more",
            ]
        );
    }
}
