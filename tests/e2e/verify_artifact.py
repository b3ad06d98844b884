#!/usr/bin/env python3
"""Builds the artifact with `sam build` and verifies it and the templates without an AWS account.

    pip install -r tests/e2e/requirements.txt
    apt-get install docker.io busybox-static ca-certificates
    python tests/e2e/verify_artifact.py

Requirements: Linux on x86-64 or arm64, Rust, and either root or a running Docker engine.
`--without-docker` needs neither of the last two and skips the step `local`. The first failure ends
the script with a nonzero exit code.

build     `sam build` builds the artifact for the architecture of this machine.
artifact  The zip is small and has only the binary, which needs no library and no symbol version that
          `provided.al2023` lacks.
lint      The templates, their SAM transform and their policies pass sam validate, cfn-lint, checkov
          and parliament.
stack     moto creates a stack from the template; the role of the function allows the S3 calls of a
          run, and no others.
local     `sam local invoke` runs every file in events/ in Docker: digests reach SQS through SNS,
          filter policies apply, events reach SQS through rules on the event bus, a change is published
          once, a cleared failure is published, an invalid event is rejected, and a run with 50,000
          failures fits into the memory size of the template.

In the step `local` the binary, the template, SAM and the AWS Lambda runtime emulator are real. AWS
Config, STS and Organizations are the simulated organization. S3, SNS, SQS and EventBridge are moto.

Not verified, because it needs an AWS account: that CloudFormation accepts the template; permissions
other than those on S3; the Lambda sandbox and its CPU share; TLS to AWS endpoints; behavior of SNS
and S3 that moto does not have, such as filter policies on attributes; EventBridge Scheduler; alarms
and the dashboard. The base image in Docker has the C library of this machine: that the binary also
starts with the C library of Amazon Linux 2023 follows from the symbol versions that it requires.
The other architecture is not built.
"""

import argparse
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
STEPS = ["build", "artifact", "lint", "stack", "local"]
HEADINGS = {
    "build": "Build the artifact with sam build",
    "artifact": "Verify the artifact",
    "lint": "Lint the templates and policies",
    "stack": "Create the stack in moto and use its role",
    "local": "Run the function in Docker with sam local invoke",
}


class StepFailed(Exception):
    """A step failed."""


class Steps:
    """The steps, each a method that raises `StepFailed` if it fails."""

    def __init__(self, args: argparse.Namespace, architecture: str):
        self.built, self.architecture, self.simulation = args.built, architecture, args.simulation
        # sam looks for cargo-lambda on the path; the one in the environment of this Python comes
        # first.
        path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # SAM and boto3 require a region, although nothing calls AWS.
        self.environment = {"AWS_DEFAULT_REGION": "eu-west-1", **os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"}

    def build(self):
        if not shutil.which("cargo-lambda", path=self.environment["PATH"]):
            raise StepFailed("cargo-lambda is not on the path: pip install -r tests/e2e/requirements.txt")
        # As docs/install.md says.
        environment = "default" if self.architecture == "arm64" else self.architecture
        self.run("sam", "build", "--config-env", environment, "--build-dir", self.built)
        if not self.simulation:
            self.run("cargo", "build", "--locked", "--example", "simulated_org")

    def artifact(self):
        self.script("artifact.py", self.built, "--architecture", self.architecture)

    def lint(self):
        self.script("lint_templates.py")

    def stack(self):
        self.script("moto_stack.py")

    def local(self):
        simulation = self.simulation or target() / "debug/examples/simulated_org"
        self.script("local_invoke.py", self.built, simulation)

    def script(self, name: str, *arguments):
        if not (FOLDER / name).exists():
            raise StepFailed(f"{FOLDER / name} does not exist")
        self.run(sys.executable, FOLDER / name, *arguments)

    def run(self, *command):
        process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL)
        try:
            code = process.wait()
        except BaseException:
            # On an interrupt the step must end too, after it has stopped its engine and containers.
            process.terminate()
            process.wait(60)
            raise
        if code:
            raise StepFailed(f"{' '.join(map(str, command))} exited with {code}")


def target() -> pathlib.Path:
    """Returns the target directory of cargo."""
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=STEPS,
        help="run only these steps; without build, on the artifact of an earlier build",
    )
    parser.add_argument(
        "--built", type=pathlib.Path, default=ROOT / ".aws-sam/build", help="build directory of sam build"
    )
    parser.add_argument("--simulation", type=pathlib.Path, help="the example simulated_org, if it is already built")
    parser.add_argument("--without-docker", action="store_true", help="skip the step that needs a Docker engine")
    args = parser.parse_args()
    args.built = args.built.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not (architecture := ARCHITECTURES.get(platform.machine())):
        sys.exit(f"=== FAILED: the artifact must run on this machine, and Lambda does not support {platform.machine()}")
    names = [step for step in STEPS if step in (args.only or STEPS)]
    skipped = [step for step in STEPS if step not in names]
    if args.without_docker and "local" in names:
        names.remove("local")
        skipped.append("local")
    steps, started = Steps(args, architecture), time.monotonic()
    for name in names:
        print(f"\n=== {HEADINGS[name]}", flush=True)
        step_started = time.monotonic()
        try:
            getattr(steps, name)()
        except (StepFailed, OSError) as error:
            print(f"\n=== FAILED: {HEADINGS[name]}: {error}")
            sys.exit(1)
        print(f"--- {HEADINGS[name]}: {time.monotonic() - step_started:.0f} s", flush=True)
    if skipped:
        print("\n!!! SKIPPED:", *(f"!!! {HEADINGS[step]}" for step in skipped), sep="\n")
    verdict = f"Passed, except for the skipped steps {', '.join(skipped)}" if skipped else "Passed"
    print(f"\n=== {verdict}, on {architecture}, in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
