#!/usr/bin/env python3
"""Checks the simulated organization with boto3.

Its responses and errors must match the service models of botocore.

    cargo run --example simulated_org -- --port 4599 --world tests/fixtures/organizations/boto3.json &
    pip install boto3
    python tests/e2e/simulation_contract_test.py http://127.0.0.1:4599

The server must be new, because checks change its state. Before each check, pagination, rate limits
and faults are reset.
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
NO_SUCH_PACK = "NoSuchOrganizationConformancePackException"
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
    {"account_filter_requires_member": False},
    {"latency": 0},
    {"rate_limit": None},
]

BASE = ""
CHECKS = []


def check(function):
    """Registers a check."""
    CHECKS.append(function)
    return function


def control(path, body=None):
    """Calls the control API of the simulation."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{BASE}/_{path}", data=data), timeout=10) as response:
        return json.load(response)


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


def assert_error(call, code, status, kind=None, message=""):
    """Asserts that a call fails with this code and HTTP status.

    `kind` is the exception class of a modeled error, and `message` a part of the message.
    """
    try:
        response = call()
    except botocore.exceptions.ClientError as error:
        actual, metadata = error.response["Error"], error.response["ResponseMetadata"]
        assert actual["Code"] == code, f"code {actual['Code']} ({actual.get('Message')}), expected {code}"
        assert metadata["HTTPStatusCode"] == status, f"{code}: HTTP {metadata['HTTPStatusCode']}, expected {status}"
        assert kind is None or isinstance(error, kind), f"{code} is raised as {type(error)}, expected {kind}"
        assert message in actual.get("Message", ""), f"{code}: {actual.get('Message')!r} does not contain {message!r}"
        return error
    raise AssertionError(f"expected {code}, but the call succeeded: {response}")


def pages(config, operation, **arguments):
    return list(config.get_paginator(operation).paginate(**arguments))


def statuses(config, **arguments):
    return pages(config, "describe_organization_conformance_pack_statuses", **arguments)


def details(config, pack, **arguments):
    operation = "get_organization_conformance_pack_detailed_status"
    return pages(config, operation, OrganizationConformancePackName=pack, **arguments)


def status_records(listing):
    return [row for page in listing for row in page["OrganizationConformancePackStatuses"]]


def member_records(reading):
    return [row for page in reading for row in page["OrganizationConformancePackDetailedStatuses"]]


def lengths(reading, name="OrganizationConformancePackDetailedStatuses"):
    return [len(page[name]) for page in reading]


# AWS Config: pagination


@check
def paginator_lists_131_packs():
    listing = statuses(client("config"))
    assert lengths(listing, "OrganizationConformancePackStatuses") == [100, 31], "131 packs need two pages"
    names = [row["OrganizationConformancePackName"] for row in status_records(listing)]
    assert len(set(names)) == 131 and "large" in names, "every pack is listed once"
    assert "NextToken" not in listing[-1], "the last page has no page token"


@check
def paginator_reads_350_members():
    reading = details(client("config"), "large")
    assert lengths(reading) == [100, 100, 100, 50], f"350 members need four pages, not {lengths(reading)}"
    assert len({row["AccountId"] for row in member_records(reading)}) == 350, "every member is returned once"


@check
def status_records_have_every_field():
    [row] = client("config").describe_organization_conformance_pack_statuses(
        OrganizationConformancePackNames=["large"]
    )["OrganizationConformancePackStatuses"]
    at = row.pop("LastUpdateTime")
    expected = {
        "OrganizationConformancePackName": "large",
        "Status": "UPDATE_FAILED",
        "ErrorCode": "SomeCode",
        "ErrorMessage": "some <message> & more",
    }
    assert row == expected, f"{row}, expected {expected}"
    assert at == datetime.datetime(2026, 2, 3, 4, 5, 6, 789000, datetime.timezone.utc), f"unexpected time {at}"
    row = member_records(details(client("config"), "large", Filters={"Status": "CREATE_FAILED"}))[0]
    assert row["ErrorCode"] == "NoAvailableConfigurationRecorderException", "a member has its error code"
    assert len(row["ConformancePackName"]) == len("OrgConformsPack-large-") + 8, f"{row['ConformancePackName']}"


@check
def unusual_status_records_can_be_configured():
    rows = member_records(details(client("config", region="us-east-1"), "elsewhere"))
    by_account = {row["AccountId"]: row for row in rows}
    assert by_account["222233334444"]["ConformancePackName"] == "OrgConformsPack-elsewhere-ab12cd34"
    assert by_account["555566667777"]["Status"] == "PAUSED_SOMEHOW", "any status is possible"
    assert "Status" not in by_account["666677778888"], "a record can lack its status"
    assert "LastUpdateTime" not in by_account["333344445555"], "a record can lack its time"


@check
def limits_from_0_to_100_are_accepted():
    config = client("config", validate=False)
    for limit, count in [(0, 100), (1, 1), (99, 99), (100, 100)]:
        page = config.describe_organization_conformance_pack_statuses(Limit=limit)
        assert lengths([page], "OrganizationConformancePackStatuses") == [count], (
            f"a limit of {limit} returns {count} packs"
        )
        assert page["NextToken"], f"a limit of {limit} returns a page token"
        page = config.get_organization_conformance_pack_detailed_status(
            OrganizationConformancePackName="large", Limit=limit
        )
        assert lengths([page]) == [count], f"a limit of {limit} returns {count} members"


@check
def other_limits_are_rejected():
    config = client("config", validate=False)
    kind = config.exceptions.InvalidLimitException
    for limit in (101, -1):
        call = lambda: config.describe_organization_conformance_pack_statuses(Limit=limit)
        assert_error(call, "InvalidLimitException", 400, kind)
        call = lambda: config.get_organization_conformance_pack_detailed_status(
            OrganizationConformancePackName="large", Limit=limit
        )
        assert_error(call, "InvalidLimitException", 400, kind)


@check
def filters_select_by_status_and_account():
    config = client("config")
    failing = member_records(details(config, "large", Filters={"Status": "CREATE_FAILED"}))
    assert len(failing) == 10, f"10 members fail, not {len(failing)}"
    account = failing[3]["AccountId"]
    for filters, count in [
        ({"AccountId": account}, 1),
        ({"AccountId": account, "Status": "CREATE_FAILED"}, 1),
        ({"AccountId": account, "Status": "CREATE_SUCCESSFUL"}, 0),
        ({"AccountId": "000000000000"}, 0),
        ({"Status": "DELETE_FAILED"}, 0),
    ]:
        rows = member_records(details(config, "large", Filters=filters))
        assert len(rows) == count, f"{filters} selects {len(rows)} members, expected {count}"


@check
def account_filter_can_require_a_member():
    config = client("config")
    kind = config.exceptions.NoSuchOrganizationConformancePackException
    read = lambda filters, **arguments: lambda: config.get_organization_conformance_pack_detailed_status(
        OrganizationConformancePackName="large", Filters=filters, **arguments
    )
    absent, member = {"AccountId": "000000000000"}, {"AccountId": "200000000001"}
    change({"account_filter_requires_member": True})
    assert_error(read(absent), NO_SUCH_PACK, 400, kind, "large")
    assert_error(read({**absent, "Status": "CREATE_FAILED"}), NO_SUCH_PACK, 400, kind)
    for filters, count in [(member, 1), ({**member, "Status": "DELETE_FAILED"}, 0), ({"Status": "DELETE_FAILED"}, 0)]:
        rows = member_records([read(filters)()])
        assert len(rows) == count, f"{filters} selects {len(rows)} members, expected {count}"
    change({"account_filter_requires_member": False})
    assert lengths([read(absent)()]) == [0], "by default an account without a row has an empty page"


@check
def faults_can_match_the_filter():
    config = client("config")
    kind = config.exceptions.NoSuchOrganizationConformancePackException
    read = lambda **arguments: lambda: config.get_organization_conformance_pack_detailed_status(
        OrganizationConformancePackName="large", **arguments
    )
    error = {"error": {"status": 400, "code": NO_SUCH_PACK, "message": "gone"}}
    first, second = ({"Filters": {"AccountId": f"20000000000{number}"}} for number in (1, 2))
    failing = {"Filters": {"Status": "CREATE_FAILED"}}
    for part, hit, missed in [
        ("AccountId=200000000001", [first], [second, failing, {}]),
        ("AccountId=", [first, second], [failing, {}]),
        ("Status=CREATE_FAILED", [failing], [first, second, {}]),
        ("", [first, second, failing], [{}]),
    ]:
        change("clear_faults")
        fault(error, operation=DETAILS, filter=part)
        for arguments in hit:
            assert_error(read(**arguments), NO_SUCH_PACK, 400, kind, "gone")
        for arguments in missed:
            read(**arguments)()


@check
def malformed_filters_are_rejected():
    config = client("config", validate=False)
    for filters in [{"Status": "BROKEN"}, {"AccountId": "12"}]:
        call = lambda: config.get_organization_conformance_pack_detailed_status(
            OrganizationConformancePackName="large", Filters=filters
        )
        assert_error(call, "ValidationException", 400, message="failed to satisfy constraint")
    assert_error(
        config.get_organization_conformance_pack_detailed_status, "ValidationException", 400, message="must not be null"
    )


@check
def names_cannot_be_combined_with_pagination():
    config = client("config")
    describe = config.describe_organization_conformance_pack_statuses
    named = describe(OrganizationConformancePackNames=["pack-007", "large"])
    names = [row["OrganizationConformancePackName"] for row in named["OrganizationConformancePackStatuses"]]
    assert names == ["pack-007", "large"], f"{names}"
    message = "not applicable if you specify names"
    kinds = config.exceptions
    call = lambda: describe(OrganizationConformancePackNames=["large"], Limit=5)
    assert_error(call, "InvalidLimitException", 400, kinds.InvalidLimitException, message)
    call = lambda: describe(OrganizationConformancePackNames=["large"], NextToken="x")
    assert_error(call, "InvalidNextTokenException", 400, kinds.InvalidNextTokenException, message)


@check
def at_most_25_names_are_accepted():
    config = client("config", validate=False)
    names = [f"pack-{number:03}" for number in range(26)]
    describe = config.describe_organization_conformance_pack_statuses
    named = describe(OrganizationConformancePackNames=names[:25])
    assert len(named["OrganizationConformancePackStatuses"]) == 25, "25 names are accepted"
    assert_error(lambda: describe(OrganizationConformancePackNames=names), "ValidationException", 400)


@check
def page_tokens_are_valid_only_for_their_request():
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
        assert_error(call, "InvalidNextTokenException", 400)
    assert_error(
        lambda: read(OrganizationConformancePackName="large", NextToken="é"), "InvalidNextTokenException", 400, kind
    )


@check
def page_size_can_be_configured():
    change({"page_size": 40})
    reading = details(client("config"), "large")
    assert lengths(reading) == [40] * 8 + [30], f"{lengths(reading)}"
    assert len({row["AccountId"] for row in member_records(reading)}) == 350


@check
def empty_pages_have_a_page_token():
    change({"empty_page_every": 2})
    reading = details(client("config"), "large")
    assert lengths(reading) == [0, 100, 100, 0, 100, 50], f"{lengths(reading)}"
    assert reading[0]["NextToken"], "an empty page has a page token"
    assert len({row["AccountId"] for row in member_records(reading)}) == 350
    listing = statuses(client("config"))
    assert lengths(listing, "OrganizationConformancePackStatuses") == [0, 100, 31]


@check
def trailing_page_is_empty():
    change({"trailing_page": True}, {"page_size": 50})
    reading = details(client("config"), "large")
    assert lengths(reading) == [50] * 7 + [0], f"{lengths(reading)}"


@check
def sparse_filters_apply_after_pagination():
    config, failing = client("config"), {"Status": "CREATE_FAILED"}
    dense = details(config, "large", Filters=failing)
    change({"sparse_filters": True})
    sparse = details(config, "large", Filters=failing)
    assert lengths(dense) == [10], f"dense: {lengths(dense)}"
    assert len(sparse) == 4 and sum(lengths(sparse)) == 10 and max(lengths(sparse)) < 10, f"sparse: {lengths(sparse)}"
    assert member_records(sparse) == member_records(dense), "both kinds of pages have the same members"
    one = details(config, "large", Filters={"AccountId": "200000000350"})
    assert lengths(one) == [0, 0, 0, 1], f"the last account is on the last page: {lengths(one)}"


@check
def removed_members_shift_the_pages():
    where = {"caller": OWN, "region": "eu-west-1", "pack": "shifting"}
    members = [f"{900000000000 + number}" for number in range(6)]
    row = {"status": "CREATE_SUCCESSFUL"}
    change({"page_size": 2}, *({"put_member": {**where, "account": account, "row": row}} for account in members))
    then = [{"remove_member": {**where, "account": members[0]}}]
    fault({"then": then}, operation=DETAILS, when={"nth": 1})
    rows = [row["AccountId"] for row in member_records(details(client("config"), "shifting"))]
    change({"remove_pack": where})
    assert rows == [members[0], members[1], members[3], members[4], members[5]], f"the third member is skipped: {rows}"


@check
def page_token_can_be_repeated():
    fault("repeat_token", operation=DETAILS, when={"nth": 2})
    read = client("config").get_organization_conformance_pack_detailed_status
    first = read(OrganizationConformancePackName="large")
    second = read(OrganizationConformancePackName="large", NextToken=first["NextToken"])
    assert second["NextToken"] == first["NextToken"], "the page token repeats"
    change(*RESET)
    fault("repeat_token", operation=DETAILS)
    try:
        details(client("config"), "large")
    except botocore.exceptions.PaginationError:
        return
    raise AssertionError("boto3's paginator does not detect the repeated token")


@check
def page_tokens_can_form_a_cycle():
    fault("token_cycle", operation=STATUSES)
    config, given = client("config"), []
    for _ in range(6):
        page = config.describe_organization_conformance_pack_statuses(**({"NextToken": given[-1]} if given else {}))
        given.append(page["NextToken"])
    assert given[0] == given[2] == given[4] and given[1] == given[3] == given[5] and given[0] != given[1], (
        "two tokens alternate"
    )


# AWS Config: callers and errors


@check
def modeled_errors_have_their_exception_class():
    config = client("config", validate=False)
    kinds = config.exceptions
    describe = config.describe_organization_conformance_pack_statuses
    read = config.get_organization_conformance_pack_detailed_status
    call = lambda: describe(OrganizationConformancePackNames=["large", "unknown"])
    assert_error(
        call, "NoSuchOrganizationConformancePackException", 400, kinds.NoSuchOrganizationConformancePackException
    )
    call = lambda: read(OrganizationConformancePackName="unknown")
    assert_error(
        call, "NoSuchOrganizationConformancePackException", 400, kinds.NoSuchOrganizationConformancePackException
    )
    assert_error(lambda: describe(Limit=1000), "InvalidLimitException", 400, kinds.InvalidLimitException)
    assert_error(lambda: describe(NextToken="0"), "InvalidNextTokenException", 400, kinds.InvalidNextTokenException)
    member = client("config", key="AKIDMEMBER")
    kind = member.exceptions.OrganizationAccessDeniedException
    call = member.describe_organization_conformance_pack_statuses
    assert_error(call, "OrganizationAccessDeniedException", 400, kind)
    call = lambda: member.get_organization_conformance_pack_detailed_status(OrganizationConformancePackName="large")
    assert_error(call, "OrganizationAccessDeniedException", 400, kind)


@check
def callers_can_be_allowed_and_denied():
    member = client("config", key="AKIDMEMBER")
    change({"allow_caller": MEMBER})
    assert status_records(statuses(member)) == [], "a delegated administrator without packs gets an empty listing"
    change({"deny_caller": MEMBER})
    assert_error(member.describe_organization_conformance_pack_statuses, "OrganizationAccessDeniedException", 400)


@check
def callers_see_their_own_packs_in_each_region():
    for key, region, expected in [
        ("AKIDOWN", "us-east-1", ["elsewhere"]),
        ("AKIDADMIN", "eu-west-1", ["delegated"]),
        ("AKIDADMIN", "us-east-1", []),
    ]:
        names = [
            row["OrganizationConformancePackName"] for row in status_records(statuses(client("config", key, region)))
        ]
        assert names == expected, f"{key} sees {names} in {region}"
    calls = [(call["caller"], call["region"]) for call in control("calls")]
    assert calls == [(OWN, "us-east-1"), (ADMIN, "eu-west-1"), (ADMIN, "us-east-1")], f"{calls}"


@check
def unknown_and_missing_credentials_are_rejected():
    unknown = lambda service: client(service, key="AKIDNOBODY")
    call = unknown("config").describe_organization_conformance_pack_statuses
    assert_error(call, "UnrecognizedClientException", 400)
    assert_error(unknown("sts").get_caller_identity, "InvalidClientTokenId", 403)
    assert_error(lambda: unknown("sns").publish(TopicArn=TOPIC, Message="x"), "InvalidClientTokenId", 403)
    assert_error(lambda: unknown("s3").get_object(Bucket=BUCKET, Key="x"), "InvalidAccessKeyId", 403)
    headers = {"X-Amz-Target": f"StarlingDoveService.{STATUSES}", "Content-Type": "application/x-amz-json-1.1"}
    status, body = raw("POST", "/", b"{}", headers)
    assert status == 400 and b"MissingAuthenticationToken" in body, f"unsigned: {status} {body}"


@check
def rate_limit_throttles_each_source():
    change({"rate_limit": {"per_second": 0.001, "burst": 2}})
    describe = client("config").describe_organization_conformance_pack_statuses
    describe(), describe()
    assert_error(describe, "ThrottlingException", 400, message="Rate exceeded")
    client("config", key="AKIDADMIN").describe_organization_conformance_pack_statuses()
    client("config", region="us-east-1").describe_organization_conformance_pack_statuses()
    assert [call["code"] for call in control("calls")] == [None, None, "ThrottlingException", None, None], (
        "each source has its own rate limit"
    )


@check
def throttling_is_retried_by_the_sdk():
    fault("throttle", service="config", when={"first": 2})
    client("config", retries=3).describe_organization_conformance_pack_statuses(Limit=1)
    codes = [call["code"] for call in control("calls")]
    assert codes == ["ThrottlingException", "ThrottlingException", None], f"{codes}"


@check
def unmodeled_errors_are_returned():
    config = client("config")
    describe = config.describe_organization_conformance_pack_statuses
    for effect, code, status in [
        ("denied", "AccessDeniedException", 400),
        ("expired_token", "ExpiredTokenException", 400),
        ("internal_error", "InternalFailure", 500),
        ({"error": {"status": 403, "code": "Odd", "message": "m"}}, "Odd", 403),
    ]:
        fault(effect, operation=STATUSES, when={"nth": 1})
        assert_error(describe, code, status)
        change("clear_faults")
    fault("unavailable", operation=STATUSES)
    assert_error(describe, "503", 503)


@check
def connection_faults_can_be_injected():
    describe = client("config", timeout=1).describe_organization_conformance_pack_statuses
    for effect, kind in [
        ("reset_before", botocore.exceptions.ConnectionClosedError),
        ("reset_after", botocore.exceptions.ConnectionClosedError),
        ("no_response", botocore.exceptions.ReadTimeoutError),
        ({"delay": 1500}, botocore.exceptions.ReadTimeoutError),
        ({"hold": 1500}, botocore.exceptions.ReadTimeoutError),
    ]:
        change("clear_faults")
        fault(effect, operation=STATUSES)
        try:
            response = describe()
        except kind:
            continue
        except Exception as error:
            raise AssertionError(f"{effect}: {type(error)} {error}") from error
        raise AssertionError(f"{effect} has no effect: {response}")


@check
def response_bodies_can_be_corrupted():
    # Raw requests, because boto3 reads a response that is not JSON as an empty one.
    describe = lambda: signed_raw("config", "POST", "/", b"{}", {"X-Amz-Target": f"StarlingDoveService.{STATUSES}"})
    status, body = describe()
    assert status == 200 and json.loads(body), f"{status} {body}"
    half = body[: len(body) // 2]
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
        raise AssertionError(f"the response is complete: {describe()}")
    except http.client.IncompleteRead as error:
        assert error.partial == half, f"{len(error.partial)} bytes, expected {len(half)}"
    change("clear_faults")
    fault("reset_before", operation=STATUSES)
    try:
        raise AssertionError(f"the connection is not reset: {describe()}")
    except ConnectionResetError as error:
        assert type(error) is ConnectionResetError, f"the connection is closed, not reset: {error!r}"


@check
def faults_apply_only_to_matching_calls():
    fault("throttle", service="config", region="us-east-1", target="elsewhere", when={"nth": 2})
    here, there = client("config"), client("config", region="us-east-1")
    details(here, "large")
    details(there, "elsewhere")
    statuses(there)
    assert_error(lambda: details(there, "elsewhere"), "ThrottlingException", 400)
    details(there, "elsewhere")


@check
def latency_delays_responses():
    change({"latency": 300})
    started = time.monotonic()
    client("config").describe_organization_conformance_pack_statuses(Limit=1)
    assert time.monotonic() - started >= 0.3, "the response comes before the latency has passed"


@check
def scheduled_changes_apply_when_the_clock_advances():
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
def unknown_changes_are_rejected():
    for body in [[{"put_pak": {}}], [{"remove_pack": {"caller": "1", "region": "r", "pack": "p", "extra": 1}}], {}]:
        try:
            control("world", body)
        except urllib.error.HTTPError as error:
            assert error.code == 400, f"HTTP {error.code}"
            continue
        raise AssertionError(f"{body} is accepted")


# STS


def assume_reader(**arguments):
    role = f"arn:aws:iam::{ADMIN}:role/service/reader"
    return client("sts").assume_role(RoleArn=role, RoleSessionName="check", **arguments)


def temporary(response):
    """Returns the arguments of `client` for the credentials in a response of AssumeRole."""
    credentials = response["Credentials"]
    names = {"key": "AccessKeyId", "secret": "SecretAccessKey", "token": "SessionToken"}
    return {argument: credentials[name] for argument, name in names.items()}


@check
def caller_identity_is_returned():
    identity = client("sts").get_caller_identity()
    assert identity["Account"] == OWN and identity["Arn"].startswith(f"arn:aws:iam::{OWN}:"), f"{identity}"
    assert identity["UserId"], "the user id is missing"
    assert client("sts", key="AKIDADMIN").get_caller_identity()["Account"] == ADMIN


@check
def assumed_role_calls_as_its_account():
    response = assume_reader(DurationSeconds=900)
    credentials = response["Credentials"]
    assert response["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ADMIN}:assumed-role/reader/check"
    left = credentials["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15), f"{left} left"
    session = temporary(response)
    names = [row["OrganizationConformancePackName"] for row in status_records(statuses(client("config", **session)))]
    assert names == ["delegated"], f"{names}"
    identity = client("sts", **session).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ADMIN}:assumed-role/reader/check", f"{identity}"
    bare = client("config", key=session["key"], secret=session["secret"])
    assert_error(bare.describe_organization_conformance_pack_statuses, "UnrecognizedClientException", 400)


@check
def expired_sessions_are_rejected_by_every_service():
    topic = f"arn:aws:sns:eu-west-1:{ADMIN}:theirs"
    calls = lambda credentials: {
        "config": client("config", **credentials).describe_organization_conformance_pack_statuses,
        "organizations": lambda: client("organizations", **credentials).describe_account(AccountId="222233334444"),
        "s3": lambda: client("s3", **credentials).list_objects_v2(Bucket=BUCKET),
        "sns": lambda: client("sns", **credentials).publish(TopicArn=topic, Message="x"),
        "sts": client("sts", **credentials).get_caller_identity,
    }
    expired = [temporary(assume_reader()) for _ in range(2)]
    for credentials in expired:
        for call in calls(credentials).values():
            call()
    change("forget_calls", "expire_sessions")
    for credentials in expired:
        for service, code, status in [
            ("config", "ExpiredTokenException", 400),
            ("organizations", "ExpiredTokenException", 400),
            ("s3", "ExpiredToken", 400),
            ("sns", "ExpiredToken", 403),
            ("sts", "ExpiredToken", 403),
        ]:
            assert_error(calls(credentials)[service], code, status, message="expired")
    assert_error(lambda: client("s3", **expired[0]).head_object(Bucket=BUCKET, Key="x"), "400", 400)
    assert {call["caller"] for call in control("calls")} == {ADMIN}, "the call log has the caller of an expired session"
    wrong = client("config", **{**expired[0], "token": expired[1]["token"]})
    assert_error(wrong.describe_organization_conformance_pack_statuses, "UnrecognizedClientException", 400)
    statuses(client("config"))
    for call in calls(temporary(assume_reader())).values():
        call()


@check
def sessions_can_expire_between_two_pages():
    change({"page_size": 2})
    config = client("config", **temporary(assume_reader()))
    fault({"then": ["expire_sessions"]}, operation=DETAILS, when={"nth": 1})
    assert_error(lambda: details(config, "delegated"), "ExpiredTokenException", 400)
    codes = [call["code"] for call in control("calls") if call["operation"] == DETAILS]
    assert codes == [None, "ExpiredTokenException"], f"{codes}"


@check
def roles_require_their_external_id():
    sts, role = client("sts"), f"arn:aws:iam::{ADMIN}:role/guarded"
    assume = lambda **arguments: sts.assume_role(RoleSessionName="check", **arguments)
    assert assume(RoleArn=role, ExternalId="sesame")["Credentials"]["SessionToken"]
    for arguments in [{"RoleArn": role}, {"RoleArn": role, "ExternalId": "wrong"}, {"RoleArn": f"{role}-unknown"}]:
        assert_error(lambda: assume(**arguments), "AccessDenied", 403, message="sts:AssumeRole")
    sts = client("sts", validate=False)
    assert_error(lambda: assume(RoleArn=role, ExternalId="sesame", DurationSeconds=1), "ValidationError", 400)


# S3


@check
def events_are_put_on_existing_buses():
    events = client("events")
    bus = f"arn:aws:events:eu-west-1:{OWN}:event-bus/operations"
    entry = {"Source": "packwatch", "DetailType": "packwatch Cause", "Detail": json.dumps({"a": 1})}
    assert events.describe_event_bus(Name=bus)["Name"] == "operations"
    assert events.describe_event_bus(Name="operations")["Arn"] == bus
    assert_error(lambda: events.describe_event_bus(Name="absent"), "ResourceNotFoundException", 400)
    before = len(control("events"))
    answer = events.put_events(Entries=[entry | {"EventBusName": name} for name in (bus, "operations", "absent")])
    assert answer["FailedEntryCount"] == 0 and all(result["EventId"] for result in answer["Entries"]), answer
    stored = control("events")[before:]
    assert [event["bus"] for event in stored] == [bus, bus], "what is sent to a bus that does not exist is lost"
    assert stored[0]["detail_type"] == "packwatch Cause" and json.loads(stored[0]["detail"]) == {"a": 1}


@check
def refused_events_are_counted():
    events = client("events")
    entry = {"Source": "packwatch", "DetailType": "x", "Detail": "{}", "EventBusName": "operations"}
    change({"refuse_events": {"containing": "unwanted", "code": "ThrottlingException"}})
    details = ["{}", '{"a": "unwanted"}', "no JSON", "[]"]
    answer = events.put_events(Entries=[entry | {"Detail": detail} for detail in details])
    change({"refuse_events": {"containing": "unwanted", "code": ""}})
    codes = [result.get("ErrorCode") for result in answer["Entries"]]
    assert answer["FailedEntryCount"] == 3, answer
    assert codes == [None, "ThrottlingException", "MalformedDetail", "MalformedDetail"], codes
    missing = events.put_events(Entries=[{"Source": "packwatch", "DetailType": "x"}])
    assert missing["Entries"][0]["ErrorCode"] == "InvalidArgument", missing


@check
def limits_of_put_events_are_enforced():
    events = client("events", validate=False)
    entry = {"Source": "packwatch", "DetailType": "x", "Detail": "{}", "EventBusName": "operations"}
    assert_error(lambda: events.put_events(Entries=[entry] * 11), "ValidationException", 400)
    large = entry | {"Detail": json.dumps({"a": "x" * 131_072})}
    assert_error(lambda: events.put_events(Entries=[large] * 2), "ValidationException", 400)
    assert events.put_events(Entries=[large])["FailedEntryCount"] == 0


@check
def event_buses_of_other_accounts_are_closed():
    events = client("events")
    bus = f"arn:aws:events:eu-west-1:{ADMIN}:event-bus/theirs"
    entry = {"Source": "packwatch", "DetailType": "x", "Detail": "{}", "EventBusName": bus}
    assert_error(lambda: events.put_events(Entries=[entry]), "AccessDeniedException", 400)
    assert_error(lambda: events.describe_event_bus(Name=bus), "AccessDeniedException", 400)


@check
def objects_are_stored():
    s3 = client("s3")
    put = s3.put_object(Bucket=BUCKET, Key="a/b c+d é.json", Body=b'{"a": 1}', ContentType="application/json")
    got = s3.get_object(Bucket=BUCKET, Key="a/b c+d é.json")
    assert got["Body"].read() == b'{"a": 1}' and got["ContentType"] == "application/json", f"{got}"
    assert got["ETag"] == put["ETag"] and got["ETag"].startswith('"'), f"{got['ETag']} is not {put['ETag']}"
    head = s3.head_object(Bucket=BUCKET, Key="a/b c+d é.json")
    assert head["ContentLength"] == 8 and head["ETag"] == put["ETag"] and head["LastModified"].year >= 2025, f"{head}"
    again = s3.put_object(Bucket=BUCKET, Key="a/b c+d é.json", Body=b'{"a": 1}')
    assert again["ETag"] != put["ETag"], "every put returns a new ETag"
    assert control("calls")[0]["target"] == f"{BUCKET}/a/b c+d é.json"


@check
def streamed_and_large_bodies_are_stored():
    s3, body = client("s3"), bytes(range(256)) * 8192
    s3.put_object(Bucket=BUCKET, Key="stream", Body=io.BytesIO(body))
    assert s3.get_object(Bucket=BUCKET, Key="stream")["Body"].read() == body, "the body of 2 MiB is returned"


@check
def body_that_differs_from_its_checksum_is_refused():
    s3 = client("s3")
    put = lambda crc32: s3.put_object(Bucket=BUCKET, Key="checksum", Body=b"123456789", ChecksumCRC32=crc32)
    assert_error(lambda: put("AAAAAA=="), "BadDigest", 400)
    # The check value of CRC-32.
    put(base64.b64encode(0xCBF43926.to_bytes(4, "big")).decode())


@check
def body_that_differs_from_its_signed_hash_is_refused():
    s3 = client("s3")

    def put(body, sent):
        replace = lambda request, **_: setattr(request, "body", sent)
        s3.meta.events.register("before-send.s3.PutObject", replace)
        try:
            s3.put_object(Bucket=BUCKET, Key="signed", Body=body)
        finally:
            s3.meta.events.unregister("before-send.s3.PutObject", replace)

    put(b"signed", b"signed")
    assert_error(lambda: put(b"signed", b"forged"), "XAmzContentSHA256Mismatch", 400)


@check
def metadata_is_stored_and_returned_by_head_and_get():
    s3 = client("s3")
    put = lambda **arguments: s3.put_object(Bucket=BUCKET, Key="latest", **arguments)["ETag"]
    head = lambda **arguments: s3.head_object(Bucket=BUCKET, Key="latest", **arguments)
    first = put(Body=b"0123456789", Metadata={"sequence": "42", "Run-Id": "a b"}, ContentType="text/html")
    for response in (head(), s3.get_object(Bucket=BUCKET, Key="latest")):
        assert response["Metadata"] == {"sequence": "42", "run-id": "a b"}, f"{response['Metadata']}"
        assert response["ETag"] == first and response["ContentType"] == "text/html", f"{response}"
        assert response["ContentLength"] == 10, "HEAD returns the length of the object"
    second = put(Body=b"", IfMatch=first)
    assert head()["Metadata"] == {} and head()["ContentLength"] == 0, "a put replaces the metadata"
    assert_error(lambda: put(Body=b"x", IfMatch=first, Metadata={"sequence": "43"}), "PreconditionFailed", 412)
    assert_error(lambda: head(IfMatch=first), "412", 412)
    assert head(IfMatch=second)["Metadata"] == {}, "a rejected put changes no metadata"
    change({"set_object": {"bucket": BUCKET, "key": "latest", "body": "x", "metadata": {"sequence": "44"}}})
    assert head()["Metadata"] == {"sequence": "44"}


@check
def head_errors_have_only_a_status():
    s3, unlisting = client("s3"), client("s3", key="AKIDUNLISTING")
    s3.put_object(Bucket=BUCKET, Key="head", Body=b"{}")
    head = lambda key, s3=s3: lambda: s3.head_object(Bucket=BUCKET, Key=key)
    assert_error(head("none"), "404", 404)
    change({"listing": {"account": "123412341234", "allowed": False}})
    assert_error(head("none", unlisting), "403", 403)
    assert head("head", unlisting)()["ContentLength"] == 2, "HEAD of an object needs no s3:ListBucket"
    change({"listing": {"account": "123412341234", "allowed": True}})
    fault("denied", operation="HeadObject", target="head", when={"first": 1})
    s3.get_object(Bucket=BUCKET, Key="head")
    assert_error(head("head"), "403", 403)
    fault("throttle", operation="HeadObject", target="head", when={"first": 1})
    assert_error(head("head"), "503", 503)
    head("head")()
    calls = [(call["operation"], call["status"]) for call in control("calls") if call["target"] == f"{BUCKET}/head"]
    assert calls[-3:] == [("HeadObject", 403), ("HeadObject", 503), ("HeadObject", 200)], f"{calls}"


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
    status, response = signed_raw("s3", "PUT", f"/{BUCKET}/chunked", framed, headers)
    assert status == 200, f"{status} {response}"
    assert client("s3").get_object(Bucket=BUCKET, Key="chunked")["Body"].read() == body
    status, response = signed_raw("s3", "PUT", f"/{BUCKET}/chunked", framed[:12], headers)
    assert status == 400 and b"IncompleteBody" in response, f"{status} {response}"


@check
def put_if_none_match_creates_once():
    s3 = client("s3")
    put = lambda: s3.put_object(Bucket=BUCKET, Key="once", Body=b"1", IfNoneMatch="*")
    put()
    assert_error(put, "PreconditionFailed", 412)
    assert control("calls")[1]["condition"] == "If-None-Match: *", "the call record has the condition"


@check
def put_if_match_requires_the_current_etag():
    s3 = client("s3")
    put = lambda key, etag: s3.put_object(Bucket=BUCKET, Key=key, Body=b"x", IfMatch=etag)
    first = s3.put_object(Bucket=BUCKET, Key="ledger", Body=b"x")["ETag"]
    second = put("ledger", first)["ETag"]
    assert_error(lambda: put("ledger", first), "PreconditionFailed", 412)
    assert_error(lambda: put("no-such", second), "NoSuchKey", 404)
    fault({"error": {"status": 409, "code": "ConditionalRequestConflict", "message": "crossed"}}, operation="PutObject")
    assert_error(lambda: put("ledger", second), "ConditionalRequestConflict", 409)
    change("clear_faults")
    put("ledger", second)


@check
def put_without_response_takes_effect():
    s3 = client("s3")
    fault("reset_after", operation="PutObject", when={"first": 1})
    try:
        s3.put_object(Bucket=BUCKET, Key="lost", Body=b"1", IfNoneMatch="*")
        raise AssertionError("the client got a response")
    except botocore.exceptions.ConnectionClosedError:
        pass
    assert s3.get_object(Bucket=BUCKET, Key="lost")["Body"].read() == b"1"
    fault("reset_before", operation="PutObject", target="never", when={"first": 1})
    try:
        s3.put_object(Bucket=BUCKET, Key="never", Body=b"1")
        raise AssertionError("the connection is not reset")
    except botocore.exceptions.ConnectionClosedError:
        pass
    assert_error(lambda: s3.get_object(Bucket=BUCKET, Key="never"), "NoSuchKey", 404)


@check
def put_can_take_effect_after_a_client_timeout():
    s3 = client("s3", timeout=0.3)
    fault({"hold": 900}, operation="PutObject", when={"nth": 1})
    try:
        s3.put_object(Bucket=BUCKET, Key="late", Body=b"late")
        raise AssertionError("the client got a response before its timeout")
    except botocore.exceptions.ReadTimeoutError:
        pass
    s3.put_object(Bucket=BUCKET, Key="late", Body=b"early")
    assert s3.get_object(Bucket=BUCKET, Key="late")["Body"].read() == b"early"
    time.sleep(1)
    assert s3.get_object(Bucket=BUCKET, Key="late")["Body"].read() == b"late", "the held put does not take effect"


@check
def missing_keys_and_buckets_have_their_errors():
    s3 = client("s3")
    assert_error(lambda: s3.get_object(Bucket=BUCKET, Key="none"), "NoSuchKey", 404, s3.exceptions.NoSuchKey)
    assert_error(lambda: s3.head_object(Bucket=BUCKET, Key="none"), "404", 404)
    assert_error(lambda: s3.get_object(Bucket="no-bucket", Key="none"), "NoSuchBucket", 404, s3.exceptions.NoSuchBucket)
    assert_error(lambda: s3.put_object(Bucket="no-bucket", Key="x", Body=b""), "NoSuchBucket", 404)
    without_listing = client("s3", key="AKIDUNLISTING")
    change({"listing": {"account": "123412341234", "allowed": False}})
    assert_error(lambda: without_listing.get_object(Bucket=BUCKET, Key="none"), "AccessDenied", 403)
    assert_error(lambda: without_listing.list_objects_v2(Bucket=BUCKET), "AccessDenied", 403)
    change({"listing": {"account": "123412341234", "allowed": True}})
    assert_error(lambda: without_listing.get_object(Bucket=BUCKET, Key="none"), "NoSuchKey", 404)


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
    assert_error(lambda: s3.get_object(Bucket=BUCKET, Key="list/<3>"), "NoSuchKey", 404)


@check
def bucket_versioning_is_reported():
    s3 = client("s3")
    status = lambda: s3.get_bucket_versioning(Bucket=BUCKET).get("Status")
    assert status() == "Enabled"
    for state in ("Suspended", "", "Enabled"):
        change({"versioning": {"bucket": BUCKET, "status": state}})
        assert status() == (state or None), f"{state!r}"
    assert_error(lambda: s3.get_bucket_versioning(Bucket="no-bucket"), "NoSuchBucket", 404)


@check
def conditions_can_be_ignored():
    s3 = client("s3")
    change({"ignore_conditions": True})
    for _ in range(2):
        s3.put_object(Bucket=BUCKET, Key="ignored", Body=b"1", IfNoneMatch="*")
    s3.put_object(Bucket=BUCKET, Key="ignored", Body=b"1", IfMatch='"wrong"')
    change({"ignore_conditions": False})
    assert_error(
        lambda: s3.put_object(Bucket=BUCKET, Key="ignored", Body=b"1", IfNoneMatch="*"), "PreconditionFailed", 412
    )


# SNS


def text(value, kind="String"):
    return {"DataType": kind, "StringValue": value}


@check
def topic_attributes_are_reported():
    sns = client("sns")
    attributes = lambda topic=TOPIC: sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    counts = lambda: (attributes()["SubscriptionsConfirmed"], attributes()["SubscriptionsPending"])
    assert attributes()["TopicArn"] == TOPIC and attributes()["Owner"] == OWN, f"{attributes()}"
    assert counts() == ("0", "0")
    change({"subscriptions": {"topic": TOPIC, "confirmed": 2, "pending": 1}})
    assert counts() == ("2", "1")
    theirs, missing = f"arn:aws:sns:eu-west-1:{ADMIN}:theirs", f"{TOPIC}-missing"
    assert_error(lambda: attributes(theirs), "AuthorizationError", 403, sns.exceptions.AuthorizationErrorException)
    assert_error(lambda: attributes(missing), "NotFound", 404, sns.exceptions.NotFoundException)


@check
def messages_are_published():
    sns, before = client("sns"), len(control("publishes"))
    message = json.dumps({"default": "d & <e>", "email": "é\nline"})
    attributes = {
        "open": text("15", "Number"),
        "packs": text('["a", 1, true, null]', "String.Array"),
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    response = sns.publish(
        TopicArn=TOPIC, Message=message, Subject="1 appeared", MessageStructure="json", MessageAttributes=attributes
    )
    published = control("publishes")[before:]
    assert len(published) == 1 and published[0]["message_id"] == response["MessageId"], f"{published}"
    assert published[0]["message"] == message and published[0]["subject"] == "1 appeared", f"{published}"
    assert published[0]["attributes"]["open"] == {"data_type": "Number", "value": "15"}, f"{published}"
    assert set(published[0]["attributes"]) == {"open", "packs", "blob"}, f"{published}"
    sns.publish(TopicArn=TOPIC, Message="plain", MessageGroupId="group")
    many = {f"a{number}": text("x") for number in range(11)}
    sns.publish(TopicArn=TOPIC, Message="more than ten attributes", MessageAttributes=many)
    assert len(control("publishes")[-1]["attributes"]) == 11, "more than ten attributes are accepted"


@check
def invalid_messages_are_rejected():
    sns = client("sns")
    kind = sns.exceptions.InvalidParameterException
    publish = lambda **arguments: sns.publish(TopicArn=TOPIC, **arguments)
    size = 262144
    publish(Message="x" * size)
    publish(Message="x" * (size - 10), MessageAttributes={"abc": text("1", "Number")})
    publish(Message="x", Subject="s" * 99)
    for arguments, message in [
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
        assert_error(lambda: publish(**arguments), "InvalidParameter", 400, kind, message)


@check
def message_size_is_limited_by_the_topic():
    sns, small = client("sns"), f"{TOPIC}-small"
    kind = sns.exceptions.InvalidParameterException
    publish = lambda length, **arguments: lambda: sns.publish(TopicArn=small, Message="x" * length, **arguments)
    binary = lambda length: {"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": b"x" * length}}}
    change({"create_topic": small})
    for size in (1024, 262_144, 1_048_576):
        change({"maximum_message_size": {"topic": small, "bytes": size}})
        for length, arguments in [
            (size, {}),
            (size, {"Subject": "the subject does not count"}),
            # Name, type and value have 3, 6 and 1 bytes, then 1, 6 and 3.
            (size - 10, {"MessageAttributes": {"abc": text("1", "Number")}}),
            (size - 10, {"MessageAttributes": {"a": text("é1", "String")}}),
            # A binary value counts decoded: 1 + 6 + 100 bytes.
            (size - 107, binary(100)),
        ]:
            publish(length, **arguments)()
            assert_error(publish(length + 1, **arguments), "InvalidParameter", 400, kind, "Message too long")
        assert_error(publish(size // 2, **binary(size // 2)), "InvalidParameter", 400, kind, "Message too long")
    sns.publish(TopicArn=TOPIC, Message="x" * 262_144)
    assert_error(lambda: sns.publish(TopicArn=TOPIC, Message="x" * 262_145), "InvalidParameter", 400, kind)
    change({"remove_topic": small})


@check
def message_size_of_a_topic_has_a_range():
    for size in (0, 1023, 1_048_577):
        try:
            change({"maximum_message_size": {"topic": TOPIC, "bytes": size}})
        except urllib.error.HTTPError as error:
            assert error.code == 400 and b"1024 to 1048576" in error.read(), f"HTTP {error.code}"
            continue
        raise AssertionError(f"a MaximumMessageSize of {size} is accepted")


@check
def invalid_attributes_are_rejected():
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
        {"a": text('"a"', "String.Array")},
        {"a": text("null", "String.Array")},
        {"a": text("[]", "String.Array")},
        {"a": text(" [ ] ", "String.Array")},
        {"a": text("", "String.Array")},
        {"a": text("", "Number")},
        {"": text("[1]", "String.Array")},
        {"a": {"DataType": "Binary", "BinaryValue": b""}},
    ]:
        assert_error(lambda: publish(attributes), "ParameterValueInvalid", 400, kind)
    form = [("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", TOPIC), ("Message", "x")]
    for number in (1, 2):
        entry = f"MessageAttributes.entry.{number}"
        form += [(f"{entry}.Name", "a"), (f"{entry}.Value.DataType", "String"), (f"{entry}.Value.StringValue", "x")]
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    status, body = signed_raw("sns", "POST", "/", urllib.parse.urlencode(form).encode(), headers)
    assert status == 400 and b"already exists" in body, f"duplicate name: {status} {body}"


@check
def topic_errors_match_sns():
    sns = client("sns")
    kinds = sns.exceptions
    call = lambda: sns.publish(TopicArn=f"{TOPIC}-unknown", Message="x")
    assert_error(call, "NotFound", 404, kinds.NotFoundException, "Topic does not exist")
    call = lambda: sns.publish(TopicArn=TOPIC.replace("eu-west-1", "us-east-1"), Message="x")
    assert_error(call, "InvalidParameter", 400, kinds.InvalidParameterException, "TopicArn")
    assert_error(
        lambda: sns.publish(TopicArn="digest", Message="x"), "InvalidParameter", 400, kinds.InvalidParameterException
    )
    call = lambda: sns.publish(TopicArn=f"arn:aws:sns:eu-west-1:{ADMIN}:theirs", Message="x")
    assert_error(call, "AuthorizationError", 403, kinds.AuthorizationErrorException, "SNS:Publish")
    fault("throttle", service="sns", when={"nth": 1})
    assert_error(lambda: sns.publish(TopicArn=TOPIC, Message="x"), "Throttling", 400)


@check
def fifo_topics_deduplicate():
    sns = client("sns")
    change({"advance_to": "2099-01-01T00:00:00Z"})
    publish = lambda **arguments: sns.publish(TopicArn=FIFO, Message="x", **arguments)
    kind = sns.exceptions.InvalidParameterException
    assert_error(lambda: publish(MessageDeduplicationId="1"), "InvalidParameter", 400, kind, "MessageGroupId")
    assert_error(lambda: publish(MessageGroupId="g"), "InvalidParameter", 400, kind, "MessageDeduplicationId")
    before = len(control("publishes"))
    first = publish(MessageGroupId="g", MessageDeduplicationId="1")
    change({"advance_to": "2099-01-01T00:04:59Z"})
    again = publish(MessageGroupId="g", MessageDeduplicationId="1")
    assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"]), (
        "a repeated publish returns the same ids"
    )
    other = publish(MessageGroupId="g", MessageDeduplicationId="2")
    assert other["SequenceNumber"] > first["SequenceNumber"], "sequence numbers increase"
    assert len(control("publishes")) == before + 2, "a repeated publish is not delivered"
    change({"advance_to": "2099-01-01T00:05:00Z"})
    late = publish(MessageGroupId="g", MessageDeduplicationId="1")
    assert late["MessageId"] != first["MessageId"] and len(control("publishes")) == before + 3, (
        "after five minutes a publish is delivered again"
    )


# AWS Organizations


@check
def organization_is_described_to_every_account():
    for key in ("AKIDOWN", "AKIDADMIN", "AKIDMEMBER"):
        organization = client("organizations", key=key).describe_organization()["Organization"]
        assert organization["MasterAccountId"] == OWN, f"{organization}"
        assert organization["Id"].startswith("o-"), f"{organization}"


@check
def delegated_administrators_are_listed_to_administrators():
    principal = "config-multiaccountsetup.amazonaws.com"
    for key in ("AKIDOWN", "AKIDADMIN"):
        organizations = client("organizations", key=key)
        paginator = organizations.get_paginator("list_delegated_administrators")
        reading = paginator.paginate(ServicePrincipal=principal, PaginationConfig={"PageSize": 1})
        accounts = [account for page in reading for account in page["DelegatedAdministrators"]]
        assert [account["Id"] for account in accounts] == [ADMIN], f"{accounts}"
        other = organizations.list_delegated_administrators(ServicePrincipal="sso.amazonaws.com")
        assert other["DelegatedAdministrators"] == [], f"{other}"
    organizations = client("organizations", key="AKIDMEMBER")
    assert_error(
        organizations.list_delegated_administrators,
        "AccessDeniedException",
        400,
        organizations.exceptions.AccessDeniedException,
    )


@check
def accounts_are_described():
    account = client("organizations").describe_account(AccountId="222233334444")["Account"]
    assert (account["Id"], account["Name"], account["State"]) == ("222233334444", "payments-prod", "ACTIVE"), account
    account = client("organizations", key="AKIDADMIN").describe_account(AccountId="333344445555")["Account"]
    assert account["State"] == "SUSPENDED" and account["Status"] == "ACTIVE", (
        "the deprecated field Status does not show the suspension"
    )


@check
def account_errors_match_organizations():
    organizations = client("organizations", validate=False)
    kinds = organizations.exceptions
    describe = lambda caller, account: lambda: caller.describe_account(AccountId=account)
    assert_error(
        describe(organizations, "999900001111"), "AccountNotFoundException", 400, kinds.AccountNotFoundException
    )
    assert_error(describe(organizations, "1"), "InvalidInputException", 400, kinds.InvalidInputException)
    member = client("organizations", key="AKIDMEMBER")
    assert_error(describe(member, "222233334444"), "AccessDeniedException", 400, kinds.AccessDeniedException)
    fault("throttle", service="organizations", when={"nth": 1})
    assert_error(
        describe(organizations, "222233334444"), "TooManyRequestsException", 400, kinds.TooManyRequestsException
    )


def raw(method, path, body, headers):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(BASE).netloc, timeout=10)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


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
