//! Output sanitization: makes text from AWS inert. Member accounts write parts of it (account
//! names, messages of templates), so it must not hold anything that a mail or chat program turns
//! into a link, a mention or markup.
//!
//! Addresses are defanged as is usual in security reports: `hxxps[:]//example[.]com`,
//! `user[at]example[.]com`. There is no list of hosts or top-level domains: every dot before two
//! letters inside a word can end a host name.

use std::iter::Peekable;
use std::str::Chars;

/// Returns a text from AWS on one line, without control and invisible characters, and without
/// addresses, mentions and markup that mail and chat programs interpret. A sanitized text stays the
/// same, also between other words.
pub fn sanitize(text: &str) -> String {
    sanitized(text, Dots::Defang)
}

/// Returns a line of packwatch's own words that can contain sanitized text. It differs from
/// [`sanitize`] only in that host names without a scheme, such as a service principal, are kept.
pub fn sanitize_line(line: &str) -> String {
    sanitized(line, Dots::Keep)
}

/// What happens to a dot that is not defanged yet, outside of `www.`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    Defang,
    Keep,
}

/// A character of a text, or a defanged one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Char(char),
    /// A dot, or one of the characters that host names may have instead; `None` for `[.]`.
    Dot(Option<char>),
    /// A colon; `None` for `[:]`.
    Colon(Option<char>),
    /// `@`, or `[at]` inside a word.
    At,
}

impl Symbol {
    fn of(c: char) -> Self {
        match c {
            '.' | '．' | '。' | '｡' | '․' | '﹒' => Self::Dot(Some(c)),
            ':' | '：' | '﹕' => Self::Colon(Some(c)),
            '@' | '＠' | '﹫' => Self::At,
            c => Self::Char(c),
        }
    }

    fn is(self, wanted: impl FnOnce(char) -> bool) -> bool {
        matches!(self, Self::Char(c) if wanted(c))
    }

    /// Returns whether it is this lower-case ASCII letter or sign, in any case and width.
    fn is_like(self, wanted: char) -> bool {
        self.is(|c| narrow(c).eq_ignore_ascii_case(&wanted))
    }

    fn is_in_word(self) -> bool {
        self.is(char::is_alphanumeric)
    }
}

/// Schemes that mail and chat programs take as links without slashes after the colon.
const SCHEMES: [&str; 11] = [
    "callto", "file", "ftp", "http", "https", "mailto", "sip", "sips", "sms", "tel", "xmpp",
];

fn sanitized(text: &str, dots: Dots) -> String {
    let symbols = symbols(&visible(text));
    let mut sanitized = String::with_capacity(text.len() + 8);
    for (index, &symbol) in symbols.iter().enumerate() {
        let before = &symbols[..index];
        let after = &symbols[index + 1..];
        match symbol {
            Symbol::Char(c) if c.is_ascii_alphanumeric() => sanitized.push(c),
            Symbol::Dot(dot) => {
                let defang = is_www(before)
                    || is_inside_host(before, dot, after)
                        && (dot.is_none() || dots == Dots::Defang);
                match dot {
                    _ if defang => sanitized.push_str("[.]"),
                    dot => sanitized.push(dot.unwrap_or('.')),
                }
            }
            Symbol::Colon(colon) if is_scheme(before, colon, after) => {
                if colon.is_some() {
                    disarm_http(&mut sanitized);
                }
                sanitized.push_str("[:]");
            }
            Symbol::Colon(colon) => sanitized.push(colon.unwrap_or(':')),
            Symbol::At if is_between_words(before, after) => sanitized.push_str("[at]"),
            Symbol::At => sanitized.push('＠'),
            Symbol::Char('_' | '＿') if is_between_words(before, after) => sanitized.push('_'),
            Symbol::Char(c) => {
                let c = without_markup(c);
                // A parenthesis after a bracket would make both a link in Markdown.
                if c == '(' && sanitized.ends_with(']') {
                    sanitized.push(' ');
                }
                sanitized.push(c);
            }
        }
    }
    sanitized
}

/// Returns the text without control and invisible characters, with one space for each run of
/// whitespace, and one backslash for each run of them: two begin the address of a file share.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '!'..='[' | ']'..='~' => visible.push(c),
            c if c.is_control() || c.is_whitespace() || c == '\u{2800}' => {
                if !visible.ends_with(' ') {
                    visible.push(' ');
                }
            }
            '\\' | '＼' if visible.ends_with('\\') => {}
            '＼' => visible.push('\\'),
            c if is_invisible(c) => {}
            c => visible.push(c),
        }
    }
    visible.trim().to_owned()
}

/// Returns the symbols of a text. Defanged characters are one symbol, so that a text that is
/// sanitized again stays the same.
fn symbols(text: &str) -> Vec<Symbol> {
    let mut symbols = Vec::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let symbol = match c {
            '[' if skip(&mut characters, ".]") => Symbol::Dot(None),
            '[' if skip(&mut characters, ":]") => Symbol::Colon(None),
            '[' if symbols
                .last()
                .is_some_and(|last: &Symbol| last.is_in_word())
                && is_at_inside_word(&characters) =>
            {
                skip(&mut characters, "at]");
                Symbol::At
            }
            c => Symbol::of(c),
        };
        symbols.push(symbol);
    }
    symbols
}

/// Skips `expected` if it comes next. Returns whether it did.
fn skip(characters: &mut Peekable<Chars<'_>>, expected: &str) -> bool {
    let mut ahead = characters.clone();
    let skipped = expected.chars().all(|c| ahead.next() == Some(c));
    if skipped {
        *characters = ahead;
    }
    skipped
}

fn is_at_inside_word(characters: &Peekable<Chars<'_>>) -> bool {
    let mut ahead = characters.clone();
    skip(&mut ahead, "at]") && ahead.next().is_some_and(char::is_alphanumeric)
}

/// Returns whether `www` comes before, in any case and width.
fn is_www(before: &[Symbol]) -> bool {
    matches!(before, [.., a, b, c] if [a, b, c].iter().all(|symbol| symbol.is_like('w')))
}

/// Returns whether a dot can end a label of a host name: it is inside a word, and at least two
/// letters follow. A full stop of East Asian text ends a label only before ASCII letters.
fn is_inside_host(before: &[Symbol], dot: Option<char>, after: &[Symbol]) -> bool {
    let in_label = |c: char| {
        let word = c.is_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii();
        word && !matches!(c, '‹' | '›' | '¦' | '∗' | '∼')
    };
    let is_ascii_only = dot.is_some_and(|dot| !dot.is_ascii());
    let letter = |symbol: &Symbol| {
        symbol.is(|c| c.is_alphabetic() && (!is_ascii_only || narrow(c).is_ascii()))
    };
    before.last().is_some_and(|last| last.is(in_label))
        && matches!(after, [one, other, ..] if letter(one) && letter(other))
}

/// Returns whether a colon ends the scheme of a link: slashes follow, or it is a scheme that needs
/// none.
fn is_scheme(before: &[Symbol], colon: Option<char>, after: &[Symbol]) -> bool {
    if matches!(after, [one, other, ..] if one.is_like('/') && other.is_like('/')) {
        return true;
    }
    let starts_address = |c: char| c.is_alphanumeric() || matches!(c, '/' | '\\' | '+' | '%');
    after.first().is_some_and(|next| next.is(starts_address))
        && (colon.is_none() || SCHEMES.iter().any(|scheme| is_last_word(before, scheme)))
}

fn is_last_word(before: &[Symbol], word: &str) -> bool {
    let Some(start) = before.len().checked_sub(word.len()) else {
        return false;
    };
    let (before, last) = before.split_at(start);
    !before.last().is_some_and(|symbol| symbol.is_in_word())
        && last
            .iter()
            .zip(word.chars())
            .all(|(symbol, c)| symbol.is_like(c))
}

fn is_between_words(before: &[Symbol], after: &[Symbol]) -> bool {
    let in_word = |symbol: Option<&Symbol>| symbol.is_some_and(|symbol| symbol.is_in_word());
    in_word(before.last()) && in_word(after.first())
}

/// Replaces `http` or `https` at the end of the text with `hxxp` or `hxxps`.
fn disarm_http(text: &mut String) {
    for scheme in ["http", "https"] {
        let Some(start) = text.len().checked_sub(scheme.len()) else {
            continue;
        };
        if text
            .get(start..)
            .is_some_and(|end| end.eq_ignore_ascii_case(scheme))
        {
            let disarmed = text[start..].replace('t', "x").replace('T', "X");
            text.truncate(start);
            text.push_str(&disarmed);
        }
    }
}

/// Returns a similar character for one that chat programs interpret: mentions, links, emphasis,
/// code.
fn without_markup(c: char) -> char {
    match c {
        '<' => '‹',
        '>' => '›',
        '[' => '(',
        ']' => ')',
        '|' => '¦',
        '`' => '\'',
        '*' => '∗',
        '~' => '∼',
        '_' => '＿',
        c => c,
    }
}

/// Returns the ASCII character that a full-width one is a variant of.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

/// Returns whether a character is invisible and can change how others are shown: those that Unicode
/// lets programs ignore (`Default_Ignorable_Code_Point`: zero-width characters, bidirectional
/// controls, fillers, variation selectors, tags), and annotations.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::{sanitize, sanitize_line};

    /// Generates texts of the characters and words that the rules are about.
    fn hostile() -> impl Strategy<Value = String> {
        let parts = vec![
            "http", "HTTPS", "www", "mailto", "://", ":", "/", "\\", ".", "。", "．", "[.]", "[:]",
            "[at]", "[", "]", "(", "at", "@", "＠", "_", "＿", "*", "com", "例え", "a", "1", " ",
            "\u{200b}", "\u{202e}", "\n", "\"", ",", "-",
        ];
        proptest::collection::vec(select(parts), 0..12).prop_map(|parts| parts.concat())
    }

    #[test]
    fn addresses_mentions_and_markup_are_inert() {
        for (text, expected) in [
            (
                "see https://evil.example.com/x?y=1",
                "see hxxps[:]//evil[.]example[.]com/x?y=1",
            ),
            ("HTTP://EVIL.COM", "HXXP[:]//EVIL[.]COM"),
            ("WwW.evil.com", "WwW[.]evil[.]com"),
            ("www.1 www.[x](y)", "www[.]1 www[.] (x)(y)"),
            ("ｗｗｗ．evil．com", "ｗｗｗ[.]evil[.]com"),
            (
                "ht\u{200b}tps:\u{ad}//ev\u{202e}il.com",
                "hxxps[:]//evil[.]com",
            ),
            ("https：／／evil。com", "hxxps[:]／／evil[.]com"),
            ("s3://bucket/key", "s3[:]//bucket/key"),
            ("evil.com/login", "evil[.]com/login"),
            ("mailto:a@b.io tel:+1", "mailto[:]a[at]b[.]io tel[:]+1"),
            (r"http:\\host \\host\share", r"hxxp[:]\host \host\share"),
            ("@here <@U1> <!channel>", "＠here ‹＠U1› ‹!channel›"),
            (
                "[text](x) `code` *b* ~s~ _i_",
                "(text)(x) 'code' ∗b∗ ∼s∼ ＿i＿",
            ),
            ("a\r\n\tb\u{0}\u{2028}c", "a b c"),
        ] {
            assert_eq!(sanitize(text), expected);
        }
    }

    #[test]
    fn plain_text_is_kept() {
        for text in [
            "arn:aws:iam::222233334444:role/a-b_c was not found: CREATE_FAILED.",
            "Version 1.2.3 failed ... Try again.",
            "設定に失敗しました。確認してください。理由：不明",
            "user \"dev\" (Service: Config; Status Code: 400)",
        ] {
            assert_eq!(sanitize(text), text);
        }
    }

    #[test]
    fn line_keeps_host_names_of_its_own_words() {
        assert_eq!(
            sanitize_line("role for config.amazonaws.com, evil[.]com, www.x.io, https://x.io"),
            "role for config.amazonaws.com, evil[.]com, www[.]x.io, hxxps[:]//x.io"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sanitized_text_stays_the_same_in_a_line(text in prop_oneof![hostile(), any::<String>()]) {
            let sanitized = sanitize(&text);
            prop_assert_eq!(sanitize(&sanitized), sanitized.clone());
            prop_assert_eq!(sanitize_line(&sanitized), sanitized.clone());
            let entry = format!("222233334444 ({sanitized}), next");
            prop_assert_eq!(sanitize(&entry), entry);
            prop_assert!(!sanitized.contains("]("), "{}", sanitized);
        }
    }
}
