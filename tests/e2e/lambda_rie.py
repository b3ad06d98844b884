#!/usr/bin/env python3
"""Runs the release binary under the AWS Lambda Runtime Interface Emulator (RIE).

AWS is the simulated organization.

    cargo build --release -p packwatch
    cargo build --example simulated_org
    pip install -r tests/e2e/requirements.txt
    python tests/e2e/lambda_rie.py target/release/packwatch-lambda target/debug/examples/simulated_org

The emulator is part of the aws-sam-cli package. It accepts one invocation at a time. It returns a
function error as HTTP 200 with the error in the body, and a failed initialization as HTTP 502.
"""

import importlib.util
import json
import os
import pathlib
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OWN, REGION, FAILING = "111122223333", "eu-west-1", "222233334444"
BUCKET = "packwatch-snapshots"
TOPIC = f"arn:aws:sns:{REGION}:{OWN}:digest"
SIGNED = f"AWS4-HMAC-SHA256 Credential=AKIDOWN/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
CHECKS = []


def check(function):
    """Registers a check. Checks run in the order of their definition."""
    CHECKS.append(function)
    return function


def fetch(url, data=None, headers={}, timeout=60):
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=timeout) as response:
        return response.read()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A background process that writes its output to a file."""

    def __init__(self, folder, name, command, environment=None):
        self.name, self.output = name, folder / f"{name}.log"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def wait_for(self, ready, description, seconds=20):
        deadline = time.monotonic() + seconds
        while not ready():
            assert self.process.poll() is None, (
                f"{self.name} exited with {self.process.returncode} before {description}"
            )
            assert time.monotonic() < deadline, f"{self.name}: timeout after {seconds} s waiting for {description}"
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def text(self):
        return self.output.read_text(errors="replace")


class Organization(Process):
    """The simulated organization, with the members of `emulator.json`, and its control API."""

    def __init__(self, folder, binary, address="127.0.0.1"):
        port = folder / "organization.port"
        fixture = ROOT / "tests/fixtures/organizations/emulator.json"
        command = [binary, "--world", fixture, "--port-file", port, "--address", address]
        super().__init__(folder, "organization", command)
        self.wait_for(port.exists, "listening")
        self.url = f"http://{address}:{port.read_text()}"

    def calls(self):
        return json.loads(fetch(f"{self.url}/_calls"))

    def publishes(self):
        return json.loads(fetch(f"{self.url}/_publishes"))

    def events(self):
        return json.loads(fetch(f"{self.url}/_events"))

    def change(self, *changes):
        fetch(f"{self.url}/_world", json.dumps(changes).encode())

    def put_member(self, status, **fields):
        """Sets the status record of account FAILING in the pack `baseline`."""
        key = {"caller": OWN, "region": REGION, "pack": "baseline", "account": FAILING}
        self.change({"put_member": {**key, "row": {"status": status, **fields}}})

    def keys(self):
        listing = fetch(f"{self.url}/{BUCKET}?list-type=2", headers={"Authorization": SIGNED}).decode()
        return sorted(re.findall("<Key>([^<]*)</Key>", listing))

    def document(self, key):
        return json.loads(fetch(f"{self.url}/{BUCKET}/{key}", headers={"Authorization": SIGNED}))


def environment(organization, **settings):
    """Returns the environment of the function, without AWS variables of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_FUNCTION_NAME": "packwatch",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": organization.url,
        "AWS_ACCESS_KEY_ID": "AKIDOWN",
        "AWS_SECRET_ACCESS_KEY": "x",
        **settings,
    }


class Emulator(Process):
    """The binary under the emulator, which starts the binary at the first invocation."""

    def __init__(self, folder, name, binary, organization, **settings):
        port, runtime = free_port(), free_port()
        listen = f"127.0.0.1:{port}"
        command = [rie(), "--runtime-interface-emulator-address", listen]
        command += ["--runtime-api-address", f"127.0.0.1:{runtime}", binary]
        super().__init__(folder, name, command, environment(organization, **settings))
        self.url = f"http://{listen}/2015-03-31/functions/function/invocations"
        self.wait_for(lambda: self.listens(port), "listening")

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def invoke(self, event):
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        return json.loads(fetch(self.url, data))

    def run(self, event):
        """Invokes the function and asserts that it succeeded."""
        response = self.invoke(event)
        assert "errorType" not in response, f"the function failed: {response}"
        return response


def rie():
    """Returns the path of the emulator for this machine."""
    package = importlib.util.find_spec("samcli")
    assert package, "the emulator is part of aws-sam-cli: pip install -r tests/e2e/requirements.txt"
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    return pathlib.Path(package.origin).parent / f"local/rapid/aws-lambda-rie-{machine}"


def event(name):
    return (ROOT / "events" / name).read_bytes()


def assert_committed(organization, response, sequence, digest):
    """Asserts that a complete run was committed with this digest status.

    Returns the key and the content of its snapshot.
    """
    assert response["outcome"] == "committed" and response["complete"] is True, f"{response}"
    assert response["sequence"] == sequence, f"the sequence is {response['sequence']}, expected {sequence}"
    assert response["digest"]["status"] == digest, f"the digest is {response['digest']}, expected status {digest}"
    address = f"s3://{BUCKET}/"
    assert response["snapshot"].startswith(address), f"{response['snapshot']}"
    key = response["snapshot"].removeprefix(address)
    snapshot, ledger = organization.document(key), organization.document("ledger.json")
    assert snapshot["run"]["id"] == response["run_id"] and snapshot["run"]["sequence"] == sequence, f"{snapshot['run']}"
    assert organization.document("latest.json") == snapshot, "latest.json differs from the snapshot"
    assert ledger["format"] == "packwatch.ledger" and ledger["snapshot"] == key, f"{ledger}"
    return key, snapshot


@check
def first_run_without_failures_sends_first_look(emulator, organization):
    response = emulator.run(event("scheduled.json"))
    key, snapshot = assert_committed(organization, response, 1, "published")
    # The time of the sample event is not the time of the run.
    assert re.fullmatch(rf"snapshots/dt=[\d-]{{10}}/\d{{8}}T\d{{6}}Z_{response['run_id']}\.json", key), f"{key}"
    day = key.split("/")[1].removeprefix("dt=")
    assert snapshot["run"]["started_at"].startswith(day), f"the snapshot of {snapshot['run']} is {key}"
    assert snapshot["run"]["trigger"] == "schedule", f"{snapshot['run']}"
    assert snapshot["run"]["scheduled_at"] == "2026-03-01T08:15:00Z", f"{snapshot['run']}"
    assert snapshot["packs"][0]["members"]["total"] == 2, f"{snapshot['packs']}"
    assert organization.keys() == ["latest.json", "ledger.json", "report.html", key], f"the bucket holds {organization.keys()}"
    subjects = [publish["subject"] for publish in organization.publishes()]
    assert subjects == ["[packwatch] WATCHING 1 pack in eu-west-1: nothing fails"], f"{subjects} were published"


@check
def dry_run_reads_and_does_not_write(emulator, organization):
    before = organization.keys()
    organization.put_member("UPDATE_FAILED", code="NoAvailableConfigurationRecorderException", message="no recorder")
    organization.change("forget_calls")
    response = emulator.run(event("manual-dry-run.json"))
    assert response["outcome"] == "dry_run" and response["digest"]["status"] == "dry_run", f"{response}"
    assert FAILING in (response["digest"]["text"] or ""), f"the text does not name the account: {response['digest']}"
    operations = {call["operation"] for call in organization.calls()}
    assert "GetOrganizationConformancePackDetailedStatus" in operations, f"only {operations} were called"
    assert not operations & {"PutObject", "DeleteObject", "Publish"}, f"{operations} were called"
    assert organization.keys() == before, f"the keys in the bucket changed from {before} to {organization.keys()}"
    assert len(organization.publishes()) == 1, f"also published: {organization.publishes()[1:]}"


@check
def new_failure_is_published(emulator, organization):
    response = emulator.run({})
    _, snapshot = assert_committed(organization, response, 2, "published")
    publish = organization.publishes()[-1]
    expected = f"[packwatch] FAILING {FAILING}: no Config recorder, baseline"
    assert publish["subject"] == expected, f"the subject is {publish['subject']!r}"
    assert publish["subject"] == response["digest"]["subject"] and publish["topic"] == TOPIC, f"{publish}"
    texts = json.loads(publish["message"])
    [appeared] = json.loads(texts["default"])["appeared"]
    assert (appeared["pack"], appeared["account_id"]) == ("baseline", FAILING), f"{appeared}"
    assert "NoAvailableConfigurationRecorderException" in texts["email"], f"{texts['email']}"
    assert snapshot["packs"][0]["failing_accounts"][0]["change"] == "appeared", f"{snapshot['packs']}"


@check
def notified_failure_is_not_published_again(emulator, organization):
    response = emulator.run(event("rule.json"))
    assert_committed(organization, response, 3, "none")
    assert response["totals"]["open_total"] == 1, f"{response['totals']}"
    assert len(organization.publishes()) == 2, f"also published: {organization.publishes()[2:]}"


@check
def narrowed_run_does_not_update_latest_json(emulator, organization):
    latest = organization.document("latest.json")
    response = emulator.run(event("manual-one-pack.json"))
    assert response["outcome"] == "committed" and response["sequence"] == 4, f"{response}"
    assert organization.document("latest.json") == latest, "latest.json is not the snapshot of the last full run"
    assert len(organization.publishes()) == 2, f"also published: {organization.publishes()[2:]}"


@check
def event_with_unknown_key_is_rejected_before_any_call(emulator, organization):
    organization.change("forget_calls")
    response = emulator.invoke({"pakcs": []})
    assert response.get("errorType") == "InvalidEvent", f"{response}"
    assert '"pakcs"' in response["errorMessage"], f"the message does not name the key: {response['errorMessage']}"
    assert '"packs"' in response["errorMessage"], (
        f"the message does not list the accepted keys: {response['errorMessage']}"
    )
    calls = [call for call in organization.calls() if call["service"] in ("config", "s3", "sns")]
    assert calls == [], f"unexpected calls: {calls}"
    assert_committed(organization, emulator.run({}), 5, "none")


@check
def event_with_invalid_value_or_duplicate_key_is_rejected(emulator, organization):
    for event, expected in (
        (b'{"dry_run": 1e999}', "out of range"),
        (b'{"dry_run": true, "dry_run": false}', "appears twice"),
        (b"run", "cannot be read"),
        (b'{"packs": ["\xff"]}', "cannot be read"),
    ):
        response = emulator.invoke(event)
        assert response.get("errorType") == "InvalidEvent" and expected in response["errorMessage"], f"{response}"


@check
def cleared_failure_is_published(emulator, organization):
    organization.put_member("UPDATE_SUCCESSFUL")
    assert_committed(organization, emulator.run({}), 6, "published")
    subject = organization.publishes()[-1]["subject"]
    expected = f"[packwatch] CLEARED {FAILING}: no Config recorder, baseline"
    assert subject == expected, f"the subject is {subject!r}"


@check
def empty_payload_is_full_run(emulator, organization):
    before = emulator.text().count('"_aws"')
    assert_committed(organization, emulator.run(b""), 7, "none")
    assert emulator.text().count('"_aws"') == before + 1, f"no metrics: {emulator.text()}"


def init_error_names_every_invalid_setting(folder, binary, organization):
    organization.change("forget_calls")
    emulator = Emulator(folder, "invalid-settings", binary, organization, TOPIC_ARN=TOPIC, CONCURRENCY="0")
    try:
        try:
            raise AssertionError(f"the function starts: {emulator.invoke({})}")
        except urllib.error.HTTPError as error:
            assert error.code == 502, f"HTTP {error.code} is not a failed initialization"
            response = json.loads(error.read())
        assert response["errorType"] == "InvalidSettings", f"{response}"
        for name in ("SNAPSHOT_BUCKET", "CONCURRENCY"):
            assert name in response["errorMessage"], f"the message does not name {name}: {response['errorMessage']}"
        assert "TOPIC_ARN is" not in response["errorMessage"], f"a valid variable is named: {response['errorMessage']}"
        assert organization.calls() == [], f"unexpected calls: {organization.calls()}"
    except Exception:
        print(f"--- output of {emulator.name}\n{emulator.text()}---")
        raise
    finally:
        emulator.stop()


def json_log_record_has_timestamp_and_level(binary):
    settings = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "ERROR"}
    process = subprocess.run(
        [binary], env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
    )
    assert process.returncode == 1, f"without settings the exit code is {process.returncode}"
    records = [json.loads(line) for line in process.stdout.splitlines()]
    assert records, "the log is empty"
    for record in records:
        assert record["level"] == "ERROR", f"{record}"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", record["timestamp"]), f"{record}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    binary, simulation = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    passed, failed = 0, 0

    def run_check(function, *arguments, logs=()):
        nonlocal passed, failed
        name, started = function.__name__.replace("_", " "), time.monotonic()
        try:
            function(*arguments)
        except Exception:
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
            for process in logs:
                print(f"--- output of {process.name}\n{process.text()}---")
        else:
            passed += 1
            print(f"ok     {name} ({1000 * (time.monotonic() - started):.0f} ms)", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        organization = Organization(folder, simulation)
        processes = [organization]
        try:
            settings = {"SNAPSHOT_BUCKET": BUCKET, "TOPIC_ARN": TOPIC}
            emulator = Emulator(folder, "emulator", binary, organization, **settings)
            processes.append(emulator)
            # All checks use one process of the function, and each depends on the state that the one
            # before it left.
            for function in CHECKS:
                run_check(function, emulator, organization, logs=[emulator])
            run_check(init_error_names_every_invalid_setting, folder, binary, organization)
            run_check(json_log_record_has_timestamp_and_level, binary)
        finally:
            for process in reversed(processes):
                process.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
