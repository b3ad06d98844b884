#!/usr/bin/env python3
"""Runs what `sam build` made by `sam local invoke`, in Docker, with every file in events/.

    sam build
    cargo build --example organization
    python tests/proof/local_invoke.py .aws-sam/build target/debug/examples/organization

AWS Config, STS and Organizations are the simulated organization. S3, SNS and SQS are moto, which nobody wrote with this function in mind:
three queues are subscribed to the topic, one with a filter policy that matches and one with a policy that does not.
One story is told from the first dry run to a failure that clears; each step goes on where the one before it ended.

The template and the binary are what would be deployed, byte for byte. SAM passes only those variables that the template declares, so
the endpoints of the simulations come from the image that stands for Lambda's, as the addresses of AWS come from the region.
SAM ends with 0 whatever the function answers: what counts is what it writes.
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

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from emulator import BUCKET, FAILING, OWN, REGION, Organization  # noqa: E402

# Bucket, topic and queues belong to the account of the function. moto reads it when it is imported.
os.environ["MOTO_ACCOUNT_ID"] = OWN

import boto3  # noqa: E402
import samtranslator.yaml_helper  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from engine import Engine, Missing  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402
from peak import Watch, mb  # noqa: E402

EVENTS = ROOT / "events"
FIRST = "scheduled.json"
CODE, CAUSE = "NoAvailableConfigurationRecorderException", "no recorder in this account"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDOWN", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
QUEUES = {"all": None, "matching": {"packs": ["baseline"]}, "other": {"packs": ["operations"]}}


class Cloud:
    """moto's bucket, topic and queues."""

    def __init__(self, address: str):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = ThreadedMotoServer(ip_address=address, port=0, verbose=False)
        self.server.start()
        self.url = "http://{}:{}".format(*self.server.get_host_and_port())
        given = {"endpoint_url": self.url, "region_name": REGION, "aws_access_key_id": "AKIDOWN", "aws_secret_access_key": "x"}
        self.s3, self.sns, self.sqs = (boto3.client(service, **given) for service in ("s3", "sns", "sqs"))
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.topic = self.sns.create_topic(Name="digest")["TopicArn"]
        self.queues = {name: self.subscribed(name, policy) for name, policy in QUEUES.items()}

    def subscribed(self, name: str, policy: dict | None) -> str:
        queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes = {"FilterPolicy": json.dumps(policy)} if policy else {}
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return queue

    def stop(self):
        self.server.stop()

    def arrived(self) -> dict[str, list[dict]]:
        """What has arrived in each queue since it was last asked: what SNS wraps around the message, whose text is JSON."""
        arrived = collections.defaultdict(list)
        for name, queue in self.queues.items():
            while messages := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
                for message in messages:
                    arrived[name].append(json.loads(message["Body"]))
                    self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return dict(arrived)

    def objects(self) -> dict[str, str]:
        """The keys of the bucket, and what says that an object is another."""
        listing = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {entry["Key"]: entry["ETag"] for entry in listing}

    def document(self, key: str) -> dict:
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


class Function:
    """The function as SAM runs it."""

    def __init__(self, folder: pathlib.Path, built: pathlib.Path, architecture: str, engine: Engine, options: list[str], cloud: Cloud):
        settings = folder / "settings.json"
        # As the README tells to do it: the only two that cannot be known before the stack is there.
        settings.write_text(json.dumps({"Function": {"SNAPSHOT_BUCKET": BUCKET, "TOPIC_ARN": cloud.topic}}))
        template = built / "template.yaml"
        self.command = [sys.executable, "-m", "samcli", "local", "invoke", "Function", "--template", template]
        self.command += ["--env-vars", settings, "--parameter-overrides", f"Architecture={architecture}"]
        self.command += ["--layer-cache-basedir", folder / "layers", *options]
        # SAM lets a variable of the shell replace one of the template's: nothing of the machine's own gets in.
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "SAM_CLI_TELEMETRY": "0"}
        # SAM leaves its locks behind.
        self.environment = {**kept, **nobody, "TMPDIR": str(folder), **CREDENTIALS, **engine.environment}
        self.engine, self.memory, self.wrote = engine, memory_size(template), ""
        # The highest of all invocations.
        self.highest = 0

    def answer(self, event: pathlib.Path | bytes) -> dict:
        """What it answers to a file, or to an event on the standard input."""
        source, given = (event, None) if isinstance(event, pathlib.Path) else ("-", event)
        with Watch(self.engine.client) as peak:
            ended = subprocess.run(
                [*self.command, "--event", source], env=self.environment, input=given, capture_output=True, timeout=300, check=False
            )
        self.wrote = ended.stderr.decode(errors="replace") + ended.stdout.decode(errors="replace")
        assert ended.returncode == 0, f"sam ended with {ended.returncode}: the function was not run"
        lines = ended.stdout.decode().splitlines()
        assert lines, "nothing came back: the function did not start, or was killed at its limit of memory or time"
        answer = json.loads(lines[-1])
        print(f"       {peak}", flush=True)
        assert peak.limit == self.memory * 1024 * 1024, f"the limit is {mb(peak.limit)} MB, and the template's is {self.memory} MB"
        assert min(peak.charged, peak.resident) > 0, f"the peak could not be read: {peak}"
        assert peak.highest() < peak.limit, f"no room was left: {peak}"
        self.highest = max(self.highest, peak.highest())
        return answer

    def run(self, event: pathlib.Path | bytes) -> dict:
        answer = self.answer(event)
        assert "errorType" not in answer, f"the function failed: {answer}"
        return answer


def memory_size(template: pathlib.Path) -> int:
    """What the template gives the function, in MB."""
    read = samtranslator.yaml_helper.yaml_parse(template.read_text())
    size = read["Resources"]["Function"]["Properties"]["MemorySize"]
    return int(read["Parameters"][size["Ref"]]["Default"] if isinstance(size, dict) else size)


class Story:
    """What is checked, step by step."""

    def __init__(self, function: Function, organization: Organization, cloud: Cloud):
        self.function, self.organization, self.cloud = function, organization, cloud
        self.sequence = 0

    def steps(self):
        """The steps with their names. Each file in events/ is in one of them at least."""
        events = {path.name: json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))}
        assert FIRST in events, f"{EVENTS} has no {FIRST}: the first run has no event"
        dry = [name for name, event in events.items() if event.get("dry_run")]
        assert dry, f"no file in {EVENTS} asks for a dry run"
        for name in dry:
            yield f"{name}: a dry run says what it would send, and leaves nothing", lambda name=name: self.dry_run(name)
        yield f"{FIRST}: the first run stores, and its digest arrives", self.first_run
        yield f"{FIRST} again: nothing is said twice", lambda: self.silent_run(FIRST, events[FIRST])
        for name in [name for name in events if name not in dry and name != FIRST]:
            asked = "is told, as it asks" if events[name].get("announce") == "always" else "is silent"
            yield f"{name}: a run without news {asked}", lambda name=name: self.silent_run(name, events[name])
        yield "a wrong event is refused, by an answer and not by an exit code", self.wrong_event
        yield "a failure that is gone is told as cleared", self.cleared
        yield "two packs fail: each queue gets what its filter policy lets through", self.filtered
        yield "50,000 members fail at once, within the memory that the template gives", self.many
        yield "S3 and SNS were moto alone, and Config was asked", self.endpoints

    def dry_run(self, name: str):
        before = self.cloud.objects()
        answer = self.function.run(EVENTS / name)
        assert answer["outcome"] == "dry_run" and answer["digest"]["status"] == "dry_run", f"{answer}"
        text = answer["digest"]["text"] or ""
        for part in ("packwatch: first run", "baseline", FAILING, CODE):
            assert part in text, f"the text does not say {part!r}: {text}"
        assert self.cloud.objects() == before == {}, f"the bucket held {before} and holds {self.cloud.objects()}"
        self.nothing_arrived()

    def first_run(self):
        answer = self.function.run(EVENTS / FIRST)
        key, snapshot = self.committed(answer, "published")
        assert key.startswith("snapshots/dt=2026-03-01/20260301T081500Z_"), f"the snapshot of {FIRST} is {key}"
        assert sorted(self.cloud.objects()) == ["latest.json", "ledger.json", key], f"the bucket holds {self.cloud.objects()}"
        assert self.cloud.document("latest.json") == snapshot, "latest.json is not the snapshot"
        arrived = self.cloud.arrived()
        digest = self.digest(arrived, answer, ["all", "matching"])
        assert digest["first_run"] is True and self.members(digest["appeared"]) == [("baseline", FAILING)], f"{digest}"
        assert digest["appeared"][0]["error_code"] == CODE, f"{digest['appeared']}"
        assert digest["snapshot"] and key in json.dumps(digest["snapshot"]), f"{digest['snapshot']} is not {key}"

    def silent_run(self, name: str, event: dict):
        latest = self.cloud.objects()["latest.json"]
        answer = self.function.run(EVENTS / name)
        always = event.get("announce") == "always"
        self.committed(answer, "published" if always else "none")
        if always:
            arrived = self.cloud.arrived()
            # Without news it is about no pack that a policy could let through.
            self.digest({"all": arrived["all"]}, answer, ["all"])
        else:
            self.nothing_arrived()
        narrowed = bool({"packs", "accounts", "regions"} & event.keys())
        moved = self.cloud.objects()["latest.json"] != latest
        assert moved != narrowed, "latest.json is of the last full run" if narrowed else "latest.json has stayed behind"

    def wrong_event(self):
        before = self.cloud.objects()
        answer = self.function.answer(b'{"pakcs": ["baseline"]}')
        assert answer.get("errorType") == "InvalidEvent", f"{answer}"
        assert '"pakcs"' in answer["errorMessage"], f"the message does not name the key: {answer['errorMessage']}"
        assert self.cloud.objects() == before, "a refused event has changed the bucket"
        self.nothing_arrived()

    def cleared(self):
        self.organization.member("UPDATE_SUCCESSFUL")
        answer = self.function.run(b"{}")
        self.committed(answer, "published")
        digest = self.digest(self.cloud.arrived(), answer, ["all", "matching"])
        told = [(record["pack"], record["account_id"], record["how"]) for record in digest["cleared"]]
        assert told == [("baseline", FAILING, "recovered")] and digest["appeared"] == [], f"{digest}"
        assert answer["totals"]["open_all"] == 0, f"{answer['totals']}"

    def filtered(self):
        """One digest about a pack that nobody filters for, then one about the pack of the other queue."""
        self.fail("guardrails")
        answer = self.function.run(b"{}")
        self.committed(answer, "published")
        self.digest(self.cloud.arrived(), answer, ["all"])
        self.fail("operations")
        answer = self.function.run(b"{}")
        self.committed(answer, "published")
        self.digest(self.cloud.arrived(), answer, ["all", "other"])

    def many(self):
        self.organization.change({"fill": {"caller": OWN, "region": REGION, "packs": 50, "members": 1000, "failing": 1000}})
        answer = self.function.run(b"{}")
        self.committed(answer, "published")
        totals = answer["totals"]
        assert totals["appeared"] == 50_000 and totals["open_all"] == 50_002, f"{totals}"
        digest = self.digest(self.cloud.arrived(), answer, ["all"])
        assert digest["truncated"], "50,000 records are said to fit into one message"

    def endpoints(self):
        services = collections.Counter(call["service"] for call in self.organization.calls())
        assert services["config"] and services["sts"], f"the simulated organization was called {dict(services)}"
        assert not {"s3", "sns"} & services.keys(), f"the simulated organization was called {dict(services)}"

    def fail(self, pack: str):
        # Older than the template's AnnounceAfterMinutes, which stays as it is.
        hours_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=9)
        row = {"status": "UPDATE_FAILED", "code": CODE, "message": CAUSE, "updated": hours_ago.isoformat()}
        where = {"caller": OWN, "region": REGION, "pack": pack, "account": FAILING}
        self.organization.change({"put_member": {**where, "row": row}})

    def committed(self, answer: dict, digest: str) -> tuple[str, dict]:
        """Asserts that a run was stored, whole, and what became of its digest; gives its snapshot."""
        self.sequence += 1
        assert answer["outcome"] == "committed" and answer["complete"] is True, f"{answer}"
        assert answer["sequence"] == self.sequence, f"{answer['sequence']} is not run {self.sequence}"
        assert answer["digest"]["status"] == digest, f"the digest is {answer['digest']}, not {digest}"
        key = answer["snapshot"].removeprefix(f"s3://{BUCKET}/")
        snapshot, ledger = self.cloud.document(key), self.cloud.document("ledger.json")
        assert snapshot["run"]["id"] == answer["run_id"] and snapshot["run"]["sequence"] == self.sequence, f"{snapshot['run']}"
        assert ledger["format"] == "packwatch.ledger" and ledger["snapshot"] == key, f"the ledger names {ledger['snapshot']}"
        return key, snapshot

    def digest(self, arrived: dict[str, list[dict]], answer: dict, queues: list[str]) -> dict:
        """Asserts that these queues and no other got the digest, once; gives its JSON."""
        got = {name: [message["MessageId"] for message in messages] for name, messages in arrived.items()}
        assert sorted(got) == queues, f"{sorted(got)} got the digest, not {queues}"
        [message] = arrived["all"]
        assert all(messages == [message["MessageId"]] for messages in got.values()), f"not one message in each queue: {got}"
        assert message["TopicArn"] == self.cloud.topic and message["Subject"] == answer["digest"]["subject"], f"{message}"
        digest = json.loads(message["Message"])
        assert digest["digest_id"] == answer["digest"]["id"] and digest["sequence"] == self.sequence, f"{digest}"
        assert digest["totals"] == answer["totals"], f"the digest says {digest['totals']}, and the answer {answer['totals']}"
        self.attributes(message["MessageAttributes"], digest)
        return digest

    def attributes(self, attributes: dict, digest: dict):
        """Numbers are those of the digest; packs are those that it is about, of which not all need be in its JSON."""
        kinds = {name: attribute["Type"] for name, attribute in attributes.items()}
        lists, numbers = dict.fromkeys(("packs", "regions"), "String.Array"), ("appeared", "cleared", "open")
        assert kinds == {**lists, **dict.fromkeys(numbers, "Number")}, f"the attributes are {kinds}"
        values = {name: json.loads(attribute["Value"]) for name, attribute in attributes.items()}
        packs = {record["pack"] for record in digest["appeared"] + digest["cleared"]}
        assert packs <= set(values["packs"]), f"{packs} are not all in {values}"
        # One that was only asked for is about nothing.
        assert values["regions"] == ([REGION] if values["packs"] else []), f"{values}"
        totals = digest["totals"]
        assert [values[name] for name in numbers] == [totals["appeared"], totals["cleared"], totals["open_all"]], f"{values}, {totals}"

    def nothing_arrived(self):
        arrived = self.cloud.arrived()
        assert arrived == {}, f"these got a message: {arrived}"

    @staticmethod
    def members(records: list[dict]) -> list[tuple]:
        return [(record["pack"], record["account_id"]) for record in records]


def told(story: Story) -> bool:
    """Goes through the story as far as it holds."""
    passed = 0
    for name, step in story.steps():
        started = time.monotonic()
        try:
            step()
        except Exception:
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
            print(f"--- what the last invocation wrote\n{story.function.wrote}---")
            return False
        passed += 1
        print(f"ok     {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed; at most {mb(story.function.highest)} MB of {story.function.memory} MB were needed")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=pathlib.Path, help="the folder that `sam build` made")
    parser.add_argument("simulation", type=pathlib.Path, help="the example `organization`")
    given = parser.parse_args()
    own = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
    built = given.built.resolve()
    if not own or platform.system() != "Linux":
        sys.exit(f"FAILED: this needs Linux on x86-64 or arm64, and this is {platform.system()} on {platform.machine()}")
    # Also whoever is told to stop stops the engine.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="packwatch-")))
        try:
            engine = Engine(folder)
            stack.callback(engine.close)
            organization = Organization(folder, given.simulation.resolve(), engine.gateway)
            stack.callback(organization.stop)
            cloud = Cloud(engine.gateway)
            stack.callback(cloud.stop)
            simulated = dict.fromkeys(("CONFIG_SERVICE", "STS", "ORGANIZATIONS"), organization.url)
            endpoints = {**simulated, "S3": cloud.url, "SNS": cloud.url}
            variables = {f"AWS_ENDPOINT_URL_{service}": url for service, url in endpoints.items()}
            options = engine.base_image(own, built / "Function/bootstrap", variables)
        except Missing as missing:
            sys.exit(f"FAILED: nothing was run in Docker.\n{missing}")
        which = "started for this" if engine.own else "the one that runs here"
        print(f"engine: {which}, {engine.client.version()['Version']}; AWS is {organization.url} and {cloud.url}", flush=True)
        story = Story(Function(folder, built, own, engine, options, cloud), organization, cloud)
        story.fail("baseline")
        passed = told(story)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
