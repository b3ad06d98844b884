#!/usr/bin/env python3
"""Compares the preflight with botocore: the regions of each partition, and the commands of actions.

    pip install -r tests/e2e/requirements.txt
    python tests/e2e/preflight_test.py

It makes no call to AWS, prints each difference, and exits with 1 if there is one.
"""

import pathlib
import re
import sys

import botocore.session
from botocore import xform_name

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGIONS = ROOT / "src/preflight/regions.rs"
COMMANDS = ROOT / "tests/it/preflight/snapshots/it__preflight__actions__commands.snap"
# Options of the AWS CLI itself.
GLOBAL_OPTIONS = {"region", "query", "output", "cli-binary-format"}
# Commands that the AWS CLI adds to the operations of the services, with their options.
CUSTOM_COMMANDS = {
    ("cloudformation", "deploy"): {"stack-name", "template-file", "capabilities", "parameter-overrides"},
    ("s3", "cp"): set(),
    ("s3", "mb"): set(),
}
# The AWS CLI has another name for this service than botocore.
SERVICES = {"configservice": "config", "s3api": "s3"}


def regions_of_source() -> dict[str, list[str]]:
    """Returns the regions of each partition in the source."""
    entries = re.findall(r'name: "([^"]+)",\s+prefix: "[^"]*",\s+regions: &\[(.*?)\],\n', REGIONS.read_text(), re.DOTALL)
    return {name: re.findall(r'"([^"]+)"', regions) for name, regions in entries}


def region_differences(session) -> list[str]:
    source = regions_of_source()
    partitions = session.get_available_partitions()
    differences = []
    if sorted(source) != sorted(partitions):
        differences.append(f"the partitions are {sorted(partitions)}, and {sorted(source)} in {REGIONS}")
    for partition in partitions:
        expected = sorted(session.get_available_regions("config", partition))
        if source.get(partition) != expected:
            differences.append(f"the regions of {partition} are {expected}, and {source.get(partition)} in {REGIONS}")
    return differences


def command_difference(session, words: list[str]) -> str | None:
    """Returns what is wrong with a command; None if nothing is."""
    aws, service, operation, *rest = words
    assert aws == "aws", f"{words} is not a command of the AWS CLI"
    options = [word.removeprefix("--") for word in rest if word.startswith("--")]
    own = [option for option in options if option not in GLOBAL_OPTIONS]
    if (service, operation) in CUSTOM_COMMANDS:
        unknown = set(own) - CUSTOM_COMMANDS[service, operation]
        return f"unknown options {sorted(unknown)}" if unknown else None
    model = session.get_service_model(SERVICES.get(service, service))
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        return f"{service} has no operation {operation}"
    shape = model.operation_model(operations[operation]).input_shape
    members = {xform_name(name, "-") for name in (shape.members if shape else {})}
    required = {xform_name(name, "-") for name in (shape.required_members if shape else [])}
    # The AWS CLI renames `Endpoint`, because it has an option of that name.
    if (service, operation) == ("sns", "subscribe"):
        members |= {"notification-endpoint"}
    if unknown := set(own) - members:
        return f"unknown options {sorted(unknown)} of {sorted(members)}"
    if missing := required - set(own):
        return f"required options {sorted(missing)} are missing"
    return None


def command_differences(session) -> list[str]:
    lines = COMMANDS.read_text().split("---\n", 2)[2].splitlines()
    commands = [line.split("\t") for line in lines if line]
    assert len(commands) > 20, f"{COMMANDS} has {len(commands)} commands"
    found = ((" ".join(words), command_difference(session, words)) for words in commands)
    return [f"{command}: {difference}" for command, difference in found if difference]


def main():
    session = botocore.session.Session()
    differences = [*region_differences(session), *command_differences(session)]
    print(*differences or ["the regions and the commands are those of botocore"], sep="\n")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
