#!/usr/bin/env python3
"""Runs the release binary under AWS's own Lambda Runtime Interface Emulator, against the simulated organization.

    cargo build --release --bin packwatch
    cargo build --example organization
    pip install -r tests/requirements.txt
    python tests/emulator.py target/release/packwatch target/debug/examples/organization

The emulator comes inside the aws-sam-cli package. It takes one call at a time. A function error is HTTP 200 with the error
as body, a start that failed HTTP 502.
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

ROOT = pathlib.Path(__file__).resolve().parent.parent
OWN, REGION, FAILING = "111122223333", "eu-west-1", "222233334444"
BUCKET = "packwatch-snapshots"
TOPIC = f"arn:aws:sns:{REGION}:{OWN}:digest"
SIGNED = f"AWS4-HMAC-SHA256 Credential=AKIDOWN/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def fetch(url, data=None, headers={}, timeout=60):
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=timeout) as answer:
        return answer.read()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A program in the background, its output in a file."""

    def __init__(self, folder, name, command, environment=None):
        self.name, self.output = name, folder / f"{name}.log"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def wait_for(self, ready, what, seconds=20):
        until = time.monotonic() + seconds
        while not ready():
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode} before {what}"
            assert time.monotonic() < until, f"{self.name} has not reached {what} after {seconds} s"
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
    def __init__(self, folder, binary, address="127.0.0.1"):
        port = folder / "organization.port"
        command = [binary, "--world", ROOT / "tests/worlds/emulator.json", "--port-file", port, "--address", address]
        super().__init__(folder, "organization", command)
        self.wait_for(port.exists, "listening")
        self.url = f"http://{address}:{port.read_text()}"

    def calls(self):
        return json.loads(fetch(f"{self.url}/_calls"))

    def publishes(self):
        return json.loads(fetch(f"{self.url}/_publishes"))

    def change(self, *changes):
        fetch(f"{self.url}/_world", json.dumps(changes).encode())

    def member(self, status, **row):
        where = {"caller": OWN, "region": REGION, "pack": "baseline", "account": FAILING}
        self.change({"put_member": {**where, "row": {"status": status, **row}}})

    def keys(self):
        listing = fetch(f"{self.url}/{BUCKET}?list-type=2", headers={"Authorization": SIGNED}).decode()
        return sorted(re.findall("<Key>([^<]*)</Key>", listing))

    def document(self, key):
        return json.loads(fetch(f"{self.url}/{BUCKET}/{key}", headers={"Authorization": SIGNED}))


def environment(organization, **settings):
    """The function's environment. Nothing of the machine's own AWS set-up gets in."""
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
    """The binary under the emulator, which starts it with the first invocation."""

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
        answer = self.invoke(event)
        assert "errorType" not in answer, f"the function failed: {answer}"
        return answer


def rie():
    package = importlib.util.find_spec("samcli")
    assert package, "the emulator comes with aws-sam-cli: pip install -r tests/requirements.txt"
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    return pathlib.Path(package.origin).parent / f"local/rapid/aws-lambda-rie-{machine}"


def event(name):
    return (ROOT / "events" / name).read_bytes()


def committed(organization, answer, sequence, digest):
    """Asserts that a run was stored, whole, and what became of its digest; gives its snapshot."""
    assert answer["outcome"] == "committed" and answer["complete"] is True, f"{answer}"
    assert answer["sequence"] == sequence, f"{answer['sequence']} is not run {sequence}"
    assert answer["digest"]["status"] == digest, f"the digest is {answer['digest']}, not {digest}"
    address = f"s3://{BUCKET}/"
    assert answer["snapshot"].startswith(address), f"{answer['snapshot']}"
    key = answer["snapshot"].removeprefix(address)
    snapshot, ledger = organization.document(key), organization.document("ledger.json")
    assert snapshot["run"]["id"] == answer["run_id"] and snapshot["run"]["sequence"] == sequence, f"{snapshot['run']}"
    assert organization.document("latest.json") == snapshot, "latest.json is not the snapshot"
    assert ledger["format"] == "packwatch.ledger" and ledger["snapshot"] == key, f"{ledger}"
    return key, snapshot


@check
def a_quiet_run_is_stored_and_silent(emulator, organization):
    answer = emulator.run(event("scheduled.json"))
    key, snapshot = committed(organization, answer, 1, "none")
    assert key == f"snapshots/dt=2026-03-01/20260301T081500Z_{answer['run_id']}.json", f"the snapshot is {key}"
    assert snapshot["run"]["trigger"] == "schedule", f"{snapshot['run']}"
    assert snapshot["packs"][0]["members"]["total"] == 2, f"{snapshot['packs']}"
    assert organization.keys() == ["latest.json", "ledger.json", key], f"the bucket holds {organization.keys()}"
    assert organization.publishes() == [], f"{organization.publishes()} were published"


@check
def a_dry_run_reads_and_writes_nothing(emulator, organization):
    before = organization.keys()
    organization.member("UPDATE_FAILED", code="NoAvailableConfigurationRecorderException", message="no recorder")
    organization.change("forget_calls")
    answer = emulator.run(event("manual-dry-run.json"))
    assert answer["outcome"] == "dry_run" and answer["digest"]["status"] == "dry_run", f"{answer}"
    assert FAILING in (answer["digest"]["text"] or ""), f"the text does not name the account: {answer['digest']}"
    operations = {call["operation"] for call in organization.calls()}
    assert "GetOrganizationConformancePackDetailedStatus" in operations, f"only {operations} were called"
    assert not operations & {"PutObject", "DeleteObject", "Publish"}, f"{operations} were called"
    assert organization.keys() == before, f"the bucket held {before} and holds {organization.keys()}"
    assert organization.publishes() == [], f"{organization.publishes()} were published"


@check
def a_failure_is_told(emulator, organization):
    answer = emulator.run({})
    _, snapshot = committed(organization, answer, 2, "published")
    [publish] = organization.publishes()
    pattern = "^packwatch: 1 appeared, 0 cleared, 1 open in baseline$"
    assert re.search(pattern, publish["subject"]), f"the subject is {publish['subject']!r}"
    assert publish["subject"] == answer["digest"]["subject"] and publish["topic"] == TOPIC, f"{publish}"
    texts = json.loads(publish["message"])
    [appeared] = json.loads(texts["default"])["appeared"]
    assert (appeared["pack"], appeared["account_id"]) == ("baseline", FAILING), f"{appeared}"
    assert "NoAvailableConfigurationRecorderException" in texts["email"], f"{texts['email']}"
    assert snapshot["packs"][0]["failing_accounts"][0]["change"] == "appeared", f"{snapshot['packs']}"


@check
def what_was_told_is_not_told_again(emulator, organization):
    answer = emulator.run(event("rule.json"))
    committed(organization, answer, 3, "none")
    assert answer["totals"]["open_all"] == 1, f"{answer['totals']}"
    assert len(organization.publishes()) == 1, f"{organization.publishes()[1:]} were published too"


@check
def a_run_of_one_pack_leaves_the_newest_snapshot_alone(emulator, organization):
    newest = organization.document("latest.json")
    answer = emulator.run(event("manual-one-pack.json"))
    assert answer["outcome"] == "committed" and answer["sequence"] == 4, f"{answer}"
    assert organization.document("latest.json") == newest, "latest.json is not of the last full run"
    assert len(organization.publishes()) == 1, f"{organization.publishes()[1:]} were published too"


@check
def a_misspelt_key_is_refused_before_anything_is_called(emulator, organization):
    organization.change("forget_calls")
    answer = emulator.invoke({"pakcs": []})
    assert answer.get("errorType") == "InvalidEvent", f"{answer}"
    assert '"pakcs"' in answer["errorMessage"], f"the message does not name the key: {answer['errorMessage']}"
    assert '"packs"' in answer["errorMessage"], f"the message names nothing that is accepted: {answer['errorMessage']}"
    called = [call for call in organization.calls() if call["service"] in ("config", "s3", "sns")]
    assert called == [], f"{called} were called"
    committed(organization, emulator.run({}), 5, "none")


@check
def an_event_that_is_no_value_is_refused_like_any_other(emulator, organization):
    for event, named in ((b'{"dry_run": 1e999}', "out of range"), (b'{"dry_run": true, "dry_run": false}', "there twice")):
        answer = emulator.invoke(event)
        assert answer.get("errorType") == "InvalidEvent" and named in answer["errorMessage"], f"{answer}"


@check
def a_failure_that_ends_is_told(emulator, organization):
    organization.member("UPDATE_SUCCESSFUL")
    committed(organization, emulator.run({}), 6, "published")
    subject = organization.publishes()[-1]["subject"]
    assert subject == "packwatch: 0 appeared, 1 cleared, 0 open", f"the subject is {subject!r}"


def wrong_settings_are_all_named_at_start_up(folder, binary, organization):
    organization.change("forget_calls")
    emulator = Emulator(folder, "wrong-settings", binary, organization, TOPIC_ARN=TOPIC, CONCURRENCY="0")
    try:
        try:
            raise AssertionError(f"the function starts: {emulator.invoke({})}")
        except urllib.error.HTTPError as error:
            assert error.code == 502, f"HTTP {error.code} is no failed start"
            answer = json.loads(error.read())
        assert answer["errorType"] == "InvalidSettings", f"{answer}"
        for name in ("SNAPSHOT_BUCKET", "CONCURRENCY"):
            assert name in answer["errorMessage"], f"the message does not name {name}: {answer['errorMessage']}"
        assert "TOPIC_ARN is" not in answer["errorMessage"], f"a right variable is named: {answer['errorMessage']}"
        assert organization.calls() == [], f"{organization.calls()} were called"
    except Exception:
        print(f"--- what {emulator.name} wrote\n{emulator.text()}---")
        raise
    finally:
        emulator.stop()


def a_line_of_the_log_says_its_time_and_its_level(binary):
    settings = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "ERROR"}
    ended = subprocess.run([binary], env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1, f"without settings it ended with {ended.returncode}"
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert lines, "nothing was logged"
    for line in lines:
        assert line["level"] == "ERROR", f"{line}"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"]), f"{line}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    binary, simulation = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    passed, failed = 0, 0

    def attempt(name, call, *outputs):
        nonlocal passed, failed
        started = time.monotonic()
        try:
            call()
        except Exception:
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
            for process in outputs:
                print(f"--- what {process.name} wrote\n{process.text()}---")
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
            # One life of one function: each check goes on where the one before it ended.
            for function in CHECKS:
                name = function.__name__.replace("_", " ")
                attempt(name, lambda: function(emulator, organization), emulator)
            function = wrong_settings_are_all_named_at_start_up
            attempt(function.__name__.replace("_", " "), lambda: function(folder, binary, organization))
            function = a_line_of_the_log_says_its_time_and_its_level
            attempt(function.__name__.replace("_", " "), lambda: function(binary))
        finally:
            for process in reversed(processes):
                process.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
