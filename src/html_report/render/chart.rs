//! The trend as a picture: one bar per day. Days without data are hatched, and hours without data
//! are marked below the line.

use maud::{Markup, html};

use crate::html_report::contents::{Trend, TrendDay, date};
use crate::report::counted;

/// Size of the drawing, in the units of the picture.
const WIDTH: usize = 800;
const HEIGHT: usize = 140;
/// Room for the numbers at the left, for the marks below the line, and for the dates.
const LEFT: usize = 44;
const MARKS: usize = 8;
const BOTTOM: usize = 30;
const TOP: usize = 12;

/// Widest bar.
const MAX_BAR: f64 = 28.0;

pub(super) fn chart(trend: &Trend) -> Markup {
    let days = &trend.days;
    let max = trend.max_open();
    let slot = (to_f64(WIDTH - LEFT) / to_f64(days.len().max(1))).min(MAX_BAR);
    let width = WIDTH;
    let base = TOP + HEIGHT;
    let (first, last) = (days.first(), days.last());
    html! {
        figure {
            svg.chart viewBox={ "0 0 " (width) " " (base + BOTTOM) } role="img" aria-labelledby="chart-title chart-text" {
                title #chart-title { "Open failures per day" }
                desc #chart-text { (description(trend)) }
                defs {
                    pattern #hatch width="6" height="6" patternUnits="userSpaceOnUse" {
                        path.hatch d="M0 6L6 0" {}
                    }
                }
                text.axis x=(LEFT - 6) y=(TOP + 8) text-anchor="end" { (max) }
                text.axis x=(LEFT - 6) y=(base) text-anchor="end" { "0" }
                line.grid x1=(LEFT) x2=(width) y1=(TOP) y2=(TOP) {}
                @for (index, day) in days.iter().enumerate() {
                    (bar(day, to_f64(LEFT) + slot * to_f64(index), slot, max))
                }
                line.base x1=(LEFT) x2=(width) y1=(base) y2=(base) {}
                @if let Some(first) = first {
                    text.axis x=(LEFT) y=(base + 24) { (date(first.date)) }
                }
                @if let Some(last) = last.filter(|_| days.len() > 1) {
                    @let end = to_f64(LEFT) + slot * to_f64(days.len());
                    text.axis x=(number(end.max(330.0))) y=(base + 24) text-anchor="end" { (date(last.date)) }
                }
            }
            figcaption {
                span.key.open {} "open failures "
                span.key.none {} "no data that day "
                span.key.hours {} "hours without data"
            }
        }
    }
}

fn bar(day: &TrendDay, x: f64, slot: f64, max: usize) -> Markup {
    let base = to_f64(TOP + HEIGHT);
    let gap = if slot > 4.0 { 1.0 } else { 0.0 };
    let (x, width) = (number(x), number(slot - gap));
    let name = date(day.date);
    html! {
        @match day.counts {
            None => rect.none x=(x) y=(TOP) width=(width) height=(HEIGHT) { title { (name) ": no data" } }
            Some(counts) => {
                @let height = to_f64(HEIGHT) * to_f64(counts.open) / to_f64(max.max(1));
                // A day with few failures stays visible beside one with many.
                @let height = if counts.open > 0 { height.max(1.5) } else { 0.0 };
                rect.open x=(x) y=(number(base - height)) width=(width) height=(number(height)) {
                    title { (name) ": " (counts.open) " open, " (counts.opened) " opened, " (counts.ended) " ended" }
                }
                @if counts.hours_without_data > 0 {
                    rect.hours x=(x) y=(number(base + 2.0)) width=(width) height=(MARKS - 2) {
                        title { (name) ": " (counted(usize::try_from(counts.hours_without_data).unwrap_or_default(), "hour")) " without data" }
                    }
                }
            }
        }
    }
}

fn description(trend: &Trend) -> String {
    let days = counted(trend.days.len(), "day");
    let words = trend
        .in_words()
        .unwrap_or_else(|| "only today has data".to_owned());
    format!(
        "{words}. {days}, at most {} open. The table below has every day.",
        trend.max_open()
    )
}

/// Returns a coordinate with at most one decimal.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Returns a count as a coordinate. Counts of failures are far below the limit of exact numbers.
fn to_f64(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}
