//! The packs, with how much of them was read and the counts of their members.

use maud::{Markup, html};

use super::elements::scroll_box;
use crate::html_report::contents::{PackLine, ReportPage, plain};
use crate::report::counted;

pub(super) fn section(page: &ReportPage<'_>) -> Markup {
    let packs = &page.packs;
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "Pack" }
                    th scope="col" { "Region" }
                    th scope="col" { "Deployed from" }
                    th scope="col" { "Status" }
                    th scope="col" { "Read" }
                    th scope="col" .number { "Open" }
                    th scope="col" .number { "Muted or ignored" }
                    th scope="col" .number { "Members" }
                    th scope="col" .number { "In progress" }
                    th scope="col" .number { "Successful" }
                    th scope="col" { "Counted" }
                }
            }
            tbody { @for line in &packs.lines { (pack_line(line, page)) } }
        }
    };
    html! {
        section #packs aria-labelledby="packs-title" {
            h2 #packs-title { "Packs" span.count { (packs.total) } }
            p {
                (counted(packs.distinct(), "pack")) " in " (counted(packs.regions(), "region")) ", "
                (counted(packs.total, "deployment")) ". Those that fail come first."
            }
            @if packs.total > packs.lines.len() {
                p.notice {
                    "The first " (packs.lines.len()) " are shown. The snapshot has all of them: "
                    code.wrap { (page.snapshot.uri()) }
                }
            }
            @if packs.lines.is_empty() { p { "No packs are known." } } @else { (scroll_box("Packs", &table)) }
        }
    }
}

fn pack_line(line: &PackLine<'_>, page: &ReportPage<'_>) -> Markup {
    let key = line.key;
    let members = line.read.map(|read| read.members);
    html! {
        tr {
            th scope="row" { (plain(key.pack.as_str())) }
            td { (key.source.region) }
            td { code { (key.source.caller) } }
            td { @match line.read { Some(read) => code { (plain(read.status.as_str())) }, None => "unknown" } }
            td { (coverage(line)) }
            td.number {
                (line.failing)
                @if line.is_failing_itself { span.sub { "and the pack itself" } }
            }
            td.number { (line.suppressed) }
            (count(members.and_then(|members| members.total)))
            (count(members.and_then(|members| members.in_progress)))
            (count(members.and_then(|members| members.successful)))
            td {
                @match members.and_then(|members| members.as_of) {
                    Some(at) if at == page.as_of => "this run",
                    Some(at) => time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M")) },
                    None => "never"
                }
            }
        }
    }
}

fn coverage(line: &PackLine<'_>) -> Markup {
    html! {
        @match line.read.map(|read| read.coverage.as_str()) {
            _ if line.has_gap => span.tag.warn { "no data" },
            Some("full") => "in full",
            Some("failing_only") => "failing members",
            Some(other) => (other),
            None => span.tag.warn { "no data" }
        }
    }
}

fn count(number: Option<usize>) -> Markup {
    html! { td.number { @match number { Some(number) => (number), None => "unknown" } } }
}
