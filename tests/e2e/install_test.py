#!/usr/bin/env python3
"""Installs a release as docs/install.md says, with the AWS CLI alone, and follows docs/operations.md.

    python tools/release.py --out dist --arch x86_64
    cargo build --example simulated_org
    python tests/e2e/install_test.py dist target/debug/examples/simulated_org

The commands of docs/install.md run in an empty folder, with a PATH that has neither cargo nor SAM. AWS
is moto, and the download is from a folder with the files of `dist` as GitHub serves them. The zip that moto stores is fetched and runs under
the AWS Lambda runtime emulator with the environment that the stack gives the function; AWS Config is
the simulated organization. Then the commands of docs/operations.md run.

Not verified, because it needs an AWS account: that CloudFormation accepts the template, and commands
of services that moto does not have. The AWS CLI checks the syntax of all commands.
"""

import argparse
import io
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import venv
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import boto3  # noqa: E402
from lambda_rie import OWN, Emulator, Organization, Process, free_port  # noqa: E402
from shell_blocks import Block, shell_blocks  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = ROOT / "tests/e2e/requirements-aws-cli.txt"
REGION, CODE_BUCKET = "eu-west-1", "example-code"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
# All programs of the documents, besides those of the shell. Nothing else is on the PATH.
PROGRAMS = ["bash", "cat", "curl", "date", "sha256sum", "sleep", "tail"]
# Operations that moto does not have. The AWS CLI checks their arguments before it sends them.
NOT_IN_MOTO = {
    "cloudformation detect-stack-drift",
    "cloudformation describe-stack-drift-detection-status",
    "cloudformation describe-stack-resource-drifts",
    "lambda get-account-settings",
}
# The second region in docs/install.md. It has no packs in the simulated organization.
GIVEN_UP = "us-east-1"
# Older than the default of AnnounceAfterMinutes.
LONG_AGO = "2026-01-01T00:00:00Z"
# Needs SAM and a build.
FROM_SOURCE = "From source"
# Exit codes of the AWS CLI.
ANSWERED_WITH_ERROR = {"254", "255"}
# The shell reports each call of the AWS CLI, and each command that fails. The AWS CLI of PyPI is version
# 1, which always takes payloads as they are and has no option for it.
PRELUDE = r"""
set -uo pipefail
aws() {
  local words=() word output code
  for word; do
    [[ $word == --cli-binary-format || $word == raw-in-base64-out ]] || words+=("$word")
  done
  # For SQS, version 1 has an address of its own.
  [[ $1 == sqs ]] && words=(--endpoint-url "$AWS_ENDPOINT_URL" "${words[@]}")
  output=$(command aws "${words[@]}")
  code=$?
  case "$1 $2" in
    # Two regions are enough.
    "ec2 describe-regions") output="eu-west-1 us-east-1" ;;
    "cloudformation detect-stack-drift") output=11111111-2222-3333-4444-555555555555 ;;
  esac
  [[ -n $output ]] && printf '%s\n' "$output"
  printf '%s\t%s %s\n' "$code" "$1" "$2" >>"$CALLS"
  return $code
}
trap 'printf "%s\t%s\n" "$?" "$BASH_COMMAND" >>"$FAILURES"' ERR
"""


class Shell:
    """Runs blocks of commands in one shell, as somebody pastes them."""

    def __init__(self, folder: pathlib.Path, url: str, aws: pathlib.Path):
        self.folder, self.scratch = folder / "user", folder
        self.folder.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        for name in PROGRAMS:
            (programs / name).symlink_to(shutil.which(name))
        (programs / "python3").symlink_to(sys.executable)
        (programs / "aws").symlink_to(aws)
        self.environment = {
            "PATH": str(programs),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "CALLS": str(folder / "calls"),
            "FAILURES": str(folder / "failures"),
            "WAIT": "0",
        }
        for program in ("cargo", "sam", "rustc"):
            assert not shutil.which(program, path=self.environment["PATH"]), f"{program} is on the PATH"
        self.prepared = ""

    def run(self, blocks: list[Block], **values: str) -> list[str]:
        """Runs blocks with the variables of all blocks before them, and prints their times.

        `values` replace values of the document. Returns the errors.
        """
        script = PRELUDE + self.prepared
        for name in ("calls", "failures"):
            (self.scratch / name).write_text("")
        for block in blocks:
            text = block.text
            for name, value in values.items():
                text = re.sub(rf"^((?:export )?){name}=.*$", rf"\g<1>{name}='{value}'", text, flags=re.M)
            script += f"echo '### {block.place}'; SECONDS=0\n{text}printf '\\n--- %s s\\n' $SECONDS\n"
        process = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        errors = self.errors(process, blocks)
        lines = process.stdout.splitlines()
        print("\n".join(line for line in lines if errors or line.startswith(("### ", "--- "))), flush=True)
        return errors

    def errors(self, process: subprocess.CompletedProcess, blocks: list[Block]) -> list[str]:
        def pairs(name: str) -> list[list[str]]:
            return [line.split("\t", 1) for line in (self.scratch / name).read_text().splitlines() if "\t" in line]

        calls = pairs("calls")
        errors = [
            f"`aws {call}` exited with {code}"
            for code, call in calls
            if code != "0" and not (call in NOT_IN_MOTO and code in ANSWERED_WITH_ERROR)
        ]
        errors += [
            f"`{command}` exited with {code}"
            for code, command in pairs("failures")
            if not command.startswith("return ") and not any(f"aws {call}" in command for call in NOT_IN_MOTO)
        ]
        ended = len(re.findall(r"^--- \d+ s$", process.stdout, re.M))
        if process.returncode or ended != len(blocks):
            errors.append(f"the shell exited with {process.returncode} after {ended} of {len(blocks)} blocks")
        called = sum(len(re.findall(r"(?:^|[|(;] *)aws ", block.text, re.M)) for block in blocks)
        if len(calls) < called:
            errors.append(f"only {len(calls)} of at least {called} calls of the AWS CLI were made")
        return errors


def aws_cli(folder: pathlib.Path) -> pathlib.Path:
    """Returns the AWS CLI, installed into `folder` if it is missing or has another version."""
    installed = folder / "requirements.txt"
    if not installed.exists() or installed.read_text() != REQUIREMENTS.read_text():
        venv.create(folder, with_pip=True, clear=True, symlinks=True)
        command = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS]
        subprocess.run(command, check=True)
        installed.write_text(REQUIREMENTS.read_text())
    return folder / "bin/aws"


def run_function(zip_bytes: bytes, clients, folder: pathlib.Path, simulation: pathlib.Path, url: str) -> dict:
    """Runs the function from the zip twice as the stack configures it, with S3 and SNS in moto.

    Returns the response of the first run, and the messages on the digest topic.
    """
    with zipfile.ZipFile(io.BytesIO(zip_bytes)) as archive:
        [entry] = archive.infolist()
        assert entry.filename == "bootstrap" and entry.external_attr >> 16 & 0o111 == 0o111, entry
        binary = folder / "bootstrap"
        binary.write_bytes(archive.read(entry))
    binary.chmod(0o755)
    function = clients("lambda").get_function_configuration(FunctionName=output(clients, "FunctionName"))
    variables = function["Environment"]["Variables"]
    # moto makes the bucket without the versioning that the template asks for.
    versioning = {"Status": "Enabled"}
    clients("s3").put_bucket_versioning(Bucket=variables["SNAPSHOT_BUCKET"], VersioningConfiguration=versioning)
    topic = variables["TOPIC_ARN"]
    assert topic == output(clients, "TopicArn"), f"the function publishes to {topic}"
    queue = clients("sqs").create_queue(QueueName="digests")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{REGION}:123456789012:digests"
    clients("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    # An address in place of a name makes the SDK put the bucket into the path.
    endpoint = url.replace("localhost", "127.0.0.1")
    variables |= {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ENDPOINT_URL_SNS": endpoint}
    organization, emulator = Organization(folder, simulation), None
    try:
        organization.put_member("UPDATE_FAILED", code="NoAvailableConfigurationRecorderException", updated=LONG_AGO)
        emulator = Emulator(folder, "emulator", binary, organization, **variables)
        first = emulator.run({})
        assert first["outcome"] == "committed" and first["complete"], first
        assert first["totals"]["failures"] == 1, first
        # The documents say what to do about a gap, so the last run has one.
        organization.change({"fault": {"effect": "denied", "service": "config", "region": GIVEN_UP}})
        second = emulator.run({})
        assert second["outcome"] == "committed" and second["totals"]["gaps"] == 1, second
        received = clients("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return {"response": first, "messages": [json.loads(message["Body"]) for message in received]}
    except Exception:
        print(f"--- output of the function\n{emulator.text() if emulator else ''}---")
        raise
    finally:
        if emulator:
            emulator.stop()
        organization.stop()


def output(clients, key: str) -> str:
    [stack] = clients("cloudformation").describe_stacks(StackName="packwatch")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}[key]


def stored_zip(clients, template: pathlib.Path) -> bytes:
    """Returns the zip that `package` uploaded and that the deployed template names."""
    code = re.search(r"S3Bucket: (\S+)\s+S3Key: (\S+)", template.read_text())
    assert code, f"{template} does not name the zip"
    return clients("s3").get_object(Bucket=code[1], Key=code[2])["Body"].read()


def check_from_source(blocks: list[Block]) -> list[str]:
    """Checks the options of the commands that build from source, which the gate runs in another step."""
    errors = []
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
    sam = pathlib.Path(sys.executable).parent / "sam"
    commands = {command for block in blocks for command in re.findall(r"^sam .*$", block.text, re.M)}
    for command in sorted(commands):
        name = command.split()[1]
        text = subprocess.run([sam, name, "--help"], env=environment, capture_output=True, text=True, check=True).stdout
        errors += [
            f"`{command}`: no option {option}" for option in re.findall(r"--[a-z-]+", command) if option not in text
        ]
    for block in blocks:
        code = subprocess.run(["bash", "-n", "-c", block.text]).returncode
        errors += [f"{block.place}: bash cannot parse it"] if code else []
    return errors if commands else ["no command builds from source"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=pathlib.Path, help="folder of tools/release.py")
    parser.add_argument("simulation", type=pathlib.Path)
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    parser.add_argument("--aws-venv", type=pathlib.Path, default=target / "aws-venv", help="environment of the AWS CLI")
    args = parser.parse_args()
    release, simulation = args.release.resolve(), args.simulation.resolve()
    aws = aws_cli(args.aws_venv.resolve())
    [template] = release.glob(f"packwatch-*-{ARCHITECTURE}.json")
    version = template.name.removeprefix("packwatch-").removesuffix(f"-{ARCHITECTURE}.json")
    port = free_port()
    # moto accepts the address of a template only on localhost.
    url = f"http://localhost:{port}"

    def clients(service: str):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        moto = Process(folder, "moto", [sys.executable, ROOT / "tests/e2e/moto_server.py", str(port)])
        try:
            moto.wait_for(lambda: Emulator.listens(port), "listening", 60)
            errors = check(folder, release, simulation, version, Shell(folder, url, aws), clients, url)
        except BaseException:
            print(f"--- output of moto\n{moto.text()[-5000:]}---")
            raise
        finally:
            moto.stop()
    for error in errors:
        print(f"FAILED {error}")
    sys.exit(1 if errors else 0)


def published(release: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Returns a folder with the files of the release under the names on GitHub, where a release has no folders."""
    folder.mkdir()
    for path in release.rglob("*"):
        if path.is_file():
            (folder / path.name).symlink_to(path)
    return folder


def check(folder, release, simulation, version, shell, clients, url) -> list[str]:
    install = shell_blocks(ROOT / "docs/install.md")
    from_source = [block for block in install if block.heading == FROM_SOURCE]
    errors = check_from_source(from_source)
    clients("s3").create_bucket(
        Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    served = published(release, folder / "published")
    values = {"RELEASE": f"file://{served}", "VERSION": version, "ARCH": ARCHITECTURE, "CODE_BUCKET": CODE_BUCKET}
    started = time.monotonic()
    errors += shell.run([block for block in install if block not in from_source], **values)
    print(f"docs/install.md: {time.monotonic() - started:.0f} s", flush=True)
    packaged = stored_zip(clients, shell.folder / "packaged.yaml")
    if packaged != (release / f"packwatch-{version}-{ARCHITECTURE}.zip").read_bytes():
        errors.append("the zip in the bucket is not that of the release")
    result = run_function(packaged, clients, folder, simulation, url)
    print(f"function: {result['response']['digest']['subject']}")
    if len(result["messages"]) != 1 or json.loads(result["messages"][0]["Message"])["totals"]["failures"] != 1:
        errors.append(f"the digest topic got {result['messages']}")
    shell.prepared = f"CODE_BUCKET={CODE_BUCKET}\n"
    operations = shell_blocks(ROOT / "docs/operations.md")
    # moto's addresses of queues are those of AWS.
    queues = {name: output(clients, key) for name, key in (("FAILED_RUNS", "FailedRunsUrl"), ("FAILED_STARTS", "FailedStartsUrl"))}
    local = {name: url + urllib.parse.urlsplit(address).path for name, address in queues.items()}
    return errors + shell.run(operations, ARCH=ARCHITECTURE, **local)


if __name__ == "__main__":
    main()
