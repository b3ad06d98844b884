//! Reads the sequence of a stored snapshot from its first bytes.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// Returns `run.sequence` of a snapshot, or `None` if the bytes do not contain it. The first bytes
/// of a snapshot are enough.
pub fn sequence_of(snapshot: &[u8]) -> Option<u64> {
    let mut sequence = None;
    // The error is ignored: parsing stops after the number, and the rest may be truncated.
    let _ = PathVisitor {
        path: &["run", "sequence"],
        sequence: &mut sequence,
    }
    .deserialize(&mut serde_json::Deserializer::from_slice(snapshot));
    sequence
}

/// Follows a path of object keys to a number, and stops there with an error.
struct PathVisitor<'a> {
    path: &'a [&'static str],
    sequence: &'a mut Option<u64>,
}

impl<'de> DeserializeSeed<'de> for PathVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            *self.sequence = Some(u64::deserialize(deserializer)?);
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
                    sequence: self.sequence,
                })?;
                if path.is_empty() {
                    // The bytes may end within the number, which would then be wrong.
                    if map.next_key::<IgnoredAny>().is_err() {
                        *self.sequence = None;
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
