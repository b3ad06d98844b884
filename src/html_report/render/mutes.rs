//! The mutes that apply.

use maud::{Markup, html};

use super::elements::{scroll_box, time_element};
use crate::html_report::contents::ReportPage;
use crate::report::duration;

pub(super) fn section(page: &ReportPage<'_>) -> Markup {
    let mutes = &page.mutes.lines;
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "Ends" }
                    th scope="col" { "Matches" }
                    th scope="col" .number { "Open failures" }
                    th scope="col" { "Reason" }
                    th scope="col" { "By" }
                    th scope="col" { "Added" }
                    th scope="col" { "Mute id" }
                }
            }
            tbody {
                @for mute in mutes {
                    tr {
                        th scope="row" {
                            time datetime=(mute.until) { (mute.until_words) }
                            span.sub { "in " (duration(mute.until.duration_since(page.as_of))) }
                        }
                        td { (mute.matcher) }
                        td.number { (mute.matches) }
                        td { (mute.reason) }
                        td { (mute.by.as_deref().unwrap_or_default()) }
                        td { (time_element(mute.created_at)) }
                        td { code { (mute.id) } }
                    }
                }
            }
        }
    };
    html! {
        section #mutes aria-labelledby="mutes-title" {
            h2 #mutes-title { "Mutes" span.count { (mutes.len()) } }
            @if mutes.is_empty() { p { "Nothing is muted." } } @else { (scroll_box("Mutes", &table)) }
        }
    }
}
