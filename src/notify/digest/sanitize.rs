//! Text from AWS made harmless where people read it: an error message can carry anything that a
//! template held.

/// The text on one line, without control and formatting characters, and with what chat and mail
/// programs act on (mentions, links, emphasis, code) replaced by characters that only look like it.
pub fn sanitize(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            c if c.is_control() || c.is_whitespace() => {
                if !clean.ends_with(' ') {
                    clean.push(' ');
                }
            }
            c if is_formatting(c) => {}
            '<' => clean.push('‹'),
            '>' => clean.push('›'),
            '@' => clean.push('＠'),
            '[' => clean.push('('),
            ']' => clean.push(')'),
            '|' => clean.push('¦'),
            '`' => clean.push('\''),
            '*' => clean.push('∗'),
            '~' => clean.push('∼'),
            '_' if !inside_a_word(&clean, characters.peek()) => clean.push('＿'),
            c => clean.push(c),
        }
    }
    clean.trim().to_owned()
}

/// Whether what stands between these two is no mark of emphasis.
fn inside_a_word(before: &str, after: Option<&char>) -> bool {
    before.ends_with(char::is_alphanumeric) && after.is_some_and(|c| c.is_alphanumeric())
}

/// Characters that show nothing themselves and change how others show: zero-width, bidirectional,
/// tags, variation selectors.
fn is_formatting(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
