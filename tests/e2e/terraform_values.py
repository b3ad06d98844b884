"""Good and bad values of every variable of the Terraform module, as one test of Terraform.

The values of template parameters are those of parameters.json. Those of variables without a
parameter are here.
"""

import json
import pathlib
import sys

from terraform_cli import MODULE, ROOT, Terraform, expression, failures

sys.path.insert(0, str(ROOT / "tools"))
from terraform_docs import blocks, snake_case, variable_type  # noqa: E402

PARAMETERS = json.loads((ROOT / "tests/e2e/parameters.json").read_text())
# Accepted and rejected values of variables that are no parameters.
VALUES = {
    "name": (["packwatch", "p", "team-2"], ["", "-team", "team-", "Team", "2team", "team_2", "a" * 25]),
    "package": (["README.md"], []),
    "package_bucket": (["releases"], ["Releases", "x"]),
    "package_key": (["a/packwatch.zip"], ["", "k" * 1025]),
    "package_version": (["v1"], [""]),
}
# Longer than what fits into the environment of a function.
TOO_LONG = {
    "regions": ["ap-southeast-1"] * 35,
    "include_packs": ["baseline*"] * 26,
    "exclude_packs": ["baseline*"] * 26,
    "ignore_accounts": ["222233334444"] * 101,
}
READER_VALUES = {
    "function_role_arn": (
        ["arn:aws:iam::111122223333:role/packwatch-function", "arn:aws-cn:iam::111122223333:role/a/b"],
        ["packwatch-function", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:user/x", ""],
    ),
    "external_id": (["", "id", "a+b=c,d.e@f:g/h-i_j", "x" * 1224], ["x", "two words", "id!", "x" * 1225]),
    "role_name": (["packwatch-reader", "a+b=c.d@e_f"], ["", "a,b", "a/b", "x" * 65]),
}
# Values of these need or exclude values of others, so each is tried alone, with the values of `BASE`.
ALONE = ["dashboard", "existing_topic_arn", "package_bucket", "package_key", "package_version"]
BASE = {"package": "README.md", "metrics": "all"}
UNCONVERTIBLE = object()


def converted(text: str, kind: str):
    """Returns the value of a template parameter in the type of the variable, or `UNCONVERTIBLE`."""
    match kind:
        case "string":
            return text
        case "list(string)":
            return [item.strip() for item in text.split(",")] if text else []
        case "bool":
            return {"on": True, "true": True, "off": False, "false": False}.get(text, UNCONVERTIBLE)
        case "number":
            if text == "":
                return None
            try:
                number = float(text)
            except ValueError:
                return UNCONVERTIBLE
            return int(number) if number.is_integer() else number
    raise AssertionError(f"the type {kind} is not supported")


def values_of_parameters(variables: dict) -> dict:
    """Returns the accepted and rejected values of the variables that parameters.json has."""
    values = {}
    for parameter, examples in PARAMETERS.items():
        name = snake_case(parameter)
        assert name in variables, f"the module has no variable {name} for the parameter {parameter}"
        kind = variable_type(variables[name]["type"])
        accepted = [converted(text, kind) for text in examples["accepted"]]
        assert UNCONVERTIBLE not in accepted, f"{name} cannot take an accepted value of {parameter}"
        texts = [*examples["rejected"], *examples.get("rejected_by_template", {})]
        # The type rejects text for a number, and 00 is 0 as a number. A switch has no bad value.
        rejected = [
            item
            for text, item in ((text, converted(text, kind)) for text in texts)
            if item is not UNCONVERTIBLE and kind != "bool" and not (kind == "number" and str(item) != text)
        ]
        values[name] = accepted, rejected
    return values


def runs(values: dict, base: dict) -> list:
    """Returns the runs of a test. Each tries one value of many variables."""
    alone = [{name} & values.keys() for name in ALONE]
    sets = [set(values) - set().union(*alone), *alone]
    written = []
    for number, names in enumerate(filter(None, sets)):
        for accepted, column in ((True, 0), (False, 1)):
            for index in range(max(len(values[name][column]) for name in names)):
                given = {name: values[name][column][index] for name in sorted(names) if index < len(values[name][column])}
                if given:
                    title = f"{'accepted' if accepted else 'rejected'}_{number}_{index}"
                    written.append(run(title, base | given, [] if accepted else list(given)))
    return written


def run(title: str, given: dict, rejected: list) -> str:
    # A package from a bucket takes the place of the file.
    if given.keys() & {"package_bucket", "package_key", "package_version"}:
        given = {"package_bucket": "releases", "package_key": "packwatch.zip"} | given | {"package": None}
    lines = [f'run "{title}" {{', "  command = plan", "  variables {"]
    lines += [f"    {name} = {expression(item)}" for name, item in given.items()]
    lines += ["  }"]
    if rejected:
        lines += [f"  expect_failures = [{', '.join(f'var.{name}' for name in rejected)}]"]
    return "\n".join([*lines, "}", ""])


def try_values(terraform: Terraform) -> list[str]:
    """Tries every value. Returns what is wrong."""
    variables = blocks(MODULE, "variable")
    values = values_of_parameters(variables)
    assert not VALUES.keys() & values.keys(), f"parameters.json has values of {VALUES.keys() & values.keys()}"
    values |= VALUES
    for name, items in TOO_LONG.items():
        values[name] = values[name][0], [*values[name][1], items]
    return (
        missing(variables, values)
        + missing(blocks(MODULE / "modules/reader", "variable"), READER_VALUES)
        + try_module(terraform, terraform.module, values, BASE)
        + try_module(
            terraform, terraform.module / "modules/reader", READER_VALUES, {"function_role_arn": READER_VALUES["function_role_arn"][0][0]}
        )
    )  # fmt: skip


def missing(variables: dict, values: dict) -> list[str]:
    untried = [
        f"variable {name} has no {column} value in parameters.json or terraform_values.py"
        for name, variable in variables.items()
        for column, index in (("accepted", 0), ("rejected", 1))
        # That `package` and `dashboard` need other variables is tried in terraform/tests.
        if not values.get(name, ([], []))[index]
        and (index == 0 or "validation" in variable and name not in ("package", "dashboard"))
    ]
    return untried + [f"values of {name}, which is no variable" for name in values.keys() - variables.keys()]


def try_module(terraform: Terraform, folder: pathlib.Path, values: dict, base: dict) -> list[str]:
    mocks = terraform.module / "tests/mocks"
    mock = f'mock_provider "aws" {{\n  source = "{mocks}"\n}}\n'
    tests = folder / "tests"
    tests.mkdir(exist_ok=True)
    written = runs(values, base)
    (tests / "values.tftest.hcl").write_text("\n".join([mock, *written]))
    events = terraform.test("tests/values.tftest.hcl", where=folder)
    [summary] = [event["test_summary"] for event in events if event["type"] == "test_summary"]
    count = sum(len(column) for pair in values.values() for column in pair)
    print(f"  {folder.name}: {count} values of {len(values)} variables in {len(written)} plans", flush=True)
    found = failures(events)
    if not found and summary["passed"] != len(written):
        found = [f"{summary['passed']} of {len(written)} runs passed"]
    return found
