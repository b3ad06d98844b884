//! The action of a check: what to do in words, with the commands and parameters to do it.

use std::fmt;

use serde::{Serialize, Serializer};

/// What to do about a check, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAction {
    /// What to do, in words.
    pub instruction: String,
    /// How to do it, in order.
    pub steps: Vec<Step>,
}

/// One step of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A command, word by word.
    Command(Vec<String>),
    /// A parameter of the stack, and its new value.
    Parameter {
        /// Name of the parameter in `template.yaml`.
        name: &'static str,
        /// Its new value.
        value: String,
    },
}

impl CheckAction {
    /// Returns an action without steps.
    pub fn new(instruction: impl Into<String>) -> Self {
        Self {
            instruction: instruction.into(),
            steps: Vec::new(),
        }
    }

    /// Adds a command: its fixed words, separated by spaces, and the options with their values.
    #[must_use]
    pub fn command(mut self, fixed: &str, options: &[(&str, &str)]) -> Self {
        let mut words: Vec<_> = fixed.split(' ').map(str::to_owned).collect();
        for (option, value) in options {
            words.push(format!("--{option}"));
            words.push((*value).to_owned());
        }
        self.steps.push(Step::Command(words));
        self
    }

    /// Adds words to the last command, such as further values of its last option.
    #[must_use]
    pub fn more_words(mut self, more: impl IntoIterator<Item = String>) -> Self {
        if let Some(Step::Command(words)) = self.steps.last_mut() {
            words.extend(more);
        }
        self
    }

    /// Adds a parameter of the stack.
    #[must_use]
    pub fn parameter(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.steps.push(Step::Parameter { name, value });
        self
    }
}

impl fmt::Display for CheckAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.instruction)?;
        for (index, step) in self.steps.iter().enumerate() {
            let separator = if index == 0 { ": " } else { ", then " };
            write!(f, "{separator}`{step}`")?;
        }
        Ok(())
    }
}

impl schemars::JsonSchema for CheckAction {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CheckAction".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

impl Serialize for CheckAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Step {
    /// Returns the words of the step, quoted for a POSIX shell where that is needed.
    pub fn shell_words(&self) -> Vec<String> {
        match self {
            Self::Command(words) => words.iter().map(|word| shell_word(word)).collect(),
            Self::Parameter { name, value } if value.is_empty() => vec![format!("{name}=''")],
            Self::Parameter { name, value } => vec![format!("{name}={}", shell_word(value))],
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shell_words().join(" "))
    }
}

/// Quotes a word for a POSIX shell, unless it means the same without quotes.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+,-./:=@_".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
