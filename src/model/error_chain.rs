//! Error chain: an error and its causes as one text.

use std::error::Error;
use std::fmt::Write;

/// Returns the message of an error followed by the messages of its causes, separated by `: `.
///
/// A cause is omitted if its message is empty or if the text already ends with it.
pub fn display_chain(error: &(dyn Error + 'static)) -> String {
    let mut chain = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let message = cause.to_string();
        if !message.is_empty() && !chain.ends_with(&message) {
            let _ = write!(chain, ": {message}");
        }
        next = cause.source();
    }
    chain
}
