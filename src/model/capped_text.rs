//! Capped text: texts from AWS, shortened in the middle. The reason of a failure is often the last
//! sentence of its message, so both ends are kept.

use std::borrow::Cow;

use super::ids::AwsText;

/// Maximum number of characters of a text from AWS. Longer texts are shortened when they are read,
/// because AWS Config documents no length limit for its strings.
pub const MAX_TEXT_CHARS: usize = 1024;

/// Number of characters that [`cap_text`] keeps of the start and of the end of a longer text.
const READ_ENDS: (usize, usize) = (700, 300);

/// Number of characters that the ledger keeps of the start and of the end of a longer text.
const LEDGER_ENDS: (usize, usize) = (280, 120);

/// Stands for the characters that are left out.
const ELLIPSIS: &str = " ... ";

/// Returns a text from AWS with at most [`MAX_TEXT_CHARS`] characters: of a longer one, the first
/// 700, an ellipsis, and the last 300.
pub fn cap_text(text: String) -> String {
    match keep_ends(&text, READ_ENDS, MAX_TEXT_CHARS) {
        Cow::Borrowed(_) => text,
        Cow::Owned(capped) => capped,
    }
}

/// Returns a text as the ledger keeps it, with at most 405 characters: of a longer one, the first
/// 280, an ellipsis, and the last 120. A text that is shortened already stays the same.
pub fn shorten_for_ledger(text: &AwsText) -> AwsText {
    match shorten_to_ends(text.as_str()) {
        Cow::Borrowed(_) => text.clone(),
        Cow::Owned(shortened) => shortened.into(),
    }
}

/// Returns a text of any origin with the length limit of [`shorten_for_ledger`].
pub fn shorten_to_ends(text: &str) -> Cow<'_, str> {
    let (first, last) = LEDGER_ENDS;
    keep_ends(text, LEDGER_ENDS, first + ELLIPSIS.len() + last)
}

/// Returns the `first` and the `last` characters of a text that has more than `max` characters,
/// with an ellipsis between them. `max` is at least the length of the result.
fn keep_ends(text: &str, (first, last): (usize, usize), max: usize) -> Cow<'_, str> {
    // A character has at least one byte, so most texts need not be counted.
    if text.len() <= max || text.chars().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    let head_end = text.char_indices().nth(first).map_or(0, |(index, _)| index);
    let tail_start = text
        .char_indices()
        .nth_back(last - 1)
        .map_or(text.len(), |(index, _)| index);
    Cow::Owned([&text[..head_end], ELLIPSIS, &text[tail_start..]].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ELLIPSIS, MAX_TEXT_CHARS, cap_text, shorten_for_ledger};

    /// Returns whether `shortened` is the text, or its first and last characters.
    fn keeps_ends(text: &str, shortened: &str, first: usize, last: usize, max: usize) -> bool {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() <= max {
            return shortened == text;
        }
        let ends = [&chars[..first], &chars[chars.len() - last..]].map(String::from_iter);
        shortened == ends.join(ELLIPSIS)
    }

    #[test]
    fn text_of_1024_characters_is_kept_and_longer_one_keeps_its_end() {
        let longest = "é".repeat(MAX_TEXT_CHARS);
        assert_eq!(cap_text(longest.clone()), longest);
        let capped = cap_text(format!("{}no recorder", "é".repeat(MAX_TEXT_CHARS)));
        assert_eq!(capped.chars().count(), 1_005);
        assert!(capped.ends_with("éno recorder") && capped.contains("é ... é"));
    }

    #[test]
    fn reason_after_nine_arns_survives_read_and_ledger() {
        let arn = "arn:aws:cloudformation:eu-west-1:222233334444:stack/awsconfigconforms-OrgConformsPack-baseline-ab12cd34/0f8e7d6c-0000-4000-8000-000000000000, ";
        let message = format!("Stacks {}failed: no recorder", arn.repeat(9));
        assert!(message.chars().count() > MAX_TEXT_CHARS);
        let read = cap_text(message);
        assert!(read.ends_with("failed: no recorder"), "{read}");
        let stored = shorten_for_ledger(&read.into());
        assert!(stored.as_str().ends_with("failed: no recorder"), "{stored}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn shortened_texts_keep_both_ends_and_stay_the_same(part in "\\PC{1,40}", count in 0..80_usize) {
            let text = part.repeat(count);
            let capped = cap_text(text.clone());
            prop_assert!(keeps_ends(&text, &capped, 700, 300, MAX_TEXT_CHARS), "{}", capped);
            prop_assert_eq!(cap_text(capped.clone()), capped.clone());
            let stored = shorten_for_ledger(&capped.as_str().into());
            prop_assert!(keeps_ends(&capped, stored.as_str(), 280, 120, 405), "{}", stored);
            prop_assert_eq!(shorten_for_ledger(&stored), stored);
        }
    }
}
