#!/usr/bin/env python3
"""Checks the Terraform module: format, validity, values of its variables, tables, parity, linters.

    pip install -r tests/e2e/requirements.txt
    python tests/e2e/terraform_module.py

It makes no call to AWS. Without Terraform on this machine it says so, checks only the tables, and
ends with 0 if they are right, unless --required is given. It takes the AWS provider from a folder of this machine if there is one, and
else from the registry of Terraform.

format    `terraform fmt` would change nothing.
tables    The README and texts.tf are what tools/terraform_docs.py writes.
validate  The module, modules/reader and the examples are valid.
test      `terraform test` with a mocked provider: what the variables create.
values    Good and bad values of every variable, those of tests/e2e/parameters.json and others.
parity    The module and the template are the same, compared as data.
checkov   checkov finds nothing that is not suppressed with a reason.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lint_templates import ENVIRONMENT, lint_venv  # noqa: E402
from terraform_cli import MISSING, MODULE, ROOT, Terraform, TerraformFailed, failures, is_installed, terraform  # noqa: E402
from terraform_parity import check_parity  # noqa: E402
from terraform_values import try_values  # noqa: E402

MODULES = [".", "modules/reader", "examples/complete", "examples/delegated-admin"]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def check_format(terraform: Terraform) -> list[str]:
    return terraform.run("fmt", "-check", "-recursive", "-diff", accepts=(0, 2, 3)).stdout.splitlines()


def check_tables(_) -> list[str]:
    command = [sys.executable, ROOT / "tools/terraform_docs.py", "--check"]
    process = subprocess.run(command, capture_output=True, text=True)
    return [] if process.returncode == 0 else [process.stdout + process.stderr]


def check_validity(terraform: Terraform) -> list[str]:
    for module in MODULES:
        where = terraform.module / module
        terraform.run("init", "-backend=false", where=where)
        terraform.run("validate", where=where)
    print(f"  {len(MODULES)} modules and examples")
    return []


def check_tests(terraform: Terraform) -> list[str]:
    events = terraform.test("tests/module.tftest.hcl")
    [summary] = [event["test_summary"] for event in events if event["type"] == "test_summary"]
    print(f"  {summary['passed']} runs passed")
    return failures(events) or ([] if summary["passed"] else ["no run passed"])


def check_with_checkov(_) -> list[str]:
    programs = lint_venv(TARGET / "lint-venv")
    command = [programs / "checkov", "--directory", MODULE, "--framework", "terraform", "--skip-download", "--output", "json"]  # fmt: skip
    process = subprocess.run(list(map(str, command)), cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    try:
        report = json.loads(process.stdout)
        results, summary = report["results"], report["summary"]
    except (ValueError, KeyError, TypeError):
        return [f"checkov wrote no report: {process.stdout}{process.stderr}"]
    found = [f"{check['check_id']} {check['resource']}: {check['check_name']}" for check in results["failed_checks"]]
    found += [
        f"{check['check_id']} of {check['resource']} is suppressed without a reason"
        for check in results["skipped_checks"]
        if not check["check_result"].get("suppress_comment", "").strip()
    ]
    if summary["parsing_errors"] or not summary["passed"]:
        found.append(f"checkov did not parse the module: {summary}")
    print(f"  {summary['passed']} passed, {summary['skipped']} suppressed with a reason")
    return found


CHECKS = {
    "format": check_format,
    "tables": check_tables,
    "validate": check_validity,
    "test": check_tests,
    "values": try_values,
    "parity": check_parity,
    "checkov": check_with_checkov,
}


def run_checks(names, runner: Terraform | None) -> list[str]:
    """Runs checks, and returns the names of those that failed."""
    failed = []
    for name in names:
        started = time.monotonic()
        try:
            found = CHECKS[name](runner)
        except TerraformFailed as error:
            found = [str(error)]
        for line in found:
            print(f"FINDING {name}: {line}")
        failed += [name] if found else []
        print(f"{'FAILED' if found else 'ok    '} {name}: {time.monotonic() - started:.0f} s", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CHECKS, help="run only these checks")
    parser.add_argument("--required", action="store_true", help="fail if Terraform is not on this machine")
    args = parser.parse_args()
    if is_installed():
        with terraform() as runner:
            print(runner.run("version").stdout.splitlines()[0], flush=True)
            # The others need what `validate` installs.
            failed = run_checks([name for name in CHECKS if not args.only or name in args.only or name == "validate"], runner)
    else:
        print(MISSING)
        failed = run_checks(["tables"], None) + (["terraform is missing"] if args.required else [])
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
