"""Compares what a page says, lists and downloads with the snapshot of its run."""

import collections
import csv
import datetime
import re

from browser.expected import (
    BUCKET, MAX_ACCOUNTS, MAX_CAUSES, MAX_CHANGED, MAX_KEPT, MAX_ROWS, MAX_STATIC_ROWS, STATES, by, counted, distinct, duration,
    in_words, listed, moment, plain, shown, utf16,
)

FORMULA = re.compile(r"\s*[=+\-@\t\r\n\x00-\x1f\uff1d\uff0b\uff0d\uff20]")
COLUMNS = [
    "failure_id", "caller", "region", "pack", "account_id", "account_name", "account_state", "conformance_pack_name",
    "status", "stuck", "error_code", "error_message", "last_update_time", "failing_since", "changed_at", "change",
    "muted_until", "unconfirmed", "group_id",
]


def same(what, found, expected):
    """Fails unless two values are equal. Of lists it shows the first items that differ."""
    if found == expected:
        return
    if isinstance(found, list) and isinstance(expected, list):
        for number, (one, other) in enumerate(zip(found, expected)):
            if one != other:
                raise AssertionError(f"{what}: item {number} is {one!r}, and not {other!r}")
        raise AssertionError(f"{what}: {len(found)} items, and not {len(expected)}")
    raise AssertionError(f"{what}: {found!r}, and not {expected!r}")


def number_in(pattern, text):
    """Returns the number in a text that matches a pattern; 0 if nothing does."""
    found = re.findall(pattern, text)
    assert len(found) <= 1, f"{text!r} has {pattern!r} several times"
    return int(found[0]) if found else 0


# What the page says.


def check_page(expected, page):
    """Compares all numbers and tables of a page with what they must be."""
    for check in (
        check_head, check_lead, check_tiles, check_no_data, check_changes, check_causes, check_first_rows, check_packs,
        check_mutes, check_trend, check_rest,
    ):
        try:
            check(expected, page)
        except AssertionError as error:
            raise AssertionError(f"{expected.name}: {check.__name__}: {error}") from None


def pack_names(expected):
    return len({line["key"][2] for line in expected.packs})


def regions(expected):
    return len({line["key"][1] for line in expected.packs})


def check_head(expected, page):
    failing, snapshot = expected.failing, expected.snapshot
    watched = f"{counted(pack_names(expected), 'pack')} in {counted(regions(expected), 'region')}"
    if failing:
        accounts = len(distinct(failing, "account_id"))
        verb = "account fails" if accounts == 1 else "accounts fail"
        many = len(distinct(failing, "region"))
        where = f"{counted(len(distinct(failing, 'pack')), 'pack')}{f' in {many} regions' if many > 1 else ''}"
        headline = f"{accounts} {verb} in {where}, due to {counted(len(expected.causes), 'cause')}."
    else:
        assert expected.is_complete, "nothing fails and something was not read: say here what the page says"
        headline = f"Nothing fails in {watched}."
    same("headline", page["headline"], headline)
    same("title", page["title"], f"{page['label']}: {headline} packwatch")
    same("label", page["label"], "prod")
    same("as of", moment(page["as_of"]), expected.as_of)
    pills = [("FAILING", failing), ("NO DATA", snapshot["gaps"]), ("NO PACKS", snapshot["empty_sources"])]
    words = [word for word, holds in pills if holds] or ["NOTHING FAILS"]
    same("pills", page["pills"], words)
    same("warnings", page["warnings"], [f"Warning {shown(warning['message'])}" for warning in expected.run["warnings"]])
    same("sections", page["sections"], [
        ["Causes", str(len(expected.causes))], ["Failing accounts", str(len(expected.rows))],
        ["Packs", str(len(expected.packs))], ["Mutes", str(len(expected.snapshot["mutes"]))], ["Trend", None],
    ])
    same("failures in the snapshot", expected.totals["failures"], len(failing))
    same("open failures in the snapshot", expected.totals["open_total"], len(expected.rows))


def check_lead(expected, page):
    lead, failing = page["lead"], expected.failing
    first = min((moment(row["failing_since"]) for row in failing), default=None)
    oldest = f"The oldest failure began {in_words(first)} ({duration(expected.as_of - first)})." if first else None
    same("oldest failure", re.findall(r"The oldest failure began .*?\)\.", lead), [oldest] if oldest else [])
    is_all_read = expected.is_complete and bool(failing)
    same("packs read", number_in(r"Everything was read: (\d+) packs? in", lead), pack_names(expected) if is_all_read else 0)
    same("regions read", number_in(r"Everything was read: \d+ packs? in (\d+) region", lead), regions(expected) if is_all_read else 0)
    count = collections.Counter(row["change"] for row in expected.rows)
    same("pending", number_in(r"(\d+) failures? (?:is|are) not due", lead), count["pending"])
    same("muted", number_in(r"(\d+) failures? (?:is|are) muted", lead), count["muted"])
    same("ignored", number_in(r"(\d+) failures? (?:is|are) ignored", lead), count["ignored"])
    same("stuck", number_in(r"(\d+) failures? (?:is|are) stuck", lead), sum(row["stuck"] for row in failing))
    same("not confirmed", number_in(r"(\d+) failures? known from earlier runs cannot", lead), sum(row["unconfirmed"] for row in failing))
    unread = [f"{gap['region']} of {gap['caller']}" for gap in expected.snapshot["gaps"]]
    same("without data", re.findall(r"There has been no data from (.*?)\.", lead), unread)
    ends = [mute for mute in sorted_mutes(expected) if mute["matches"]]
    if count["muted"] and ends:
        end = end_in_words(ends[0]).replace("end of", "the end of")
        assert f"muted, the next until {end}." in lead, f"{lead!r} does not say when the next mute ends: {end}"


def check_tiles(expected, page):
    failing, totals = expected.failing, expected.totals
    mutes = [mute for mute in sorted_mutes(expected) if mute["matches"]]
    next_end = f"; next mute ends in {duration(end_of(mutes[0]) - expected.as_of)}" if mutes else ""
    failures = f"{counted(len(failing), 'failure')}, {counted(len(expected.causes), 'cause')}"
    hidden = sum(
        sum(line["key"][:2] == (gap["caller"], gap["region"]) for line in expected.packs) if gap["pack"] is None else 1
        for gap in expected.snapshot["gaps"]
    )
    unread = f"of {counted(totals['packs'], 'deployed pack')}" if hidden else noun(totals["gaps"], "failed read")
    muted = sum(row["change"] == "muted" for row in expected.rows)
    same("tiles", page["tiles"], [
        ["Failing accounts", len(distinct(failing, "account_id")), failures],
        ["Failing packs", len(distinct(failing, "pack")), f"of {counted(pack_names(expected), 'pack')}"],
        ["New in the last digest", expected.new_failures, noun(expected.new_failures, "failure")],
        ["Cleared in the last digest", expected.cleared, noun(expected.cleared, "failure")],
        ["Without data", hidden or totals["gaps"], unread],
        ["Muted", muted, f"{noun(muted, 'failure')}{next_end}"],
    ])


def noun(number, word):
    return word if number == 1 else f"{word}s"


def check_no_data(expected, page):
    found = {gap["title"]: gap["text"] for gap in page["gaps"]}
    wanted = {}
    for gap in expected.snapshot["gaps"]:
        source = gap["caller"], gap["region"]
        known = sum(line["key"][:2] == source for line in expected.packs)
        failures = sum((row["caller"], row["region"]) == source for row in expected.rows)
        wanted[f"{gap['region']} of {gap['caller']} since {since(expected, gap['since'])}"] = [
            r"Nothing is known there from earlier runs\." if not known
            else rf"{counted(known, 'pack')} known there; none had an open failure\." if not failures
            else rf"{counted(known, 'pack')} and {counted(failures, 'open failure')} are known there from earlier runs; .*",
            r"To do \S.*",
            rf"Why \S.* in {re.escape(gap['operation'])}: {re.escape(shown(gap['message']))}",
        ]
    for source in expected.snapshot["empty_sources"]:
        before = source["packs_before"]
        wanted[f"{source['region']} of {source['caller']} has listed no packs since {since(expected, source['since'])}"] = [
            rf"It had {counted(before, 'pack')} before\. .*" if before else r"It never had any\. .*",
        ]
    same("places", sorted(found), sorted(wanted))
    for title, patterns in wanted.items():
        assert len(found[title]) == len(patterns), f"{title}: {found[title]}"
        for text, pattern in zip(found[title], patterns):
            assert re.fullmatch(pattern, text), f"{title}: {text!r} is not {pattern!r}"


def check_changes(expected, page):
    text = " ".join(page["changes"])
    assert f"Last digest, {since(expected, expected.digest_at)}: " in text, f"{text!r} has another digest than that of {expected.digest_at}"
    same("time of the last digest", moment(page["last_digest"]), expected.digest_at)
    if expected.has_digest:
        subject = shown(expected.snapshot["digest"]["subject"])
        assert subject in text, f"{text!r} has not the subject {subject!r}"
    same("new", number_in(r"New: (\d+) failure", text), expected.new_failures)
    same("cleared", number_in(r"Cleared: (\d+) failure", text), expected.cleared)
    is_quiet = expected.new_failures + expected.cleared == 0
    same("nothing new", "Nothing was new or cleared in it." in text, is_quiet)
    pending = sum(row["change"] == "pending" for row in expected.rows)
    then = text[text.index("Since then: "):]
    # Each situation ends with a delivered digest, or without a change since the last one.
    same("due since then", number_in(r"(\d+) failures? to be reported as new", then), 0)
    same("cleared since then", number_in(r"(\d+) failures? to be reported as cleared", then), 0)
    same("pending since then", number_in(r"(\d+) failures? pending", then), pending)
    if not pending:
        nothing = f"no change as of {in_words(expected.as_of)}." if expected.is_complete else "no change in what was read."
        same("since then", then, f"Since then: {nothing}")
    lists = {item["title"].split(":")[0]: item["causes"] for item in page["changed_causes"]}
    check_changed_causes(page, lists.get("New", []), expected.new)
    assert expected.cleared == 0, "failures cleared in the last digest: compare their causes here"


def check_changed_causes(page, items, groups):
    titles = {cause["id"]: cause["title"] for cause in page["causes"]}
    more = number_in(r"^and (\d+) more cause", items[-1]["text"]) if items else 0
    found = items[:-1] if more else items
    same("causes of what is new", len(found), min(MAX_CHANGED, len(groups)))
    # Of more causes than the ledger keeps, the page does not know how many there were.
    if len(groups) <= MAX_KEPT:
        same("more causes", more, max(0, len(groups) - MAX_CHANGED))
    seen = set()
    for item in found:
        assert item["target"], f"{item['text']!r} leads to no cause"
        group_id = item["target"].removeprefix("#cause-")
        rows = groups[group_id]
        extent = f"{counted(len(distinct(rows, 'account_id')), 'account')}, {counted(len(distinct(rows, 'pack')), 'pack')}"
        same("new cause", item["text"], f"{titles[group_id]}: {extent}")
        assert group_id not in seen, f"{group_id} is there twice"
        seen.add(group_id)


def check_causes(expected, page):
    causes, known = page["causes"], expected.causes
    ids = [cause["id"] for cause in causes]
    assert len(set(ids)) == len(ids), "a cause is there twice"
    same("causes", len(ids), min(MAX_CAUSES, len(known)))
    assert set(ids) <= set(known), f"causes that the snapshot has not: {set(ids) - set(known)}"
    for cause in causes:
        rows = known[cause["id"]]
        accounts, packs, places = (distinct(rows, field) for field in ("account_id", "pack", "region"))
        names = {row["account_id"]: account_label(row) for row in rows}
        all_packs = sorted({line["key"][2] for line in expected.packs if line["key"][1] in places})
        is_all = len(packs) > 1 and packs == all_packs
        in_short = f"all {len(packs)} packs" if is_all else shown(packs[0]) if len(packs) == 1 else counted(len(packs), "pack")
        same("extent", cause["extent"], f"{counted(len(accounts), 'account')}, {in_short}")
        first = min(moment(row["failing_since"]) for row in rows)
        facts = dict(cause["facts"])
        assert facts.pop("To do"), "a cause without an action"
        check_message(facts.pop("AWS says"), rows[0])
        facts.pop("Accounts")
        facts.pop("Changed", None)
        stuck = sum(row["stuck"] for row in rows)
        same("facts", facts, {
            "Since": f"{in_words(first)} ({duration(expected.as_of - first)})",
            "Packs": f"all {len(packs)} packs" if is_all else listed([shown(pack) for pack in packs], 4),
            "Region" if len(places) == 1 else "Regions": listed(places, 4),
            **({"Stuck": f"{counted(stuck, 'failure')} in progress for too long"} if stuck else {}),
            "Cause id": f"{cause['id']}, {counted(len(rows), 'failure')} Show them",
        })
        more = [f"and {len(accounts) - MAX_ACCOUNTS} more"] if len(accounts) > MAX_ACCOUNTS else []
        wanted = [names[account] for account in accounts[:MAX_ACCOUNTS]] + more
        same("accounts", [letters(text) for text in cause["accounts"]], [letters(text) for text in wanted])
        if len(expected.new) <= MAX_KEPT or cause["is_new"]:
            same(f"mark of what is new at {cause['id']}", cause["is_new"], cause["id"] in expected.new)
    # New ones first, then those of the most accounts.
    order = [(not cause["is_new"], -len(distinct(known[cause["id"]], "account_id"))) for cause in causes]
    same("order of the causes", order, sorted(order))
    left_out = [row for group_id, rows in known.items() if group_id not in ids for row in rows]
    notices = [notice for notice in page["notices"] if "more cause" in notice]
    same("notice of more causes", notices, [] if not left_out else [
        f"{counted(len(known) - len(ids), 'more cause')} with {counted(len(left_out), 'failure')} in "
        f"{counted(len(distinct(left_out, 'account_id')), 'account')} are left out here. The snapshot has all of them: "
        f"{expected.snapshot_uri()}",
    ])


def account_label(row):
    parts = [row["account_id"], shown(row["account_name"] or ""), shown(row["account_state"] or "")]
    return " ".join(part for part in parts if part)


def check_message(said, row):
    wanted = f"{row['error_code'] or row['status']} {row['error_message'] or 'without a message'}"
    found = [letters(text.replace(row["account_id"], "ACCOUNT")) for text in (said, wanted)]
    assert found[0] == found[1], f"AWS says {said!r}, and not {wanted!r}"


def letters(text):
    """Returns the letters and digits of a text of a cause. Its signs are not those of AWS: no program takes them for markup."""
    return re.sub("[^0-9A-Za-z]", "", text.replace("http", "hxxp"))


def check_first_rows(expected, page):
    has_callers = len(distinct(expected.rows[:MAX_ROWS], "caller")) > 1
    wanted = []
    for row in expected.rows[:MAX_STATIC_ROWS]:
        code = shown(row["error_code"]) if row["error_code"] else "no code"
        state = [STATES[row["change"]], *marks(row)]
        if row["muted_until"]:
            state.append(f"until {in_minutes(row['muted_until'])}")
        wanted.append({
            "account": account_label(row), "pack": shown(row["pack"]), "region": row["region"],
            **({"caller": row["caller"]} if has_callers else {}), "status": shown(row["status"]),
            "code": f"{code} {shown(row['error_message'])}" if row["error_message"] else code,
            "since": f"{in_minutes(row['failing_since'])} {duration(expected.as_of - moment(row['failing_since']))}",
            "change": " ".join(state), "cause": row["group_id"],
        })
    same("first rows", page["rows"], wanted)


def check_packs(expected, page):
    text = page["packs"]["text"]
    counts = f"{counted(pack_names(expected), 'pack')} in {counted(regions(expected), 'region')}, {counted(len(expected.packs), 'deployment')}"
    same("packs", text, f"{counts}. Those that fail come first.")
    wanted = []
    for line in expected.packs:
        caller, region, pack = line["key"]
        read = line["read"]
        if read is None:
            cells = ["unknown", "no data", str(line["failing"]), str(line["suppressed"]), "unknown", "unknown", "unknown", "never"]
        else:
            members = read["members"]
            numbers = ["unknown" if members[field] is None else str(members[field]) for field in ("total", "in_progress", "successful")]
            at = members["as_of"]
            counted_at = "never" if at is None else "this run" if moment(at) == expected.as_of else in_minutes(at)
            coverage = {"full": "in full", "failing_only": "failing members"}[read["coverage"]]
            cells = [shown(read["status"]), coverage, str(line["failing"]), str(line["suppressed"]), *numbers, counted_at]
        wanted.append([shown(pack), region, caller, *cells])
    same("table of packs", page["packs"]["rows"], wanted)
    failing = sum(line["failing"] > 0 for line in expected.packs if line["read"])
    same("failing packs in the snapshot", expected.totals["packs_failing"], failing + sum(
        line["failing"] > 0 for line in expected.packs if not line["read"]))


def sorted_mutes(expected):
    return sorted(expected.snapshot["mutes"], key=end_of)


def end_of(mute):
    if "T" in mute["until"]:
        return moment(mute["until"])
    # A date is included.
    return moment(f"{mute['until']}T00:00:00Z") + datetime.timedelta(days=1)


def end_in_words(mute):
    if "T" in mute["until"]:
        return in_words(moment(mute["until"]))
    day = datetime.date.fromisoformat(mute["until"])
    return f"end of {day:%a} {day.day} {day:%b %Y}, UTC"


def check_mutes(expected, page):
    wanted = []
    for mute in sorted_mutes(expected):
        matchers = []
        for field in ("packs", "accounts", "regions", "codes"):
            if entries := mute.get(field):
                noun = field if len(entries) > 1 else field.removesuffix("s")
                matchers.append(f"{noun} {listed([shown(entry) for entry in entries], 5)}")
        if mute.get("group"):
            matchers.append(f"cause {mute['group']}")
        wanted.append([
            f"{end_in_words(mute)} in {duration(end_of(mute) - expected.as_of)}", "; ".join(matchers), str(mute["matches"]),
            shown(mute["reason"]), shown(mute["by"] or ""), in_words(moment(mute["created_at"])), mute["id"],
        ])
    same("table of mutes", page["mutes"], wanted)
    # A failure can be matched by several mutes.
    muted = sum(row["change"] == "muted" for row in expected.rows)
    assert muted <= sum(mute["matches"] for mute in expected.snapshot["mutes"]), f"{muted} failures are muted"


def check_trend(expected, page):
    history = expected.history()
    trend = page["trend"]
    rows = [[str(day), *(map(str, counts) if counts else ["no data"])] for day, counts in reversed(history)]
    same("table of the days", trend["rows"], rows)
    without = sum(counts is None for _, counts in history)
    text = f"{counted(len(history), 'day')} since the first run" + (f", {without} of them without data" if without else "") + "."
    assert trend["text"].endswith(text), f"{trend['text']!r} does not end with {text!r}"
    most = max(1, max(counts[0] for _, counts in history if counts))
    bars = []
    for day, counts in history:
        name = f"{day:%a} {day.day} {day:%b %Y}"
        if counts is None:
            bars.append(("none", f"{name}: no data", 140))
            continue
        open_failures, opened, ended, hours = counts
        height = max(1.5, 140 * open_failures / most) if open_failures else 0
        bars.append(("open", f"{name}: {open_failures} open, {opened} opened, {ended} ended", height))
        if hours:
            bars.append(("hours", f"{name}: {counted(hours, 'hour')} without data", 6))
    same("bars", [(bar["kind"], bar["title"]) for bar in trend["bars"]], [bar[:2] for bar in bars])
    for bar, (_, title, height) in zip(trend["bars"], bars):
        assert abs(bar["height"] - height) < 0.1, f"the bar {title!r} is {bar['height']} high, and not {height:.1f}"
    days = dict(history)
    today = history[-1][0]

    def earlier(number, words):
        day = today - datetime.timedelta(days=number)
        if day not in days:
            return ""
        return f", {days[day][0]} {words}" if days[day] else f", no data {words}"

    sentence = f"{counted(days[today][0], 'open failure')} now{earlier(1, 'yesterday')}{earlier(7, 'a week ago')}."
    said = re.findall(r"Trend: (.*?\.)", page["lead"])
    same("trend in words", said, [sentence] if len(history) > 1 else [])


def check_rest(expected, page):
    """What the page leaves out is said, with where it is."""
    total, uri = len(expected.rows), expected.snapshot_uri()
    notices = [notice for notice in page["notices"] if "more cause" not in notice]
    same("notice of more rows", notices, [] if total <= MAX_ROWS else [
        f"This page has the first {MAX_ROWS} of {total} open failures. The snapshot has all of them: {uri}",
    ])
    run, at = expected.run, in_words(expected.as_of)
    same("foot", page["footer"][0], f"Run {run['id']}, number {run['sequence']}, read until {at}. All data of the run: snapshot, {uri}")
    key = uri.removeprefix(f"s3://{BUCKET}/").replace("=", "%3D")
    assert page["snapshot"].startswith("https://") and BUCKET in page["snapshot"], page["snapshot"]
    assert any(part in page["snapshot"] for part in (key, key.replace("/", "%2F"), uri.removeprefix(f"s3://{BUCKET}/"))), page["snapshot"]


def since(expected, at):
    at = at if isinstance(at, datetime.datetime) else moment(at)
    return f"{in_words(at)} ({duration(expected.as_of - at)})"


def in_minutes(at):
    return at[:16].replace("T", " ")


def marks(row):
    return [mark for mark, holds in (("stuck", row["stuck"]), ("no data", row["unconfirmed"])) if holds]


# What the table shows and the CSV has.


def cell(value):
    """Returns a value of the snapshot as a cell of the CSV."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else plain(value)
    return f"'{text}" if FORMULA.match(text) else text


def read_csv(path):
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf"), f"{path.name} has no mark of UTF-8 for spreadsheets"
    rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines(keepends=True), strict=True))
    for row in rows:
        same(f"columns of {path.name}", list(row), COLUMNS)
        for value in row.values():
            assert not re.match(r"[=+\-@\t\r]", value), f"{path.name}: {value!r} is a formula"
    return rows


VALUES = {
    "state": lambda row: [STATES[row["change"]], *marks(row)],
    "cause": lambda row: [row["group_id"]],
    "pack": lambda row: [plain(row["pack"])],
    "region": lambda row: [row["region"]],
    "caller": lambda row: [row["caller"]],
    "status": lambda row: [plain(row["status"])],
    "code": lambda row: [plain(row["error_code"] or "")],
}
ranks = list(STATES)
KEYS = {
    "account": lambda row: utf16(row["account_id"]),
    "pack": lambda row: utf16(plain(row["pack"])),
    "region": lambda row: utf16(row["region"]),
    "caller": lambda row: utf16(row["caller"]),
    "status": lambda row: utf16(plain(row["status"])),
    "code": lambda row: utf16(plain(row["error_code"] or "")),
    "since": lambda row: moment(row["failing_since"]),
    "change": lambda row: ranks.index(row["change"]),
    "cause": lambda row: row["group_id"],
}


def check_table(expected, page, narrowed, by_column, folder):
    """Compares each view of the table, and its CSV, with the rows of the snapshot that belong into it."""
    rows = expected.rows[:MAX_ROWS]
    complete(rows, folder / narrowed["views"][0]["file"])
    titles = {cause["id"]: cause["title"] for cause in page["causes"]}
    labels = labels_of(rows, titles)
    same(f"{expected.name}: filters", narrowed["options"], {name: list(found) for name, found in labels.items()})
    has_callers = len(distinct(rows, "caller")) > 1
    same(f"{expected.name}: columns", by_column["columns"], [column for column in KEYS if has_callers or column != "caller"])
    sorts = {tuple(view["sort"]) for view in by_column["views"]}
    same(f"{expected.name}: orders", len(sorts), 2 * len(by_column["columns"]))
    sizes = set()
    for view in narrowed["views"] + by_column["views"]:
        selected = select(rows, view, labels, titles)
        check_view(f"{expected.name}, {describe(view)}", view, selected, rows, folder)
        sizes.add(len(selected))
    assert 0 in sizes and len(rows) in sizes, f"{expected.name}: the views have {sizes} rows"
    return len(narrowed["views"]) + len(by_column["views"])


def complete(rows, path):
    """Adds the names of conformance packs that the snapshot has not, because they could not be read."""
    found = read_csv(path)
    for row, csv_row in zip(rows, found):
        if row["conformance_pack_name"] is None:
            row["conformance_pack_name"] = csv_row["conformance_pack_name"]
            assert re.fullmatch(rf"OrgConformsPack-{row['pack']}-[a-z0-9]{{8}}", row["conformance_pack_name"]), row


def labels_of(rows, titles):
    """Returns the choices of each filter with the values that they stand for. One choice is no filter."""
    labels = {}
    for name, values_of in VALUES.items():
        counts = collections.Counter(value for row in rows for value in values_of(row))
        if len(counts) < 2:
            continue
        labels[name] = {}
        for value in sorted(counts, key=utf16):
            label = value
            if name == "cause" and value in titles:
                label = f"{titles[value]} ({value})"
            elif name == "code":
                label = value or "no code"
            labels[name][f"{label} ({counts[value]})"] = value
    return labels


def select(rows, view, labels, titles):
    words = view["search"].lower().split()
    chosen = [(VALUES[name], labels[name][label]) for name, label in view["filters"].items()]
    selected = [
        row for row in rows
        if all(value in values_of(row) for values_of, value in chosen) and all(word in searched(row, titles) for word in words)
    ]
    if view["sort"]:
        column, direction = view["sort"]
        # Rows that are equal stay in their order in both directions.
        selected.sort(key=KEYS[column], reverse=direction == "descending")
    return selected


def searched(row, titles):
    fields = (
        "account_id", "account_name", "account_state", "caller", "region", "pack", "status", "error_code", "error_message",
        "conformance_pack_name", "group_id",
    )
    texts = [plain(row[field] or "") for field in fields]
    return "\n".join([*texts, titles.get(row["group_id"], ""), STATES[row["change"]]]).lower()


def check_view(what, view, selected, rows, folder):
    shown_rows = len(view["keys"])
    same(f"{what}: rows", view["keys"], [[row["account_id"], plain(row["pack"]), row["region"]] for row in selected[:shown_rows]])
    assert shown_rows >= min(MAX_STATIC_ROWS, len(selected)), f"{what}: {shown_rows} rows are shown"
    of = "" if len(selected) == len(rows) else f" of {len(rows)}"
    count = counted(len(selected), "failure")
    status = f"{shown_rows} of {count} shown" if shown_rows < len(selected) else f"{count}{of} shown"
    same(f"{what}: status", view["status"], status)
    same(f"{what}: CSV", view["file"] is not None, bool(selected))
    if selected:
        found = [list(row.values()) for row in read_csv(folder / view["file"])]
        same(f"{what}: CSV", found, [[cell(row[column]) for column in COLUMNS] for row in selected])


def describe(view):
    filters = "".join(f", {name} {label}" for name, label in view["filters"].items())
    return f"search {view['search']!r}{filters}, order {view['sort']}"
