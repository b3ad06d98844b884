//! Message skeleton: the plain words of an error message, without what differs between accounts.
//!
//! AWS writes the stack, rule, role and request ids of the member account into its messages. Two
//! failures have the same cause if their codes and the skeletons of their messages are equal.

use std::ops::Range;

/// A part of a message. All parts together are the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagePart<'a> {
    /// A plain word.
    Word(&'a str),
    /// Text that usually differs between accounts, such as an ARN or an id; several of them in a
    /// row, with what separates them, are one part.
    Variable(&'a str),
    /// Spaces and punctuation between words.
    Separator(&'a str),
}

/// Shortest word of capital letters that counts as an id.
const MIN_CAPITALS: usize = 8;

/// Stands for a variable in a skeleton.
const PLACEHOLDER: &str = "*";

/// Returns the skeleton of a message: its words in order, with one placeholder for each
/// [`Variable`](MessagePart::Variable).
pub(super) fn message_skeleton(message: &str) -> String {
    let words: Vec<&str> = message_parts(message)
        .into_iter()
        .filter_map(|part| match part {
            MessagePart::Word(word) => Some(word),
            MessagePart::Variable(_) => Some(PLACEHOLDER),
            MessagePart::Separator(_) => None,
        })
        .collect();
    words.join(" ")
}

/// Splits a message into its parts.
pub fn message_parts(message: &str) -> Vec<MessagePart<'_>> {
    let mut spans = merge_variables(spans(message));
    mark_words_at_cut(message, &mut spans);
    let spans = merge_variables(spans);
    let mut parts = Vec::with_capacity(2 * spans.len() + 1);
    let mut end = 0;
    for Span { range, variable } in spans {
        if range.start > end {
            parts.push(MessagePart::Separator(&message[end..range.start]));
        }
        end = range.end;
        let text = &message[range];
        parts.push(if variable {
            MessagePart::Variable(text)
        } else {
            MessagePart::Word(text)
        });
    }
    if end < message.len() {
        parts.push(MessagePart::Separator(&message[end..]));
    }
    parts
}

/// A word or variable at its place in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    range: Range<usize>,
    variable: bool,
}

/// Finds quoted texts and the words around them.
fn spans(message: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut rest = 0;
    while let Some((start, quoted_end)) = next_quoted(message, rest) {
        push_words(message, rest..start, &mut spans);
        spans.push(Span {
            range: start..quoted_end,
            variable: true,
        });
        rest = quoted_end;
    }
    push_words(message, rest..message.len(), &mut spans);
    spans
}

/// Returns the range of the next quoted text at or after `from`. A quotation mark opens only at the
/// start of a word, and closes only at the end of one, so that apostrophes do not count as
/// quotation marks.
fn next_quoted(message: &str, from: usize) -> Option<(usize, usize)> {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    for (offset, quote) in message[from..].char_indices() {
        let closing = match quote {
            '"' | '\'' | '`' => quote,
            '\u{2018}' => '\u{2019}',
            '\u{201c}' => '\u{201d}',
            _ => continue,
        };
        let start = from + offset;
        if is_word(message[..start].chars().next_back()) {
            continue;
        }
        let inside = start + quote.len_utf8();
        let end = message[inside..].match_indices(closing).find(|(at, _)| {
            let end = inside + at + closing.len_utf8();
            *at > 0 && !is_word(message[end..].chars().next())
        });
        if let Some((at, _)) = end {
            return Some((start, inside + at + closing.len_utf8()));
        }
    }
    None
}

/// Adds the words in a part of the message, each without the punctuation around it.
fn push_words(message: &str, range: Range<usize>, spans: &mut Vec<Span>) {
    let part = &message[range.clone()];
    for word in part.split_whitespace() {
        let core = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '_'));
        if core.is_empty() {
            continue;
        }
        // Both are slices of the message.
        let start = range.start + (core.as_ptr() as usize - part.as_ptr() as usize);
        spans.push(Span {
            range: start..start + core.len(),
            variable: is_variable(core),
        });
    }
}

/// Returns whether a word usually differs between accounts.
fn is_variable(word: &str) -> bool {
    if is_api_action(word) {
        return false;
    }
    let capitals = word.len() >= MIN_CAPITALS && word.bytes().all(|byte| byte.is_ascii_uppercase());
    capitals
        || word.contains(|c: char| c.is_numeric() || matches!(c, '/' | '_' | ':'))
        || word.matches('-').count() >= 2
}

/// Returns whether a word is an API action such as `config:PutConfigRule`.
fn is_api_action(word: &str) -> bool {
    let Some((service, action)) = word.split_once(':') else {
        return false;
    };
    let is_service = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    service.starts_with(|first: char| first.is_ascii_lowercase())
        && service.bytes().all(is_service)
        && action.starts_with(|first: char| first.is_ascii_uppercase())
        && action.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Joins variables without a word between them.
fn merge_variables(spans: Vec<Span>) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if last.variable && span.variable => last.range.end = span.range.end,
            _ => merged.push(span),
        }
    }
    merged
}

/// Marks the words on both sides of the ellipsis of a shortened message as variable: where the
/// message was cut depends on the length of the ids in it.
fn mark_words_at_cut(message: &str, spans: &mut [Span]) {
    for (cut, ellipsis) in message.match_indices(" ... ") {
        let after = spans.partition_point(|span| span.range.start < cut + ellipsis.len());
        for index in [after.checked_sub(1), Some(after)].into_iter().flatten() {
            if let Some(span) = spans.get_mut(index) {
                span.variable = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MessagePart, message_parts, message_skeleton};

    #[test]
    fn skeleton_has_plain_words_and_placeholders() {
        for (message, skeleton) in [
            ("", ""),
            (
                "There is no configuration recorder available in account 222233334444.",
                "There is no configuration recorder available in account *",
            ),
            (
                "User: arn:aws:sts::222233334444:assumed-role/AWSServiceRoleForConfigConforms/x is not authorized \
                 to perform: config:PutConfigRule with an explicit deny in a service control policy",
                "User * is not authorized to perform config:PutConfigRule with an explicit deny in a service \
                 control policy",
            ),
            (
                "Stacks (arn:aws:a:b, arn:aws:c:d and 'my stack') failed",
                "Stacks * and * failed",
            ),
            (
                "The account's rule isn't there",
                "The account's rule isn't there",
            ),
            (
                "Rule \"no-mfa\" and `x` aren't valid",
                "Rule * and * aren't valid",
            ),
            ("An unclosed 'quote stays", "An unclosed quote stays"),
            (
                "see https://docs.aws.amazon.com/config or OrgConformsPack-a-b",
                "see * or *",
            ),
            ("a one-hyphen word, two-hyphen-words", "a one-hyphen word *"),
            ("LIMITEXCEEDED LIMIT S3", "* LIMIT *"),
            ("Reason: it failed", "Reason it failed"),
            (
                "the first part of a wo ... rd that ends here",
                "the first part of a * that ends here",
            ),
        ] {
            assert_eq!(message_skeleton(message), skeleton, "{message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parts_are_the_message(message in "(\\PC|[ '\":a-c0-2/_-]){0,60}") {
            let text: String = message_parts(&message)
                .iter()
                .map(|part| match part {
                    MessagePart::Word(text) | MessagePart::Variable(text) | MessagePart::Separator(text) => *text,
                })
                .collect();
            prop_assert_eq!(text, message);
        }

        #[test]
        fn ids_do_not_change_the_skeleton(ids in prop::array::uniform3("[0-9]{12}"), names in prop::array::uniform3("[a-z]{1,9}")) {
            let message = |id: &str, name: &str| format!(
                "Stack arn:aws:cloudformation:eu-west-1:{id}:stack/{name}, rule '{name}' in {id} is broken");
            let skeletons: Vec<String> = ids.iter().zip(&names)
                .map(|(id, name)| message_skeleton(&message(id, name)))
                .collect();
            prop_assert!(skeletons.iter().all(|skeleton| *skeleton == skeletons[0]), "{:?}", skeletons);
        }
    }
}
