//! The page from head to foot.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::policy::{POLICY, SCRIPT, STYLE};
use super::{causes, elements, failures, mutes, packs, rows, summary, trend};
use crate::html_report::contents::{ReportPage, time};

/// Bytes to reserve for a page without failures, and for each failure. The buffer grows by copying.
const PAGE_BYTES: usize = 96 * 1024;
const ROW_BYTES: usize = 320;

impl ReportPage<'_> {
    /// Renders the page. Equal contents give equal bytes.
    pub fn render(&self) -> String {
        let capacity = PAGE_BYTES + ROW_BYTES * self.failures.rows.len();
        let mut page = String::with_capacity(capacity);
        page.push_str(DOCTYPE.0.as_ref());
        page.push_str("<html lang=\"en\">");
        page.push_str(&self.head().0);
        page.push_str("<body>");
        page.push_str(&self.header().0);
        page.push_str("<main id=\"main\">");
        page.push_str(&summary::section(self).0);
        page.push_str(&causes::section(self).0);
        failures::push_section(self, &mut page);
        page.push_str(&packs::section(self).0);
        page.push_str(&mutes::section(self).0);
        page.push_str(&trend::section(self).0);
        page.push_str("</main>");
        page.push_str(&self.footer().0);
        rows::push_data(self, &mut page);
        page.push_str(&html! { script { (PreEscaped(SCRIPT)) } }.0);
        page.push_str("</body></html>\n");
        page
    }

    fn head(&self) -> Markup {
        html! {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(*POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                // Account ids are not telephone numbers.
                meta name="format-detection" content="telephone=no, date=no, address=no, email=no";
                title { @if let Some(label) = self.label { (label) ": " } (self.state.headline) " packwatch" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
        }
    }

    fn header(&self) -> Markup {
        let sections = [
            ("causes", "Causes", Some(self.causes.total())),
            ("failures", "Failing accounts", Some(self.failures.total)),
            ("packs", "Packs", Some(self.packs.total)),
            ("mutes", "Mutes", Some(self.mutes.lines.len())),
            ("trend", "Trend", None),
        ];
        html! {
            a.skip href="#main" { "Skip to the state" }
            header {
                p.brand {
                    strong { "packwatch" }
                    @if let Some(label) = self.label { span.label { (label) } }
                }
                p.as-of {
                    "As of " (elements::time_element(self.as_of))
                    span #age data-as-of=(self.as_of) {}
                }
                nav aria-label="Sections" {
                    @for (id, name, count) in sections {
                        a href={ "#" (id) } { (name) @if let Some(count) = count { span.count { (count) } } }
                    }
                }
            }
            p #stale .notice.warn hidden role="status" {
                strong { "This page is old." } " "
                "packwatch writes it after every full run. It may not be running: look at its alarms and logs."
            }
        }
    }

    fn footer(&self) -> Markup {
        let snapshot = self.snapshot;
        html! {
            footer {
                p {
                    "Run " code { (self.run.run_id) } ", number " (self.run.sequence) ", read until " (time(self.as_of)) ". "
                    "All data of the run: " a href=(self.link_target.object(snapshot)) rel="noreferrer" { "snapshot" } ", "
                    code.wrap { (snapshot.uri()) }
                }
                p { "This page is self-contained and loads nothing. All times are UTC." }
            }
        }
    }
}
