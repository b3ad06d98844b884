#!/usr/bin/env python3
"""Lints the templates and every policy in them. Every finding must be suppressed with a reason.

    pip install -r tests/e2e/requirements.txt
    python tests/e2e/lint_templates.py [--lint-venv FOLDER]

checkov and parliament need a virtual environment of their own; tests/e2e/requirements-lint.txt says
why. The script creates it in target/lint-venv, or in FOLDER, if it does not exist. The script makes
no call to AWS. It prints each finding and exits with 1 if there is one.
"""

import argparse
import fcntl
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
    sys.exit(
        "the SAM translator is not installed: pip install -r tests/e2e/requirements.txt, and run this with that Python"
    )

from sam_transform import READER, ROOT, TEMPLATE, Resolved, read_template, transformed_template  # noqa: E402

REQUIREMENTS = ROOT / "tests/e2e/requirements-lint.txt"
EXAMPLES = ROOT / "tests/e2e/parameters.json"
# boto3 and SAM require a region, although nothing calls AWS.
ENVIRONMENT = os.environ | {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "SAM_CLI_TELEMETRY": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
TOPIC = "arn:aws:sns:eu-west-1:111122223333:"
# With the defaults and ONLY_EMAIL, these parameters make every condition of the template true once and false once.
EVERYTHING = {
    "AlarmTopicArn": f"{TOPIC}alarms",
    "ChatTopicArn": f"{TOPIC}chat",
    "Dashboard": "on",
    "EmailAddress": "team@example.com",
    "EventBusName": "operations",
    "ExistingKeyArns": "arn:aws:kms:eu-west-1:111122223333:key/a,arn:aws:kms:us-east-1:222233334444:key/b",
    "KmsKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "ReaderRoleArns": "arn:aws:iam::222233334444:role/packwatch-reader",
    "SnapshotEncryption": "arn:aws:kms:eu-west-1:111122223333:key/5678abcd-12ab-34cd-56ef-1234567890ab",
    "SnapshotPrefix": "packwatch/",
    "Tracing": "on",
    "TopicKmsKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/9abcabcd-12ab-34cd-56ef-1234567890ab",
}
EXISTING_RESOURCES = EVERYTHING | {
    "AccountNames": "off",
    "EmailAddress": "",
    "EventBusName": "arn:aws:events:us-east-1:222233334444:event-bus/operations",
    "ExistingBucketName": "team-bucket",
    "ExistingTopicArn": f"{TOPIC}team",
    "ReadOwnAccount": "false",
    "ScheduleState": "DISABLED",
    "SummarySchedule": "off",
}
ONLY_EMAIL = {"EmailAddress": "team@example.com"}
READER_PARAMETERS = {"FunctionRoleArn": "arn:aws:iam::111122223333:role/packwatch-function"}
FINDINGS = []


def add_finding(source: str, message: str):
    FINDINGS.append(source)
    print(f"FINDING {source}: {message}")


def run(command: list) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(argument) for argument in command], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )


def output(process: subprocess.CompletedProcess) -> str:
    return (process.stdout + process.stderr).strip()


def tool(name: str) -> pathlib.Path:
    """Returns the path of a program in the environment of this Python."""
    path = pathlib.Path(sys.executable).parent / name
    if not path.exists():
        sys.exit(f"{path} does not exist: pip install -r tests/e2e/requirements.txt, and run this with that Python")
    return path


def lint_venv(folder: pathlib.Path) -> pathlib.Path:
    """Returns the `bin` folder of the second environment.

    Creates the environment if it is missing or has other versions.
    """
    installed = folder / "requirements-lint.txt"
    # Two scripts that run at the same time use the environment.
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f"{folder.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != REQUIREMENTS.read_text():
            print(f"installing {REQUIREMENTS.relative_to(ROOT)} in {folder}, which takes a minute or two", flush=True)
            venv.create(folder, with_pip=True)
            process = run([folder / "bin/pip", "install", "--quiet", "--requirement", REQUIREMENTS])
            if process.returncode:
                sys.exit(f"pip cannot install {REQUIREMENTS.relative_to(ROOT)}:\n{output(process)}")
            installed.write_text(REQUIREMENTS.read_text())
    return folder / "bin"


def sam_validate():
    process = run([tool("sam"), "validate", "--lint", "--template", TEMPLATE])
    if process.returncode:
        add_finding("sam validate --lint", output(process))


def cfn_lint(transformed: pathlib.Path):
    """Lints the SAM template, the reader template and the transformed template."""
    process = run([tool("cfn-lint"), "--format", "parseable", TEMPLATE, READER, transformed])
    if process.returncode:
        add_finding("cfn-lint", output(process))


def checkov(programs: pathlib.Path, transformed: pathlib.Path):
    for path in (TEMPLATE, READER, transformed):
        process = run(
            [
                programs / "checkov",
                "--file",
                path,
                "--framework",
                "cloudformation",
                "--skip-download",
                "--output",
                "json",
            ]
        )
        try:
            report = json.loads(process.stdout)
            results, summary = report["results"], report["summary"]
        except (ValueError, KeyError, TypeError):
            add_finding(f"checkov {path.name}", f"no report: {output(process)}")
            continue
        for check in results["failed_checks"]:
            add_finding(f"checkov {path.name}", f"{check['check_id']} {check['resource']}: {check['check_name']}")
        for check in results["skipped_checks"]:
            if not check["check_result"].get("suppress_comment", "").strip():
                add_finding(
                    f"checkov {path.name}", f"{check['check_id']} of {check['resource']} is suppressed without a reason"
                )
        if summary["parsing_errors"] or not summary["passed"]:
            add_finding(f"checkov {path.name}", f"checkov did not parse it: {summary}")
        if process.returncode and not results["failed_checks"]:
            add_finding(f"checkov {path.name}", f"checkov exited with {process.returncode}: {process.stderr.strip()}")
        print(f"  checkov {path.name}: {summary['passed']} passed, {summary['skipped']} suppressed with a reason")


def policies(resources: dict):
    """Yields every policy document with its location."""
    for name, resource in resources.items():
        properties = resource["Properties"]
        for key in ("AssumeRolePolicyDocument", "PolicyDocument"):
            if key in properties:
                yield f"{name}.{key}", properties[key]
        for policy in properties.get("Policies", []):
            yield f"{name}.{policy['PolicyName']}", policy["PolicyDocument"]


# Runs with the Python of the second environment. A trust policy has no resource, but parliament
# requires one.
PARLIAMENT = """
import json, sys, parliament
for where, document in json.load(sys.stdin):
    for statement in document["Statement"]:
        if "Principal" in statement and "Resource" not in statement:
            statement["Resource"] = "arn:aws:iam::111122223333:role/packwatch"
    found = parliament.analyze_policy_string(json.dumps(document)).findings
    print(json.dumps([where, [[f.issue, f.detail, f.location] for f in map(parliament.enhance_finding, found)]], default=str))
"""


def parliament(programs: pathlib.Path, template: dict):
    """Lints the policies of both templates, with every condition true once and false once."""
    variants = {"defaults": {}, "only an email address": ONLY_EMAIL, "all parameters": EVERYTHING, "existing resources": EXISTING_RESOURCES}
    documents = []
    for variant, parameters in variants.items():
        documents += [
            (f"{where} ({variant})", policy) for where, policy in policies(Resolved(template, parameters).resources())
        ]
    reader = read_template(READER)
    for variant, parameters in {"defaults": {}, "external id": {"ExternalId": "packwatch"}}.items():
        resources = Resolved(reader, READER_PARAMETERS | parameters).resources()
        documents += [(f"roles/reader.yaml {where} ({variant})", policy) for where, policy in policies(resources)]
    process = subprocess.run(
        [programs / "python", "-c", PARLIAMENT],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    results = [json.loads(line) for line in process.stdout.splitlines()]
    if process.returncode or len(results) != len(documents) or not documents:
        add_finding("parliament", f"it read {len(results)} of {len(documents)} policies: {process.stderr.strip()}")
    for where, findings in results:
        for issue, detail, location in findings:
            add_finding(f"parliament {where}", f"{issue}: {detail} {location}")
    print(f"  parliament: {len(results)} policy documents")


def rejects(parameter: dict, value: str) -> bool:
    """Returns whether CloudFormation rejects a value, or any item of a list."""
    if parameter["Type"] == "CommaDelimitedList":
        single = parameter | {"Type": "String"}
        return any(rejects(single, item.strip()) for item in value.split(","))
    if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        return True
    if not parameter.get("MinLength", 0) <= len(value) <= parameter.get("MaxLength", len(value)):
        return True
    if parameter["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return True
        return not parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number)
    return "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value)


def parameter_values(template: dict):
    """Checks that each parameter accepts and rejects the values in parameters.json.

    A test in Rust, `tests/it/repo/sam_template.rs`, checks the settings of the function with the
    same file.
    """
    examples, parameters = json.loads(EXAMPLES.read_text()), template["Parameters"]
    for name in sorted(parameters.keys() ^ examples.keys()):
        add_finding("parameters", f"{name} is only in {'the template' if name in parameters else EXAMPLES.name}")
    for name in sorted(parameters.keys() & examples.keys()):
        parameter, values = parameters[name], examples[name]
        constraints = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"} & parameter.keys()
        if not constraints:
            add_finding("parameters", f"{name} has no constraint")
        if "AllowedPattern" in constraints and "ConstraintDescription" not in parameter:
            add_finding("parameters", f"{name} has an AllowedPattern, but no ConstraintDescription")
        if rejects(parameter, str(parameter.get("Default", ""))):
            add_finding("parameters", f"{name} rejects its default {parameter['Default']!r}")
        for value in values["accepted"]:
            if rejects(parameter, value):
                add_finding("parameters", f"{name} rejects {value!r}")
        for value in [*values["rejected"], *values.get("rejected_by_template", {})]:
            if not rejects(parameter, value):
                add_finding("parameters", f"{name} accepts {value!r}")
    count = sum(len(values["accepted"]) + len(values["rejected"]) for values in examples.values())
    print(f"  parameters: {count} values of {len(examples)} parameters")


def longest_values(template: dict) -> dict:
    """Returns the parameters of the environment with the longest values that CloudFormation accepts.

    A parameter has its longest value here if its pattern limits the length, and MaxLength characters
    if it has a MaxLength. A parameter without any limit is a finding.
    """
    limited = {
        "AnnounceAfterMinutes": "43200",
        "Concurrency": "64",
        "ExistingBucketName": "x" * 63,
        "Label": "x" * 24,
        "RemindAfterHours": "8784",
        "RoleExternalId": "x" * 96,
        "SnapshotPrefix": "x" * 127 + "/",
        "StuckAfterHours": "8784",
    }
    values = {}
    environment = json.dumps(template["Resources"]["Function"]["Properties"]["Environment"])
    for name, parameter in template["Parameters"].items():
        if f'"Ref": "{name}"' not in environment and f"${{{name}}}" not in environment:
            continue
        if "AllowedValues" in parameter:
            values[name] = max(map(str, parameter["AllowedValues"]), key=len)
        elif "MaxLength" in parameter:
            values[name] = "x" * parameter["MaxLength"]
        elif name not in limited:
            add_finding("environment", f"{name} has no limit of its length")
        else:
            values[name] = limited[name]
            if rejects(parameter, limited[name]) or not rejects(parameter, limited[name] + limited[name][-1]):
                add_finding("environment", f"{limited[name]!r} is not the longest value of {name}")
    return values


def environment_size(template: dict):
    """Checks that Lambda accepts the environment of the function with the longest values.

    Lambda counts names, values and the syntax of their JSON, and allows 4 KB. It refuses a longer one only after a part of the stack
    has changed. The longest list of roles has at least four, one for each account that can deploy packs.
    """
    roles = template["Parameters"]["ReaderRoleArns"]
    four = ",".join(f"arn:aws-us-gov:iam::{account * 4}:role/{'r' * 64}" for account in ("222", "333", "444", "555"))
    if rejects(roles, four):
        add_finding("environment", "ReaderRoleArns rejects four roles with the longest names")
    function = Resolved(template, longest_values(template)).resources()["Function"]
    variables = function["Properties"]["Environment"]["Variables"]
    size = len(json.dumps(variables, separators=(",", ":")))
    print(f"  environment: {size:,} of 4,096 bytes with the longest values")
    if size > 4096:
        add_finding("environment", f"{size:,} bytes with the longest values: lower a MaxLength")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument(
        "--lint-venv",
        type=pathlib.Path,
        default=target / "lint-venv",
        help="virtual environment of checkov and parliament",
    )
    programs = lint_venv(parser.parse_args().lint_venv.resolve())
    with tempfile.TemporaryDirectory() as folder:
        template, transformed = transformed_template(), pathlib.Path(folder) / "transformed.json"
        transformed.write_text(json.dumps(template, indent=1))
        checks = [
            (sam_validate,),
            (cfn_lint, transformed),
            (checkov, programs, transformed),
            (parliament, programs, template),
            (parameter_values, template),
            (environment_size, template),
        ]
        for check, *arguments in checks:
            before = len(FINDINGS)
            check(*arguments)
            print(f"{'ok    ' if len(FINDINGS) == before else 'FAILED'} {check.__name__.replace('_', ' ')}", flush=True)
    print(f"{len(FINDINGS)} findings")
    sys.exit(1 if FINDINGS else 0)


if __name__ == "__main__":
    main()
