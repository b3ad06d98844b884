#!/usr/bin/env python3
"""Judges the templates and every policy in them without an account: no finding, or one that is suppressed with its reason.

    pip install -r tests/requirements.txt
    python tests/proof/static_checks.py [--lint-venv FOLDER]

checkov and parliament live in an environment of their own (tests/requirements-lint.txt says why). It is made where it is not there
yet: in target/lint-venv, or in FOLDER. Nothing is asked of AWS. Prints a line for each finding, and ends with 1 if there is one.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
if not importlib.util.find_spec("samtranslator"):
    sys.exit("the SAM translator is not there: pip install -r tests/requirements.txt, and run this with that Python")

from transformed import READER, ROOT, TEMPLATE, Resolved, plain, transformed  # noqa: E402

REQUIREMENTS = ROOT / "tests/requirements-lint.txt"
EXAMPLES = ROOT / "tests/proof/parameters.json"
# Nothing is called, but boto3 and SAM want a region.
ENVIRONMENT = os.environ | {"AWS_DEFAULT_REGION": "eu-west-1", "SAM_CLI_TELEMETRY": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
TOPIC = "arn:aws:sns:eu-west-1:111122223333:"
# Every condition both ways: the defaults, and all that can be given.
EVERYTHING = {
    "AlarmTopicArn": f"{TOPIC}alarms",
    "ChatTopicArn": f"{TOPIC}chat",
    "EmailAddress": "team@example.com",
    "KmsKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "ReaderRoleArns": "arn:aws:iam::222233334444:role/packwatch-reader",
    "SnapshotPrefix": "packwatch/",
}
ELSEWHERE = EVERYTHING | {
    "AccountNames": "off",
    "EmailAddress": "",
    "ExistingBucketName": "team-bucket",
    "ExistingTopicArn": f"{TOPIC}team",
    "ReadAsSelf": "false",
    "ScheduleState": "DISABLED",
}
READERS_ROLE = {"FunctionRoleArn": "arn:aws:iam::111122223333:role/packwatch-function"}
FINDINGS = []


def finding(where: str, what: str):
    FINDINGS.append(where)
    print(f"FINDING {where}: {what}")


def ran(command: list) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)


def said(ended: subprocess.CompletedProcess) -> str:
    return (ended.stdout + ended.stderr).strip()


def tool(name: str) -> pathlib.Path:
    """A program that was installed beside this Python."""
    path = pathlib.Path(sys.executable).parent / name
    if not path.exists():
        sys.exit(f"{name} is not beside {sys.executable}: pip install -r tests/requirements.txt, and run this with that Python")
    return path


def lint_venv(folder: pathlib.Path) -> pathlib.Path:
    """The programs of the second environment, which is made where it is missing or of other versions."""
    mark = folder / "requirements-lint.txt"
    if not mark.exists() or mark.read_text() != REQUIREMENTS.read_text():
        print(f"installing {REQUIREMENTS.relative_to(ROOT)} in {folder}, which takes a minute or two", flush=True)
        venv.create(folder, with_pip=True)
        ended = ran([folder / "bin/pip", "install", "--quiet", "--requirement", REQUIREMENTS])
        if ended.returncode:
            sys.exit(f"pip cannot install {REQUIREMENTS.relative_to(ROOT)}:\n{said(ended)}")
        mark.write_text(REQUIREMENTS.read_text())
    return folder / "bin"


def sam_validates():
    ended = ran([tool("sam"), "validate", "--lint", "--template", TEMPLATE])
    if ended.returncode:
        finding("sam validate --lint", said(ended))


def cfn_lint_is_content(without_sam: pathlib.Path):
    """As SAM and as what becomes of it."""
    ended = ran([tool("cfn-lint"), "--format", "parseable", TEMPLATE, READER, without_sam])
    if ended.returncode:
        finding("cfn-lint", said(ended))


def checkov_is_content(programs: pathlib.Path, without_sam: pathlib.Path):
    for path in (TEMPLATE, READER, without_sam):
        ended = ran([programs / "checkov", "--file", path, "--framework", "cloudformation", "--skip-download", "--output", "json"])
        try:
            report = json.loads(ended.stdout)
            results, summary = report["results"], report["summary"]
        except (ValueError, KeyError, TypeError):
            finding(f"checkov {path.name}", f"no report, but: {said(ended)}")
            continue
        for check in results["failed_checks"]:
            finding(f"checkov {path.name}", f"{check['check_id']} {check['resource']}: {check['check_name']}")
        for check in results["skipped_checks"]:
            if not check["check_result"].get("suppress_comment", "").strip():
                finding(f"checkov {path.name}", f"{check['check_id']} of {check['resource']} is suppressed without a reason")
        if summary["parsing_errors"] or not summary["passed"]:
            finding(f"checkov {path.name}", f"it was not read: {summary}")
        if ended.returncode and not results["failed_checks"]:
            finding(f"checkov {path.name}", f"it ended with {ended.returncode}: {ended.stderr.strip()}")
        print(f"  checkov {path.name}: {summary['passed']} passed, {summary['skipped']} suppressed with a reason")


def policies(resources: dict):
    """Every policy document, by the place it is in."""
    for name, resource in resources.items():
        properties = resource["Properties"]
        for key in ("AssumeRolePolicyDocument", "PolicyDocument"):
            if key in properties:
                yield f"{name}.{key}", properties[key]
        for policy in properties.get("Policies", []):
            yield f"{name}.{policy['PolicyName']}", policy["PolicyDocument"]


# Runs under the other Python. A trust policy names no resource, as it is about its own role; parliament wants one.
PARLIAMENT = """
import json, sys, parliament
for where, document in json.load(sys.stdin):
    for statement in document["Statement"]:
        if "Principal" in statement and "Resource" not in statement:
            statement["Resource"] = "arn:aws:iam::111122223333:role/packwatch"
    found = parliament.analyze_policy_string(json.dumps(document)).findings
    print(json.dumps([where, [[f.issue, f.detail, f.location] for f in map(parliament.enhance_finding, found)]], default=str))
"""


def parliament_is_content(programs: pathlib.Path, template: dict):
    """Of the template and of the reader's role, under parameters that turn every condition both ways."""
    settings = {"by default": {}, "with everything given": EVERYTHING, "elsewhere": ELSEWHERE}
    documents = []
    for what, parameters in settings.items():
        documents += [(f"{where} ({what})", policy) for where, policy in policies(Resolved(template, parameters).resources())]
    reader = plain(READER)
    for what, parameters in {"by default": {}, "with an external id": {"ExternalId": "packwatch"}}.items():
        resources = Resolved(reader, READERS_ROLE | parameters).resources()
        documents += [(f"roles/reader.yaml {where} ({what})", policy) for where, policy in policies(resources)]
    ended = subprocess.run(
        [programs / "python", "-c", PARLIAMENT], input=json.dumps(documents), capture_output=True, text=True, env=ENVIRONMENT
    )
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    if ended.returncode or len(answers) != len(documents) or not documents:
        finding("parliament", f"{len(answers)} of {len(documents)} policies were judged: {ended.stderr.strip()}")
    for where, found in answers:
        for issue, detail, location in found:
            finding(f"parliament {where}", f"{issue}: {detail} {location}")
    print(f"  parliament: {len(answers)} policy documents")


def refuses(parameter: dict, value: str) -> bool:
    """Whether CloudFormation refuses a value, or any of a list's."""
    if parameter["Type"] == "CommaDelimitedList":
        single = parameter | {"Type": "String"}
        return any(refuses(single, item.strip()) for item in value.split(","))
    if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        return True
    if parameter["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return True
        return not parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number)
    return "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value)


def bad_values_are_refused(template: dict):
    """The same examples that a test of the program reads: what the program accepts comes in, and what it refuses does not."""
    examples, parameters = json.loads(EXAMPLES.read_text()), template["Parameters"]
    for name in sorted(parameters.keys() ^ examples.keys()):
        finding("parameters", f"{name} is in {'the template' if name in parameters else EXAMPLES.name} alone")
    for name in sorted(parameters.keys() & examples.keys()):
        parameter, of = parameters[name], examples[name]
        narrow = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"} & parameter.keys()
        if not narrow:
            finding("parameters", f"{name} takes any value")
        if "AllowedPattern" in narrow and "ConstraintDescription" not in parameter:
            finding("parameters", f"{name} does not say in words what its pattern accepts")
        if refuses(parameter, str(parameter.get("Default", ""))):
            finding("parameters", f"{name} refuses its default {parameter['Default']!r}")
        for value in of["accepted"]:
            if refuses(parameter, value):
                finding("parameters", f"{name} refuses {value!r}")
        for value in [*of["refused"], *of.get("narrower", {})]:
            if not refuses(parameter, value):
                finding("parameters", f"{name} accepts {value!r}")
    print(f"  parameters: {sum(len(of['accepted']) + len(of['refused']) for of in examples.values())} values of {len(examples)}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    arguments.add_argument("--lint-venv", type=pathlib.Path, default=target / "lint-venv", help="where checkov and parliament are")
    programs = lint_venv(arguments.parse_args().lint_venv.resolve())
    with tempfile.TemporaryDirectory() as folder:
        template, without_sam = transformed(), pathlib.Path(folder) / "transformed.json"
        without_sam.write_text(json.dumps(template, indent=1))
        checks = [
            (sam_validates,),
            (cfn_lint_is_content, without_sam),
            (checkov_is_content, programs, without_sam),
            (parliament_is_content, programs, template),
            (bad_values_are_refused, template),
        ]
        for check, *given in checks:
            before = len(FINDINGS)
            check(*given)
            print(f"{'ok    ' if len(FINDINGS) == before else 'FAILED'} {check.__name__.replace('_', ' ')}", flush=True)
    print(f"{len(FINDINGS)} findings")
    sys.exit(1 if FINDINGS else 0)


if __name__ == "__main__":
    main()
