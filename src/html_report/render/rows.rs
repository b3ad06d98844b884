//! The rows of failing accounts as data for the script: a list of texts, each of them once, and
//! rows that name them by their number. The element is not a script, so the policy does not apply
//! to it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use jiff::Timestamp;

use crate::html_report::contents::{FailureRow, ReportPage, plain};
use crate::model::{AccountId, AwsText, Region};
use crate::report::NotificationState;

/// The account and the region that stand for those of a row in the link of all rows.
const ANY_ACCOUNT: &str = "000000000000";
const ANY_REGION: &str = "REGION";

/// Writes the data. Everything that could end the element is escaped.
pub(super) fn push_data(page: &ReportPage<'_>, html: &mut String) {
    html.push_str("<script type=\"application/json\" id=\"report-data\">{\"as_of\":");
    push_time(html, Some(page.as_of));
    html.push_str(",\"link\":");
    push_text(html, link_of_rows(page).as_deref());
    html.push_str(",\"causes\":{");
    for (index, cause) in page.causes.causes.iter().enumerate() {
        if index > 0 {
            html.push(',');
        }
        push_text(html, Some(&cause.group.group_id.to_string()));
        html.push(':');
        push_text(html, Some(&cause.group.cause.title));
    }
    html.push_str("},\"rows\":[");
    let mut texts = Texts::default();
    for (index, row) in page.failures.rows.iter().enumerate() {
        if index > 0 {
            html.push(',');
        }
        push_row(html, row, &mut texts);
    }
    html.push_str("],\"texts\":[");
    for (index, text) in texts.list.iter().enumerate() {
        if index > 0 {
            html.push(',');
        }
        push_text(html, Some(text));
    }
    html.push_str("]}</script>");
}

/// Returns the link into a member account with placeholders. All regions of a function are in one
/// partition, so the hosts of all links are the same.
fn link_of_rows(page: &ReportPage<'_>) -> Option<String> {
    let region = &page.failures.rows.first()?.key.pack.source.region;
    let account = AccountId::from(ANY_ACCOUNT);
    let link = page.link_target.config(&account, region)?;
    let parameter = |region: &str| format!("region%3D{region}");
    Some(link.replace(&parameter(region.as_str()), &parameter(ANY_REGION)))
}

/// The texts of the rows.
#[derive(Default)]
struct Texts<'a> {
    list: Vec<&'a str>,
    numbers: BTreeMap<&'a str, usize>,
}

impl<'a> Texts<'a> {
    fn number(&mut self, text: &'a str) -> usize {
        *self.numbers.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() - 1
        })
    }
}

fn push_row<'a>(html: &mut String, row: &FailureRow<'a>, texts: &mut Texts<'a>) {
    let key = row.key;
    let open = row.open;
    let (record, failing) = (&open.row, open.failing_record());
    let source = &key.pack.source;
    let account = row.account;
    let columns = [
        key.account_id.as_ref().map(AccountId::as_str),
        account.map(|account| account.name.as_str()),
        account
            .and_then(|account| account.state.as_ref())
            .map(AwsText::as_str),
        Some(source.caller.as_str()),
        Some(Region::as_str(&source.region)),
        Some(key.pack.pack.as_str()),
        Some(record.status.as_str()),
        failing.error_code.as_ref().map(AwsText::as_str),
        failing.error_message.as_ref().map(AwsText::as_str),
        record.conformance_pack_name.as_ref().map(AwsText::as_str),
    ];
    html.push('[');
    for text in columns {
        match text {
            Some(text) => push_formatted(html, format_args!("{},", texts.number(text))),
            None => html.push_str("-1,"),
        }
    }
    push_formatted(html, format_args!("\"{}\",", open.group_id));
    for at in [
        Some(open.failing_since),
        record.last_update_time,
        open.changed_at,
        row.muted_until,
    ] {
        push_time(html, at);
        html.push(',');
    }
    let state = match row.change {
        NotificationState::Appeared => 0,
        NotificationState::Ongoing => 1,
        NotificationState::Pending => 2,
        NotificationState::Muted => 3,
        NotificationState::Ignored => 4,
    };
    let marks = u8::from(open.is_stuck()) + 2 * u8::from(open.unconfirmed);
    push_formatted(html, format_args!("{state},{marks}]"));
}

fn push_formatted(html: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = html.write_fmt(text);
}

fn push_time(html: &mut String, at: Option<Timestamp>) {
    match at {
        Some(at) => push_formatted(html, format_args!("\"{at}\"")),
        None => html.push_str("null"),
    }
}

/// Writes a text as JSON. Characters that mean something to HTML are escaped.
fn push_text(html: &mut String, text: Option<&str>) {
    let Some(text) = text else {
        html.push_str("null");
        return;
    };
    html.push('"');
    for c in plain(text).chars() {
        match c {
            '"' => html.push_str("\\\""),
            '\\' => html.push_str("\\\\"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                push_formatted(html, format_args!("\\u{:04x}", u32::from(c)));
            }
            c if c.is_control() => push_formatted(html, format_args!("\\u{:04x}", u32::from(c))),
            c => html.push(c),
        }
    }
    html.push('"');
}
