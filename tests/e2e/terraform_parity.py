"""Compares the Terraform module with the templates, as data.

Terraform plans the module with a mocked provider, once for each set of parameters below, and prints
the planned values. The templates are evaluated for the same parameters and with the same names of
resources, and every property becomes the attribute that has its meaning in Terraform. What differs,
or is only on one side, is a difference: parameters and defaults, environment, policies, alarms,
schedules, storage, topics, queues and outputs.
"""

import copy
import fnmatch
import json
import os
import pathlib
import sys

from sam_transform import ACCOUNT, READER, REGION, ROOT, Resolved, read_template, transformed_template
from terraform_cli import MODULE, Terraform, TerraformFailed, expression, failures
from terraform_values import UNCONVERTIBLE, converted

sys.path.insert(0, str(ROOT / "tools"))
from terraform_docs import blocks, snake_case, variable_type  # noqa: E402

# Differences that end when other changes to template.yaml are merged. Each is a pattern for the part
# before the first colon and space. This list must be empty then; an entry without a difference fails
# the test.
PENDING: list[str] = []
# Conditions on the partition, which is the same in all variants.
PARTITIONS = {"InChina", "InGovCloud", "InEuropeanSovereignCloud"}
# Variables without a parameter: CloudFormation knows the name of the stack and the code by itself.
OWN_VARIABLES = {"name", "package", "package_bucket", "package_key", "package_version"}
OWN_OUTPUTS: set[str] = set()

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
EVERYTHING = {
    "AccessPortalUrl": "https://example.awsapps.com/start",
    "AccountNames": "on",
    "AlarmTopicArn": f"{TOPIC}alarms",
    "AnnounceAfterMinutes": "15",
    "Architecture": "x86_64",
    "ChatTopicArn": f"{TOPIC}chat",
    "Concurrency": "4",
    "DocumentationUrl": "https://git.example.com/packwatch/blob/main/",
    "Dashboard": "on",
    "EmailAddress": "team@example.com",
    "EventBusName": "operations",
    "ExcludePacks": "sandbox-*,test-?",
    "ExistingKeyArns": f"{KEY}1111,{KEY}2222",
    "IgnoreAccounts": "222233334444,333344445555",
    "IncludePacks": "baseline*",
    "KmsKeyArn": f"{KEY}3333",
    "Label": "prod",
    "LogLevel": "DEBUG",
    "LogRetentionDays": "30",
    "MemorySize": "512",
    "Metrics": "all",
    "NoRunAlarmMinutes": "120",
    "ReaderRoleArns": "arn:aws:iam::222233334444:role/packwatch-reader,arn:aws:iam::333344445555:role/packwatch-reader",
    "Regions": "eu-west-1,us-east-1",
    "RemindAfterHours": "24",
    "RoleExternalId": "packwatch",
    "ScheduleExpression": "rate(30 minutes)",
    "SnapshotEncryption": f"{KEY}4444",
    "SnapshotPrefix": "team/packwatch/",
    "SnapshotRetentionDays": "731",
    "StuckAfterHours": "48",
    "SummarySchedule": "cron(0 7 ? * TUE *)",
    "TopicKmsKeyArn": f"{KEY}5555",
    "Tracing": "on",
}
VARIANTS = {
    "defaults": {},
    "everything": EVERYTHING,
    "existing": EVERYTHING
    | {
        "AccountNames": "off",
        "AlarmTopicArn": "",
        "EmailAddress": "",
        "EventBusName": f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/operations",
        "ExistingBucketName": "team-bucket",
        "ExistingTopicArn": f"{TOPIC}team",
        "ReadOwnAccount": "false",
        "ScheduleState": "DISABLED",
        "SnapshotEncryption": "aws:kms",
        "SummarySchedule": "off",
    },
    "email": {"EmailAddress": "team@example.com", "NoRunAlarmMinutes": "0", "SnapshotRetentionDays": "0"},
    "keys": {"TopicKmsKeyArn": f"{KEY}5555", "SnapshotEncryption": "AES256", "SnapshotRetentionDays": "60"},
    "former-keys": {"ExistingKeyArns": f"{KEY}1111", "SnapshotEncryption": "aws:kms:dsse", "SnapshotRetentionDays": "90"},
    "short": {"SnapshotRetentionDays": "30", "ReaderRoleArns": "arn:aws:iam::222233334444:role/packwatch-reader"},
}  # fmt: skip
READER_VARIANTS = {
    "defaults": {"FunctionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/packwatch-function"},
    "everything": {
        "FunctionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/packwatch-function",
        "ExternalId": "packwatch",
        "RoleName": "reader",
    },
}


class Identity:
    """A resource of the template: its address in the module, and the example names that both use."""

    def __init__(self, address: str, ref: str, **attributes: str):
        self.address, self.ref, self.attributes = address, ref, attributes


def role(name: str, address: str) -> Identity:
    return Identity(address, name, Arn=f"arn:aws:iam::{ACCOUNT}:role/{name}")


def queue(name: str, address: str) -> Identity:
    url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
    return Identity(address, url, Arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", QueueName=name, QueueUrl=url)


def topic(name: str, address: str) -> Identity:
    return Identity(address, f"{TOPIC}{name}", TopicArn=f"{TOPIC}{name}", TopicName=name)


# The resources that others refer to.
IDENTITIES = {
    "Function": Identity("aws_lambda_function.this", "packwatch", Arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:packwatch"),
    "FunctionRole": role("packwatch-function", "aws_iam_role.function"),
    "ScheduleRole": role("packwatch-schedule", "aws_iam_role.schedule"),
    "ScheduleGroup": Identity(
        "aws_scheduler_schedule_group.this", "packwatch", Arn=f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/packwatch"
    ),
    "LogGroup": Identity(
        "aws_cloudwatch_log_group.function", "/packwatch/packwatch", Arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/packwatch/packwatch:*"
    ),
    "Bucket": Identity("aws_s3_bucket.this", "packwatch-bucket", Arn="arn:aws:s3:::packwatch-bucket"),
    "Topic": topic("packwatch-digests", "aws_sns_topic.digests"),
    "AlarmTopic": topic("packwatch-alarms", "aws_sns_topic.alarms"),
    "FailedRuns": queue("packwatch-failed-runs", "aws_sqs_queue.failed_runs"),
    "FailedStarts": queue("packwatch-failed-starts", "aws_sqs_queue.failed_starts"),
    "MetricsDashboard": Identity("aws_cloudwatch_dashboard.this", f"packwatch-{REGION}"),
    "Reader": role("packwatch-reader", "aws_iam_role.reader"),
}  # fmt: skip
# The names in the module of the other resources. Alarms have the name of the template in snake case.
TERRAFORM_NAMES = {
    "AlarmEmailSubscription": "alarms",
    "AlarmTopicPolicy": "alarms",
    "BucketPolicy": "this",
    "EmailSubscription": "digests",
    "FailedRunsPolicy": "failed_runs",
    "FailedStartsPolicy": "failed_starts",
    "FunctionEventInvokeConfig": "this",
    "FunctionSchedule": "runs",
    "SummarySchedule": "summary",
    "TopicPolicy": "digests",
}


class Named(Resolved):
    """A template that is evaluated with the names of `IDENTITIES`."""

    def ref(self, name):
        return IDENTITIES[name].ref if name in IDENTITIES else super().ref(name)

    def attribute(self, name, attribute):
        if name in IDENTITIES:
            return IDENTITIES[name].attributes[attribute]
        return super().attribute(name, attribute)

    def outputs(self) -> dict:
        """Returns the outputs whose conditions are true."""
        return {
            name: self.value(output["Value"])
            for name, output in self.template.get("Outputs", {}).items()
            if self.holds(output.get("Condition"))
        }


# From the template to Terraform. Each function takes all properties of a resource out of a copy, and
# returns attributes of one or more resources of Terraform. A property that is left is a difference.


def mechanical(node):
    """Returns a property in snake case, with a block in place of each object."""
    if isinstance(node, dict):
        return [{snake_case(key): mechanical(value) for key, value in node.items()}]
    if isinstance(node, list):
        items = [mechanical(item) for item in node]
        return [item[0] if isinstance(item, list) else item for item in items]
    return node


def attributes(properties: dict, **renamed: str) -> dict:
    """Takes all properties, in snake case or under other names."""
    taken = {renamed.get(name, snake_case(name)): mechanical(value) for name, value in properties.items()}
    properties.clear()
    return taken


def lambda_function(properties: dict, name: str) -> dict:
    # The code is not configuration. SAM marks what it creates by a tag.
    properties.pop("Code")
    properties.pop("Tags", None)
    environment = properties.pop("Environment")["Variables"]
    properties.setdefault("TracingConfig", {"Mode": "PassThrough"})
    taken = attributes(properties)
    return {f"aws_lambda_function.{name}": taken | {"environment": [{"variables": environment}]}}


def event_invoke_config(properties: dict, name: str) -> dict:
    # Without a qualifier, Terraform takes the same version.
    if properties.get("Qualifier") == "$LATEST":
        properties.pop("Qualifier")
    return {f"aws_lambda_function_event_invoke_config.{name}": attributes(properties, MaximumEventAgeInSeconds="maximum_event_age_in_seconds")}  # fmt: skip


def schedule(properties: dict, name: str) -> dict:
    return {f"aws_scheduler_schedule.{name}": attributes(properties)}


def schedule_group(properties: dict, name: str) -> dict:
    return {f"aws_scheduler_schedule_group.{name}": attributes(properties)}


def iam_role(properties: dict, name: str) -> dict:
    [policy] = properties.pop("Policies")
    trust = policy_statements(properties.pop("AssumeRolePolicyDocument"))
    taken = attributes(properties, RoleName="name")
    identity = next(identity for identity in IDENTITIES.values() if identity.address == f"aws_iam_role.{name}")
    return {
        f"aws_iam_role.{name}": taken | {"assume_role_policy": trust},
        f"aws_iam_role_policy.{name}": {
            "name": policy["PolicyName"],
            "role": taken.get("name", identity.ref),
            "policy": policy_statements(policy["PolicyDocument"]),
        },
    }


def log_group(properties: dict, name: str) -> dict:
    return {f"aws_cloudwatch_log_group.{name}": attributes(properties, LogGroupName="name")}


def bucket(properties: dict, name: str) -> dict:
    [encryption] = properties.pop("BucketEncryption")["ServerSideEncryptionConfiguration"]
    default = encryption.pop("ServerSideEncryptionByDefault")
    rules = [lifecycle_rule(rule) for rule in properties.pop("LifecycleConfiguration")["Rules"]]
    found = {
        f"aws_s3_bucket.{name}": {},
        f"aws_s3_bucket_versioning.{name}": {
            "versioning_configuration": attributes_block(properties.pop("VersioningConfiguration"))
        },
        f"aws_s3_bucket_server_side_encryption_configuration.{name}": {
            "rule": [
                {
                    "apply_server_side_encryption_by_default": [
                        {"sse_algorithm": default.pop("SSEAlgorithm"), "kms_master_key_id": default.pop("KMSMasterKeyID", None)}
                        | default
                    ]
                }
                | attributes(encryption)
            ]
        },
        f"aws_s3_bucket_lifecycle_configuration.{name}": {"rule": rules},
        f"aws_s3_bucket_ownership_controls.{name}": {
            "rule": [attributes(rule) for rule in properties.pop("OwnershipControls")["Rules"]]
        },
        f"aws_s3_bucket_public_access_block.{name}": attributes(properties.pop("PublicAccessBlockConfiguration")),
    }  # fmt: skip
    # All of them are of one bucket.
    for address, taken in found.items():
        if address != f"aws_s3_bucket.{name}":
            taken["bucket"] = IDENTITIES["Bucket"].ref
    found[f"aws_s3_bucket.{name}"] |= attributes(properties)
    return found


def attributes_block(properties: dict) -> list:
    return [attributes(properties)]


def lifecycle_rule(rule: dict) -> dict:
    prefix, size = rule.pop("Prefix", None), rule.pop("ObjectSizeGreaterThan", None)
    scope = {"and": [{"prefix": prefix, "object_size_greater_than": size}]} if size else {"prefix": prefix}
    taken = {"id": rule.pop("Id"), "status": rule.pop("Status"), "filter": [scope]}
    expiration = {
        "days": rule.pop("ExpirationInDays", None),
        "expired_object_delete_marker": rule.pop("ExpiredObjectDeleteMarker", None),
    }
    if any(expiration.values()):
        taken["expiration"] = [expiration]
    transitions = [
        {"storage_class": transition.pop("StorageClass"), "days": transition.pop("TransitionInDays")} | transition
        for transition in rule.pop("Transitions", [])
    ]
    if transitions:
        taken["transition"] = transitions
    return taken | attributes(rule)


def bucket_policy(properties: dict, name: str) -> dict:
    return {f"aws_s3_bucket_policy.{name}": with_policy(properties, "Bucket", "bucket")}


def topic_resource(properties: dict, name: str) -> dict:
    return {f"aws_sns_topic.{name}": attributes(properties)}


def topic_policy(properties: dict, name: str) -> dict:
    return {f"aws_sns_topic_policy.{name}": with_policy(properties, "Topics", "arn")}


def subscription(properties: dict, name: str) -> dict:
    return {f"aws_sns_topic_subscription.{name}": attributes(properties)}


def queue_resource(properties: dict, name: str) -> dict:
    return {f"aws_sqs_queue.{name}": attributes(properties, MessageRetentionPeriod="message_retention_seconds")}


def queue_policy(properties: dict, name: str) -> dict:
    return {f"aws_sqs_queue_policy.{name}": with_policy(properties, "Queues", "queue_url")}


def with_policy(properties: dict, of: str, attribute: str) -> dict:
    parent = properties.pop(of)
    if isinstance(parent, list):
        [parent] = parent
    return {attribute: parent, "policy": policy_statements(properties.pop("PolicyDocument"))} | attributes(properties)


def alarm(properties: dict, name: str) -> dict:
    dimensions = {item["Name"]: item["Value"] for item in properties.pop("Dimensions")}
    taken = attributes(properties, OKActions="ok_actions")
    return {f"aws_cloudwatch_metric_alarm.{name}": taken | {"dimensions": dimensions}}


def dashboard(properties: dict, name: str) -> dict:
    body = json.loads(properties.pop("DashboardBody"))
    return {
        f"aws_cloudwatch_dashboard.{name}": attributes(properties)
        | {"dashboard_body": json.dumps(body, sort_keys=True)}
    }


def query(properties: dict, _) -> dict:
    key = properties["Name"]
    return {f'aws_cloudwatch_query_definition.this["{key}"]': attributes(properties)}


CONVERTERS = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::IAM::Role": iam_role,
    "AWS::Lambda::EventInvokeConfig": event_invoke_config,
    "AWS::Lambda::Function": lambda_function,
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::QueryDefinition": query,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic_resource,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::Queue": queue_resource,
    "AWS::SQS::QueuePolicy": queue_policy,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
}


def listed(item) -> list:
    return sorted(map(str, item)) if isinstance(item, list) else [str(item)]


def policy_statements(document) -> dict:
    """Returns a policy as a set: one member for each action on each resource.

    Two policies that allow the same have the same set, however their statements are grouped. The ids
    of statements mean nothing.
    """
    if isinstance(document, str):
        document = json.loads(document)
    found = {"version": document["Version"]}
    for statement in document["Statement"]:
        rest = {key: value for key, value in statement.items() if key not in ("Sid", "Action", "Resource")}
        rest["Condition"] = {
            operator: {key: listed(value) for key, value in sorted(keys.items())}
            for operator, keys in sorted(statement.get("Condition", {}).items())
        }
        if isinstance(rest.get("Principal"), dict):
            rest["Principal"] = {key: listed(value) for key, value in rest["Principal"].items()}
        for action in listed(statement["Action"]):
            for resource in listed(statement.get("Resource", "")):
                found[f"{action} on {resource or 'this role'} {json.dumps(rest, sort_keys=True)}"] = "yes"
    return found


def flattened(node, path="") -> dict:
    """Returns the leaves of a value by their paths, without those that are empty."""
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    else:
        empty = node is None or node == "" or node is False
        return {} if empty and ".variables." not in path else {path: text(node)}
    leaves = {}
    for key, value in items:
        leaves |= flattened(value, f"{path}.{key}" if path else str(key))
    return leaves


def text(item) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, float) and item.is_integer():
        return str(int(item))
    return str(item)


# Attributes of the module without a property in the template.
OWN_ATTRIBUTES = {
    "alarm_name", "bucket_prefix", "count", "depends_on", "filename", "for_each", "function_name", "lifecycle", "name",
    "name_prefix", "s3_bucket", "s3_key", "s3_object_version", "source_code_hash",
}  # fmt: skip
POLICIES = {"assume_role_policy", "policy"}


def template_resources(resources: dict) -> tuple[dict, list]:
    """Returns the resources of an evaluated template as Terraform has them, and what has no counterpart."""
    found, unknown = {}, []
    for name, resource in copy.deepcopy(resources).items():
        convert = CONVERTERS.get(resource["Type"])
        if not convert:
            unknown.append(f"template {name}: the comparison does not know {resource['Type']}")
            continue
        if name in IDENTITIES:
            own = IDENTITIES[name].address.rpartition(".")[2]
        else:
            own = TERRAFORM_NAMES.get(name, snake_case(name))
        properties = resource["Properties"]
        for address, taken in convert(properties, own).items():
            found[address] = flattened(taken)
        unknown += [f"template {name} {left}: the comparison does not read it" for left in properties]
    return found, unknown


def configured(folder: pathlib.Path) -> dict:
    """Returns the attributes that the module sets, by resource."""
    found = {}
    for kind, resources in blocks(folder, "resource").items():
        for name, body in resources.items():
            dynamic = {label for block in body.get("dynamic", []) for label in block}
            found[f"{kind}.{name}"] = (set(body) - {"dynamic"}) | dynamic
    return found


def module_resources(planned: dict, attributes_set: dict) -> dict:
    """Returns the attributes that the module sets, with their planned values."""
    found = {}
    for resource in planned["resource_changes"]:
        if resource["mode"] != "managed":
            continue
        address = resource["address"].removesuffix("[0]")
        after, unknown = resource["change"]["after"], resource["change"]["after_unknown"]
        names = attributes_set[f"{resource['type']}.{resource['name']}"]
        taken = {name: "known after apply" if unknown.get(name) is True else after.get(name) for name in names}
        for name in POLICIES & taken.keys():
            assert taken[name] != "known after apply", f"{address} {name} depends on a name that is not in IDENTITIES"
            taken[name] = policy_statements(taken[name])
        if "dashboard_body" in taken:
            taken["dashboard_body"] = json.dumps(json.loads(taken["dashboard_body"]), sort_keys=True)
        found[address] = flattened(taken)
    return found


def compare(template: dict, module: dict) -> list[str]:
    """Compares two sets of resources. Returns the differences."""
    found = [f"{address}: only in the template" for address in template.keys() - module.keys()]
    found += [f"{address}: only in the module" for address in module.keys() - template.keys()]
    for address in sorted(template.keys() & module.keys()):
        wanted, actual = template[address], module[address]
        for path in sorted(wanted.keys() | actual.keys()):
            if path in OWN_ATTRIBUTES and path not in wanted:
                continue
            if wanted.get(path) != actual.get(path):
                found.append(
                    f"{address} {path}: template {wanted.get(path, 'nothing')!r}, module {actual.get(path, 'nothing')!r}"
                )
    return sorted(found)


def compare_parameters(template: dict, folder: pathlib.Path, own: set[str]) -> list[str]:
    """Compares parameters and variables, with their defaults."""
    found, variables = [], blocks(folder, "variable")
    for parameter, body in template["Parameters"].items():
        name = snake_case(parameter)
        if name not in variables:
            found.append(f"parameter {parameter}: only in the template")
            continue
        variable = variables[name]
        if ("Default" in body) != ("default" in variable):
            found.append(f"parameter {parameter} required: the template and the module differ")
        elif "Default" in body:
            wanted = converted(str(body["Default"]), variable_type(variable["type"]))
            if wanted != variable["default"]:
                found.append(
                    f"parameter {parameter} default: template {body['Default']!r}, module {variable['default']!r}"
                )
    parameters = {snake_case(parameter) for parameter in template["Parameters"]}
    found += [f"variable {name}: only in the module" for name in sorted(variables.keys() - parameters - own)]
    return found


def compare_outputs(template: dict, module: dict, own: set[str]) -> list[str]:
    wanted = {snake_case(name): value for name, value in template.items()}
    actual = {name: output["after"] for name, output in module.items() if output.get("after") is not None}
    return [
        f"output {name}: template {wanted.get(name, 'nothing')!r}, module {actual.get(name, 'nothing')!r}"
        for name in sorted(wanted.keys() | actual.keys() - own)
        if wanted.get(name) != actual.get(name)
    ]


def plan(terraform: Terraform, folder: pathlib.Path, variants: dict, base: dict) -> dict:
    """Plans a module from nothing, once for each variant. Returns the planned values."""
    variables = blocks(folder, "variable")
    lines = [f'mock_provider "aws" {{\n  source = "{terraform.module}/tests/mocks"\n  override_during = plan\n']
    for identity in IDENTITIES.values():
        kind, name = identity.address.split(".")
        values = mocked(kind, identity)
        if values and name in blocks(folder, "resource").get(kind, {}):
            lines.append(
                f"  override_resource {{\n    target = {identity.address}\n    values = {expression(values)}\n  }}"
            )
    lines.append("}")
    for variant, parameters in variants.items():
        given = dict(base)
        for parameter, value in parameters.items():
            name = snake_case(parameter)
            if name in variables:
                given[name] = converted(value, variable_type(variables[name]["type"]))
                assert given[name] is not UNCONVERTIBLE, f"{variant} {parameter} has no value in Terraform"
        lines += [f'run "{variant}" {{', "  command = plan", "  variables {"]
        lines += [f"    {name} = {expression(value)}" for name, value in given.items()]
        lines += ["  }", "}"]
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests/parity.tftest.hcl").write_text("\n".join([*lines, ""]))
    events = terraform.test("tests/parity.tftest.hcl", where=folder, verbose=True)
    if found := failures(events):
        raise TerraformFailed("\n".join(found))
    return {event["@testrun"]: event["test_plan"] for event in events if event["type"] == "test_plan"}


def mocked(kind: str, identity: Identity) -> dict:
    """Returns what AWS would answer, so that both sides have the same names."""
    arn = identity.attributes.get("Arn", "").removesuffix(":*")
    match kind:
        case "aws_sns_topic":
            return {"arn": identity.ref, "id": identity.ref}
        case "aws_sqs_queue":
            return {"arn": arn, "id": identity.ref, "url": identity.ref, "name": identity.attributes["QueueName"]}
        case "aws_s3_bucket":
            return {"arn": arn, "id": identity.ref, "bucket": identity.ref}
        case "aws_iam_role":
            return {"arn": arn, "name": identity.ref} if identity.address != "aws_iam_role.reader" else {"arn": arn}
        case "aws_cloudwatch_dashboard":
            return {}
    return {"arn": arn}


def uncovered(template: dict, variants: dict) -> list[str]:
    """Returns the conditions that have the same value in every variant."""
    found = []
    for condition in sorted(template.get("Conditions", {}).keys() - PARTITIONS):
        values = {Named(template, known(template, variant)).holds(condition) for variant in variants.values()}
        if len(values) == 1:
            found.append(f"condition {condition}: always {values.pop()} in the variants, so add one")
    return found


def known(template: dict, parameters: dict) -> dict:
    """Returns the parameters that the template has."""
    return {name: value for name, value in parameters.items() if name in template["Parameters"]}


class Comparison:
    """A template and a module, evaluated for the same parameters."""

    def __init__(self, terraform, template: dict, folder: pathlib.Path, variants: dict, base: dict, own: set[str], own_outputs: set[str]):  # fmt: skip
        self.template, self.folder, self.variants, self.own, self.own_outputs = template, folder, variants, own, own_outputs  # fmt: skip
        self.plans = plan(terraform, folder, variants, base)
        self.configured = configured(folder)

    def resolved(self, variant: str) -> Named:
        return Named(self.template, known(self.template, self.variants[variant]))

    def differences(self) -> list[str]:
        """Returns each difference once, with the variant that shows it first."""
        found = {line: "" for line in compare_parameters(self.template, self.folder, self.own)}
        found |= {line: "" for line in uncovered(self.template, self.variants)}
        for variant, planned in self.plans.items():
            resolved = self.resolved(variant)
            template, unknown = template_resources(resolved.resources())
            module = module_resources(planned, self.configured)
            lines = unknown + compare(template, module)
            lines += compare_outputs(resolved.outputs(), planned["output_changes"], self.own_outputs)
            for line in lines:
                found.setdefault(line, f" ({variant})")
        return [line + variant for line, variant in found.items()]

    def blind_spots(self) -> list[str]:
        """Changes every property of the template and every attribute of the module, one at a time.

        Returns the changes that the comparison does not find.
        """
        blind, self.changes = [], 0
        for variant, planned in self.plans.items():
            resources = self.resolved(variant).resources()
            template, _ = template_resources(resources)
            module = module_resources(planned, self.configured)
            for path in leaves(resources):
                changed = copy.deepcopy(resources)
                if ignored(path):
                    continue
                change(changed, path)
                self.changes += 1
                if template_resources(changed) == (template, []):
                    blind.append(f"{variant}: template {'.'.join(map(str, path))}")
            # A resource that the template lacks is a difference as a whole.
            for address, values in ((address, values) for address, values in module.items() if address in template):
                for name in values.keys() - OWN_ATTRIBUTES:
                    self.changes += 1
                    changed = module | {address: values | {name: "changed"}}
                    if compare(template, changed) == compare(template, module):
                        blind.append(f"{variant}: module {address} {name}")
        return blind


def leaves(node, path=()) -> list[tuple]:
    if isinstance(node, dict):
        return [leaf for key, value in node.items() for leaf in leaves(value, (*path, key))]
    if isinstance(node, list):
        return [leaf for index, value in enumerate(node) for leaf in leaves(value, (*path, index))]
    return [path]


def change(node, path: tuple):
    """Changes one leaf in place."""
    for key in path[:-1]:
        node = node[key]
    old = node[path[-1]]
    if isinstance(old, bool):
        node[path[-1]] = not old
    elif path[-1] == "DashboardBody":
        node[path[-1]] = json.dumps(json.loads(old) | {"changed": True})
    else:
        node[path[-1]] = f"{old}-changed"


def ignored(path: tuple) -> bool:
    """Returns whether a property of the template is not compared on purpose."""
    return path[1] == "Type" or path[2:3] in (("Code",), ("Tags",)) or path[-1] == "Sid"


def check_parity(terraform: Terraform) -> list[str]:
    """Compares both modules with their templates. Returns the differences that are not pending."""
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    comparisons = [
        Comparison(
            terraform, transformed_template(), terraform.module, VARIANTS, {"package": "README.md"}, OWN_VARIABLES, OWN_OUTPUTS
        ),
        Comparison(terraform, read_template(READER), terraform.module / "modules/reader", READER_VARIANTS, {}, set(), set()),
    ]  # fmt: skip
    found, matched = [], set()
    for comparison in comparisons:
        for difference in comparison.differences():
            patterns = {pattern for pattern in PENDING if fnmatch.fnmatchcase(difference.partition(": ")[0], pattern)}
            matched |= patterns
            if patterns:
                print(f"  pending: {difference[:160]}")
            else:
                found.append(difference)
        found += [f"a change that the comparison does not find: {blind}" for blind in comparison.blind_spots()]
        print(f"  {comparison.folder.name}: {len(comparison.plans)} sets of parameters, {comparison.changes} deliberate changes found")
    found += [f"PENDING has {pattern}, which is no difference any more: remove it" for pattern in PENDING if pattern not in matched]  # fmt: skip
    return found
