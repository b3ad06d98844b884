#!/usr/bin/env python3
"""Creates a stack in moto and makes S3 calls with the role of the function, with IAM enforced.

    pip install -r tests/e2e/requirements.txt
    python tests/e2e/moto_stack.py

The calls of a run must be allowed, and other calls denied. The script runs with the default
parameters and with a key prefix. It starts moto on a free port and stops it.
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
for package, name in (("samtranslator", "the SAM translator"), ("moto", "moto"), ("boto3", "boto3")):
    if not importlib.util.find_spec(package):
        sys.exit(f"{name} is not installed: pip install -r tests/e2e/requirements.txt, and run this with that Python")

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from sam_transform import REGION, Resolved, transformed_template  # noqa: E402

STACK = "packwatch"
OTHER_BUCKET = "other-bucket"
SUSPENDED = {"Status": "Suspended"}
ADMINISTRATOR = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
# What moto does not support.
NOT_VERIFIED = [
    'SNS, SQS, KMS, X-Ray, Organizations and AWS Config: moto checks them only with Resource "*", or not at all',
    "that a missing key returns 403 without s3:ListBucket: moto returns 404 in both cases",
    "that s3:prefix restricts a listing to the prefix: moto gives that condition key no value",
    "trust policies: the role is assumed before IAM is enforced, because there is no Lambda service to assume it",
    "policies of bucket, topic and queues, encryption and lifecycle rules: moto at most stores them",
]


class Moto:
    """A moto server for one stack, in a separate process."""

    def __init__(self, folder: pathlib.Path):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.output = folder / f"moto-{self.port}.log"
        with open(self.output, "wb") as output:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not self.listens():
            assert self.process.poll() is None, (
                f"moto exited with {self.process.returncode}:\n{self.output.read_text()}"
            )
            assert time.monotonic() < deadline, "moto does not listen after 60 s"
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

    def enforce_iam(self):
        """Makes moto deny every call that no policy allows."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", "/moto-api/reset-auth", "0")
        status = connection.getresponse().status
        assert status == 200, f"moto does not enforce IAM: HTTP {status}"


def remove_unsupported(template: dict, parameters: dict) -> list:
    """Removes the resources that moto does not support, and the outputs that refer to them.

    Returns the names of the resources.
    """
    from moto.cloudformation import parsing

    # moto prints a line for each unsupported type.
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
        supported = {
            name
            for name, resource in template["Resources"].items()
            if parsing.resource_class_from_type(resource["Type"])
        }
    removed = sorted(template["Resources"].keys() - supported)
    # References to a removed resource get an example value.
    examples = Resolved(template, parameters)

    def replaced(node):
        if isinstance(node, list):
            return [replaced(item) for item in node]
        if not isinstance(node, dict):
            return node
        [(function, operand), *more] = node.items() or [(None, None)]
        if not more and function == "Ref" and operand in removed:
            return examples.ref(operand)
        if not more and function == "Fn::GetAtt" and operand[0] in removed:
            return examples.attribute(*operand)
        return {key: replaced(value) for key, value in node.items()}

    resources, outputs = template["Resources"], template["Outputs"]
    template["Resources"] = {name: replaced(resource) for name, resource in resources.items() if name in supported}
    template["Outputs"] = {
        name: output for name, output in outputs.items() if not any(other in json.dumps(output) for other in removed)
    }
    return removed


def without_nulls(node):
    """Returns a policy without the nulls that moto keeps in place of AWS::NoValue."""
    if isinstance(node, list):
        return [without_nulls(item) for item in node if item is not None]
    if isinstance(node, dict):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    return node


def rewrite_policies_as_json(iam, role: str):
    """Puts the policies of the role again.

    moto's CloudFormation stores them as Python literals, which moto's IAM cannot read.
    """
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    assert names, f"the role {role} has no policy"
    for name in names:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        document = ast.literal_eval(document) if isinstance(document, str) else document
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(without_nulls(document)))


def placeholder_code() -> bytes:
    """Returns a zip with an empty `bootstrap`, because a function needs code."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("bootstrap", "")
    return archive.getvalue()


def create_stack(moto: Moto, parameters: dict) -> dict:
    """Creates the stack and checks its resources. Returns its outputs."""
    template = transformed_template()
    types = {name: resource["Type"] for name, resource in template["Resources"].items()}
    removed = remove_unsupported(template, parameters)
    print(f"  not created, because moto does not support them: {', '.join(sorted({types[name] for name in removed}))}")
    s3 = moto.client("s3", ADMINISTRATOR)
    for bucket in ("code", OTHER_BUCKET):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="code", Key="packwatch.zip", Body=placeholder_code())
    s3.put_object(Bucket=OTHER_BUCKET, Key="ledger.json", Body=b"{}")
    cloudformation = moto.client("cloudformation", ADMINISTRATOR)
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    body = json.dumps(template)
    cloudformation.create_stack(StackName=STACK, TemplateBody=body, Parameters=given, Capabilities=["CAPABILITY_IAM"])
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", f"the status of the stack is {stack['StackStatus']}"
    created = {
        resource["LogicalResourceId"]
        for resource in cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        # moto lists a resource whose condition is false without a name.
        if "LogicalResourceId" in resource
    }
    resolved = Resolved(template, parameters)
    expected = {name for name, resource in template["Resources"].items() if resolved.holds(resource.get("Condition"))}
    assert created == expected, f"the stack has {sorted(created)}, expected {sorted(expected)}"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def s3_as_function(moto: Moto, role: str):
    """Returns an S3 client with the credentials of the function's role."""
    rewrite_policies_as_json(moto.client("iam", ADMINISTRATOR), role.rpartition("/")[2])
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
    """Makes a call. Returns the error code, or `success`."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "success"


def calls_and_outcomes(s3, bucket: str, prefix: str) -> list:
    """Returns the calls in their order, each with a description and its expected outcome."""

    def put(key, **condition):
        return lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"{}", ContentType="application/json", **condition)

    def get(key, from_bucket=bucket):
        return lambda: s3.get_object(Bucket=from_bucket, Key=key)

    def head(key):
        return lambda: s3.head_object(Bucket=bucket, Key=key)

    def replace(key, read=s3.get_object, **metadata):
        return lambda: put(key, IfMatch=read(Bucket=bucket, Key=key)["ETag"], **metadata)()

    ledger, latest = f"{prefix}ledger.json", f"{prefix}latest.json"
    snapshot = f"{prefix}snapshots/dt=2026-03-01/20260301T081500Z_run-1.json"
    allowed = [
        ("get a ledger that does not exist", get(ledger), "NoSuchKey"),
        ("read the metadata of a latest.json that does not exist", head(latest), "404"),
        ("create a snapshot", put(snapshot, IfNoneMatch="*"), "success"),
        ("create a snapshot under an existing key", put(snapshot, IfNoneMatch="*"), "PreconditionFailed"),
        ("create the ledger", put(ledger, IfNoneMatch="*"), "success"),
        ("get the ledger", get(ledger), "success"),
        ("replace the ledger", replace(ledger), "success"),
        ("replace a ledger that another execution has written", put(ledger, IfMatch='"0"'), "PreconditionFailed"),
        ("create latest.json", put(latest, IfNoneMatch="*", Metadata={"sequence": "1"}), "success"),
        ("read the metadata of latest.json", head(latest), "success"),
        ("replace latest.json", replace(latest, s3.head_object, Metadata={"sequence": "2"}), "success"),
    ]
    denied = [
        ("delete the ledger", lambda: s3.delete_object(Bucket=bucket, Key=ledger)),
        ("get an object in another bucket", get("ledger.json", OTHER_BUCKET)),
        ("put an object in another bucket", lambda: s3.put_object(Bucket=OTHER_BUCKET, Key=ledger, Body=b"{}")),
        ("suspend versioning", lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=SUSPENDED)),
        ("list buckets", s3.list_buckets),
        ("put an object that is not packwatch's", put(f"{prefix}notes.json")),
        ("get an object that is not packwatch's", get(f"{prefix}outside.json")),
    ]
    if prefix:
        denied += [
            ("put an object outside the prefix", put("ledger.json")),
            ("put an object under a similar prefix", put(f"{prefix[:-1]}-2/ledger.json")),
            ("get an object outside the prefix", get("outside.json")),
        ]
    return allowed + [(description, call, "AccessDenied") for description, call in denied]


def check_stack(parameters: dict, folder: pathlib.Path) -> int:
    """Returns the number of calls with an unexpected outcome."""
    failed = 0
    with Moto(folder) as moto:
        outputs = create_stack(moto, parameters)
        bucket, prefix = outputs["BucketName"], parameters.get("SnapshotPrefix", "")
        administrator = moto.client("s3", ADMINISTRATOR)
        for key in {"outside.json", f"{prefix}outside.json"}:
            administrator.put_object(Bucket=bucket, Key=key, Body=b"{}")
        s3 = s3_as_function(moto, outputs["FunctionRoleArn"])
        moto.enforce_iam()
        for description, call, expected in calls_and_outcomes(s3, bucket, prefix):
            actual = outcome(call)
            failed += actual != expected
            result = (
                f"ok     {description}: {actual}"
                if actual == expected
                else f"FAILED {description}: {actual}, expected {expected}"
            )
            print(f"  {result}", flush=True)
    return failed


def main():
    # The AWS configuration of this machine must not have an effect.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_DEFAULT_REGION"] = REGION
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for title, parameters in {
            "default parameters": {},
            "a key prefix": {"SnapshotPrefix": "team/packwatch/"},
        }.items():
            print(f"Stack with {title}", flush=True)
            failed += check_stack(parameters, pathlib.Path(folder))
    print("Not verified:")
    for limitation in NOT_VERIFIED:
        print(f"  {limitation}")
    print(f"{failed} calls failed" if failed else "all calls had the expected outcome")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
