//! Interner: equal strings share one allocation.
//!
//! The same few names, codes and messages recur in every status record and in every entry of the
//! ledger. No crate fits: interners that never drop a string grow without bound in a process that
//! lives for weeks, and the others bring a concurrent map, which one thread does not need.

#![expect(
    clippy::disallowed_types,
    reason = "the iteration order of the set is never observed"
)]

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

thread_local! {
    static INTERNER: RefCell<Interner> = RefCell::default();
}

/// The strings in use, and unused ones that are not dropped yet.
#[derive(Default)]
struct Interner {
    strings: HashSet<Arc<str>>,
    /// Number of strings at which the unused ones are dropped.
    limit: usize,
}

/// Returns the shared allocation of a string.
pub(super) fn intern(text: &str) -> Arc<str> {
    INTERNER.with_borrow_mut(|interner| {
        if let Some(shared) = interner.strings.get(text) {
            return Arc::clone(shared);
        }
        if interner.strings.len() >= interner.limit {
            interner
                .strings
                .retain(|shared| Arc::strong_count(shared) > 1);
            interner.limit = 1024.max(2 * interner.strings.len());
        }
        let shared: Arc<str> = text.into();
        interner.strings.insert(Arc::clone(&shared));
        shared
    })
}

/// Frees the strings that are not used any more. The interner does so by itself only when their
/// number has doubled.
pub fn drop_unused_strings() {
    INTERNER.with_borrow_mut(|interner| {
        interner
            .strings
            .retain(|shared| Arc::strong_count(shared) > 1);
    });
}

/// Defines a newtype over an interned string: cheap to clone, ordered by its bytes.
macro_rules! interned_string {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                // Most comparisons are of keys that begin with the same strings.
                if std::sync::Arc::ptr_eq(&self.0, &other.0) {
                    return std::cmp::Ordering::Equal;
                }
                self.0.cmp(&other.0)
            }
        }
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// Returns the string.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(super::interned::intern(text))
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                String::json_schema(generator)
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

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        Ok(text.into())
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
    fn interner_shares_equal_strings_and_drops_unused_ones() {
        let used: Vec<_> = (0..2_000)
            .map(|number| intern(&format!("used {number}")))
            .collect();
        for number in 0..100_000 {
            intern(&format!("not used {number}"));
        }
        assert!(std::sync::Arc::ptr_eq(&used[7], &intern("used 7")));
        let count = INTERNER.with_borrow(|interner| interner.strings.len());
        assert!(
            (2_000..=4_000).contains(&count),
            "{count} strings are kept while 2,000 are in use"
        );
    }
}
