//! A table that fits the width of the terminal: the last column takes what is left and is broken
//! into lines.

use crate::terminal::{STRONG, styled, wrapped};

/// Width below which the last column is not broken.
const MIN_LAST: usize = 20;

/// Returns the lines of a table; none without rows.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: &[[String; N]],
    width: usize,
) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = |cell: &str| textwrap::core::display_width(cell);
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            let cells = rows.iter().map(|row| columns(&row[column]));
            cells.max().unwrap_or_default().max(columns(header[column]))
        })
        .collect();
    let line = |cells: &[&str]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(columns(cell)) + 2));
        }
        line
    };
    let start: usize = widths.iter().take(N - 1).map(|width| width + 2).sum();
    let last = width.saturating_sub(start).max(MIN_LAST);
    let mut lines = vec![styled(STRONG, line(&header).trim_end())];
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        let (&text, cells) = cells.split_last().unwrap_or((&"", &[]));
        let mut texts = wrapped(text, last, "").into_iter();
        let first = texts.next().unwrap_or_default();
        lines.push(format!("{}{first}", line(cells)).trim_end().to_owned());
        lines.extend(texts.map(|text| format!("{}{text}", " ".repeat(start))));
    }
    lines
}
