#!/usr/bin/env python3
"""Opens the report of several situations in Chromium: what it shows, does, and must not do.

    cargo build --example report_page
    python tests/e2e/report_browser.py target/debug/examples/report_page

The pages come from real runs against the simulated organization. `report_browser.mjs` opens them, with
Playwright and axe-core at the versions of `browser/package-lock.json`. The CSV files that it downloads
are compared here with the snapshots of the runs. Needs Node.js and Debian's Chromium.
"""

import argparse
import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MAX_ROWS = 5000
# Longer messages are shortened in the ledger, which the page is made of.
MAX_MESSAGE = 400
FORMULA = re.compile(r"\s*[=+\-@\t\r\n\x00-\x1f\uff1d\uff0b\uff0d\uff20]")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
FIELDS = [
    "failure_id", "caller", "region", "pack", "account_id", "account_name", "account_state", "conformance_pack_name",
    "status", "stuck", "error_code", "error_message", "last_update_time", "failing_since", "changed_at", "change",
    "muted_until", "group_id",
]


def plain(text):
    """Returns a text as the page shows it: on one line, without invisible characters."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", INVISIBLE.sub("", text))


def cell(value):
    """Returns a value of the snapshot as a cell of the CSV."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else plain(value)
    return f"'{text}" if FORMULA.match(text) else text


def failures(snapshot):
    """Returns the rows that the CSV of a snapshot must have, by failure id."""
    rows = {}
    for pack in snapshot["packs"]:
        place = {name: pack[name] for name in ("caller", "region", "pack")}
        for failure in pack["failing_accounts"]:
            rows[failure["failure_id"]] = {name: cell({**place, **failure}[name]) for name in FIELDS}
    return rows


def check_csv(downloads, name, snapshot):
    expected = failures(snapshot)
    for file in (f"{name}.csv", f"{name}.filtered.csv"):
        data = (downloads / file).read_bytes()
        assert data.startswith(b"\xef\xbb\xbf"), f"{file} has no mark of UTF-8 for spreadsheets"
        rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines(keepends=True), strict=True))
        for row in rows:
            assert set(FIELDS) <= set(row), f"{file} has the columns {list(row)}"
            wanted = expected[row["failure_id"]]
            assert len(wanted["error_message"]) <= MAX_MESSAGE
            found = {field: row[field] for field in FIELDS}
            assert found == wanted, f"{file}: {found} is not {wanted}"
            for value in row.values():
                assert not re.match(r"[=+\-@\t\r]", value), f"{file}: {value!r} is a formula"
        ids = [row["failure_id"] for row in rows]
        assert len(set(ids)) == len(ids), f"{file} has a row twice"
        if ".filtered." in file:
            assert 0 < len(rows) <= len(expected), f"{file} has {len(rows)} rows"
            assert len({row["account_id"] for row in rows}) == 1, f"{file} has rows of other accounts"
        else:
            assert len(rows) == min(len(expected), MAX_ROWS), f"{file} has {len(rows)} of {len(expected)} rows"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("example", help="the built example report_page")
    parser.add_argument("--failures", type=int, default=5_500, help="failures of the largest page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        modules, pages, downloads = (scratch / name for name in ("modules", "pages", "downloads"))
        shutil.copytree(HERE / "browser", modules)
        downloads.mkdir()
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=modules, check=True)
        subprocess.run([options.example, pages, str(options.failures)], check=True, stdout=subprocess.DEVNULL)
        for page in pages.glob("*.html"):
            assert page.stat().st_size < 4_000_000, f"{page.name} has {page.stat().st_size} bytes"
        subprocess.run(["node", HERE / "report_browser.mjs", modules, pages, downloads], check=True)
        compared = 0
        for path in sorted(pages.glob("*.json")):
            snapshot = json.loads(path.read_text())
            # What could not be read is not in the snapshot as a whole.
            if snapshot["totals"]["open_total"] > 0 and not snapshot["unconfirmed"]:
                check_csv(downloads, path.stem, snapshot)
                compared += 1
        assert compared >= 5, f"the CSV of {compared} pages was compared"
    print("The pages are accessible, silent and complete; their CSV has the data of the snapshots.")


if __name__ == "__main__":
    sys.exit(main())
