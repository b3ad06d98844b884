//! The first screen: the state in words, what has no data, and what is new.

use maud::{Markup, html};

use super::elements::since_element;
use crate::html_report::contents::{
    ChangedGroup, Changes, EmptySourceLine, GapLine, ReportPage, plain, time,
};
use crate::report::{counted, duration, noun_of};

pub(super) fn section(page: &ReportPage<'_>) -> Markup {
    html! {
        section.summary aria-labelledby="state" {
            p.pills { (pills(page)) }
            h1 #state { (page.state.headline) }
            @if !page.state.details.is_empty() {
                p.lead { @for detail in &page.state.details { (detail) " " } }
            }
            @if let Some(words) = page.trend.in_words() {
                p.lead { "Trend: " (words) ". " a href="#trend" { "Every day" } }
            }
            (no_data(page))
            @for warning in page.warnings {
                p.notice.warn { strong { "Warning" } " " (plain(warning)) }
            }
            (tiles(page))
            (changes(page))
        }
    }
}

fn pills(page: &ReportPage<'_>) -> Markup {
    let no_data = &page.no_data;
    html! {
        @if page.state.is_failing { span.pill.fail { "FAILING" } }
        @if !no_data.gaps.is_empty() { span.pill.warn { "NO DATA" } }
        @if !no_data.empty_sources.is_empty() { span.pill.warn { "NO PACKS" } }
        @if page.packs.total == 0 && page.state.is_complete { span.pill.warn { "NOTHING WATCHED" } }
        @else if page.state.is_complete && !page.state.is_failing { span.pill.ok { "NOTHING FAILS" } }
    }
}

fn no_data(page: &ReportPage<'_>) -> Markup {
    let no_data = &page.no_data;
    html! {
        @if !no_data.gaps.is_empty() || !no_data.empty_sources.is_empty() {
            section.block.warn #no-data aria-labelledby="no-data-title" {
                h2 #no-data-title { "No data" }
                @for gap in &no_data.gaps { (gap_line(gap, page)) }
                @for empty in &no_data.empty_sources { (empty_source(empty, page)) }
            }
        }
    }
}

fn gap_line(gap: &GapLine, page: &ReportPage<'_>) -> Markup {
    let known = match (gap.packs_known, gap.failures) {
        (0, _) => "Nothing is known there from earlier runs.".to_owned(),
        (packs, 0) => format!(
            "{} known there; none had an open failure.",
            counted(packs, "pack")
        ),
        (packs, failures) => format!(
            "{} and {} are known there from earlier runs; the failures stay open, and changes there are not seen.",
            counted(packs, "pack"),
            counted(failures, "open failure")
        ),
    };
    html! {
        div.gap {
            h3 { (gap.place) " since " (since_element(gap.since, page.as_of)) }
            @if let Some(packs) = &gap.packs { p { "Only " (packs) "; the rest was read." } }
            p { (known) }
            p { strong { "To do" } " " (plain(&gap.action.action)) }
            p { strong { "Why" } " " (gap.action.title) " in " code.wrap { (gap.operation) } ": " q.aws { (gap.message) } }
        }
    }
}

fn empty_source(empty: &EmptySourceLine, page: &ReportPage<'_>) -> Markup {
    html! {
        div.gap {
            h3 {
                (empty.source.region) " of " (empty.source.caller) " has listed no packs since "
                (since_element(empty.since, page.as_of))
            }
            @if empty.packs_before == 0 {
                p { "It never had any. AWS Config shows a pack only to the account that deployed it, in its region." }
            } @else {
                p { "It had " (counted(empty.packs_before, "pack")) " before. Were they deleted, or moved to another account?" }
            }
        }
    }
}

fn tiles(page: &ReportPage<'_>) -> Markup {
    let totals = &page.totals;
    let last = page.changes.last;
    let (appeared, cleared) = last.map_or((0, 0), |last| (last.appeared, last.cleared));
    let hidden: usize = page.no_data.gaps.iter().map(|gap| gap.packs_known).sum();
    let (unread, of_all) = match hidden {
        0 => (totals.gaps, noun_of(totals.gaps, "failed read")),
        hidden => (
            hidden,
            format!("of {}", counted(totals.packs.max(hidden), "deployed pack")),
        ),
    };
    html! {
        dl.tiles {
            (tile("Failing accounts", page.causes.accounts, &format!("{}, {}", counted(totals.failures, "failure"), counted(page.causes.total(), "cause")), "fail"))
            (tile("Failing packs", page.causes.packs, &format!("of {}", counted(page.packs.distinct(), "pack")), "fail"))
            (tile("New in the last digest", appeared, &noun_of(appeared, "failure"), "fail"))
            (tile("Cleared in the last digest", cleared, &noun_of(cleared, "failure"), "ok"))
            (tile("Without data", unread, &of_all, "warn"))
            (tile("Muted", totals.muted, &muted(page), ""))
        }
    }
}

fn muted(page: &ReportPage<'_>) -> String {
    match page.mutes.next_end() {
        Some(next) => format!(
            "{}; next mute ends in {}",
            noun_of(page.totals.muted, "failure"),
            duration(next.until.duration_since(page.as_of))
        ),
        None => noun_of(page.totals.muted, "failure"),
    }
}

fn tile(name: &str, number: usize, unit: &str, class: &str) -> Markup {
    let class = if number == 0 { "" } else { class };
    html! {
        div.tile.(class) { dt { (name) } dd { span.number { (number) } " " span.unit { (unit) } } }
    }
}

fn changes(page: &ReportPage<'_>) -> Markup {
    let changes = &page.changes;
    html! {
        section.block aria-labelledby="changes-title" {
            h2 #changes-title { "New and cleared" }
            @match changes.last {
                Some(last) => {
                    p {
                        "Last digest, " (since_element(last.at, page.as_of)) ": " strong { (plain(&last.subject)) }
                        @if changes.is_refused { " It could not be delivered yet; the next run sends it again." }
                    }
                    @if last.appeared == 0 && last.cleared == 0 {
                        p { "Nothing was new or cleared in it." }
                    }
                    div.columns {
                        (group_list("New", last.appeared, &last.new_groups, page))
                        (group_list("Cleared", last.cleared, &last.cleared_groups, page))
                    }
                }
                None => p { "No digest has been sent yet." }
            }
            p { "Since then: " (since_then(page)) }
        }
    }
}

fn group_list(
    name: &str,
    failures: usize,
    groups: &[ChangedGroup],
    page: &ReportPage<'_>,
) -> Markup {
    let (shown, more) = Changes::shown(groups);
    let is_shown = |group: &ChangedGroup| {
        page.causes
            .causes
            .iter()
            .any(|cause| cause.group.group_id == group.group_id)
    };
    html! {
        @if failures > 0 {
            div {
                h3 { (name) ": " (counted(failures, "failure")) }
                ul {
                    @for group in shown {
                        li {
                            @if is_shown(group) {
                                a href={ "#cause-" (group.group_id) } { (plain(&group.title)) }
                            } @else { (plain(&group.title)) }
                            ": " (extent(group))
                        }
                    }
                    @if more > 0 { li { "and " (counted(more, "more cause")) } }
                }
            }
        }
    }
}

fn extent(group: &ChangedGroup) -> String {
    let packs = counted(group.packs, "pack");
    match group.accounts {
        0 => packs,
        accounts => format!("{}, {packs}", counted(accounts, "account")),
    }
}

fn since_then(page: &ReportPage<'_>) -> String {
    let changes = &page.changes;
    let parts: Vec<String> = [
        (changes.appeared_since, "to be reported as new"),
        (page.totals.pending, "pending (too young or seen only once)"),
        (changes.cleared_since, "to be reported as cleared"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{} {what}", counted(number, "failure")))
    .collect();
    match (parts.is_empty(), page.state.is_complete) {
        (true, true) => format!("no change as of {}.", time(page.as_of)),
        (true, false) => "no change in what was read.".to_owned(),
        (false, _) => format!("{}.", parts.join("; ")),
    }
}
