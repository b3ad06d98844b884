//! The page `report.html`, as the renderer makes it from random ledgers. What its script does is
//! tested in a browser (`tests/e2e/report_browser.py`).

mod markup;
mod page_properties;
