//! Failures by pack.

use std::collections::BTreeSet;

use packwatch::model::{AccountId, PackKey};
use packwatch::report::{duration, sanitize};
use serde_json::{Value, json};

use super::current::Current;
use super::rows::{Row, rows};
use super::table::table;

/// Returns a table with one row for each pack in its region.
pub(super) fn text(current: &Current, width: usize) -> Vec<String> {
    let rows = rows(current, |key| &key.pack);
    let callers: BTreeSet<&AccountId> = rows.iter().map(|(key, _)| &key.source.caller).collect();
    let has_many_callers = callers.len() > 1;
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|(key, row)| {
            let source = if has_many_callers {
                format!("{} of {}", key.source.region, key.source.caller)
            } else {
                key.source.region.to_string()
            };
            [
                sanitize(key.pack.as_str()),
                source,
                failing(key, &row, current),
                duration(current.as_of().duration_since(row.since)),
                row.causes.into_keys().collect::<Vec<_>>().join("; "),
            ]
        })
        .collect();
    table(["PACK", "REGION", "ACCOUNTS", "AGE", "CAUSE"], &rows, width)
}

/// Returns the number of failing accounts, with the total if it is exact.
fn failing(key: &PackKey, row: &Row<'_>, current: &Current) -> String {
    match current.members.get(key) {
        _ if row.pack_itself => "the pack itself".to_owned(),
        Some(total) => format!("{} of {total}", row.accounts.len()),
        None => row.accounts.len().to_string(),
    }
}

/// Returns the same for programs.
pub(super) fn json(current: &Current) -> Value {
    let rows = rows(current, |key| &key.pack).into_iter();
    rows.map(|(key, row)| {
        let causes = row.causes.iter();
        json!({
            "caller": key.source.caller,
            "region": key.source.region,
            "pack": key.pack,
            "pack_itself": row.pack_itself,
            "failures": row.failures,
            "account_count": row.accounts.len(),
            "accounts": row.accounts,
            "members": current.members.get(key),
            "since": row.since,
            "causes": causes.map(|(title, id)| json!({"title": title, "group_id": id})).collect::<Vec<_>>(),
        })
    })
    .collect()
}
