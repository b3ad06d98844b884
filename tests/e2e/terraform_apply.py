#!/usr/bin/env python3
"""Applies the Terraform module to moto, twice, and destroys it.

    pip install -r tests/e2e/requirements.txt
    python tests/e2e/terraform_apply.py [--package ZIP]

The AWS provider is real, and makes real calls. The second plan must be empty: what Terraform reads
back is what it has written. A plan with other values must change resources in place only. The role
of the function has the policies that the plan of the parity test shows. A bucket with a ledger in it
survives `terraform destroy`. Without Terraform on this machine the script says so and ends with 0,
unless --required is given. It takes a minute or two.

Not verified, because moto is not AWS: that policies suffice, that alarms and schedules work, the
log settings of the function and the lifecycle rule for large snapshots, which moto forgets, saved
queries, which it does not have, and anything that moto accepts and AWS refuses.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from moto_stack import ADMINISTRATOR, REGION, Moto, outcome, placeholder_code  # noqa: E402
from terraform_cli import MISSING, Terraform, TerraformFailed, expression, is_installed, terraform  # noqa: E402

SERVICES = ["cloudwatch", "events", "iam", "lambda", "logs", "s3", "scheduler", "sns", "sqs", "sts"]
KEY = f"arn:aws:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
# moto forgets the size in a lifecycle rule, so Terraform would wait for it in vain: with these days there
# is no such rule.
DAYS = 90
CASES = {
    "defaults": {},
    "everything": {
        "email_address": "team@example.com",
        "regions": ["eu-west-1", "us-east-1"],
        "reader_role_arns": ["arn:aws:iam::222233334444:role/packwatch-reader"],
        "include_packs": ["baseline*"],
        "ignore_accounts": ["222233334444"],
        "chat_topic_arn": f"arn:aws:sns:{REGION}:123456789012:chat",
        "event_bus_name": "operations",
        "snapshot_prefix": "team/packwatch/",
        "kms_key_arn": KEY,
        "label": "prod",
        "metrics": "all",
        "dashboard": True,
        "tracing": True,
    },
}
# Values that change resources, and must replace none.
CHANGED = {"label": "other", "memory_size": 512, "regions": ["us-east-1"], "no_run_alarm_minutes": 120}
# moto forgets the log settings of a function, so every plan would set them again, and it has no saved
# queries.
OVERRIDE = """
locals {
  queries = {}
}

resource "aws_lambda_function" "this" {
  lifecycle {
    ignore_changes = [logging_config]
  }
}
"""
ROOT_MODULE = """
terraform {{
  required_providers {{
    aws = {{
      source = "hashicorp/aws"
    }}
  }}
}}

provider "aws" {{
  region                      = "{region}"
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  max_retries                 = 2
  endpoints {{
{endpoints}
  }}
}}

module "packwatch" {{
  source = "./module"
{variables}
}}

output "bucket_name" {{
  value = module.packwatch.bucket_name
}}

output "function_name" {{
  value = module.packwatch.function_name
}}
"""


def configure(runner: Terraform, moto: Moto, given: dict):
    """Writes a root module that uses the module with these variables."""
    endpoints = "\n".join(f'    {service} = "http://127.0.0.1:{moto.port}"' for service in SERVICES)
    variables = "\n".join(f"  {name} = {expression(value)}" for name, value in given.items())
    text = ROOT_MODULE.format(region=REGION, endpoints=endpoints, variables=variables)
    (runner.folder / "main.tf").write_text(text)
    (runner.module / "moto_override.tf").write_text(OVERRIDE)


def planned_changes(runner: Terraform) -> dict:
    """Returns what a plan would do, by resource: the actions, and the attributes that change."""
    runner.run("plan", "-input=false", "-out=plan", where=runner.folder)
    plan = json.loads(runner.run("show", "-json", "plan", where=runner.folder).stdout)
    found = {}
    for resource in plan.get("resource_changes", []):
        change = resource["change"]
        if change["actions"] not in (["no-op"], ["read"]):
            before, after = change["before"] or {}, change["after"] or {}
            changed = [name for name in after if before.get(name) != after[name]]
            found[resource["address"]] = "/".join(change["actions"]), changed
    return found


def check(runner: Terraform, moto: Moto, title: str, given: dict, package: pathlib.Path) -> list[str]:
    """Applies, changes and destroys the module. Returns what is wrong."""
    found = []
    given = {"package": str(package), "snapshot_retention_days": DAYS} | given
    configure(runner, moto, given)
    runner.run("init", "-input=false", where=runner.folder)
    runner.run("apply", "-input=false", "-auto-approve", where=runner.folder)
    state = runner.run("state", "list", where=runner.folder).stdout.splitlines()
    print(f"{title}: applied: {len([line for line in state if '.data.' not in line])} resources", flush=True)
    if changes := planned_changes(runner):
        found.append(f"the second plan is not empty: {changes}")
    outputs = json.loads(runner.run("output", "-json", where=runner.folder).stdout)
    function = moto.client("lambda", ADMINISTRATOR).get_function_configuration(FunctionName=outputs["function_name"]["value"])
    if function["Environment"]["Variables"]["SNAPSHOT_BUCKET"] != outputs["bucket_name"]["value"]:
        found.append(f"the function does not write to the bucket: {function['Environment']['Variables']}")
    configure(runner, moto, given | CHANGED)
    changes = planned_changes(runner)
    replaced = {address: actions for address, (actions, _) in changes.items() if actions != "update"}
    print(f"{title}: a change of {', '.join(CHANGED)} updates {len(changes)} resources", flush=True)
    if replaced or not changes:
        found.append(f"the change does not only update: {replaced or 'it changes nothing'}")
    runner.run("apply", "-input=false", "plan", where=runner.folder)
    if changes := planned_changes(runner):
        found.append(f"the plan after the change is not empty: {changes}")
    found += destroy(runner, moto, outputs["bucket_name"]["value"])
    print(f"{title}: destroyed, except for the bucket with the ledger", flush=True)
    return found


def destroy(runner: Terraform, moto: Moto, bucket: str) -> list[str]:
    s3 = moto.client("s3", ADMINISTRATOR)
    # moto has no TLS, which the policy of the bucket demands.
    if outcome(lambda: s3.put_object(Bucket=bucket, Key="ledger.json", Body=b"{}")) == "success":
        return ["the bucket accepts an object over plain HTTP"]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="ledger.json", Body=b"{}")
    process = runner.run("destroy", "-input=false", "-auto-approve", where=runner.folder, accepts=(0, 1))
    if process.returncode == 0 or "BucketNotEmpty" not in process.stderr:
        return [f"terraform destroy did not stop at the bucket: {process.stdout}{process.stderr}"]
    if s3.get_object(Bucket=bucket, Key="ledger.json")["Body"].read() != b"{}":
        return ["the ledger did not survive terraform destroy"]
    left = [line for line in runner.run("state", "list", where=runner.folder).stdout.splitlines() if ".data." not in line]
    # As the README says: the bucket leaves the state, and the rest is gone.
    runner.run("state", "rm", *[line for line in left if ".aws_s3_bucket" in line], where=runner.folder)
    runner.run("destroy", "-input=false", "-auto-approve", where=runner.folder)
    left = [line for line in runner.run("state", "list", where=runner.folder).stdout.splitlines() if ".data." not in line]
    return [f"terraform destroy left {left}"] if left else []


def run_case(title: str, given: dict, package: pathlib.Path | None) -> list[str]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, terraform() as runner, Moto(pathlib.Path(folder)) as moto:
        if not package:
            package = pathlib.Path(folder) / "packwatch.zip"
            package.write_bytes(placeholder_code())
        try:
            found = check(runner, moto, title, given, package.resolve())
        except TerraformFailed as error:
            found = [str(error)]
    print(f"{title}: {time.monotonic() - started:.0f} s", flush=True)
    return [f"{title}: {line}" for line in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=pathlib.Path, help="a release zip; without it, a zip with an empty file")
    parser.add_argument("--required", action="store_true", help="fail if Terraform is not on this machine")
    args = parser.parse_args()
    if not is_installed():
        print(MISSING)
        sys.exit(1 if args.required else 0)
    # The AWS configuration of this machine must not have an effect.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_DEFAULT_REGION"] = REGION
    # Nearly all of the time the provider waits, so the cases wait together.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = [pool.submit(run_case, title, given, args.package) for title, given in CASES.items()]
        found = [line for result in results for line in result.result()]
    for line in found:
        print(f"FINDING {line}")
    print(f"{len(found)} findings")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
