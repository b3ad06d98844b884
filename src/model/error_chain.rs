//! An error with its causes, on one line.

use std::error::Error;
use std::fmt::Write;

/// An error with all its causes, each said once.
pub fn display_chain(error: &(dyn Error + 'static)) -> String {
    let mut story = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !words.is_empty() && !story.ends_with(&words) {
            let _ = write!(story, ": {words}");
        }
        next = cause.source();
    }
    story
}
