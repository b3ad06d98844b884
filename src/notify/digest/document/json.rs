//! Serialization to JSON.

use serde::Serialize;
use serde_json::value::RawValue;

/// Serializes the items of a list.
pub(super) fn raw(items: impl IntoIterator<Item: Serialize>) -> Vec<Box<RawValue>> {
    items
        .into_iter()
        .filter_map(|item| serde_json::value::to_raw_value(&item).ok())
        .collect()
}

/// Serializes to JSON, which cannot fail for documents of strings and numbers with string keys.
pub(in crate::notify::digest) fn to_json<T: Serialize + ?Sized>(document: &T) -> String {
    serde_json::to_string(document).unwrap_or_default()
}
