#!/usr/bin/env python3
"""Holds the simulated organization to boto3: what botocore's models accept, parse and raise is what the simulation speaks.

    cargo run --example organization -- --port 4599 --world tests/worlds/boto3.json &
    pip install boto3
    python tests/simulation_boto3.py http://127.0.0.1:4599

The server must be fresh: checks write to its world. Each starts with paging, rates and faults reset.
"""

import base64
import datetime
import http.client
import io
import json
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
import zlib

import boto3
import botocore.exceptions
from botocore.config import Config

OWN, ADMIN, MEMBER = "111122223333", "444455556666", "999988887777"
STATUSES = "DescribeOrganizationConformancePackStatuses"
DETAILS = "GetOrganizationConformancePackDetailedStatus"
TOPIC = f"arn:aws:sns:eu-west-1:{OWN}:digest"
FIFO = f"{TOPIC}.fifo"
BUCKET = "snapshots"
RESET = [
    "clear_faults",
    "forget_calls",
    {"page_size": None},
    {"sparse_filters": False},
    {"empty_page_every": None},
    {"trailing_page": False},
    {"latency": 0},
    {"rate_limit": None},
]

BASE = ""
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{BASE}/_{path}", data=data), timeout=10) as answer:
        return json.load(answer)


def change(*changes):
    control("world", list(changes))


def fault(effect, **where):
    control("fault", {"effect": effect, **where})


def client(service, key="AKIDOWN", region="eu-west-1", validate=True, retries=1, token=None, secret="any", timeout=10):
    config = Config(
        retries={"total_max_attempts": retries, "mode": "standard"},
        parameter_validation=validate,
        read_timeout=timeout,
        s3={"addressing_style": "path"},
    )
    return boto3.client(
        service,
        endpoint_url=BASE,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=config,
    )


def refused(call, code, status, kind=None, says=""):
    """Asserts that a call is refused with this code, HTTP status and, where it is modelled, exception class."""
    try:
        answer = call()
    except botocore.exceptions.ClientError as error:
        got, answered = error.response["Error"], error.response["ResponseMetadata"]
        assert got["Code"] == code, f"code {got['Code']} ({got.get('Message')}) instead of {code}"
        assert answered["HTTPStatusCode"] == status, f"{code}: HTTP {answered['HTTPStatusCode']} instead of {status}"
        assert kind is None or isinstance(error, kind), f"{code} is raised as {type(error)}, not {kind}"
        assert says in got.get("Message", ""), f"{code}: {got.get('Message')!r} does not say {says!r}"
        return error
    raise AssertionError(f"{code} was expected, and the call answered {answer}")


def pages(config, operation, **arguments):
    return list(config.get_paginator(operation).paginate(**arguments))


def statuses(config, **arguments):
    return pages(config, "describe_organization_conformance_pack_statuses", **arguments)


def details(config, pack, **arguments):
    operation = "get_organization_conformance_pack_detailed_status"
    return pages(config, operation, OrganizationConformancePackName=pack, **arguments)


def status_rows(listing):
    return [row for page in listing for row in page["OrganizationConformancePackStatuses"]]


def detail_rows(reading):
    return [row for page in reading for row in page["OrganizationConformancePackDetailedStatuses"]]


def lengths(reading, name="OrganizationConformancePackDetailedStatuses"):
    return [len(page[name]) for page in reading]


# AWS Config: paging


@check
def the_paginator_lists_131_packs():
    listing = statuses(client("config"))
    assert lengths(listing, "OrganizationConformancePackStatuses") == [100, 31], "131 packs are two pages"
    names = [row["OrganizationConformancePackName"] for row in status_rows(listing)]
    assert len(set(names)) == 131 and "large" in names, "every pack comes once"
    assert "NextToken" not in listing[-1], "the last page has no token"


@check
def the_paginator_reads_350_members():
    reading = details(client("config"), "large")
    assert lengths(reading) == [100, 100, 100, 50], f"350 members are four pages, not {lengths(reading)}"
    assert len({row["AccountId"] for row in detail_rows(reading)}) == 350, "every member comes once"


@check
def rows_carry_every_field():
    [row] = client("config").describe_organization_conformance_pack_statuses(OrganizationConformancePackNames=["large"])[
        "OrganizationConformancePackStatuses"
    ]
    at = row.pop("LastUpdateTime")
    expected = {
        "OrganizationConformancePackName": "large",
        "Status": "UPDATE_FAILED",
        "ErrorCode": "SomeCode",
        "ErrorMessage": "some <message> & more",
    }
    assert row == expected, f"{row} is not {expected}"
    assert at == datetime.datetime(2026, 2, 3, 4, 5, 6, 789000, datetime.timezone.utc), f"{at} is another time"
    row = detail_rows(details(client("config"), "large", Filters={"Status": "CREATE_FAILED"}))[0]
    assert row["ErrorCode"] == "NoAvailableConfigurationRecorderException", "a member's cause is given"
    assert len(row["ConformancePackName"]) == len("OrgConformsPack-large-") + 8, f"{row['ConformancePackName']}"


@check
def odd_rows_can_be_scripted():
    rows = detail_rows(details(client("config", region="us-east-1"), "elsewhere"))
    by_account = {row["AccountId"]: row for row in rows}
    assert by_account["222233334444"]["ConformancePackName"] == "OrgConformsPack-elsewhere-ab12cd34"
    assert by_account["555566667777"]["Status"] == "PAUSED_SOMEHOW", "statuses are free words"
    assert "Status" not in by_account["666677778888"], "a row can lack its status"
    assert "LastUpdateTime" not in by_account["333344445555"], "a row can lack its time"


@check
def limits_from_0_to_100_are_taken():
    config = client("config", validate=False)
    for limit, count in [(0, 100), (1, 1), (99, 99), (100, 100)]:
        page = config.describe_organization_conformance_pack_statuses(Limit=limit)
        assert lengths([page], "OrganizationConformancePackStatuses") == [count], f"a limit of {limit} gives {count} packs"
        assert page["NextToken"], f"a limit of {limit} leaves packs for the next page"
        page = config.get_organization_conformance_pack_detailed_status(OrganizationConformancePackName="large", Limit=limit)
        assert lengths([page]) == [count], f"a limit of {limit} gives {count} members"


@check
def other_limits_are_refused():
    config = client("config", validate=False)
    kind = config.exceptions.InvalidLimitException
    for limit in (101, -1):
        call = lambda: config.describe_organization_conformance_pack_statuses(Limit=limit)
        refused(call, "InvalidLimitException", 400, kind)
        call = lambda: config.get_organization_conformance_pack_detailed_status(
            OrganizationConformancePackName="large", Limit=limit
        )
        refused(call, "InvalidLimitException", 400, kind)


@check
def filters_narrow_by_status_account_and_both():
    config = client("config")
    failing = detail_rows(details(config, "large", Filters={"Status": "CREATE_FAILED"}))
    assert len(failing) == 10, f"10 members fail, not {len(failing)}"
    account = failing[3]["AccountId"]
    for filters, count in [
        ({"AccountId": account}, 1),
        ({"AccountId": account, "Status": "CREATE_FAILED"}, 1),
        ({"AccountId": account, "Status": "CREATE_SUCCESSFUL"}, 0),
        ({"AccountId": "000000000000"}, 0),
        ({"Status": "DELETE_FAILED"}, 0),
    ]:
        rows = detail_rows(details(config, "large", Filters=filters))
        assert len(rows) == count, f"{filters} admits {count}, not {len(rows)}"


@check
def malformed_filters_are_refused():
    config = client("config", validate=False)
    for filters in [{"Status": "BROKEN"}, {"AccountId": "12"}]:
        call = lambda: config.get_organization_conformance_pack_detailed_status(
            OrganizationConformancePackName="large", Filters=filters
        )
        refused(call, "ValidationException", 400, says="failed to satisfy constraint")
    refused(config.get_organization_conformance_pack_detailed_status, "ValidationException", 400, says="must not be null")


@check
def names_exclude_paging():
    config = client("config")
    describe = config.describe_organization_conformance_pack_statuses
    named = describe(OrganizationConformancePackNames=["pack-007", "large"])
    names = [row["OrganizationConformancePackName"] for row in named["OrganizationConformancePackStatuses"]]
    assert names == ["pack-007", "large"], f"{names}"
    says = "not applicable if you specify names"
    kinds = config.exceptions
    call = lambda: describe(OrganizationConformancePackNames=["large"], Limit=5)
    refused(call, "InvalidLimitException", 400, kinds.InvalidLimitException, says)
    call = lambda: describe(OrganizationConformancePackNames=["large"], NextToken="x")
    refused(call, "InvalidNextTokenException", 400, kinds.InvalidNextTokenException, says)


@check
def at_most_25_names_are_taken():
    config = client("config", validate=False)
    names = [f"pack-{number:03}" for number in range(26)]
    describe = config.describe_organization_conformance_pack_statuses
    named = describe(OrganizationConformancePackNames=names[:25])
    assert len(named["OrganizationConformancePackStatuses"]) == 25, "25 names are taken"
    refused(lambda: describe(OrganizationConformancePackNames=names), "ValidationException", 400)


@check
def tokens_are_good_for_their_chain_only():
    config, kind = client("config"), client("config").exceptions.InvalidNextTokenException
    token = config.describe_organization_conformance_pack_statuses()["NextToken"]
    read = config.get_organization_conformance_pack_detailed_status
    other = read(OrganizationConformancePackName="large")["NextToken"]
    failing = {"Status": "CREATE_SUCCESSFUL"}
    for call in [
        lambda: config.describe_organization_conformance_pack_statuses(NextToken="nonsense"),
        lambda: config.describe_organization_conformance_pack_statuses(NextToken=other),
        lambda: client("config", region="us-east-1").describe_organization_conformance_pack_statuses(NextToken=token),
        lambda: read(OrganizationConformancePackName="large", NextToken=token),
        lambda: read(OrganizationConformancePackName="pack-000", NextToken=other),
        lambda: read(OrganizationConformancePackName="large", NextToken=other, Filters=failing),
    ]:
        refused(call, "InvalidNextTokenException", 400)
    refused(lambda: read(OrganizationConformancePackName="large", NextToken="é"), "InvalidNextTokenException", 400, kind)


@check
def pages_can_be_small():
    change({"page_size": 40})
    reading = details(client("config"), "large")
    assert lengths(reading) == [40] * 8 + [30], f"{lengths(reading)}"
    assert len({row["AccountId"] for row in detail_rows(reading)}) == 350


@check
def empty_pages_carry_a_token():
    change({"empty_page_every": 2})
    reading = details(client("config"), "large")
    assert lengths(reading) == [0, 100, 100, 0, 100, 50], f"{lengths(reading)}"
    assert reading[0]["NextToken"], "an empty page leads on"
    assert len({row["AccountId"] for row in detail_rows(reading)}) == 350
    listing = statuses(client("config"))
    assert lengths(listing, "OrganizationConformancePackStatuses") == [0, 100, 31]


@check
def a_trailing_page_is_empty():
    change({"trailing_page": True}, {"page_size": 50})
    reading = details(client("config"), "large")
    assert lengths(reading) == [50] * 7 + [0], f"{lengths(reading)}"


@check
def sparse_pages_are_filtered_after_paging():
    config, failing = client("config"), {"Status": "CREATE_FAILED"}
    dense = details(config, "large", Filters=failing)
    change({"sparse_filters": True})
    sparse = details(config, "large", Filters=failing)
    assert lengths(dense) == [10], f"dense: {lengths(dense)}"
    assert len(sparse) == 4 and sum(lengths(sparse)) == 10 and max(lengths(sparse)) < 10, f"sparse: {lengths(sparse)}"
    assert detail_rows(sparse) == detail_rows(dense), "the same members either way"
    one = details(config, "large", Filters={"AccountId": "200000000350"})
    assert lengths(one) == [0, 0, 0, 1], f"the last account is on the last page: {lengths(one)}"


@check
def members_that_leave_shift_the_pages():
    where = {"caller": OWN, "region": "eu-west-1", "pack": "shifting"}
    members = [f"{900000000000 + number}" for number in range(6)]
    row = {"status": "CREATE_SUCCESSFUL"}
    change({"page_size": 2}, *({"put_member": {**where, "account": account, "row": row}} for account in members))
    then = [{"remove_member": {**where, "account": members[0]}}]
    fault({"then": then}, operation=DETAILS, when={"nth": 1})
    rows = [row["AccountId"] for row in detail_rows(details(client("config"), "shifting"))]
    change({"remove_pack": where})
    assert rows == [members[0], members[1], members[3], members[4], members[5]], f"the third member is skipped: {rows}"


@check
def a_repeated_token_is_scripted():
    fault("repeat_token", operation=DETAILS, when={"nth": 2})
    read = client("config").get_organization_conformance_pack_detailed_status
    first = read(OrganizationConformancePackName="large")
    second = read(OrganizationConformancePackName="large", NextToken=first["NextToken"])
    assert second["NextToken"] == first["NextToken"], "the token is the one that was given"
    change(*RESET)
    fault("repeat_token", operation=DETAILS)
    try:
        details(client("config"), "large")
    except botocore.exceptions.PaginationError:
        return
    raise AssertionError("boto3's paginator does not notice the repeated token")


@check
def a_cycle_of_tokens_is_scripted():
    fault("token_cycle", operation=STATUSES)
    config, given = client("config"), []
    for _ in range(6):
        page = config.describe_organization_conformance_pack_statuses(**({"NextToken": given[-1]} if given else {}))
        given.append(page["NextToken"])
    assert given[0] == given[2] == given[4] and given[1] == given[3] == given[5] and given[0] != given[1], "two by turns"


# AWS Config: callers and refusals


@check
def every_declared_error_is_its_class():
    config = client("config", validate=False)
    kinds = config.exceptions
    describe = config.describe_organization_conformance_pack_statuses
    read = config.get_organization_conformance_pack_detailed_status
    call = lambda: describe(OrganizationConformancePackNames=["large", "unknown"])
    refused(call, "NoSuchOrganizationConformancePackException", 400, kinds.NoSuchOrganizationConformancePackException)
    call = lambda: read(OrganizationConformancePackName="unknown")
    refused(call, "NoSuchOrganizationConformancePackException", 400, kinds.NoSuchOrganizationConformancePackException)
    refused(lambda: describe(Limit=1000), "InvalidLimitException", 400, kinds.InvalidLimitException)
    refused(lambda: describe(NextToken="0"), "InvalidNextTokenException", 400, kinds.InvalidNextTokenException)
    member = client("config", key="AKIDMEMBER")
    kind = member.exceptions.OrganizationAccessDeniedException
    call = member.describe_organization_conformance_pack_statuses
    refused(call, "OrganizationAccessDeniedException", 400, kind)
    call = lambda: member.get_organization_conformance_pack_detailed_status(OrganizationConformancePackName="large")
    refused(call, "OrganizationAccessDeniedException", 400, kind)


@check
def callers_come_and_go():
    member = client("config", key="AKIDMEMBER")
    change({"allow_caller": MEMBER})
    assert status_rows(statuses(member)) == [], "a delegated administrator without packs sees none"
    change({"deny_caller": MEMBER})
    refused(member.describe_organization_conformance_pack_statuses, "OrganizationAccessDeniedException", 400)


@check
def callers_and_regions_see_their_own_packs():
    for key, region, expected in [
        ("AKIDOWN", "us-east-1", ["elsewhere"]),
        ("AKIDADMIN", "eu-west-1", ["delegated"]),
        ("AKIDADMIN", "us-east-1", []),
    ]:
        names = [row["OrganizationConformancePackName"] for row in status_rows(statuses(client("config", key, region)))]
        assert names == expected, f"{key} sees {names} in {region}"
    calls = [(call["caller"], call["region"]) for call in control("calls")]
    assert calls == [(OWN, "us-east-1"), (ADMIN, "eu-west-1"), (ADMIN, "us-east-1")], f"{calls}"


@check
def unknown_and_missing_credentials_are_refused():
    unknown = lambda service: client(service, key="AKIDNOBODY")
    call = unknown("config").describe_organization_conformance_pack_statuses
    refused(call, "UnrecognizedClientException", 400)
    refused(unknown("sts").get_caller_identity, "InvalidClientTokenId", 403)
    refused(lambda: unknown("sns").publish(TopicArn=TOPIC, Message="x"), "InvalidClientTokenId", 403)
    refused(lambda: unknown("s3").get_object(Bucket=BUCKET, Key="x"), "InvalidAccessKeyId", 403)
    headers = {"X-Amz-Target": f"StarlingDoveService.{STATUSES}", "Content-Type": "application/x-amz-json-1.1"}
    status, body = raw("POST", "/", b"{}", headers)
    assert status == 400 and b"MissingAuthenticationToken" in body, f"unsigned: {status} {body}"


@check
def throttling_surfaces():
    change({"rate_limit": {"per_second": 0.001, "burst": 2}})
    describe = client("config").describe_organization_conformance_pack_statuses
    describe(), describe()
    refused(describe, "ThrottlingException", 400, says="Rate exceeded")
    client("config", key="AKIDADMIN").describe_organization_conformance_pack_statuses()
    client("config", region="us-east-1").describe_organization_conformance_pack_statuses()
    assert [call["code"] for call in control("calls")] == [None, None, "ThrottlingException", None, None], "by source"


@check
def throttling_is_retried_by_the_sdk():
    fault("throttle", service="config", when={"first": 2})
    client("config", retries=3).describe_organization_conformance_pack_statuses(Limit=1)
    codes = [call["code"] for call in control("calls")]
    assert codes == ["ThrottlingException", "ThrottlingException", None], f"{codes}"


@check
def undeclared_errors_surface():
    config = client("config")
    describe = config.describe_organization_conformance_pack_statuses
    for effect, code, status in [
        ("denied", "AccessDeniedException", 400),
        ("expired_token", "ExpiredTokenException", 400),
        ("internal_error", "InternalFailure", 500),
        ({"error": {"status": 403, "code": "Odd", "message": "m"}}, "Odd", 403),
    ]:
        fault(effect, operation=STATUSES, when={"nth": 1})
        refused(describe, code, status)
        change("clear_faults")
    fault("unavailable", operation=STATUSES)
    refused(describe, "503", 503)


@check
def connections_can_be_broken():
    describe = client("config", timeout=1).describe_organization_conformance_pack_statuses
    for effect, kind in [
        ("reset_before", botocore.exceptions.ConnectionClosedError),
        ("reset_after", botocore.exceptions.ConnectionClosedError),
        ("silence", botocore.exceptions.ReadTimeoutError),
        ({"delay": 1500}, botocore.exceptions.ReadTimeoutError),
        ({"hold": 1500}, botocore.exceptions.ReadTimeoutError),
    ]:
        change("clear_faults")
        fault(effect, operation=STATUSES)
        try:
            answer = describe()
        except kind:
            continue
        except Exception as error:
            raise AssertionError(f"{effect}: {type(error)} {error}") from error
        raise AssertionError(f"{effect} has no effect: {answer}")


@check
def bodies_can_be_broken():
    # Below boto3, which takes an answer that is no JSON for an empty one.
    describe = lambda: signed_raw("config", "POST", "/", b"{}", {"X-Amz-Target": f"StarlingDoveService.{STATUSES}"})
    status, whole = describe()
    assert status == 200 and json.loads(whole), f"{status} {whole}"
    half = whole[: len(whole) // 2]
    for effect, expected in [
        ("malformed", b"{<malformed"),
        ("empty", b""),
        ("truncated", half),
        ({"raw": {"status": 200, "content_type": "text/plain", "body": "<"}}, b"<"),
    ]:
        change("clear_faults")
        fault(effect, operation=STATUSES)
        status, body = describe()
        assert status == 200 and body == expected, f"{effect}: {status} {body}"
    change("clear_faults")
    fault("cut_off", operation=STATUSES)
    try:
        raise AssertionError(f"the answer is not cut off: {describe()}")
    except http.client.IncompleteRead as error:
        assert error.partial == half, f"{len(error.partial)} bytes arrive instead of {len(half)}"
    change("clear_faults")
    fault("reset_before", operation=STATUSES)
    try:
        raise AssertionError(f"the connection is not reset: {describe()}")
    except ConnectionResetError as error:
        assert type(error) is ConnectionResetError, f"the connection is closed, not reset: {error!r}"


@check
def faults_befall_the_calls_that_they_name():
    fault("throttle", service="config", region="us-east-1", target="elsewhere", when={"nth": 2})
    here, there = client("config"), client("config", region="us-east-1")
    details(here, "large")
    details(there, "elsewhere")
    statuses(there)
    refused(lambda: details(there, "elsewhere"), "ThrottlingException", 400)
    details(there, "elsewhere")


@check
def answers_take_their_time():
    change({"latency": 300})
    began = time.monotonic()
    client("config").describe_organization_conformance_pack_statuses(Limit=1)
    assert time.monotonic() - began >= 0.3, "the latency is kept"


@check
def statuses_change_over_time():
    where = {"caller": ADMIN, "region": "eu-west-1", "pack": "timed"}
    later = {"put_pack": {**where, "row": {"status": "UPDATE_FAILED"}}}
    change({"put_pack": {**where, "row": {"status": "UPDATE_IN_PROGRESS"}}})
    change({"at": {"at": "2099-01-01T00:00:00Z", "change": [later]}})
    config = client("config", key="AKIDADMIN")
    read = lambda: config.describe_organization_conformance_pack_statuses(OrganizationConformancePackNames=["timed"])
    assert read()["OrganizationConformancePackStatuses"][0]["Status"] == "UPDATE_IN_PROGRESS"
    change({"advance_to": "2099-01-01T00:00:00Z"})
    assert read()["OrganizationConformancePackStatuses"][0]["Status"] == "UPDATE_FAILED"
    change({"remove_pack": where})


@check
def unknown_changes_are_refused():
    for body in [[{"put_pak": {}}], [{"remove_pack": {"caller": "1", "region": "r", "pack": "p", "extra": 1}}], {}]:
        try:
            control("world", body)
        except urllib.error.HTTPError as error:
            assert error.code == 400, f"HTTP {error.code}"
            continue
        raise AssertionError(f"{body} is taken")


# STS


@check
def the_caller_has_an_identity():
    identity = client("sts").get_caller_identity()
    assert identity["Account"] == OWN and identity["Arn"].startswith(f"arn:aws:iam::{OWN}:"), f"{identity}"
    assert identity["UserId"], "a user id"
    assert client("sts", key="AKIDADMIN").get_caller_identity()["Account"] == ADMIN


@check
def an_assumed_role_calls_as_its_account():
    role = f"arn:aws:iam::{ADMIN}:role/service/reader"
    answer = client("sts").assume_role(RoleArn=role, RoleSessionName="check", DurationSeconds=900)
    credentials = answer["Credentials"]
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ADMIN}:assumed-role/reader/check"
    left = credentials["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15), f"{left} left"
    temporary = {
        "key": credentials["AccessKeyId"],
        "secret": credentials["SecretAccessKey"],
        "token": credentials["SessionToken"],
    }
    names = [row["OrganizationConformancePackName"] for row in status_rows(statuses(client("config", **temporary)))]
    assert names == ["delegated"], f"{names}"
    identity = client("sts", **temporary).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ADMIN}:assumed-role/reader/check", f"{identity}"
    bare = client("config", key=temporary["key"], secret=temporary["secret"])
    refused(bare.describe_organization_conformance_pack_statuses, "UnrecognizedClientException", 400)


@check
def roles_ask_for_their_external_id():
    sts, role = client("sts"), f"arn:aws:iam::{ADMIN}:role/guarded"
    assume = lambda **arguments: sts.assume_role(RoleSessionName="check", **arguments)
    assert assume(RoleArn=role, ExternalId="sesame")["Credentials"]["SessionToken"]
    for arguments in [{"RoleArn": role}, {"RoleArn": role, "ExternalId": "wrong"}, {"RoleArn": f"{role}-unknown"}]:
        refused(lambda: assume(**arguments), "AccessDenied", 403, says="sts:AssumeRole")
    sts = client("sts", validate=False)
    refused(lambda: assume(RoleArn=role, ExternalId="sesame", DurationSeconds=1), "ValidationError", 400)


# S3


@check
def objects_are_kept():
    s3 = client("s3")
    put = s3.put_object(Bucket=BUCKET, Key="a/b c+d é.json", Body=b'{"a": 1}', ContentType="application/json")
    got = s3.get_object(Bucket=BUCKET, Key="a/b c+d é.json")
    assert got["Body"].read() == b'{"a": 1}' and got["ContentType"] == "application/json", f"{got}"
    assert got["ETag"] == put["ETag"] and got["ETag"].startswith('"'), f"{got['ETag']} is not {put['ETag']}"
    head = s3.head_object(Bucket=BUCKET, Key="a/b c+d é.json")
    assert head["ContentLength"] == 8 and head["ETag"] == put["ETag"] and head["LastModified"].year >= 2025, f"{head}"
    again = s3.put_object(Bucket=BUCKET, Key="a/b c+d é.json", Body=b'{"a": 1}')
    assert again["ETag"] != put["ETag"], "every write has its own ETag"
    assert control("calls")[0]["target"] == f"{BUCKET}/a/b c+d é.json"


@check
def streams_and_large_bodies_arrive():
    s3, body = client("s3"), bytes(range(256)) * 8192
    s3.put_object(Bucket=BUCKET, Key="stream", Body=io.BytesIO(body))
    assert s3.get_object(Bucket=BUCKET, Key="stream")["Body"].read() == body, "2 MiB come back"


@check
def a_part_of_an_object_comes_alone():
    s3 = client("s3")
    put = s3.put_object(Bucket=BUCKET, Key="part", Body=b"0123456789")
    part = s3.get_object(Bucket=BUCKET, Key="part", Range="bytes=2-4")
    assert part["Body"].read() == b"234" and part["ResponseMetadata"]["HTTPStatusCode"] == 206 and part["ETag"] == put["ETag"]
    assert s3.get_object(Bucket=BUCKET, Key="part", Range="bytes=8-99")["Body"].read() == b"89", "the end ends it"
    s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    refused(lambda: s3.get_object(Bucket=BUCKET, Key="empty", Range="bytes=0-9"), "InvalidRange", 416)


@check
def chunked_bodies_are_decoded():
    body = b"one two three"
    trailer = base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))
    framed = b"8\r\none two \r\n5;chunk-signature=00\r\nthree\r\n0\r\nx-amz-checksum-crc32:" + trailer + b"\r\n\r\n"
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(body)),
    }
    status, answer = signed_raw("s3", "PUT", f"/{BUCKET}/chunked", framed, headers)
    assert status == 200, f"{status} {answer}"
    assert client("s3").get_object(Bucket=BUCKET, Key="chunked")["Body"].read() == body
    status, answer = signed_raw("s3", "PUT", f"/{BUCKET}/chunked", framed[:12], headers)
    assert status == 400 and b"IncompleteBody" in answer, f"{status} {answer}"


@check
def a_first_write_can_be_the_only_one():
    s3 = client("s3")
    put = lambda: s3.put_object(Bucket=BUCKET, Key="once", Body=b"1", IfNoneMatch="*")
    put()
    refused(put, "PreconditionFailed", 412)
    assert control("calls")[1]["condition"] == "If-None-Match: *", "the journal keeps the condition"


@check
def a_write_can_depend_on_the_last():
    s3 = client("s3")
    put = lambda key, etag: s3.put_object(Bucket=BUCKET, Key=key, Body=b"x", IfMatch=etag)
    first = s3.put_object(Bucket=BUCKET, Key="ledger", Body=b"x")["ETag"]
    second = put("ledger", first)["ETag"]
    refused(lambda: put("ledger", first), "PreconditionFailed", 412)
    refused(lambda: put("no-such", second), "NoSuchKey", 404)
    fault({"error": {"status": 409, "code": "ConditionalRequestConflict", "message": "crossed"}}, operation="PutObject")
    refused(lambda: put("ledger", second), "ConditionalRequestConflict", 409)
    change("clear_faults")
    put("ledger", second)


@check
def a_lost_answer_is_a_write_all_the_same():
    s3 = client("s3")
    fault("reset_after", operation="PutObject", when={"first": 1})
    try:
        s3.put_object(Bucket=BUCKET, Key="lost", Body=b"1", IfNoneMatch="*")
        raise AssertionError("the answer is not lost")
    except botocore.exceptions.ConnectionClosedError:
        pass
    assert s3.get_object(Bucket=BUCKET, Key="lost")["Body"].read() == b"1"
    fault("reset_before", operation="PutObject", target="never", when={"first": 1})
    try:
        s3.put_object(Bucket=BUCKET, Key="never", Body=b"1")
        raise AssertionError("the connection is not reset")
    except botocore.exceptions.ConnectionClosedError:
        pass
    refused(lambda: s3.get_object(Bucket=BUCKET, Key="never"), "NoSuchKey", 404)


@check
def a_write_can_land_after_its_caller_gave_up():
    s3 = client("s3", timeout=0.3)
    fault({"hold": 900}, operation="PutObject", when={"nth": 1})
    try:
        s3.put_object(Bucket=BUCKET, Key="late", Body=b"late")
        raise AssertionError("the write is answered in time")
    except botocore.exceptions.ReadTimeoutError:
        pass
    s3.put_object(Bucket=BUCKET, Key="late", Body=b"early")
    assert s3.get_object(Bucket=BUCKET, Key="late")["Body"].read() == b"early"
    time.sleep(1)
    assert s3.get_object(Bucket=BUCKET, Key="late")["Body"].read() == b"late", "the held write does not land"


@check
def what_is_missing_is_named():
    s3 = client("s3")
    refused(lambda: s3.get_object(Bucket=BUCKET, Key="none"), "NoSuchKey", 404, s3.exceptions.NoSuchKey)
    refused(lambda: s3.head_object(Bucket=BUCKET, Key="none"), "404", 404)
    refused(lambda: s3.get_object(Bucket="no-bucket", Key="none"), "NoSuchBucket", 404, s3.exceptions.NoSuchBucket)
    refused(lambda: s3.put_object(Bucket="no-bucket", Key="x", Body=b""), "NoSuchBucket", 404)
    unlisting = client("s3", key="AKIDUNLISTING")
    change({"listing": {"account": "123412341234", "allowed": False}})
    refused(lambda: unlisting.get_object(Bucket=BUCKET, Key="none"), "AccessDenied", 403)
    refused(lambda: unlisting.list_objects_v2(Bucket=BUCKET), "AccessDenied", 403)
    change({"listing": {"account": "123412341234", "allowed": True}})
    refused(lambda: unlisting.get_object(Bucket=BUCKET, Key="none"), "NoSuchKey", 404)


@check
def objects_are_listed_and_deleted():
    s3 = client("s3")
    for number in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"list/<{number}>", Body=b"x" * number)
    s3.delete_object(Bucket=BUCKET, Key="list/<3>")
    paginator = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": 2}
    )
    listed = {row["Key"]: row["Size"] for page in paginator for row in page["Contents"]}
    assert listed == {f"list/<{number}>": number for number in (0, 1, 2, 4)}, f"{listed}"
    refused(lambda: s3.get_object(Bucket=BUCKET, Key="list/<3>"), "NoSuchKey", 404)


# SNS


def text(value, kind="String"):
    return {"DataType": kind, "StringValue": value}


@check
def messages_are_published():
    sns, before = client("sns"), len(control("publishes"))
    message = json.dumps({"default": "d & <e>", "email": "é\nline"})
    attributes = {
        "open": text("15", "Number"),
        "packs": text('["a", 1, true, null]', "String.Array"),
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    answer = sns.publish(
        TopicArn=TOPIC, Message=message, Subject="1 appeared", MessageStructure="json", MessageAttributes=attributes
    )
    published = control("publishes")[before:]
    assert len(published) == 1 and published[0]["message_id"] == answer["MessageId"], f"{published}"
    assert published[0]["message"] == message and published[0]["subject"] == "1 appeared", f"{published}"
    assert published[0]["attributes"]["open"] == {"data_type": "Number", "value": "15"}, f"{published}"
    assert set(published[0]["attributes"]) == {"open", "packs", "blob"}, f"{published}"
    sns.publish(TopicArn=TOPIC, Message="plain", MessageGroupId="group")
    many = {f"a{number}": text("x") for number in range(11)}
    sns.publish(TopicArn=TOPIC, Message="more than ten attributes", MessageAttributes=many)
    assert len(control("publishes")[-1]["attributes"]) == 11, "more than ten attributes are taken"


@check
def messages_have_their_bounds():
    sns = client("sns")
    kind = sns.exceptions.InvalidParameterException
    publish = lambda **arguments: sns.publish(TopicArn=TOPIC, **arguments)
    size = 262144
    publish(Message="x" * size)
    publish(Message="x" * (size - 10), MessageAttributes={"abc": text("1", "Number")})
    publish(Message="x", Subject="s" * 99)
    for arguments, says in [
        ({"Message": ""}, "Empty message"),
        ({"Message": "x" * (size + 1)}, "too long"),
        ({"Message": "é" * (size // 2) + "x"}, "too long"),
        ({"Message": "x" * (size - 9), "MessageAttributes": {"abc": text("1", "Number")}}, "too long"),
        ({"Message": "x", "Subject": ""}, "Subject"),
        ({"Message": "x", "Subject": "s" * 100}, "Subject"),
        ({"Message": "x", "Subject": "two\nlines"}, "Subject"),
        ({"Message": "x", "Subject": "bell\a"}, "Subject"),
        ({"Message": "x", "Subject": "café"}, "Subject"),
        ({"Message": "x", "Subject": " leading"}, "Subject"),
        ({"Message": "x", "MessageStructure": "xml"}, "MessageStructure"),
        ({"Message": "x", "MessageStructure": "json"}, "failed to parse"),
        ({"Message": "[]", "MessageStructure": "json"}, "failed to parse"),
        ({"Message": '{"email": "x"}', "MessageStructure": "json"}, "No default entry"),
        ({"Message": '{"default": 1}', "MessageStructure": "json"}, "failed to parse"),
        ({"Message": '{"default": "x", "sms": {}}', "MessageStructure": "json"}, "failed to parse"),
        ({"Message": "x", "MessageDeduplicationId": "id"}, "MessageDeduplicationId"),
    ]:
        refused(lambda: publish(**arguments), "InvalidParameter", 400, kind, says)


@check
def attributes_have_their_bounds():
    sns = client("sns", validate=False)
    kind = sns.exceptions.InvalidParameterValueException
    publish = lambda attributes: sns.publish(TopicArn=TOPIC, Message="x", MessageAttributes=attributes)
    for attributes in [
        {"": text("x")},
        {"a b": text("x")},
        {".a": text("x")},
        {"a.": text("x")},
        {"a..b": text("x")},
        {"a": text("")},
        {"a": text("x", "")},
        {"a": text("x", "Boolean")},
        {"a": text("x", "Number")},
        {"a": text("NaN", "Number")},
        {"a": text("x", "String.Array")},
        {"a": text('{"a": 1}', "String.Array")},
        {"a": text("[[1]]", "String.Array")},
        {"a": {"DataType": "Binary", "BinaryValue": b""}},
    ]:
        refused(lambda: publish(attributes), "ParameterValueInvalid", 400, kind)
    form = [("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", TOPIC), ("Message", "x")]
    for number in (1, 2):
        entry = f"MessageAttributes.entry.{number}"
        form += [(f"{entry}.Name", "a"), (f"{entry}.Value.DataType", "String"), (f"{entry}.Value.StringValue", "x")]
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    status, body = signed_raw("sns", "POST", "/", urllib.parse.urlencode(form).encode(), headers)
    assert status == 400 and b"already exists" in body, f"a name twice: {status} {body}"


@check
def topics_are_where_they_are():
    sns = client("sns")
    kinds = sns.exceptions
    call = lambda: sns.publish(TopicArn=f"{TOPIC}-unknown", Message="x")
    refused(call, "NotFound", 404, kinds.NotFoundException, "Topic does not exist")
    call = lambda: sns.publish(TopicArn=TOPIC.replace("eu-west-1", "us-east-1"), Message="x")
    refused(call, "InvalidParameter", 400, kinds.InvalidParameterException, "TopicArn")
    refused(lambda: sns.publish(TopicArn="digest", Message="x"), "InvalidParameter", 400, kinds.InvalidParameterException)
    call = lambda: sns.publish(TopicArn=f"arn:aws:sns:eu-west-1:{ADMIN}:theirs", Message="x")
    refused(call, "AuthorizationError", 403, kinds.AuthorizationErrorException, "SNS:Publish")
    fault("throttle", service="sns", when={"nth": 1})
    refused(lambda: sns.publish(TopicArn=TOPIC, Message="x"), "Throttling", 400)


@check
def fifo_topics_deliver_once():
    sns = client("sns")
    change({"advance_to": "2099-01-01T00:00:00Z"})
    publish = lambda **arguments: sns.publish(TopicArn=FIFO, Message="x", **arguments)
    kind = sns.exceptions.InvalidParameterException
    refused(lambda: publish(MessageDeduplicationId="1"), "InvalidParameter", 400, kind, "MessageGroupId")
    refused(lambda: publish(MessageGroupId="g"), "InvalidParameter", 400, kind, "MessageDeduplicationId")
    before = len(control("publishes"))
    first = publish(MessageGroupId="g", MessageDeduplicationId="1")
    change({"advance_to": "2099-01-01T00:04:59Z"})
    again = publish(MessageGroupId="g", MessageDeduplicationId="1")
    assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"]), "the same receipt"
    other = publish(MessageGroupId="g", MessageDeduplicationId="2")
    assert other["SequenceNumber"] > first["SequenceNumber"], "numbers count up"
    assert len(control("publishes")) == before + 2, "the repetition is not delivered"
    change({"advance_to": "2099-01-01T00:05:00Z"})
    late = publish(MessageGroupId="g", MessageDeduplicationId="1")
    assert late["MessageId"] != first["MessageId"] and len(control("publishes")) == before + 3, "five minutes later it is"


# AWS Organizations


@check
def accounts_are_described():
    account = client("organizations").describe_account(AccountId="222233334444")["Account"]
    assert (account["Id"], account["Name"], account["State"]) == ("222233334444", "payments-prod", "ACTIVE"), account
    account = client("organizations", key="AKIDADMIN").describe_account(AccountId="333344445555")["Account"]
    assert account["State"] == "SUSPENDED" and account["Status"] == "ACTIVE", "the retired status says nothing"


@check
def accounts_are_refused_in_their_own_words():
    organizations = client("organizations", validate=False)
    kinds = organizations.exceptions
    describe = lambda caller, account: lambda: caller.describe_account(AccountId=account)
    refused(describe(organizations, "999900001111"), "AccountNotFoundException", 400, kinds.AccountNotFoundException)
    refused(describe(organizations, "1"), "InvalidInputException", 400, kinds.InvalidInputException)
    member = client("organizations", key="AKIDMEMBER")
    refused(describe(member, "222233334444"), "AccessDeniedException", 400, kinds.AccessDeniedException)
    fault("throttle", service="organizations", when={"nth": 1})
    refused(describe(organizations, "222233334444"), "TooManyRequestsException", 400, kinds.TooManyRequestsException)


def raw(method, path, body, headers):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(BASE).netloc, timeout=10)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def signed_raw(service, method, path, body, headers):
    scope = f"AKIDOWN/20260101/eu-west-1/{service}/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return raw(method, path, body, {**headers, "Authorization": signature})


def main():
    global BASE
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    BASE = sys.argv[1].rstrip("/")
    failed = 0
    for function in CHECKS:
        try:
            change(*RESET)
            function()
        except Exception:
            failed += 1
            print(f"FAILED {function.__name__.replace('_', ' ')}")
            traceback.print_exc()
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
