//! An error with its causes, on one line.

use std::error::Error;
use std::fmt::Write;

/// An error with all its causes, each said once.
pub fn display_chain(error: &(dyn Error + 'static)) -> String {
    let mut to_report = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !words.is_empty() && !to_report.ends_with(&words) {
            let _ = write!(to_report, ": {words}");
        }
        next = cause.source();
    }
    to_report
}
