#!/usr/bin/env python3
"""What packwatch is compared with: the same job in boto3, as one writes it by hand.

    python benches/boto3_watch.py --threads 8    the failing members by filter, eight calls at a time
    python benches/boto3_watch.py --naive        all members, one call after another

It lists the packs, reads who fails in them, compares that with what the last run left in S3, stores a snapshot and the
new state, and publishes a digest when failures appeared or cleared. Like packwatch it is a Lambda function, whose clients
are made before its first invocation, and takes SNAPSHOT_BUCKET and TOPIC_ARN from the environment. Without Lambda's
Runtime API it runs once and prints its answer.

It is good enough for a quiet day: it believes whatever it reads, and asks for no proof before it says that a failure
cleared; one call that fails ends the run; two runs at once, or one that dies, tell a change twice or never.
"""

import argparse
import concurrent.futures
import datetime
import http.client
import json
import os

import boto3
import botocore.config

FAILED = ["CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"]
# SNS takes 256 KB: so many lines fit, whatever is in them.
LINES = 500


class Watch:
    def __init__(self, threads):
        self.bucket, self.topic, self.threads = os.environ["SNAPSHOT_BUCKET"], os.environ["TOPIC_ARN"], threads
        session = boto3.session.Session(region_name=os.environ["AWS_REGION"])
        # AWS Config throttles: as patient as packwatch, and a connection for each thread.
        retries = {"mode": "adaptive", "max_attempts": 10}
        patient = botocore.config.Config(retries=retries, max_pool_connections=max(threads, 1))
        self.config = session.client("config", config=patient)
        self.s3, self.sns = session.client("s3"), session.client("sns")

    def run(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        packs = self.packs()
        failing = self.failing_by_filter(packs) if self.threads else self.failing_of_all(packs)
        known = self.state()
        appeared, cleared = sorted(failing.keys() - known.keys()), sorted(known.keys() - failing.keys())
        snapshot = {
            "time": now.isoformat(),
            "packs": packs,
            "failing": list(failing.values()),
            "appeared": appeared,
            "cleared": cleared,
        }
        self.put(f"snapshots/dt={now:%Y-%m-%d}/{now:%Y%m%dT%H%M%SZ}.json", snapshot)
        if appeared or cleared:
            self.publish(appeared, cleared, len(failing))
        self.put("state.json", failing)
        return {"failing": len(failing), "appeared": len(appeared), "cleared": len(cleared)}

    def packs(self):
        pages = self.config.get_paginator("describe_organization_conformance_pack_statuses").paginate()
        return [pack for page in pages for pack in page["OrganizationConformancePackStatuses"]]

    def members(self, pack, **filters):
        pages = self.config.get_paginator("get_organization_conformance_pack_detailed_status")
        for page in pages.paginate(OrganizationConformancePackName=pack, **filters):
            for row in page["OrganizationConformancePackDetailedStatuses"]:
                if row["Status"] in FAILED:
                    yield f"{pack} {row['AccountId']}", row

    def failing_by_filter(self, packs):
        names = [pack["OrganizationConformancePackName"] for pack in packs]
        questions = [(name, {"Filters": {"Status": status}}) for name in names for status in FAILED]
        with concurrent.futures.ThreadPoolExecutor(self.threads) as threads:
            answers = threads.map(lambda question: list(self.members(question[0], **question[1])), questions)
            return dict(sorted(row for rows in answers for row in rows))

    def failing_of_all(self, packs):
        return dict(row for pack in packs for row in self.members(pack["OrganizationConformancePackName"]))

    def state(self):
        try:
            return json.load(self.s3.get_object(Bucket=self.bucket, Key="state.json")["Body"])
        except self.s3.exceptions.NoSuchKey:
            return {}

    def put(self, key, value):
        body = json.dumps(value, default=str).encode()
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")

    def publish(self, appeared, cleared, count):
        subject = f"{len(appeared)} appeared, {len(cleared)} cleared, {count} open"
        lines = [f"+ {key}" for key in appeared] + [f"- {key}" for key in cleared]
        more = [f"and {len(lines) - LINES} more"] if len(lines) > LINES else []
        self.sns.publish(TopicArn=self.topic, Subject=subject, Message="\n".join([subject, *lines[:LINES], *more]))


def serve(watch, api):
    """Lambda's loop: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""
    connection = http.client.HTTPConnection(api)
    base = "/2018-06-01/runtime/invocation"

    def exchange(method, path, body=None):
        connection.request(method, f"{base}/{path}", body)
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("Lambda-Runtime-Aws-Request-Id")

    while True:
        request_id = exchange("GET", "next")
        try:
            what, answer = "response", watch.run()
        except Exception as error:
            what, answer = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
        exchange("POST", f"{request_id}/{what}", json.dumps(answer))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--threads", type=int, default=8)
    way.add_argument("--naive", action="store_true")
    given = parser.parse_args()
    watch = Watch(0 if given.naive else given.threads)
    if api := os.environ.get("AWS_LAMBDA_RUNTIME_API"):
        serve(watch, api)
    else:
        print(json.dumps(watch.run()))


if __name__ == "__main__":
    main()
