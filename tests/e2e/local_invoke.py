#!/usr/bin/env python3
"""Runs the artifact of `sam build` with `sam local invoke`, in Docker, with every file in events/.

    sam build
    cargo build --example simulated_org
    python tests/e2e/local_invoke.py .aws-sam/build target/debug/examples/simulated_org

AWS Config, STS and Organizations are the simulated organization. S3, SNS, SQS and EventBridge are
moto, which is independent of this project. Three queues subscribe to the topic: one without a filter
policy, one with a policy that matches, and one with a policy that does not. Two queues are targets of
rules on the event bus: one rule matches the error code of a cause, the other its end. The steps form
one scenario, from a first dry run to a cleared failure and 50,000 failures; each depends on the step
before it.

The template and the binary are the deployed ones, byte for byte. SAM passes only the variables that
the template declares, so the image sets the endpoints of the simulations. SAM exits with 0 even if
the function fails, so the checks read the output of SAM.
"""

import argparse
import collections
import contextlib
import datetime
import json
import logging
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from lambda_rie import BUCKET, FAILING, OWN, REGION, ROOT, Organization

# The account that owns the bucket, the topic and the queues. moto reads this variable at import.
os.environ["MOTO_ACCOUNT_ID"] = OWN

import boto3  # noqa: E402
import samtranslator.yaml_helper  # noqa: E402
from docker_engine import Engine, MissingRequirement  # noqa: E402
from memory_peak import PeakMonitor, mb  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

EVENTS = ROOT / "events"
FIRST_EVENT = "scheduled.json"
CODE, CAUSE = "NoAvailableConfigurationRecorderException", "no recorder in this account"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDOWN", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
QUEUES = {"all": None, "matching": {"packs": ["baseline"]}, "other": {"packs": ["operations"]}}
BUS = "operations"
# The detail that each rule on the bus matches.
RULES = {"one code": {"group": {"error_code": [CODE]}}, "ends": {"event_action": ["resolve"]}}


class MotoServices:
    """The bucket, the topic and the queues in moto."""

    def __init__(self, address: str):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = ThreadedMotoServer(ip_address=address, port=0, verbose=False)
        self.server.start()
        self.url = "http://{}:{}".format(*self.server.get_host_and_port())
        options = {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": "AKIDOWN",
            "aws_secret_access_key": "x",
        }
        services = ("s3", "sns", "sqs", "events")
        self.s3, self.sns, self.sqs, self.events = (boto3.client(service, **options) for service in services)
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.topic = self.sns.create_topic(Name="digest")["TopicArn"]
        self.queues = {name: self.create_subscribed_queue(name, policy) for name, policy in QUEUES.items()}
        self.events.create_event_bus(Name=BUS)
        self.rules = {name: self.create_rule_with_queue(name, detail) for name, detail in RULES.items()}

    def create_queue(self, name: str) -> tuple[str, str]:
        """Returns the URL and the ARN of a new queue."""
        queue = self.sqs.create_queue(QueueName=name.replace(" ", "-"))["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        return queue, attributes["QueueArn"]

    def create_rule_with_queue(self, name: str, detail: dict) -> str:
        queue, arn = self.create_queue(name)
        rule = name.replace(" ", "-")
        pattern = {"source": ["packwatch"], "detail": detail}
        self.events.put_rule(Name=rule, EventBusName=BUS, EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule=rule, EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
        return queue

    def create_subscribed_queue(self, name: str, policy: dict | None) -> str:
        queue, arn = self.create_queue(name)
        attributes = {"FilterPolicy": json.dumps(policy)} if policy else {}
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return queue

    def stop(self):
        self.server.stop()

    def receive(self) -> dict[str, list[dict]]:
        """Receives and deletes the messages in each queue.

        Returns the SNS notifications by queue, without empty queues.
        """
        return self.receive_from(self.queues)

    def receive_events(self) -> dict[str, list[tuple]]:
        """Receives and deletes the events that each rule matched, without rules that matched none.

        Returns the action and the error code of each.
        """
        received = self.receive_from(self.rules)
        assert all(event["detail-type"] == "packwatch Cause" for events in received.values() for event in events), (
            f"a rule matched an event that is not about a cause: {received}"
        )
        return {
            name: [(event["detail"]["event_action"], event["detail"]["group"]["error_code"]) for event in events]
            for name, events in received.items()
        }

    def receive_from(self, queues: dict[str, str]) -> dict[str, list[dict]]:
        received = collections.defaultdict(list)
        for name, queue in queues.items():
            while messages := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
                for message in messages:
                    received[name].append(json.loads(message["Body"]))
                    self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return dict(received)

    def objects(self) -> dict[str, str]:
        """Returns the keys in the bucket with their ETags."""
        listing = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {entry["Key"]: entry["ETag"] for entry in listing}

    def document(self, key: str) -> dict:
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


class LocalFunction:
    """The function under `sam local invoke`."""

    def __init__(
        self,
        folder: pathlib.Path,
        built: pathlib.Path,
        architecture: str,
        engine: Engine,
        options: list[str],
        services: MotoServices,
    ):
        settings = folder / "settings.json"
        # The two variables whose values are unknown until the stack exists, and the bus.
        variables = {"SNAPSHOT_BUCKET": BUCKET, "TOPIC_ARN": services.topic, "EVENT_BUS": BUS}
        settings.write_text(json.dumps({"Function": variables}))
        template = built / "template.yaml"
        self.command = [sys.executable, "-m", "samcli", "local", "invoke", "Function", "--template", template]
        self.command += ["--env-vars", settings, "--parameter-overrides", f"Architecture={architecture}"]
        self.command += ["--layer-cache-basedir", folder / "layers", *options]
        # SAM lets variables of the shell override those of the template, so only these are passed
        # on.
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        isolated = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "SAM_CLI_TELEMETRY": "0"}
        # SAM does not remove its lock files, so they go to the temporary folder.
        self.environment = {**inherited, **isolated, "TMPDIR": str(folder), **CREDENTIALS, **engine.environment}
        self.engine, self.memory, self.output = engine, memory_size(template), ""
        # The peak of all invocations, in bytes.
        self.peak = 0

    def invoke(self, event: pathlib.Path | bytes) -> dict:
        """Invokes the function with an event file, or with an event on the standard input.

        Returns its response.
        """
        source, stdin = (event, None) if isinstance(event, pathlib.Path) else ("-", event)
        with PeakMonitor(self.engine.client) as peak:
            process = subprocess.run(
                [*self.command, "--event", source],
                env=self.environment,
                input=stdin,
                capture_output=True,
                timeout=300,
                check=False,
            )
        self.output = process.stderr.decode(errors="replace") + process.stdout.decode(errors="replace")
        assert process.returncode == 0, f"sam exited with {process.returncode}: the function did not run"
        lines = process.stdout.decode().splitlines()
        assert lines, "no response: the function did not start, or it exceeded its memory or time limit"
        response = json.loads(lines[-1])
        print(f"       {peak}", flush=True)
        assert peak.limit == self.memory * 1024 * 1024, (
            f"the limit is {mb(peak.limit)} MB, expected {self.memory} MB as in the template"
        )
        assert min(peak.charged, peak.resident) > 0, f"the peak was not measured: {peak}"
        assert peak.highest() < peak.limit, f"the peak reached the limit: {peak}"
        self.peak = max(self.peak, peak.highest())
        return response

    def run(self, event: pathlib.Path | bytes) -> dict:
        """Invokes the function and asserts that it succeeded."""
        response = self.invoke(event)
        assert "errorType" not in response, f"the function failed: {response}"
        return response


def memory_size(template: pathlib.Path) -> int:
    """Returns the memory size of the function in the template, in MB."""
    document = samtranslator.yaml_helper.yaml_parse(template.read_text())
    size = document["Resources"]["Function"]["Properties"]["MemorySize"]
    return int(document["Parameters"][size["Ref"]]["Default"] if isinstance(size, dict) else size)


def asks_for_digest(event: dict) -> bool:
    """Returns whether an event asks for a digest of everything open."""
    return event.get("announce") == "always" or event.get("summary") is True


class Scenario:
    """The steps of the scenario and their checks."""

    def __init__(self, function: LocalFunction, organization: Organization, services: MotoServices):
        self.function, self.organization, self.services = function, organization, services
        self.sequence = 0

    def steps(self):
        """Yields the steps with their names. Each file in events/ is used in at least one step."""
        events = {path.name: json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))}
        assert FIRST_EVENT in events, f"{EVENTS} has no {FIRST_EVENT} for the first run"
        dry = [name for name, event in events.items() if event.get("dry_run")]
        assert dry, f"no file in {EVENTS} requests a dry run"
        for name in dry:
            yield f"{name}: a dry run returns the digest and writes nothing", lambda name=name: self.dry_run(name)
        yield f"{FIRST_EVENT}: the first run is stored, and its digest and its cause are delivered", self.first_run
        yield (
            f"{FIRST_EVENT} again: nothing is published twice",
            lambda: self.run_without_changes(FIRST_EVENT, events[FIRST_EVENT]),
        )
        adopt = [name for name, event in events.items() if "adopt_ledger" in event]
        for name in adopt:
            yield f"{name}: refused outside a deployed function", lambda name=name: self.refused_adoption(name)
        checks = [name for name, event in events.items() if "check" in event]
        for name in checks:
            yield f"{name}: the setup is checked, and nothing is published", lambda name=name: self.check(name)
        tests = [name for name, event in events.items() if "test" in event]
        for name in tests:
            yield f"{name}: a test notification is delivered, and nothing is written", lambda name=name: self.test(name)
        mutes = [name for name, event in events.items() if {"mute", "mutes", "unmute"} & event.keys()]
        for name in mutes:
            yield f"{name}: the mutes in the ledger are as requested", lambda name=name: self.mutes(events[name])
        for name in [name for name in events if name not in [*dry, *adopt, *checks, *tests, *mutes, FIRST_EVENT]]:
            result = "publishes, as requested" if asks_for_digest(events[name]) else "publishes nothing"
            yield (
                f"{name}: a run without changes {result}",
                lambda name=name: self.run_without_changes(name, events[name]),
            )
        yield "an invalid event is rejected in the response, not by the exit code", self.invalid_event
        yield "a cleared failure is published, and its cause is resolved on the bus", self.cleared_failure
        yield "two packs fail: each queue gets the digests that its filter policy matches", self.filter_policies
        yield "50,000 members fail at once, within the memory size of the template", self.many_failures
        yield "S3, SNS and EventBridge calls reached only moto, and AWS Config was called", self.endpoints

    def dry_run(self, name: str):
        before = self.services.objects()
        response = self.function.run(EVENTS / name)
        assert response["outcome"] == "dry_run" and response["digest"]["status"] == "dry_run", f"{response}"
        text = response["digest"]["text"] or ""
        for part in ("packwatch watches", "baseline", FAILING, CODE):
            assert part in text, f"the text does not contain {part!r}: {text}"
        assert self.services.objects() == before == {}, f"the bucket changed from {before} to {self.services.objects()}"
        self.assert_nothing_received()

    def first_run(self):
        response = self.function.run(EVENTS / FIRST_EVENT)
        key, snapshot = self.assert_committed(response, "published")
        # The time of the sample event is not the time of the run.
        day = key.split("/")[1].removeprefix("dt=")
        assert snapshot["run"]["started_at"].startswith(day), f"the snapshot of {snapshot['run']} is {key}"
        assert snapshot["run"]["scheduled_at"] == "2026-03-01T08:15:00Z", f"{snapshot['run']}"
        assert sorted(self.services.objects()) == ["latest.json", "ledger.json", "report.html", key], (
            f"the keys in the bucket are {self.services.objects()}"
        )
        assert self.services.document("latest.json") == snapshot, "latest.json differs from the snapshot"
        received = self.services.receive()
        digest = self.assert_delivered(received, response, ["all", "matching"])
        self.assert_events({"one code": [("trigger", CODE)]})
        assert digest["first_run"] is True and self.members(digest["appeared"]) == [("baseline", FAILING)], f"{digest}"
        assert digest["appeared"][0]["error_code"] == CODE, f"{digest['appeared']}"
        assert digest["snapshot"] and key in json.dumps(digest["snapshot"]), f"{digest['snapshot']} is not {key}"

    def run_without_changes(self, name: str, event: dict):
        latest = self.services.objects()["latest.json"]
        response = self.function.run(EVENTS / name)
        asked = asks_for_digest(event)
        self.assert_committed(response, "published" if asked else "none")
        if asked:
            # It lists everything that is open, so the filter policy on its pack matches.
            self.assert_delivered(self.services.receive(), response, ["all", "matching"])
            # Only `announce` sends what is open to the bus.
            always = event.get("announce") == "always"
            self.assert_events({"one code": [("trigger", CODE)]} if always else {})
        else:
            self.assert_nothing_received()
        narrowed = bool({"packs", "accounts", "regions"} & event.keys())
        updated = self.services.objects()["latest.json"] != latest
        assert updated != narrowed, (
            "a narrowed run updated latest.json" if narrowed else "a full run did not update latest.json"
        )

    def invalid_event(self):
        before = self.services.objects()
        response = self.function.invoke(b'{"pakcs": ["baseline"]}')
        assert response.get("errorType") == "InvalidEvent", f"{response}"
        assert '"pakcs"' in response["errorMessage"], f"the message does not name the key: {response['errorMessage']}"
        assert self.services.objects() == before, "a rejected event changed the bucket"
        self.assert_nothing_received()

    def check(self, name: str):
        """Checks the setup, whose bucket and topic are those of moto."""
        before = self.services.objects()
        response = self.function.run(EVENTS / name)
        assert response["outcome"] == "checked", f"{response}"
        statuses = {check["name"]: check["status"] for check in response["checks"]}
        for check in ("identity", "bucket_write", "bucket_conditions", "ledger", "ledger_owner", "event_bus"):
            assert statuses[check] == "ok", f"{check} is {statuses[check]}: {response['text']}"
        # moto counts no subscriptions, and its answer has no body for a bucket that never had versioning.
        assert statuses["topic"] == "warning" and "no subscriptions" in json.dumps(response), f"{response['text']}"
        assert statuses["bucket_versioning"] == "skipped", f"{response['text']}"
        stored = self.services.document("preflight.json")
        assert stored["checks"] == response["checks"] and stored["finished"] is True, f"{stored}"
        after = self.services.objects()
        after.pop("preflight.json")
        assert after == before, f"the bucket changed from {before} to {after}"
        self.assert_nothing_received()

    def test(self, name: str):
        before = self.services.objects()
        response = self.function.run(EVENTS / name)
        assert response["outcome"] == "test" and "TEST" in response["digest"]["subject"], f"{response}"
        # It has all packs that are watched, so the filter policy on one of them matches.
        digest = self.assert_delivered(self.services.receive(), response, ["all", "matching"])
        assert digest["test"] is True and digest["groups"][0]["open_after"] == 0, f"{digest}"
        # The invented failure has this code.
        self.assert_events({"one code": [("trigger", CODE), ("resolve", CODE)], "ends": [("resolve", CODE)]})
        assert self.services.objects() == before, "a test changed the bucket"

    def mutes(self, event: dict):
        """Stores a mute, lists the mutes, or removes one. The mute matches nothing that fails."""
        before = self.services.objects()
        ids = [mute["id"] for mute in self.services.document("ledger.json").get("mutes", [])]
        if "mute" in event:
            # The date in the file passes some day.
            tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
            event = {"mute": event["mute"] | {"until": tomorrow.date().isoformat()}}
            response = self.function.run(json.dumps(event).encode())
            assert response["outcome"] == "muted" and len(response["mutes"]) == len(ids) + 1, f"{response}"
        elif "mutes" in event:
            response = self.function.run(json.dumps(event).encode())
            assert response["outcome"] == "mutes" and [mute["id"] for mute in response["mutes"]] == ids, f"{response}"
            assert self.services.objects() == before, "listing the mutes changed the bucket"
        else:
            response = self.function.invoke(json.dumps(event).encode())
            assert response.get("errorType") == "InvalidEvent", f"an unknown mute was removed: {response}"
            response = self.function.run(json.dumps({"unmute": ids[0]}).encode())
            assert response["outcome"] == "unmuted" and len(response["mutes"]) == len(ids) - 1, f"{response}"
        after = self.services.objects()
        del before["ledger.json"], after["ledger.json"]
        assert after == before, f"the bucket changed from {before} to {after}"
        self.assert_nothing_received()

    def refused_adoption(self, name: str):
        before = self.services.objects()
        response = self.function.invoke(EVENTS / name)
        assert response.get("errorType") == "InvalidEvent", f"{response}"
        assert "only by a deployed function" in response["errorMessage"], f"{response}"
        assert self.services.objects() == before, "a refused adoption changed the bucket"
        self.assert_nothing_received()

    def cleared_failure(self):
        self.organization.put_member("UPDATE_SUCCESSFUL")
        response = self.function.run(b"{}")
        self.assert_committed(response, "published")
        digest = self.assert_delivered(self.services.receive(), response, ["all", "matching"])
        self.assert_events({"one code": [("resolve", CODE)], "ends": [("resolve", CODE)]})
        cleared = [(record["pack"], record["account_id"], record["resolution"]) for record in digest["cleared"]]
        assert cleared == [("baseline", FAILING, "recovered")] and digest["appeared"] == [], f"{digest}"
        assert response["totals"]["open_total"] == 0, f"{response['totals']}"

    def filter_policies(self):
        """Checks a digest that no policy matches, then one that the policy of one queue matches."""
        self.fail_member("guardrails")
        response = self.function.run(b"{}")
        self.assert_committed(response, "published")
        self.assert_delivered(self.services.receive(), response, ["all"])
        self.assert_events({"one code": [("trigger", CODE)]})
        self.fail_member("operations")
        response = self.function.run(b"{}")
        self.assert_committed(response, "published")
        self.assert_delivered(self.services.receive(), response, ["all", "other"])
        self.assert_events({"one code": [("trigger", CODE)]})

    def many_failures(self):
        self.organization.change(
            {"fill": {"caller": OWN, "region": REGION, "packs": 50, "members": 1000, "failing": 1000}}
        )
        response = self.function.run(b"{}")
        self.assert_committed(response, "published")
        totals = response["totals"]
        assert totals["appeared"] == 50_000 and totals["open_total"] == 50_002, f"{totals}"
        digest = self.assert_delivered(self.services.receive(), response, ["all"])
        assert digest["truncated"], "the digest with 50,000 records is not truncated"
        assert "ends" not in self.services.receive_events(), "the bus got the end of a cause that is open"

    def endpoints(self):
        services = collections.Counter(call["service"] for call in self.organization.calls())
        assert services["config"] and services["sts"], f"the simulated organization was called {dict(services)}"
        assert not {"s3", "sns", "events"} & services.keys(), f"the simulated organization was called {dict(services)}"

    def fail_member(self, pack: str):
        # Older than AnnounceAfterMinutes in the template.
        hours_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=9)
        row = {"status": "UPDATE_FAILED", "code": CODE, "message": CAUSE, "updated": hours_ago.isoformat()}
        where = {"caller": OWN, "region": REGION, "pack": pack, "account": FAILING}
        self.organization.change({"put_member": {**where, "row": row}})

    def assert_committed(self, response: dict, digest: str) -> tuple[str, dict]:
        """Asserts that a complete run was committed with this digest status.

        Returns the key and the content of its snapshot.
        """
        self.sequence += 1
        assert response["outcome"] == "committed" and response["complete"] is True, f"{response}"
        assert response["sequence"] == self.sequence, f"the sequence {response['sequence']} is not {self.sequence}"
        assert response["digest"]["status"] == digest, f"the digest is {response['digest']}, expected status {digest}"
        key = response["snapshot"].removeprefix(f"s3://{BUCKET}/")
        snapshot, ledger = self.services.document(key), self.services.document("ledger.json")
        assert snapshot["run"]["id"] == response["run_id"] and snapshot["run"]["sequence"] == self.sequence, (
            f"{snapshot['run']}"
        )
        assert ledger["format"] == "packwatch.ledger" and ledger["snapshot"] == key, (
            f"the ledger names {ledger['snapshot']}"
        )
        return key, snapshot

    def assert_delivered(self, received: dict[str, list[dict]], response: dict, queues: list[str]) -> dict:
        """Asserts that exactly these queues got the digest, once each. Returns its JSON."""
        got = {name: [message["MessageId"] for message in messages] for name, messages in received.items()}
        assert sorted(got) == queues, f"{sorted(got)} got the digest, expected {queues}"
        [message] = received["all"]
        assert all(messages == [message["MessageId"]] for messages in got.values()), (
            f"expected one message in each queue: {got}"
        )
        assert message["TopicArn"] == self.services.topic and message["Subject"] == response["digest"]["subject"], (
            f"{message}"
        )
        digest = json.loads(message["Message"])
        assert digest["digest_id"] == response["digest"]["id"] and digest["sequence"] == self.sequence, f"{digest}"
        # The response of a test has no totals.
        totals = response.get("totals", digest["totals"])
        assert digest["totals"] == totals, f"the totals of the digest are {digest['totals']}, of the response {totals}"
        self.assert_attributes(message["MessageAttributes"], digest)
        return digest

    def assert_attributes(self, attributes: dict, digest: dict):
        """Asserts that the attributes match the digest.

        A truncated digest may lack some of the packs in its JSON.
        """
        kinds = {name: attribute["Type"] for name, attribute in attributes.items()}
        lists, numbers = ("packs", "regions"), ("appeared", "cleared", "open")
        # An empty list is left out.
        expected = {name: "String.Array" for name in lists if digest[name]}
        assert kinds == {**expected, **dict.fromkeys(numbers, "Number")}, f"the attributes are {kinds}"
        values = {name: json.loads(attribute["Value"]) for name, attribute in attributes.items()}
        values = {**dict.fromkeys(lists, []), **values}
        # The pack of the invented failure in a test is not one that is watched.
        records = [] if digest.get("test") else digest["appeared"] + digest["cleared"]
        packs = {record["pack"] for record in records}
        assert packs <= set(values["packs"]), f"the attribute packs of {values} lacks some of {packs}"
        # A forced digest without changes has no packs and no regions.
        assert values["regions"] == ([REGION] if values["packs"] else []), f"{values}"
        totals = digest["totals"]
        assert [values[name] for name in numbers] == [totals["appeared"], totals["cleared"], totals["open_total"]], (
            f"{values}, {totals}"
        )

    def assert_nothing_received(self):
        received = self.services.receive()
        assert received == {}, f"unexpected messages: {received}"
        self.assert_events({})

    def assert_events(self, expected: dict[str, list[tuple]]):
        """Asserts that the rules on the bus matched exactly these events."""
        received = self.services.receive_events()
        assert received == expected, f"the rules matched {received}, expected {expected}"

    @staticmethod
    def members(records: list[dict]) -> list[tuple]:
        return [(record["pack"], record["account_id"]) for record in records]


def run_scenario(scenario: Scenario) -> bool:
    """Runs the steps up to the first failure. Returns whether all steps passed."""
    passed = 0
    for name, step in scenario.steps():
        started = time.monotonic()
        try:
            step()
        except Exception:
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
            print(f"--- output of the last invocation\n{scenario.function.output}---")
            return False
        passed += 1
        print(f"ok     {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed; peak memory {mb(scenario.function.peak)} MB of {scenario.function.memory} MB")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=pathlib.Path, help="the build directory of `sam build`")
    parser.add_argument("simulation", type=pathlib.Path, help="the example `simulated_org`")
    args = parser.parse_args()
    own = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
    built = args.built.resolve()
    if not own or platform.system() != "Linux":
        sys.exit(
            f"FAILED: this script requires Linux on x86-64 or arm64, not {platform.system()} on {platform.machine()}"
        )
    # On SIGTERM, the exit stack below must stop the engine too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="packwatch-")))
        try:
            engine = Engine(folder)
            stack.callback(engine.close)
            organization = Organization(folder, args.simulation.resolve(), engine.gateway)
            stack.callback(organization.stop)
            services = MotoServices(engine.gateway)
            stack.callback(services.stop)
            simulated = dict.fromkeys(("CONFIG_SERVICE", "STS", "ORGANIZATIONS"), organization.url)
            endpoints = {**simulated, **dict.fromkeys(("S3", "SNS", "EVENTBRIDGE"), services.url)}
            variables = {f"AWS_ENDPOINT_URL_{service}": url for service, url in endpoints.items()}
            options = engine.base_image(own, built / "Function/bootstrap", variables)
        except MissingRequirement as missing:
            sys.exit(f"FAILED: nothing was run in Docker.\n{missing}")
        origin = "started by this script" if engine.own else "already running"
        version = engine.client.version()["Version"]
        print(f"Docker engine {version}, {origin}; AWS endpoints {organization.url} and {services.url}", flush=True)
        function = LocalFunction(folder, built, own, engine, options, services)
        scenario = Scenario(function, organization, services)
        scenario.fail_member("baseline")
        passed = run_scenario(scenario)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
