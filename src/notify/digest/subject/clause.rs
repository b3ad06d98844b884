//! A clause of the subject.

/// Maximum number of characters of a name in the subject.
pub(super) const MAX_NAME_CHARS: usize = 32;

/// A state, as it leads the subject, and as it follows another one.
pub(super) struct Clause {
    /// What comes after the state word, in parts of which the last can be left out.
    pub lead: Vec<String>,
    /// The clause after another state.
    pub follow: String,
}
