//! The table of failing accounts. It has the first rows; the script shows the others, from the data
//! at the end of the page.

use maud::{Markup, html};

use super::elements::since_cell;
use crate::html_report::contents::{FailureRow, ReportPage, plain};
use crate::report::{NotificationState, counted};

/// Number of rows that are shown without script.
const MAX_STATIC_ROWS: usize = 200;

/// Names of the columns: for the script, and for people.
const COLUMNS: [(&str, &str); 9] = [
    ("account", "Account"),
    ("pack", "Pack"),
    ("region", "Region"),
    ("caller", "Deployed from"),
    ("status", "Status"),
    ("code", "Error"),
    ("since", "Failing since (UTC)"),
    ("change", "State"),
    ("cause", "Cause id"),
];

/// Returns the columns of the page. With one caller, its column says nothing.
fn columns(page: &ReportPage<'_>) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut callers = page
        .failures
        .rows
        .iter()
        .map(|row| &row.key.pack.source.caller);
    let first = callers.next();
    let many_callers = callers.any(|caller| Some(caller) != first);
    COLUMNS
        .into_iter()
        .filter(move |(id, _)| many_callers || *id != "caller")
}

pub(super) fn push_section(page: &ReportPage<'_>, html: &mut String) {
    html.push_str("<section id=\"failures\" aria-labelledby=\"failures-title\">");
    html.push_str(&heading(page).0);
    if !page.failures.rows.is_empty() {
        html.push_str(
            "<div class=\"scroll\" role=\"region\" aria-label=\"Failing accounts\" tabindex=\"0\">\
             <table id=\"failure-table\"><thead><tr>",
        );
        for (id, name) in columns(page) {
            html.push_str(&html! { th scope="col" data-column=(id) { (name) } }.0);
        }
        html.push_str("</tr></thead><tbody>");
        for row in page.failures.rows.iter().take(MAX_STATIC_ROWS) {
            html.push_str(&table_row(row, page).0);
        }
        html.push_str("</tbody></table></div>");
    }
    html.push_str("</section>");
}

fn heading(page: &ReportPage<'_>) -> Markup {
    let failures = &page.failures;
    let shown = failures.rows.len().min(MAX_STATIC_ROWS);
    html! {
        h2 #failures-title { "Failing accounts" span.count { (failures.total) } }
        @if failures.total == 0 { p { "No failure is open." } }
        @if failures.total > failures.rows.len() {
            p.notice {
                "This page has the first " (failures.rows.len()) " of " (counted(failures.total, "open failure"))
                ". The snapshot has all of them: " code.wrap { (page.snapshot.uri()) }
            }
        }
        div #tools hidden {}
        @if failures.rows.len() > shown {
            p #without-script { "The first " (shown) " of " (failures.rows.len()) " rows are shown. The others need JavaScript." }
        }
    }
}

fn table_row(row: &FailureRow<'_>, page: &ReportPage<'_>) -> Markup {
    html! {
        tr { @for (id, name) in columns(page) { (cell(id, name, row, page)) } }
    }
}

fn cell(id: &str, name: &str, row: &FailureRow<'_>, page: &ReportPage<'_>) -> Markup {
    let pack = &row.key.pack;
    let content = match id {
        "account" => return html! { th scope="row" { (account(row, page)) } },
        "pack" => html! { (plain(pack.pack.as_str())) },
        "region" => html! { (pack.source.region) },
        "caller" => html! { code { (pack.source.caller) } },
        "status" => html! { code { (plain(row.open.row.status.as_str())) } },
        "code" => error(row),
        "since" => since_cell(row.open.failing_since, page.as_of),
        "change" => state(row),
        _ => html! { a href={ "#cause-" (row.open.group_id) } { code { (row.open.group_id) } } },
    };
    html! { td.(id) data-label=(name) { (content) } }
}

fn account(row: &FailureRow<'_>, page: &ReportPage<'_>) -> Markup {
    let id = row.key.account_id.as_ref();
    let region = &row.key.pack.source.region;
    let link = id.and_then(|id| page.link_target.config(id, region));
    html! {
        @match (id, &link) {
            (None, _) => { span.itself { "the pack itself" } },
            (Some(id), Some(link)) => a href=(link) rel="noreferrer" { code { (id) } },
            (Some(id), None) => { code { (id) } }
        }
        @if let Some(account) = row.account {
            span.sub {
                (plain(account.name.as_str()))
                @if let Some(state) = &account.state { " " span.tag { (plain(state.as_str())) } }
            }
        }
    }
}

fn error(row: &FailureRow<'_>) -> Markup {
    let record = row.open.failing_record();
    let code = html! {
        @match &record.error_code { Some(code) => code { (plain(code.as_str())) }, None => "no code" }
    };
    html! {
        @match &record.error_message {
            Some(message) => details { summary { (code) } p.aws { (plain(message.as_str())) } },
            None => (code)
        }
    }
}

fn state(row: &FailureRow<'_>) -> Markup {
    let name = match row.change {
        NotificationState::Appeared => "new",
        NotificationState::Ongoing => "open",
        NotificationState::Pending => "pending",
        NotificationState::Muted => "muted",
        NotificationState::Ignored => "ignored",
    };
    html! {
        span.tag.(name) { (name) }
        @if row.open.is_stuck() { " " span.tag { "stuck" } }
        @if row.open.unconfirmed { " " span.tag.warn { "no data" } }
        @if let Some(until) = row.muted_until { span.sub { "until " (until.strftime("%Y-%m-%d %H:%M")) } }
    }
}
