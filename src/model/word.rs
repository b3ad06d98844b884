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
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// The words that are in use, and some that were.
#[derive(Default)]
struct Kept {
    words: HashSet<Arc<str>>,
    /// So many words are kept before those that nobody uses any more are dropped.
    limit: usize,
}

/// The word, as it is kept.
pub(super) fn kept(word: &str) -> Arc<str> {
    KEPT.with_borrow_mut(|kept| {
        if let Some(word) = kept.words.get(word) {
            return Arc::clone(word);
        }
        if kept.words.len() >= kept.limit {
            kept.words.retain(|word| Arc::strong_count(word) > 1);
            kept.limit = 1024.max(2 * kept.words.len());
        }
        let word: Arc<str> = word.into();
        kept.words.insert(Arc::clone(&word));
        word
    })
}

/// A string with a meaning, cheap to clone and ordered by its bytes.
macro_rules! word {
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
                Self(word::kept(word))
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
                struct Word;
                impl serde::de::Visitor<'_> for Word {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a string")
                    }

                    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<$name, E> {
                        Ok(word.into())
                    }
                }
                deserializer.deserialize_str(Word)
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
pub(super) use word;

#[cfg(test)]
mod tests {
    use super::{KEPT, kept};

    #[test]
    fn equal_words_are_one_and_what_nobody_uses_is_dropped() {
        let used: Vec<_> = (0..2_000)
            .map(|number| kept(&format!("used {number}")))
            .collect();
        for number in 0..100_000 {
            kept(&format!("not used {number}"));
        }
        assert!(std::sync::Arc::ptr_eq(&used[7], &kept("used 7")));
        let words = KEPT.with_borrow(|kept| kept.words.len());
        assert!(
            (2_000..=4_000).contains(&words),
            "{words} are kept of the 2,000 in use"
        );
    }
}
