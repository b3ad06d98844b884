//! The trend as a picture, with its table.

use maud::{Markup, html};

use super::chart::chart;
use super::elements::scroll_box;
use crate::html_report::contents::{ReportPage, TrendDay};
use crate::report::counted;

pub(super) fn section(page: &ReportPage<'_>) -> Markup {
    let days = &page.trend.days;
    let without_data = days.iter().filter(|day| day.counts.is_none()).count();
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "Day (UTC)" }
                    th scope="col" .number { "Open" }
                    th scope="col" .number { "Opened" }
                    th scope="col" .number { "Ended" }
                    th scope="col" .number { "Hours without data" }
                }
            }
            tbody { @for day in days.iter().rev() { (row(*day)) } }
        }
    };
    html! {
        section #trend aria-labelledby="trend-title" {
            h2 #trend-title { "Trend" }
            p {
                "Open failures at the end of each UTC day, muted and ignored ones included; today so far. "
                (counted(days.len(), "day")) " since the first run"
                @if days.len() >= 400 { " or the last 400" }
                @if without_data > 0 { ", " (without_data) " of them without data" }
                "."
            }
            (chart(&page.trend))
            details { summary { "Table of the days" } (scroll_box("Table of the days", &table)) }
        }
    }
}

fn row(day: TrendDay) -> Markup {
    html! {
        tr {
            th scope="row" { time datetime=(day.date) { (day.date) } }
            @match day.counts {
                Some(counts) => {
                    td.number { (counts.open) }
                    td.number { (counts.opened) }
                    td.number { (counts.ended) }
                    td.number { (counts.hours_without_data) }
                }
                None => td colspan="4" { "no data" }
            }
        }
    }
}
