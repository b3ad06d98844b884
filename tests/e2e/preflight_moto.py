#!/usr/bin/env python3
"""Breaks a setup in moto, one part after the other, and runs `packwatch check` on it.

    cargo build --package packwatch-cli
    cargo build --example simulated_org
    python tests/e2e/preflight_moto.py target/debug/packwatch target/debug/examples/simulated_org

S3, SNS and EventBridge are moto, which is independent of this project; AWS Config, STS and
Organizations are the simulated organization. A part that moto cannot break, such as a policy, or that
it does not answer as AWS does, such as versioning, is broken in the simulation alone
(`tests/it/preflight/broken.rs`). The script prints each violation, and exits with 1 if there is one.
"""

import argparse
import contextlib
import json
import logging
import os
import pathlib
import subprocess
import tempfile
import urllib.request

from lambda_rie import BUCKET, OWN, REGION, TOPIC, Organization, environment

# The account that owns the bucket, the topic and the bus. moto reads this variable at import.
os.environ["MOTO_ACCOUNT_ID"] = OWN

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

BUS = "operations"
CHECKS = ("bucket_write", "bucket_conditions", "ledger", "event_bus")


class Setup:
    """A bucket, a topic with a confirmed subscription, and an event bus in moto."""

    def __init__(self, url: str):
        options = {
            "endpoint_url": url,
            "region_name": REGION,
            "aws_access_key_id": "AKIDOWN",
            "aws_secret_access_key": "x",
        }
        self.s3, self.sns, self.sqs, self.events = (
            boto3.client(service, **options) for service in ("s3", "sns", "sqs", "events")
        )

    def create(self):
        location = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        self.sns.create_topic(Name=TOPIC.rsplit(":", 1)[1])
        queue = self.sqs.create_queue(QueueName="digest")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        self.sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=attributes["QueueArn"])
        self.events.create_event_bus(Name=BUS)

    def damage_ledger(self):
        self.s3.put_object(Bucket=BUCKET, Key="ledger.json", Body=b'{"format": "packwatch.ledger", "sche')

    def delete_bucket(self):
        versions = self.s3.list_object_versions(Bucket=BUCKET)
        for version in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
            self.s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
        self.s3.delete_bucket(Bucket=BUCKET)


# What is broken, and how, the check that finds it, and what its action must name.
BREAKS = [
    ("damaged ledger", Setup.damage_ledger, "ledger", "ledger.json"),
    ("deleted topic", lambda setup: setup.sns.delete_topic(TopicArn=TOPIC), "topic", "create-topic"),
    ("deleted event bus", lambda setup: setup.events.delete_event_bus(Name=BUS), "event_bus", BUS),
    ("deleted bucket", Setup.delete_bucket, "bucket_write", BUCKET),
]


def check(cli: pathlib.Path, settings: dict) -> dict:
    """Runs the check. Returns its parts by name."""
    done = subprocess.run([cli, "check", "--json"], env=settings, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 3), f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    return {part["name"]: part for part in json.loads(done.stdout)["checks"]}


def assert_finds(name: str, before: dict, after: dict, part: str, named: str):
    """Asserts that the check finds what was broken, and says what to do."""
    found = after[part]
    assert found["status"] == "failed" != before[part]["status"], f"{name}: {part} is {found}"
    assert named in json.dumps(found["action"]), f"{name}: the action does not name {named}: {found}"
    print(f"{name}: {part} is {found['status']}: {found['detail']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cli", type=pathlib.Path)
    parser.add_argument("simulation", type=pathlib.Path)
    args = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        organization = Organization(pathlib.Path(folder), args.simulation.resolve())
        stack.callback(organization.stop)
        settings = environment(organization, SNAPSHOT_BUCKET=BUCKET, TOPIC_ARN=TOPIC, EVENT_BUS=BUS)
        for service in ("S3", "SNS", "EVENTBRIDGE"):
            settings[f"AWS_ENDPOINT_URL_{service}"] = url
        for name, break_it, part, named in BREAKS:
            # Each is broken alone: moto forgets what was there.
            urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()
            setup = Setup(url)
            setup.create()
            before = check(args.cli.resolve(), settings)
            wrong = {each: before[each] for each in CHECKS if before[each]["status"] != "ok"}
            assert not wrong, f"a setup that is in order has findings: {wrong}"
            break_it(setup)
            assert_finds(name, before, check(args.cli.resolve(), settings), part, named)


if __name__ == "__main__":
    main()
