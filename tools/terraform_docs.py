#!/usr/bin/env python3
"""Writes what the Terraform module has in common with other files, so that nobody copies it by hand.

    pip install -r tests/e2e/requirements.txt
    python tools/terraform_docs.py [--check]

* The tables of variables and outputs in terraform/README.md, from the module and from modules/reader.
* terraform/texts.tf: alarm descriptions, saved queries and the body of the dashboard, from
  template.yaml.

With --check it writes nothing, and exits with 1 if a file differs.
"""

import argparse
import difflib
import json
import pathlib
import re
import sys

import hcl2
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULE = ROOT / "terraform"
TABLES = {"terraform": MODULE, "terraform/modules/reader": MODULE / "modules/reader"}
# What `Fn::Sub` of the template refers to, in the module.
REFERENCES = {
    "AWS::AccountId": "local.account_id",
    "AWS::Partition": "local.partition",
    "AWS::Region": "local.region",
    "AWS::StackName": "var.name",
    "Bucket": "local.bucket_name",
    "DocumentationUrl": "var.documentation_url",
    "FailedRuns": "aws_sqs_queue.failed_runs.url",
    "FailedRuns.QueueName": "aws_sqs_queue.failed_runs.name",
    "FailedStarts": "aws_sqs_queue.failed_starts.url",
    "FailedStarts.QueueName": "aws_sqs_queue.failed_starts.name",
    "Function": "aws_lambda_function.this.function_name",
    "LogGroup": "aws_cloudwatch_log_group.function.name",
    "NoRunAlarmMinutes": "var.no_run_alarm_minutes",
    "ScheduleGroup": "aws_scheduler_schedule_group.this.name",
    "ScheduleRole": "aws_iam_role.schedule.name",
}
TEXTS_HEADER = "# Written by tools/terraform_docs.py from template.yaml: do not edit."


def snake_case(name: str) -> str:
    """Returns `no_run_alarm_minutes` for `NoRunAlarmMinutes`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def unquoted(value):
    """Returns a value of the parser without the quotes that it keeps, also in names of blocks."""
    if isinstance(value, str) and value.startswith('"'):
        # HCL escapes `${` by doubling the dollar; the rest is as in JSON.
        return json.loads(value).replace("$${", "${")
    if isinstance(value, list):
        return [unquoted(item) for item in value]
    if isinstance(value, dict):
        return {unquoted(key): unquoted(item) for key, item in value.items() if not key.startswith("__")}
    return value


def blocks(folder: pathlib.Path, kind: str) -> dict:
    """Returns the blocks of one kind in a module by their labels, in the order of its files."""
    found: dict = {}
    for file in sorted(folder.glob("*.tf")):
        with open(file) as text:
            for block in hcl2.load(text).get(kind, []):
                for label, body in unquoted(block).items():
                    # A resource has two labels, and its type can stand in many blocks.
                    found[label] = found[label] | body if label in found else body
    return found


def code(text: str) -> str:
    return f"`{text}`"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def variable_type(value: str) -> str:
    return value.removeprefix("${").removesuffix("}")


def table(rows: list, header: list) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def tables(folder: pathlib.Path) -> str:
    variables = [
        [
            code(name),
            code(variable_type(variable["type"])),
            code(json.dumps(variable["default"])) if "default" in variable else "required",
            variable["description"],
        ]
        for name, variable in blocks(folder, "variable").items()
    ]
    outputs = [[code(name), output["description"]] for name, output in blocks(folder, "output").items()]
    return (
        table(variables, ["variable", "type", "default", "meaning"]) + "\n\n" + table(outputs, ["output", "contents"])
    )


def readme(text: str) -> str:
    """Returns the README with its tables written anew."""
    for name, folder in TABLES.items():
        begin, end = f"<!-- tables of {name} -->\n", f"<!-- end of the tables of {name} -->\n"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            sys.exit(f"terraform/README.md lacks {begin.strip()} or {end.strip()}")
        text = f"{before}{begin}\n{tables(folder)}\n\n{end}{after}"
    return text


def expression(node, quote=None) -> str:
    """Returns a text of the template as the inside of a string of Terraform.

    `quote` escapes what the kind of string needs; without it, the string is a quoted one.
    """
    quote = quote or quoted
    text = node["Fn::Sub"] if isinstance(node, dict) else node
    if not isinstance(text, str):
        sys.exit(f"tools/terraform_docs.py does not know how to write {json.dumps(node)} in Terraform")
    # The parts at odd positions are the references of `Fn::Sub`.
    parts = re.split(r"(\$\{[^}]+\})", text) if isinstance(node, dict) else [text]
    return "".join(reference(part) if index % 2 else literal(quote(part)) for index, part in enumerate(parts))


def quoted(text: str) -> str:
    # Not ensure_ascii: Terraform reads UTF-8, and has no surrogate pairs.
    return json.dumps(text, ensure_ascii=False)[1:-1]


def unchanged(text: str) -> str:
    """Escapes nothing, as a heredoc needs it."""
    return text


def literal(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")


def reference(part: str) -> str:
    name = part[2:-1]
    if name.startswith("!"):
        return literal("${" + name[1:] + "}")
    if name not in REFERENCES:
        sys.exit(f"a text of template.yaml refers to {name}: add it to REFERENCES in tools/terraform_docs.py")
    return "${" + REFERENCES[name] + "}"


def texts() -> str:
    """Returns terraform/texts.tf."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]

    def properties(kind: str) -> dict:
        return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}

    alarms = {
        snake_case(name): expression(alarm["AlarmDescription"])
        for name, alarm in properties("AWS::CloudWatch::Alarm").items()
    }
    queries = {
        expression(query["Name"]): expression(query["QueryString"])
        for query in properties("AWS::Logs::QueryDefinition").values()
    }
    [dashboard] = properties("AWS::CloudWatch::Dashboard").values()
    width = max(map(len, alarms))
    lines = [TEXTS_HEADER, "locals {", "  alarm_descriptions = {"]
    lines += [f'    {name:{width}} = "{text}"' for name, text in alarms.items()]
    lines += ["  }", ""]
    if queries:
        width = max(map(len, queries))
        lines += ["  queries = {"]
        lines += [f'    {f"{chr(34)}{name}{chr(34)}":{width + 2}} = "{text}"' for name, text in queries.items()]
        lines += ["  }", ""]
    else:
        lines += ["  queries = {}", ""]
    lines += ["  dashboard_body = <<EOT", expression(dashboard["DashboardBody"], unchanged).rstrip("\n"), "EOT", "}", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file differs")
    check = parser.parse_args().check
    written = {MODULE / "texts.tf": texts(), MODULE / "README.md": readme((MODULE / "README.md").read_text())}
    differs = False
    for file, new in written.items():
        old = file.read_text() if file.exists() else ""
        if old == new:
            continue
        differs = True
        name = str(file.relative_to(ROOT))
        if check:
            lines = difflib.unified_diff(old.splitlines(), new.splitlines(), name, "written now", lineterm="", n=0)
            print(*(line[:200] for line in lines), sep="\n")
        else:
            file.write_text(new)
            print(f"wrote {name}")
    if check and differs:
        sys.exit("run python tools/terraform_docs.py and review what it changed")


if __name__ == "__main__":
    main()
