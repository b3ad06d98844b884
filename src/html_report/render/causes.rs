//! The causes of what is open.

use maud::{Markup, html};

use super::elements::since_element;
use crate::html_report::contents::{Cause, ReportPage, listed, plain};
use crate::report::{AccountView, counted};

/// Maximum number of accounts of a cause. The table of failing accounts has the others.
const MAX_ACCOUNTS: usize = 10;

/// Maximum number of regions of a cause.
const MAX_REGIONS: usize = 4;

pub(super) fn section(page: &ReportPage<'_>) -> Markup {
    let causes = &page.causes;
    let omitted = &causes.omitted;
    html! {
        section #causes aria-labelledby="causes-title" {
            h2 #causes-title { "Causes" span.count { (causes.total()) } }
            @if causes.causes.is_empty() { p { "No open failures (muted and ignored ones are not counted)." } }
            ol.causes {
                @for (index, cause) in causes.causes.iter().enumerate() { (entry(cause, index < 3, page)) }
            }
            @if omitted.groups > 0 {
                p.notice {
                    (counted(omitted.groups, "more cause")) " with " (counted(omitted.failures, "failure")) " in "
                    (counted(omitted.accounts, "account")) " are left out here. The snapshot has all of them: "
                    code.wrap { (page.snapshot.uri()) }
                }
            }
        }
    }
}

fn entry(cause: &Cause, is_open: bool, page: &ReportPage<'_>) -> Markup {
    let group = &cause.group;
    html! {
        li {
            details.cause id={ "cause-" (group.group_id) } open[is_open] {
                summary {
                    span.cause-title { (plain(&group.cause.title)) }
                    @if cause.is_new { span.pill.fail.small { "NEW" } }
                    span.extent { (cause.extent) }
                }
                dl.facts {
                    dt { "To do" } dd.action { (plain(&group.cause.action)) }
                    dt { "Since" } dd { (since_element(group.since, page.as_of)) }
                    @if !group.accounts.is_empty() {
                        dt { "Accounts" } dd { (accounts(cause, page)) }
                    }
                    dt { "Packs" } dd { (cause.packs) }
                    dt { @if group.regions.len() == 1 { "Region" } @else { "Regions" } }
                    dd { (listed(group.regions.iter(), MAX_REGIONS)) }
                    @if group.callers.len() > 1 {
                        dt { "Deployed from" } dd { (listed(group.callers.iter(), MAX_REGIONS)) }
                    }
                    dt { "AWS says" }
                    dd {
                        code { (group.error_code.as_deref().unwrap_or(&group.status)) }
                        @match &group.error_message {
                            Some(message) => { " " q.aws { (message) } }
                            None => { " without a message" }
                        }
                    }
                    @if group.stuck > 0 { dt { "Stuck" } dd { (counted(group.stuck, "failure")) " in progress for too long" } }
                    @if group.cause_changed > 0 {
                        dt { "Changed" } dd { (counted(group.cause_changed, "failure")) " with another cause now" }
                    }
                    dt { "Cause id" }
                    dd {
                        code { (group.group_id) } ", " (counted(group.failures, "failure")) " "
                        button.show-rows type="button" data-cause=(group.group_id) hidden { "Show them" }
                    }
                }
            }
        }
    }
}

fn accounts(cause: &Cause, page: &ReportPage<'_>) -> Markup {
    let accounts = &cause.group.accounts;
    let region = cause.group.regions.first();
    html! {
        ul.accounts {
            @for (id, view) in accounts.iter().take(MAX_ACCOUNTS) {
                @let link = region.and_then(|region| page.link_target.config(id, region));
                li {
                    @match link {
                        Some(link) => a href=(link) rel="noreferrer" { code { (id) } },
                        None => code { (id) }
                    }
                    (label(view))
                }
            }
            @if accounts.len() > MAX_ACCOUNTS { li { "and " (accounts.len() - MAX_ACCOUNTS) " more" } }
        }
    }
}

fn label(view: &AccountView) -> Markup {
    html! {
        @if let Some(name) = &view.name { " " (plain(name.as_str())) }
        @if let Some(state) = &view.state { " " span.tag { (plain(state.as_str())) } }
    }
}
