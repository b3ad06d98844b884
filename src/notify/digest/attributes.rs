//! Message attributes, for subscription filter policies.

use std::collections::{BTreeMap, BTreeSet};

use super::contents::Digest;
use crate::model::{Attribute, SIZE_LIMIT};

/// Maximum size of the attributes. They count towards the size of the message, and the message has
/// the same names.
const MAX_BYTES: usize = SIZE_LIMIT / 4;

/// Returns the attributes of a digest, and their size in bytes. The lists are left out if they do
/// not fit; an attribute says so.
pub(super) fn of(digest: &Digest) -> (BTreeMap<String, Attribute>, usize) {
    let numbers = [
        ("appeared", digest.totals.appeared),
        ("cleared", digest.totals.cleared),
        ("open", digest.open),
    ];
    let mut attributes: BTreeMap<_, _> = numbers
        .into_iter()
        .map(|(name, number)| (name.to_owned(), Attribute::Number(number)))
        .collect();
    let mut lists = BTreeMap::new();
    insert_list(&mut lists, "packs", &digest.packs);
    insert_list(&mut lists, "regions", &digest.regions);
    if size(&attributes) + size(&lists) <= MAX_BYTES {
        attributes.extend(lists);
    } else {
        attributes.extend(truncated());
    }
    let size = size(&attributes);
    (attributes, size)
}

/// Returns the attribute of a digest that is not complete.
pub(super) fn truncated() -> BTreeMap<String, Attribute> {
    BTreeMap::from([("truncated".to_owned(), Attribute::Text("true".to_owned()))])
}

/// Adds a list unless it is empty: SNS does not document that it accepts an empty one.
fn insert_list<T: ToString>(
    attributes: &mut BTreeMap<String, Attribute>,
    name: &str,
    items: &BTreeSet<T>,
) {
    if !items.is_empty() {
        let items = items.iter().map(ToString::to_string).collect();
        attributes.insert(name.to_owned(), Attribute::Strings(items));
    }
}

fn size(attributes: &BTreeMap<String, Attribute>) -> usize {
    attributes
        .iter()
        .map(|(name, value)| name.len() + value.data_type().len() + value.value().len())
        .sum()
}
