#!/usr/bin/env python3
"""The baseline of the comparison: the same job as a plain boto3 script.

    python benches/boto3_watch.py --threads 8    # status filters, eight calls at a time
    python benches/boto3_watch.py --naive        # all members, one call after another

The script lists the packs, reads their failing members, compares them with the state of the last
run in S3, stores a snapshot and the new state, and publishes a digest if failures appeared or
cleared. Like packwatch it is a Lambda function that creates its clients before the first invocation
and reads SNAPSHOT_BUCKET and TOPIC_ARN from the environment. Without the Lambda Runtime API it runs
once and prints its response.

The script is less reliable than packwatch: it reports a failure as cleared without proof; one
failed call ends the run; and concurrent or crashed runs publish a change twice or never.
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
# SNS accepts at most 256 KB. So many lines fit, even with the longest names.
MAX_LINES = 500


class Watch:
    def __init__(self, threads):
        self.bucket, self.topic, self.threads = os.environ["SNAPSHOT_BUCKET"], os.environ["TOPIC_ARN"], threads
        session = boto3.session.Session(region_name=os.environ["AWS_REGION"])
        # AWS Config throttles calls: as many attempts as packwatch makes, and a connection for each
        # thread.
        retries = {"mode": "adaptive", "max_attempts": 10}
        config = botocore.config.Config(retries=retries, max_pool_connections=max(threads, 1))
        self.config = session.client("config", config=config)
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
            for record in page["OrganizationConformancePackDetailedStatuses"]:
                if record["Status"] in FAILED:
                    yield f"{pack} {record['AccountId']}", record

    def failing_by_filter(self, packs):
        names = [pack["OrganizationConformancePackName"] for pack in packs]
        reads = [(name, {"Filters": {"Status": status}}) for name in names for status in FAILED]
        with concurrent.futures.ThreadPoolExecutor(self.threads) as threads:
            results = threads.map(lambda read: list(self.members(read[0], **read[1])), reads)
            return dict(sorted(member for members in results for member in members))

    def failing_of_all(self, packs):
        return dict(member for pack in packs for member in self.members(pack["OrganizationConformancePackName"]))

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
        more = [f"and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
        self.sns.publish(TopicArn=self.topic, Subject=subject, Message="\n".join([subject, *lines[:MAX_LINES], *more]))


def serve(watch, api):
    """Runs the loop of a Lambda runtime.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """
    connection = http.client.HTTPConnection(api)
    base = "/2018-06-01/runtime/invocation"

    def request(method, path, body=None):
        connection.request(method, f"{base}/{path}", body)
        response = connection.getresponse()
        response.read()
        return response.getheader("Lambda-Runtime-Aws-Request-Id")

    while True:
        request_id = request("GET", "next")
        try:
            endpoint, body = "response", watch.run()
        except Exception as error:
            endpoint, body = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
        request("POST", f"{request_id}/{endpoint}", json.dumps(body))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--threads", type=int, default=8)
    mode.add_argument("--naive", action="store_true")
    args = parser.parse_args()
    watch = Watch(0 if args.naive else args.threads)
    if api := os.environ.get("AWS_LAMBDA_RUNTIME_API"):
        serve(watch, api)
    else:
        print(json.dumps(watch.run()))


if __name__ == "__main__":
    main()
