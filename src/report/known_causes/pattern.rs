//! The form of a known cause, and the patterns by which it is recognized.

/// A known cause.
pub(super) struct Entry {
    pub title: &'static str,
    pub short_title: &'static str,
    /// The cause applies if any of these matches.
    pub patterns: &'static [Pattern],
    /// What to do; `action` describes the placeholders.
    pub action: &'static str,
}

/// One way to recognize a cause.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pattern {
    /// The account has this state in AWS Organizations.
    State(&'static str),
    /// This error code, with or without the ending `Exception`, is the code of the failure or a
    /// word of its message: CloudFormation puts the codes of other services there.
    Code(&'static str),
    /// Code and message contain this text. It is in lower case.
    Text(&'static str),
    /// Code and message contain both of these texts.
    Texts(&'static str, &'static str),
    /// The account has been in progress for too long.
    Stuck,
    /// There is neither a code nor a message.
    NoReason,
}

/// What the patterns of all entries are applied to.
pub(super) struct Subject<'a> {
    state: Option<&'a str>,
    is_stuck: bool,
    /// Code and message, sanitized.
    text: String,
    lower_case: String,
}

impl<'a> Subject<'a> {
    /// Creates the subject from sanitized texts.
    pub(super) fn new(state: Option<&'a str>, is_stuck: bool, code: &str, message: &str) -> Self {
        let text = format!("{code} {message}").trim().to_owned();
        Self {
            state,
            is_stuck,
            lower_case: text.to_ascii_lowercase(),
            text,
        }
    }

    /// Returns code and message.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether a pattern matches.
    pub(super) fn matches(&self, pattern: Pattern) -> bool {
        match pattern {
            Pattern::State(state) => self.state == Some(state),
            Pattern::Code(code) => self.has_code(code),
            Pattern::Text(text) => self.lower_case.contains(text),
            Pattern::Texts(one, other) => {
                self.lower_case.contains(one) && self.lower_case.contains(other)
            }
            Pattern::Stuck => self.is_stuck,
            Pattern::NoReason => self.text.is_empty(),
        }
    }

    fn has_code(&self, code: &str) -> bool {
        self.text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == code || word.strip_suffix("Exception") == Some(code))
    }
}
