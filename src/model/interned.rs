//! Words: strings with a meaning, each kept once.
//!
//! The same few names, codes and messages come back in every row and in every entry of the ledger.
//! No crate fits: those that keep words for good grow with a process that lives for weeks, and the
//! others bring a concurrent map for this one thread.

#![expect(clippy::disallowed_types, reason = "nothing is taken out in its order")]

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

thread_local! {
    static INTERNER: RefCell<Interner> = RefCell::default();
}

/// The words that are in use, and some that were.
#[derive(Default)]
struct Interner {
    words: HashSet<Arc<str>>,
    /// So many words are kept before those that nobody uses any more are dropped.
    limit: usize,
}

/// The word, as it is kept.
pub(super) fn intern(word: &str) -> Arc<str> {
    INTERNER.with_borrow_mut(|intern| {
        if let Some(word) = intern.words.get(word) {
            return Arc::clone(word);
        }
        if intern.words.len() >= intern.limit {
            intern.words.retain(|word| Arc::strong_count(word) > 1);
            intern.limit = 1024.max(2 * intern.words.len());
        }
        let word: Arc<str> = word.into();
        intern.words.insert(Arc::clone(&word));
        word
    })
}

/// A string with a meaning, cheap to clone and ordered by its bytes.
macro_rules! interned_string {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The word itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                Self(super::interned::intern(word))
            }
        }
        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::from(word.as_str())
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct InternedVisitor;
                impl serde::de::Visitor<'_> for InternedVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a string")
                    }

                    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<$name, E> {
                        Ok(word.into())
                    }
                }
                deserializer.deserialize_str(InternedVisitor)
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}
pub(super) use interned_string;

#[cfg(test)]
mod tests {
    use super::{INTERNER, intern};

    #[test]
    fn equal_words_are_one_and_what_nobody_uses_is_dropped() {
        let used: Vec<_> = (0..2_000)
            .map(|number| intern(&format!("used {number}")))
            .collect();
        for number in 0..100_000 {
            intern(&format!("not used {number}"));
        }
        assert!(std::sync::Arc::ptr_eq(&used[7], &intern("used 7")));
        let words = INTERNER.with_borrow(|intern| intern.words.len());
        assert!(
            (2_000..=4_000).contains(&words),
            "{words} are kept of the 2,000 in use"
        );
    }
}
