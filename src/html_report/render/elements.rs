//! Elements that several sections use.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::html_report::contents::time;
use crate::report::duration;

/// Returns a time in words.
pub(super) fn time_element(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (time(at)) } }
}

/// Returns a time in words, and how long before `now` it was.
pub(super) fn since_element(at: Timestamp, now: Timestamp) -> Markup {
    html! { (time_element(at)) " (" (duration(now.duration_since(at))) ")" }
}

/// Returns a time for a cell of a table: short, with how long before `now` it was.
pub(super) fn since_cell(at: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M")) }
        span.sub { (duration(now.duration_since(at))) }
    }
}

/// Returns a box in which a wide table scrolls, also by keyboard.
pub(super) fn scroll_box(label: &str, content: &Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" { (content) }
    }
}
