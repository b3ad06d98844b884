"""What the page of a snapshot must say: the rows of its table, their order, and all its numbers.

It is computed from the snapshot, and for what a snapshot does not have from what
`examples/report_page.rs` does.
"""

import collections
import datetime
import re

MAX_ROWS, MAX_STATIC_ROWS, MAX_CAUSES, MAX_ACCOUNTS, MAX_CHANGED = 5000, 200, 100, 10, 5
# The ledger keeps so many causes of a digest.
MAX_KEPT = 20
BUCKET = "packwatch-bucket-1p2q3r4s5t6u"
# Longer messages are shortened in the ledger, which the page is made of.
MAX_MESSAGE = 400
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# The states of a failure, in the order of the page, and what the page calls them.
STATES = {"appeared": "new", "ongoing": "open", "pending": "pending", "muted": "muted", "ignored": "ignored"}
SUPPRESSED = ("muted", "ignored")


def plain(text):
    """Returns a text of AWS as the page has it: on one line, without invisible characters."""
    if re.fullmatch("[ -~]*", text):
        return text
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", INVISIBLE.sub("", text))


def shown(text):
    """Returns a text of AWS as a browser shows it."""
    return " ".join(plain(text).split())


def moment(text):
    return datetime.datetime.fromisoformat(text)


def counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def in_words(at):
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M} UTC"


def duration(delta):
    minutes = max(0, int(delta.total_seconds() // 60))
    parts = [(minutes // 1440, "d"), (minutes % 1440 // 60, "h"), (minutes % 60, "min")]
    while parts and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number) or "less than 1 min"


def listed(items, most):
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def utf16(text):
    """Returns the key of a text in the order of JavaScript."""
    return text.encode("utf-16-be", "surrogatepass")


class Expected:
    """What the page of a situation must say."""

    def __init__(self, name, snapshot):
        self.name, self.snapshot = name, snapshot
        self.totals, self.run = snapshot["totals"], snapshot["run"]
        self.as_of = moment(self.run["finished_at"])
        self.rows = self.all_rows()
        self.failing = [row for row in self.rows if row["change"] not in SUPPRESSED]
        self.causes = by(self.failing, lambda row: row["group_id"])
        self.packs = self.all_packs()
        self.is_complete = not snapshot["gaps"] and not snapshot["empty_sources"]
        # The digest of the run; without one, the last was that of the first run: it had all that is
        # open now and was old enough then.
        self.has_digest = snapshot["digest"] is not None
        self.digest_at = self.as_of if self.has_digest else self.runs()[0][0]
        new = [row for row in self.rows if row["change"] == "appeared" or not self.has_digest and row["change"] != "pending"]
        self.new = by(new, lambda row: row["group_id"])
        self.new_failures = len(new)
        self.cleared = len(snapshot["cleared"]) if self.has_digest else 0

    def all_rows(self):
        """Returns the open failures in the order of the page."""
        rows = []
        for pack in self.snapshot["packs"]:
            assert not pack["failing_since"], f"{self.name}: a pack itself fails: say here what its row is"
            place = {key: pack[key] for key in ("caller", "region", "pack")}
            rows += [{**place, **failure, "unconfirmed": False} for failure in pack.get("failing_accounts", [])]
        read = {(row["pack"], row["account_id"]): row for row in rows}
        for failure in self.snapshot["unconfirmed"]:
            # The snapshot has no more of what could not be read. In the situations, the same account
            # fails in the same pack in another region, for the same reason.
            other = read[failure["pack"], failure["account_id"]]
            rows.append({**other, **failure, "unconfirmed": True, "conformance_pack_name": None})
        ranks = list(STATES)
        rows.sort(key=lambda row: (ranks.index(row["change"]), row["account_id"], row["caller"], row["region"], row["pack"]))
        assert all(len(row["error_message"] or "") <= MAX_MESSAGE for row in rows)
        return rows

    def all_packs(self):
        """Returns the cells of the table of packs."""
        packs = {}
        for pack in self.snapshot["packs"]:
            packs[pack["caller"], pack["region"], pack["pack"]] = pack
        for gap in self.snapshot["gaps"]:
            assert gap["pack"] is None, f"{self.name}: a pack was not read: say here what its line is"
            # In the situations, all regions have the same packs, and the first run read what it could.
            known = self.snapshot["packs"] if len(self.runs()) > 1 else []
            for pack in {pack["pack"] for pack in known}:
                packs.setdefault((gap["caller"], gap["region"], pack), None)
        counts = collections.Counter((row["caller"], row["region"], row["pack"]) for row in self.failing)
        all_counts = collections.Counter((row["caller"], row["region"], row["pack"]) for row in self.rows)
        lines = []
        for key, pack in packs.items():
            lines.append({"key": key, "read": pack, "failing": counts[key], "suppressed": all_counts[key] - counts[key]})
        lines.sort(key=lambda line: (-line["failing"], line["read"] is not None, line["key"]))
        return lines

    def runs(self):
        """Returns the times of the full runs, the open failures after them, and whether they read all."""
        now = self.totals["open_total"]
        runs = {
            "hostile-texts": [("2026-03-02T03:00:00Z", now)],
            "many-failures": [("2026-03-02T03:00:00Z", now), ("2026-03-02T03:15:00Z", now)],
            "mutes-and-stuck": [("2026-03-01T02:00:00Z", 9), ("2026-03-02T03:00:00Z", now)],
            "no-data": [("2026-03-01T22:00:00Z", 8), ("2026-03-02T02:45:00Z", 8), ("2026-03-02T03:00:00Z", now)],
            "nothing-fails": [("2026-03-01T03:00:00Z", 0), ("2026-03-02T03:00:00Z", now)],
            "one-cause": [("2026-03-01T03:00:00Z", 0), ("2026-03-02T02:00:00Z", 400), ("2026-03-02T03:00:00Z", now)],
        }
        if self.name == "several-causes":
            start = moment("2026-01-20T06:00:00Z")
            days = [number for number in range(41) if number not in (12, 13, 14, 30)]
            found = [(start + datetime.timedelta(days=n), [0, 3, 4, 9, 7, 2, 0][n % 7] + n // 10) for n in days]
            found.append((moment("2026-03-02T03:00:00Z"), now))
        else:
            found = [(moment(at), open_failures) for at, open_failures in runs[self.name]]
        assert found[-1][0] == self.as_of
        gaps = [moment(gap["since"]) for gap in self.snapshot["gaps"]]
        return [(at, open_failures, all(at < since for since in gaps)) for at, open_failures in found]

    def history(self):
        """Returns the days of the trend: open, opened, ended, and hours without data; None without a run."""
        days, before, complete = {}, 0, None
        for at, open_failures, is_complete in self.runs():
            _, opened, ended, hours = days.get(at.date(), (0, 0, 0, 0))
            # The failures of one run are among those of the other, so the difference is what changed.
            change = open_failures - before
            days[at.date()] = (open_failures, opened + max(0, change), ended + max(0, -change), hours)
            for day, counts in days.items():
                start = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
                begin, end = max(complete or at, start), min(at, start + datetime.timedelta(days=1))
                hours = max(0, int((end - begin).total_seconds() // 3600))
                days[day] = (*counts[:3], max(counts[3], hours))
            before = open_failures
            complete = at if is_complete else complete
        first, last = min(days), max(days)
        return [(day, days.get(day)) for day in (first + datetime.timedelta(days=n) for n in range((last - first).days + 1))]

    def snapshot_uri(self):
        at = self.as_of
        return f"s3://{BUCKET}/snapshots/dt={at:%Y-%m-%d}/{at:%Y%m%dT%H%M%SZ}_{self.run['id']}.json"


def by(rows, key):
    groups = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def distinct(rows, field):
    return sorted({row[field] for row in rows if row[field] is not None})
