//! Output sanitization: makes text from AWS safe to show to people. An error message can contain
//! arbitrary text from a template.

/// Returns the text on one line, without control and formatting characters. Characters that chat
/// and mail programs interpret (mentions, links, emphasis, code) are replaced by similar ones.
pub fn sanitize(text: &str) -> String {
    let mut sanitized = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            c if c.is_control() || c.is_whitespace() => {
                if !sanitized.ends_with(' ') {
                    sanitized.push(' ');
                }
            }
            c if is_formatting(c) => {}
            '<' => sanitized.push('‹'),
            '>' => sanitized.push('›'),
            '@' => sanitized.push('＠'),
            '[' => sanitized.push('('),
            ']' => sanitized.push(')'),
            '|' => sanitized.push('¦'),
            '`' => sanitized.push('\''),
            '*' => sanitized.push('∗'),
            '~' => sanitized.push('∼'),
            '_' if !is_inside_word(&sanitized, characters.peek()) => sanitized.push('＿'),
            c => sanitized.push(c),
        }
    }
    sanitized.trim().to_owned()
}

/// Returns whether a character between these two is inside a word, where `_` is not emphasis.
fn is_inside_word(before: &str, after: Option<&char>) -> bool {
    before.ends_with(char::is_alphanumeric) && after.is_some_and(|c| c.is_alphanumeric())
}

/// Returns whether a character is invisible and can change how others are shown: zero-width
/// characters, bidirectional controls, tags, variation selectors.
fn is_formatting(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
