//! The number of a stored snapshot, without reading all of it.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// `run.sequence` of a snapshot, of which the beginning is enough where that holds it; `None` where
/// the bytes do not say.
pub fn sequence_of(snapshot: &[u8]) -> Option<u64> {
    let mut found = None;
    // What follows the number is not looked at: it may be cut off.
    let _ = PathVisitor {
        path: &["run", "sequence"],
        found: &mut found,
    }
    .deserialize(&mut serde_json::Deserializer::from_slice(snapshot));
    found
}

/// Follows a path of keys to a number, and stops there.
struct PathVisitor<'a> {
    path: &'a [&'static str],
    found: &'a mut Option<u64>,
}

impl<'de> DeserializeSeed<'de> for PathVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            *self.found = Some(u64::deserialize(deserializer)?);
            return Ok(());
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PathVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((next, path)) = self.path.split_first() else {
            return Ok(());
        };
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == *next {
                map.next_value_seed(PathVisitor {
                    path,
                    found: self.found,
                })?;
                if path.is_empty() {
                    // A number that is cut off would be another number.
                    if map.next_key::<IgnoredAny>().is_err() {
                        *self.found = None;
                    }
                    return Err(A::Error::custom("no more is needed"));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
