#!/usr/bin/env python3
"""Makes the template a stack on moto, and uses the function's role there with IAM enforced: what the program does is allowed, and
nothing beside it.

    pip install -r tests/requirements.txt
    python tests/proof/stack.py

Twice: with the parameters' defaults, and with a prefix. moto is started here, on a free port, and ended.
"""

import ast
import contextlib
import http.client
import importlib.util
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
for package, part in (("samtranslator", "the SAM translator"), ("moto", "moto"), ("boto3", "boto3")):
    if not importlib.util.find_spec(package):
        sys.exit(f"{part} is not there: pip install -r tests/requirements.txt, and run this with that Python")

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from transformed import REGION, Resolved, transformed  # noqa: E402

STACK = "packwatch"
ELSEWHERE = "somebody-elses-bucket"
SUSPENDED = {"Status": "Suspended"}
ADMINISTRATOR = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
# What this cannot show, because moto does not play it.
UNPROVEN = [
    "SNS, SQS, KMS, X-Ray, Organizations and AWS Config: moto checks them with Resource \"*\" alone, or not at all",
    "that a missing key answers 403 without s3:ListBucket: moto answers 404 either way",
    "that s3:prefix keeps a listing to the prefix: moto gives that condition no value",
    "trust policies: the role is assumed before IAM is turned on, because no Lambda is there to assume it",
    "policies of bucket, topic and queues, encryption and the lifecycle: moto stores them, at most",
]


class Moto:
    """AWS for one stack, in a process of its own."""

    def __init__(self, folder: pathlib.Path):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.output = folder / f"moto-{self.port}.log"
        with open(self.output, "wb") as output:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        until = time.monotonic() + 60
        while not self.listens():
            assert self.process.poll() is None, f"moto ended with {self.process.returncode}:\n{self.output.read_text()}"
            assert time.monotonic() < until, "moto does not listen after 60 s"
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def client(self, service: str, credentials: dict):
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        url = f"http://127.0.0.1:{self.port}"
        return boto3.client(service, endpoint_url=url, region_name=REGION, config=config, **credentials)

    def enforce(self):
        """From now on every call needs a policy that allows it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", "/moto-api/reset-auth", "0")
        status = connection.getresponse().status
        assert status == 200, f"moto does not turn its IAM on: HTTP {status}"


def without_unknown(template: dict, parameters: dict) -> list:
    """Takes out of the template what moto does not know, and what hangs on it; says what."""
    from moto.cloudformation import parsing

    # It prints a line for each that it does not know.
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
        known = {name for name, of in template["Resources"].items() if parsing.resource_class_from_type(of["Type"])}
    left = sorted(template["Resources"].keys() - known)
    # Whoever names one of them gets the example in its place.
    examples = Resolved(template, parameters)

    def replaced(node):
        if isinstance(node, list):
            return [replaced(item) for item in node]
        if not isinstance(node, dict):
            return node
        [(function, operand), *more] = node.items() or [(None, None)]
        if not more and function == "Ref" and operand in left:
            return examples.ref(operand)
        if not more and function == "Fn::GetAtt" and operand[0] in left:
            return examples.attribute(*operand)
        return {key: replaced(value) for key, value in node.items()}

    template["Resources"] = {name: replaced(of) for name, of in template["Resources"].items() if name in known}
    template["Outputs"] = {name: of for name, of in template["Outputs"].items() if not any(word in json.dumps(of) for word in left)}
    return left


def without_nothing(node):
    """What is left of a policy without the nulls that stand where CloudFormation leaves something out."""
    if isinstance(node, list):
        return [without_nothing(item) for item in node if item is not None]
    if isinstance(node, dict):
        return {key: without_nothing(value) for key, value in node.items() if value is not None}
    return node


def put_as_json(iam, role: str):
    """Puts the role's policies again, as they are. moto's CloudFormation writes them in Python's notation, which moto's IAM cannot read."""
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    assert names, f"the role {role} has no policy"
    for name in names:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        document = ast.literal_eval(document) if isinstance(document, str) else document
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(without_nothing(document)))


def code() -> bytes:
    """Something to call the function's code."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("bootstrap", "")
    return archive.getvalue()


def made(moto: Moto, parameters: dict) -> dict:
    """The stack's outputs."""
    template = transformed()
    types = {name: of["Type"] for name, of in template["Resources"].items()}
    left = without_unknown(template, parameters)
    print(f"  moto does not know, so these are not made: {', '.join(sorted({types[name] for name in left}))}")
    s3 = moto.client("s3", ADMINISTRATOR)
    for bucket in ("code", ELSEWHERE):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="code", Key="packwatch.zip", Body=code())
    s3.put_object(Bucket=ELSEWHERE, Key="ledger.json", Body=b"{}")
    cloudformation = moto.client("cloudformation", ADMINISTRATOR)
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    body = json.dumps(template)
    cloudformation.create_stack(StackName=STACK, TemplateBody=body, Parameters=given, Capabilities=["CAPABILITY_IAM"])
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", f"the stack is {stack['StackStatus']}"
    there = {resource["LogicalResourceId"] for resource in cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]}
    wanted = {name for name, of in template["Resources"].items() if Resolved(template, parameters).holds(of.get("Condition"))}
    assert there == wanted, f"made were {sorted(there)}, wanted {sorted(wanted)}"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def as_function(moto: Moto, role: str):
    """S3 as the function sees it, with its role's policies and no others."""
    put_as_json(moto.client("iam", ADMINISTRATOR), role.rpartition("/")[2])
    assumed = moto.client("sts", ADMINISTRATOR).assume_role(RoleArn=role, RoleSessionName=STACK)["Credentials"]
    return moto.client(
        "s3",
        {
            "aws_access_key_id": assumed["AccessKeyId"],
            "aws_secret_access_key": assumed["SecretAccessKey"],
            "aws_session_token": assumed["SessionToken"],
        },
    )


def outcome(call) -> str:
    """The code of the error, or `done`."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


def attempts(s3, bucket: str, prefix: str) -> list:
    """What is tried in turn, and what must come of it."""

    def put(key, **condition):
        return lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"{}", ContentType="application/json", **condition)

    def get(key, place=bucket):
        return lambda: s3.get_object(Bucket=place, Key=key)

    def put_over(key):
        return lambda: put(key, IfMatch=s3.get_object(Bucket=bucket, Key=key)["ETag"])()

    ledger, latest = f"{prefix}ledger.json", f"{prefix}latest.json"
    snapshot = f"{prefix}snapshots/dt=2026-03-01/20260301T081500Z_run-1.json"
    allowed = [
        ("a ledger that is missing is seen to be missing", get(ledger), "NoSuchKey"),
        ("latest.json, too", get(latest), "NoSuchKey"),
        ("the snapshot is put", put(snapshot, IfNoneMatch="*"), "done"),
        ("a snapshot is not put over another", put(snapshot, IfNoneMatch="*"), "PreconditionFailed"),
        ("the first ledger is put", put(ledger, IfNoneMatch="*"), "done"),
        ("the ledger is read", get(ledger), "done"),
        ("the next ledger is put over it", put_over(ledger), "done"),
        ("a ledger that somebody else has put is not put over", put(ledger, IfMatch='"0"'), "PreconditionFailed"),
        ("latest.json is put", put(latest, IfNoneMatch="*"), "done"),
        ("latest.json is read", get(latest), "done"),
        ("latest.json is put over", put_over(latest), "done"),
    ]
    refused = [
        ("deleting the ledger", lambda: s3.delete_object(Bucket=bucket, Key=ledger)),
        ("reading another bucket", get("ledger.json", ELSEWHERE)),
        ("writing to another bucket", lambda: s3.put_object(Bucket=ELSEWHERE, Key=ledger, Body=b"{}")),
        ("turning versioning off", lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=SUSPENDED)),
        ("listing buckets", s3.list_buckets),
    ]
    if prefix:
        refused += [
            ("writing outside the prefix", put("ledger.json")),
            ("writing beside the prefix", put(f"{prefix[:-1]}-2/ledger.json")),
            ("reading outside the prefix", get("outside.json")),
        ]
    return allowed + [(f"{what} is refused", call, "AccessDenied") for what, call in refused]


def tried(parameters: dict, folder: pathlib.Path) -> int:
    """How many attempts came out otherwise than they must."""
    wrong = 0
    with Moto(folder) as moto:
        outputs = made(moto, parameters)
        bucket, prefix = outputs["BucketName"], parameters.get("SnapshotPrefix", "")
        administrator = moto.client("s3", ADMINISTRATOR)
        administrator.put_object(Bucket=bucket, Key="outside.json", Body=b"{}")
        s3 = as_function(moto, outputs["FunctionRoleArn"])
        moto.enforce()
        for what, call, must in attempts(s3, bucket, prefix):
            came = outcome(call)
            wrong += came != must
            print(f"  ok     {what}" if came == must else f"  FAILED {what}: {came} instead of {must}", flush=True)
    return wrong


def main():
    # Nothing of the machine's own AWS set-up gets in.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_DEFAULT_REGION"] = REGION
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for what, parameters in {"the defaults": {}, "a prefix": {"SnapshotPrefix": "team/packwatch/"}}.items():
            print(f"A stack with {what}", flush=True)
            wrong += tried(parameters, pathlib.Path(folder))
    print("Not shown here:")
    for what in UNPROVEN:
        print(f"  {what}")
    print(f"{wrong} came out wrong" if wrong else "all came out right")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
