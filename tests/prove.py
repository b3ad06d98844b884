#!/usr/bin/env python3
"""Builds what would be deployed, once, and proves on it what can be proven without an AWS account.

    pip install -r tests/requirements.txt
    apt-get install docker.io busybox-static ca-certificates
    python tests/prove.py

It takes Linux on x86-64 or arm64, Rust, and either root or a Docker engine that runs; `--without-docker` does without both, and leaves
the last step out. The first failure ends it, with an exit code that is not 0.

build     `sam build` makes the artifact, for the processor of this machine.
artifact  The zip is small and holds the binary alone, which needs nothing of its system that `provided.al2023` does not have.
static    The template, what SAM makes of it, and its policies pass the tools that judge such.
stack     The template becomes a stack in moto; the function's role may do in S3 what the program does there, and no more.
local     `sam local invoke` runs every file in events/, in Docker: digests reach SQS by SNS, filter policies work, nothing is told twice,
          what is gone is told as cleared, a wrong event is refused, and 50,000 failures at once fit into the template's memory.

In the last step the binary, the template, SAM and AWS's runtime emulator are real; AWS Config, STS and Organizations are the simulated
organization; S3, SNS and SQS are moto.

Not proven, since it takes an account: that CloudFormation takes the template; permissions on anything but S3; Lambda's own sandbox and
share of a processor; TLS to AWS's endpoints; what SNS and S3 do otherwise than moto (filter policies on attributes, for one); EventBridge Scheduler; alarms and the dashboard.
The image that stands for Lambda's has the C library of this machine: that the binary also starts with that of Amazon Linux 2023 is
concluded from the versions of symbols that it asks for. And the other processor is built, if at all, on another machine.
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

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROOF = ROOT / "tests/proof"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
STEPS = ["build", "artifact", "static", "stack", "local"]
HEADINGS = {
    "build": "The release artifact, by sam build",
    "artifact": "What would be deployed",
    "static": "The template and its policies",
    "stack": "The template as a stack, and its role in use",
    "local": "The function in Docker, by sam local invoke",
}


class Failed(Exception):
    """A step did not hold."""


class Proof:
    def __init__(self, given: argparse.Namespace, architecture: str):
        self.built, self.architecture, self.organization = given.built, architecture, given.organization
        # The tools that are installed beside this Python come first: sam finds cargo-lambda by its name alone.
        path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # No region is called by anything; SAM and boto3 want one.
        self.environment = {"AWS_DEFAULT_REGION": "eu-west-1", **os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"}

    def build(self):
        if not shutil.which("cargo-lambda", path=self.environment["PATH"]):
            raise Failed("cargo-lambda is not on the path: pip install -r tests/requirements.txt")
        command = ["sam", "build", "--build-dir", self.built, "--parameter-overrides", f"Architecture={self.architecture}"]
        self.run(*command)
        if not self.organization:
            self.run("cargo", "build", "--locked", "--example", "organization")

    def artifact(self):
        self.script("artifact.py", self.built, "--architecture", self.architecture)

    def static(self):
        self.script("static_checks.py")

    def stack(self):
        self.script("stack.py")

    def local(self):
        organization = self.organization or target() / "debug/examples/organization"
        self.script("local_invoke.py", self.built, organization)

    def script(self, name: str, *arguments):
        if not (PROOF / name).exists():
            raise Failed(f"{PROOF / name} is not there")
        self.run(sys.executable, PROOF / name, *arguments)

    def run(self, *command):
        process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL)
        try:
            code = process.wait()
        except BaseException:
            # Whoever stops this stops the step too, which has to stop an engine and its containers first.
            process.terminate()
            process.wait(60)
            raise
        if code:
            raise Failed(f"{' '.join(map(str, command))} ended with {code}")


def target() -> pathlib.Path:
    """Where cargo builds."""
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=STEPS, help="these steps; without build, on what was built before")
    parser.add_argument("--built", type=pathlib.Path, default=ROOT / ".aws-sam/build", help="where sam build puts it")
    parser.add_argument("--organization", type=pathlib.Path, help="the example of that name, if it is built already")
    parser.add_argument("--without-docker", action="store_true", help="leave out what takes a Docker engine")
    given = parser.parse_args()
    given.built = given.built.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not (architecture := ARCHITECTURES.get(platform.machine())):
        sys.exit(f"=== FAILED: the artifact is run here, and Lambda has no {platform.machine()}")
    steps = [step for step in STEPS if step in (given.only or STEPS)]
    left_out = [step for step in STEPS if step not in steps]
    if given.without_docker and "local" in steps:
        steps.remove("local")
        left_out.append("local")
    proof, started = Proof(given, architecture), time.monotonic()
    for step in steps:
        print(f"\n=== {HEADINGS[step]}", flush=True)
        since = time.monotonic()
        try:
            getattr(proof, step)()
        except (Failed, OSError) as error:
            print(f"\n=== FAILED: {HEADINGS[step]}: {error}")
            sys.exit(1)
        print(f"--- {HEADINGS[step]}: {time.monotonic() - since:.0f} s", flush=True)
    if left_out:
        print("\n!!! LEFT OUT, and so not proven:", *(f"!!! {HEADINGS[step]}" for step in left_out), sep="\n")
    verdict = f"Proven, but for {', '.join(left_out)}" if left_out else "Proven"
    print(f"\n=== {verdict}, on {architecture}, in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
