//! Lines of the text: a heading with a state word, and labeled lines below it.

use anstyle::Style;

use crate::terminal::{FAINT, styled, wrapped};

/// Indentation of what stands below a heading: two spaces and the label.
const INDENT: &str = "         ";

/// Returns a heading such as `FAILING  No Config recorder: 8 accounts`.
pub(super) fn heading(state: &str, style: Style, text: &str, width: usize) -> Vec<String> {
    let mut lines = wrapped(&format!("{state}  {text}"), width, "  ");
    if let Some(first) = lines.first_mut() {
        *first = first.replacen(state, &styled(style, state), 1);
    }
    lines
}

/// Returns a labeled text.
pub(super) fn labeled(label: &str, text: &str, width: usize) -> Vec<String> {
    let start = format!("  {label:<7}");
    let mut lines = wrapped(&format!("{start}{text}"), width, INDENT);
    if let Some(first) = lines.first_mut()
        && first.starts_with(&start)
    {
        *first = format!("{}{}", styled(FAINT, &start), &first[start.len()..]);
    }
    lines
}

/// Returns a line without a label, which is not broken.
pub(super) fn unlabeled(text: &str) -> String {
    format!("{INDENT}{text}")
}
