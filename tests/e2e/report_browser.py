#!/usr/bin/env python3
"""Opens the report of several situations in Chromium: what it shows, does, and must not do.

    cargo build --example report_page
    python tests/e2e/report_browser.py target/debug/examples/report_page

The pages come from real runs against the simulated organization. `report_browser.mjs` opens them, with
Playwright and axe-core at the versions of `browser/package-lock.json`. What the pages say, and the CSV
files of every view of their table, are compared here with the snapshots of the runs. Needs Node.js and
Debian's Chromium.

With --measure, --screenshots or --image it checks nothing:

    python tests/e2e/report_browser.py target/debug/examples/report_page --measure
    python tests/e2e/report_browser.py target/debug/examples/report_page --image docs/images/report.png
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from browser.checks import check_page, check_table
from browser.expected import MAX_ROWS, Expected

HERE = pathlib.Path(__file__).resolve().parent
MAX_BYTES = 4_000_000


class Browser:
    """The pages, and the browser that opens them."""

    def __init__(self, scratch, pages):
        self.modules, self.pages = scratch / "modules", pages
        self.modules.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "browser" / name, self.modules)
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(npm, cwd=self.modules, check=True)

    def run(self, task, target):
        subprocess.run(["node", HERE / "report_browser.mjs", self.modules, self.pages, task, target], check=True)


def read(folder, name):
    return json.loads((folder / name).read_text())


def check(browser, scratch, failures):
    found = scratch / "found"
    found.mkdir()
    for page in browser.pages.glob("*.html"):
        size = page.stat().st_size
        assert size < MAX_BYTES, f"{page.name} has {size} bytes"
    browser.run("check", found)
    views, largest = 0, 0
    for path in sorted(browser.pages.glob("*.json")):
        name, snapshot = path.stem, json.loads(path.read_text())
        expected = Expected(name, snapshot)
        page = read(found, f"{name}.page.json")
        check_page(expected, page)
        if expected.rows:
            views += check_table(expected, page, read(found, f"{name}.views.json"), read(found, f"{name}.sorts.json"), found)
        largest = max(largest, len(expected.rows))
    assert largest == failures > MAX_ROWS, f"the largest page is about {largest} failures"
    print(f"The pages are accessible and silent; they and the CSV of {views} views say what the snapshots say.")


def measure(browser, scratch):
    browser.run("measure", scratch / "measured.json")
    print("Median and longest of several rounds, in milliseconds. Search and sort include the layout.\n")
    print("| page | failures | rows | size | first paint | search | sort |\n| --- | --: | --: | --: | --: | --: | --: |")
    for page in read(scratch, "measured.json"):
        times = [page[name] and f"{page[name]['median']:.0f} ({page[name]['longest']:.0f})" for name in ("paint", "search", "sort")]
        cells = [page["name"], f"{page['failures']:,}", f"{page['rows']:,}", f"{page['bytes'] / 1e6:.2f} MB", *(time or "" for time in times)]
        print(f"| {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("example", type=pathlib.Path, help="the built example report_page, or a folder that it wrote")
    parser.add_argument("--failures", type=int, default=50_000, help="failures of the largest page")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--measure", action="store_true", help="print sizes and times of the pages")
    group.add_argument("--screenshots", type=pathlib.Path, metavar="FOLDER", help="write pictures of all pages")
    group.add_argument("--image", type=pathlib.Path, metavar="FILE", help="write the picture of the README")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        pages = options.example
        if not pages.is_dir():
            pages = scratch / "pages"
            subprocess.run([options.example.resolve(), pages, str(options.failures)], check=True, stdout=subprocess.DEVNULL)
        browser = Browser(scratch, pages)
        if options.measure:
            measure(browser, scratch)
        elif options.screenshots:
            options.screenshots.mkdir(parents=True, exist_ok=True)
            browser.run("screenshots", options.screenshots)
        elif options.image:
            browser.run("image", options.image)
        else:
            check(browser, scratch, options.failures)


if __name__ == "__main__":
    sys.exit(main())
