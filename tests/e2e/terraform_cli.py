"""Runs Terraform on a copy of the module, with the provider from a folder if this machine has one."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODULE = ROOT / "terraform"
# A machine without a network can have the provider in a folder laid out like the registry. Terraform
# finds some folders by itself; these are others.
MIRRORS = ("/opt/tf-plugins",)
MISSING = """!!! SKIPPED: terraform is not on this machine.
!!! This does not check the Terraform module in terraform/: neither its format, nor its validations,
!!! nor that it equals template.yaml. Install Terraform 1.9 or newer and run this again."""


class TerraformFailed(Exception):
    """Terraform ended with an error."""


def is_installed() -> bool:
    return shutil.which("terraform") is not None


class Terraform:
    """Terraform in a folder of its own, which has a copy of the module as `module`."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.module = folder, folder / "module"
        shutil.copytree(MODULE, self.module, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        # The AWS configuration of this machine must not have an effect.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
        self.environment = environment | {
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_CLI_ARGS": "-no-color",
        }
        configuration = pathlib.Path(environment.get("TF_CLI_CONFIG_FILE", ""))
        if not configuration.is_file():
            self.environment.pop("TF_CLI_CONFIG_FILE", None)
            mirror = next((mirror for mirror in MIRRORS if pathlib.Path(mirror).is_dir()), None)
            if mirror:
                file = folder / "terraform.rc"
                file.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
                self.environment["TF_CLI_CONFIG_FILE"] = str(file)

    def run(self, *arguments, where: pathlib.Path | None = None, accepts=(0,)) -> subprocess.CompletedProcess:
        """Runs Terraform in the module, or in another folder. Raises if its exit code is not accepted."""
        process = subprocess.run(
            ["terraform", *arguments],
            cwd=where or self.module,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )
        if process.returncode not in accepts:
            # The errors are at the end, after plans of any length.
            output = (process.stdout + process.stderr)[-4000:]
            raise TerraformFailed(f"terraform {' '.join(arguments)} exited with {process.returncode}:\n{output}")
        return process

    def test(self, file: str, *, where: pathlib.Path | None = None, verbose=False) -> list:
        """Runs one test file. Returns the events that Terraform prints, whether or not it passes."""
        arguments = ["test", "-json", f"-filter={file}", *(["-verbose"] if verbose else [])]
        process = self.run(*arguments, where=where, accepts=(0, 1))
        events = [json.loads(line) for line in process.stdout.splitlines()]
        if not any(event["type"] == "test_summary" for event in events):
            raise TerraformFailed(f"terraform test ended without a summary:\n{process.stdout}{process.stderr}")
        return events


def failures(events: list) -> list:
    """Returns what a test found, one line each."""
    runs = [
        f"{event['@testrun']}: {event['test_run']['status']}"
        for event in events
        if event["type"] == "test_run"
        and event["test_run"]["progress"] == "complete"
        and event["test_run"]["status"] != "pass"
    ]
    details = [
        f"{event.get('@testrun', event.get('@testfile', ''))}: {event['diagnostic']['summary']}: {event['diagnostic']['detail']}"
        for event in events
        if event["type"] == "diagnostic" and event["diagnostic"]["severity"] == "error"
    ]
    return runs + details


@contextlib.contextmanager
def terraform():
    """Yields Terraform in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield Terraform(pathlib.Path(folder))


def expression(item) -> str:
    """Returns a value as an expression of Terraform."""
    # JSON is valid in Terraform, except that it interpolates strings.
    return json.dumps(item).replace("${", "$${").replace("%{", "%%{")
