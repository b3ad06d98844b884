#!/usr/bin/env python3
"""Checks documents of whole runs: each fits its JSON schema, and the queries of the docs give what they say.

    cargo build --example gallery
    pip install -r tests/e2e/requirements.txt
    python tests/e2e/documents_test.py target/debug/examples/gallery

The documents come from the situations of `examples/gallery`. The golden files, the fixtures and the
sample events are validated too. The statements of docs/report-and-data.md run in DuckDB over the
snapshots; the columns of the statement for Athena are compared with the schema.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb
import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs/report-and-data.md"
GOLDEN = ROOT / "tests/it/notify/snapshots"
NAMES = ["cause", "digest", "event", "ledger", "response", "snapshot"]
# Types of Athena and the types of JSON that they read.
TYPES = {"string": "string", "bigint": "integer", "int": "integer", "boolean": "boolean"}
# The situation whose snapshots the queries read.
SITUATION = "01-six-causes"


def validators():
    found = {}
    for name in NAMES:
        schema = json.loads((ROOT / "schemas" / name / "1.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        found[name] = jsonschema.Draft202012Validator(schema)
    return found


def golden(name):
    """Returns the JSON of a golden file, which follows a header."""
    text = (GOLDEN / f"it__notify__golden__{name}.snap").read_text()
    return json.loads(text.split("\n---\n", 1)[1])


def stored_documents():
    for path in sorted((ROOT / "events").glob("*.json")):
        yield "event", path.name, json.loads(path.read_text())
    for name in ("changes-json", "empty-source-json"):
        yield "digest", name, golden(name)
    for name in ("ledger", "response", "snapshot"):
        yield name, name, golden(name)
    yield "ledger", "ledger-v1.json", json.loads((ROOT / "tests/fixtures/ledger-v1.json").read_text())
    for path in sorted((ROOT / "cli/tests/cli/fixtures").glob("*.json")):
        yield "snapshot", path.name, json.loads(path.read_text())


def played_documents(folder):
    for kind in NAMES:
        for path in sorted((folder / kind).glob("*.json")):
            yield kind, path.name, json.loads(path.read_text())


def check_schemas(folder):
    schemas = validators()
    counts = dict.fromkeys(NAMES, 0)
    for kind, name, document in [*stored_documents(), *played_documents(folder)]:
        error = jsonschema.exceptions.best_match(schemas[kind].iter_errors(document))
        if error:
            sys.exit(f"{name} is no {kind}: {error.json_path}: {error.message[:300]}")
        counts[kind] += 1
    missing = [kind for kind, count in counts.items() if count < 5]
    assert not missing, f"too few documents of {missing}: {counts}"
    # A schema that accepts everything would find nothing.
    for kind, validator in schemas.items():
        assert not validator.is_valid([]) and not validator.is_valid({"surprise": 1}), f"{kind} accepts everything"
    print(f"valid: {counts}")


def statements():
    blocks = re.findall(r"```sql\n(.*?)```", DOCS.read_text(), re.S)
    assert len(blocks) == 5, f"{DOCS.name} has {len(blocks)} statements"
    return blocks


def columns(text):
    """Parses the columns of a struct: names and types, which can be nested."""
    fields, depth, start = [], 0, 0
    for at, character in enumerate(text + ","):
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "," and depth == 0:
            name, kind = re.split(r"[:\s]\s*", text[start:at].strip(), maxsplit=1)
            fields.append((name, kind.strip()))
            start = at + 1
    return fields


def resolved(schema, root):
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]] | {k: v for k, v in schema.items() if k != "$ref"}
    return schema


def properties(schema, root):
    """Returns the properties of an object, those of its parts included."""
    schema = resolved(schema, root)
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found |= properties(part, root)
    return found


def types(schema, root):
    schema = resolved(schema, root)
    alternatives = schema.get("anyOf", []) + schema.get("oneOf", [])
    if alternatives:
        return set().union(*(types(alternative, root) for alternative in alternatives))
    kind = schema.get("type", "string" if "enum" in schema or "const" in schema else None)
    return set(kind) if isinstance(kind, list) else {kind}


def check_columns(text, schema, root, place):
    for name, kind in columns(text):
        where = f"{place}.{name}"
        field = properties(schema, root).get(name)
        assert field is not None, f"{where} is not in the schema"
        if kind.startswith("struct<"):
            check_columns(kind[len("struct<") : -1], field, root, where)
        elif kind.startswith("array<"):
            items = resolved(field, root)["items"]
            check_columns(kind[len("array<struct<") : -2], items, root, where)
        else:
            assert TYPES[kind] in types(field, root), f"{where} is {kind}, in the schema {types(field, root)}"


def check_athena(statement):
    root = json.loads((ROOT / "schemas/snapshot/1.json").read_text())
    body = re.search(r"CREATE EXTERNAL TABLE packwatch \((.*?)\n\)\nPARTITIONED", statement, re.S)[1]
    check_columns(re.sub(r"\s+", " ", body), root, root, "packwatch")
    for part in ("'NOW-400DAYS,NOW'", "PREFIX/snapshots/dt=${dt}/", "PREFIX/snapshots/'"):
        assert part in statement, f"{part} is not in the statement for Athena"


def prepare_snapshots(bucket):
    """Makes the snapshots of a situation those of scheduled runs, and adds what the queries must leave out.

    The newest gets a muted and an ignored failure, and a later run that somebody started by hand follows.
    Returns the snapshots of the scheduled runs.
    """
    found = {path: json.loads(path.read_text()) for path in sorted(bucket.glob("snapshots/*/*.json"))}
    for snapshot in found.values():
        snapshot["run"]["trigger"] = "schedule"
    by_sequence = sorted(found, key=lambda path: found[path]["run"]["sequence"])
    newest = found[by_sequence[-1]]
    failures = [failure for pack in newest["packs"] for failure in pack["failing_accounts"]]
    for failure, change in zip(failures, ("muted", "ignored")):
        failure["change"] = change
        newest["totals"][change] += 1
        newest["totals"]["failures"] -= 1
    manual = found[by_sequence[0]]
    run = manual["run"] | {"sequence": newest["run"]["sequence"] + 1, "trigger": "manual"}
    for path, snapshot in [*found.items(), (by_sequence[-1].with_name("manual.json"), manual | {"run": run})]:
        path.write_text(json.dumps(snapshot) + "\n")
    return list(found.values())


def check_queries(folder, queries):
    bucket = folder / "bucket" / SITUATION
    snapshots = prepare_snapshots(bucket)
    *queries, view = queries
    database = duckdb.connect()
    database.execute(view.replace("'snapshots/", f"'{bucket}/snapshots/"))
    by_cause, trend, longest = (database.execute(query).fetchall() for query in queries)
    newest = max(snapshots, key=lambda snapshot: snapshot["run"]["sequence"])
    failures = [
        failure
        for pack in newest["packs"]
        for failure in pack["failing_accounts"]
        if failure["change"] not in ("muted", "ignored")
    ]
    assert len(failures) == newest["totals"]["failures"] > 0 < newest["totals"]["muted"]
    assert sum(row[3] for row in by_cause) == len(failures), by_cause
    groups = {failure["group_id"] for failure in failures}
    assert {row[0] for row in by_cause} == groups and len(by_cause) == len(groups), by_cause
    oldest = min(failure["failing_since"] for failure in failures)
    # DuckDB reads times as such.
    assert f"{longest[0][2]:%Y-%m-%dT%H:%M:%SZ}" == oldest and len(longest) == len({failure["account_id"] for failure in failures}), longest
    days = {snapshot["run"]["finished_at"][:10]: snapshot["totals"]["failures"] for snapshot in snapshots}
    assert [(row[0], row[1]) for row in trend] == sorted(days.items()), trend
    print(f"queries: {len(by_cause)} causes, {len(trend)} days, {len(longest)} accounts")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gallery", type=pathlib.Path, help="the built example gallery")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.gallery.resolve(), "--write", folder], check=True)
        check_schemas(pathlib.Path(folder))
        athena, *queries = statements()
        check_athena(athena)
        check_queries(pathlib.Path(folder), queries)


if __name__ == "__main__":
    main()
