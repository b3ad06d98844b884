//! Failures by member account.

use packwatch::notify::digest::{AccountLabel, listed};
use packwatch::report::{AccountView, duration, sanitize};
use serde_json::{Value, json};

use super::current::Current;
use super::rows::rows;
use super::table::table;

/// Maximum number of columns of an account.
const MAX_LABEL: usize = 34;

/// Returns a table with one row for each account, and one for all packs that fail themselves.
pub(super) fn text(current: &Current, width: usize) -> Vec<String> {
    let rows: Vec<[String; 5]> = rows(current, |key| key.account_id.as_ref())
        .into_iter()
        .map(|(account, row)| {
            let account = account.map_or_else(
                || "- (packs themselves)".to_owned(),
                |id| AccountLabel::new(id, &AccountView::of(row.account)).line(MAX_LABEL),
            );
            let regions = match row.regions.len() {
                1 | 2 => listed(&row.regions),
                many => format!("{many} regions"),
            };
            [
                account,
                row.packs.len().to_string(),
                regions,
                duration(current.as_of().duration_since(row.since)),
                row.causes.into_keys().collect::<Vec<_>>().join("; "),
            ]
        })
        .collect();
    let header = ["ACCOUNT", "PACKS", "REGIONS", "AGE", "CAUSE"];
    table(header, &rows, width)
}

/// Returns the same for programs.
pub(super) fn json(current: &Current) -> Value {
    let rows = rows(current, |key| key.account_id.as_ref()).into_iter();
    rows.map(|(account, row)| {
        let view = AccountView::of(row.account);
        let causes = row.causes.iter();
        json!({
            "account_id": account,
            "account_name": view.name,
            "account_state": view.state,
            "failures": row.failures,
            "packs": row.packs.iter().map(|key| sanitize(key.pack.as_str())).collect::<std::collections::BTreeSet<_>>(),
            "regions": row.regions,
            "since": row.since,
            "causes": causes.map(|(title, id)| json!({"title": title, "group_id": id})).collect::<Vec<_>>(),
        })
    })
    .collect()
}
