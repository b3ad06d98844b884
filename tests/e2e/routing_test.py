#!/usr/bin/env python3
"""Tries the recipes of docs/routing.md: templates, event patterns, input transformers and filters.

    sam build
    cargo build --example simulated_org
    pip install -r tests/e2e/requirements.txt
    python tests/e2e/routing_test.py .aws-sam/build/Function/bootstrap target/debug/examples/simulated_org

cfn-lint lints each template of the document. Then the function runs with the digest topic, the chat
topic and the event bus in moto, which is independent of this project. AWS Config, STS and Organizations
are the simulated organization.

Each rule of the document exists in moto with a queue as its target, and each queue must get exactly the
events that its rule is for. Input transformers are applied to the events that arrived, as the guide of
EventBridge describes them: a variable that stands alone becomes a JSON value, one inside a text is put
in as it is. The stacks that consist of queues and topics are created by CloudFormation in moto. The
state machine for Security Hub runs in moto and imports into moto's Security Hub.

Not verified, because it needs an account: API destinations, OpsCenter, Amazon Q Developer and AWS User
Notifications themselves; roles and queue policies, which moto does not enforce here; the order, retries
and dead-letter queues of EventBridge.
"""

import argparse
import collections
import contextlib
import datetime
import json
import logging
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lambda_rie import BUCKET, FAILING, OWN, REGION, ROOT, Organization, environment, free_port  # noqa: E402

# moto reads these at import, and its state machines call moto at this port.
for variable in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[variable]
os.environ |= {"AWS_ACCESS_KEY_ID": "AKIDOWN", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
os.environ |= {"MOTO_ACCOUNT_ID": OWN, "MOTO_PORT": str(free_port())}

import boto3  # noqa: E402
import botocore.session  # noqa: E402
import sam_transform  # noqa: E402
from botocore.validate import ParamValidator  # noqa: E402
from moto.core.config import default_user_config  # noqa: E402
from moto.events.models import EventPattern  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402
from moto_stack import remove_unsupported  # noqa: E402
from runtime_api import Function  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402
from shell_blocks import shell_blocks  # noqa: E402

DOCUMENT = ROOT / "docs/routing.md"
BUS = "routing"
RECORDER, DENIED, NO_CODE = "NoAvailableConfigurationRecorderException", "AccessDenied", ""
OTHER_ACCOUNT = "333344445555"
# A message that breaks JSON which is put together from it without escaping.
HOSTILE = 'policy "p\\q" denies\nAction: {"a": 1}'
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
REPORT_URL = f"https://{REGION}.console.aws.amazon.com/s3/object/{BUCKET}?region={REGION}&prefix=report.html"
# The values of parameters that have no default, by their names in all templates.
PARAMETERS = {
    "ChatTopicArn": f"arn:aws:sns:{REGION}:{OWN}:chat",
    "EmailAddress": "oncall@example.com",
    "EventBusName": BUS,
    "FunctionArn": f"arn:aws:lambda:{REGION}:{OWN}:function:tickets",
    "FunctionName": "packwatch",
    "FunctionRoleArn": f"arn:aws:iam::{OWN}:role/packwatch-function",
    "ReportUrl": REPORT_URL,
    "RoutingKey": ROUTING_KEY,
    "SlackChannelId": "C0123456789",
    "SlackWorkspaceId": "T0123456789",
    "TeamId": "11111111-2222-3333-4444-555555555555",
    "TeamsChannelId": "19%3a0123456789abcdef%40thread.tacv2",
    "TeamsTenantId": "11111111-2222-3333-4444-555555555555",
    "WebhookSecret": "secret",
    "WebhookUrl": "https://api-private.atlassian.com/automation/webhooks/jira/a/site/rule",
}
# Which events each rule of the document is for, by section and name.
RULES = {
    ("A queue on the event bus", "OneCause"): lambda action, code: code == RECORDER,
    ("A queue on the event bus", "Ends"): lambda action, code: action == "resolve",
    ("Jira", "Rule"): lambda action, code: True,
    ("OpsCenter", "Rule"): lambda action, code: action == "trigger",
    ("PagerDuty", "Rule"): lambda action, code: True,
    ("Security Hub", "Rule"): lambda action, code: True,
}
# The other sections with templates, and how many they have.
OTHER_TEMPLATES = {
    "Slack": 1,
    "Microsoft Teams": 1,
    "A queue on the digest topic": 1,
    "A function on the digest topic": 1,
    "AWS User Notifications": 2,
}
# Resource types of this document of which sam_transform has no example ARN.
ARNS = {
    "AWS::Events::ApiDestination": f"arn:aws:events:{REGION}:{OWN}:api-destination/{{0}}/1",
    "AWS::Events::Connection": f"arn:aws:events:{REGION}:{OWN}:connection/{{0}}/1",
    "AWS::Events::Rule": f"arn:aws:events:{REGION}:{OWN}:rule/{{0}}",
    "AWS::Notifications::NotificationConfiguration": f"arn:aws:notifications::{OWN}:configuration/a",
    "AWS::NotificationsContacts::EmailContact": f"arn:aws:notifications-contacts::{OWN}:emailcontact/a",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{REGION}:{OWN}:stateMachine:{{0}}",
}
# Resource types of the stacks below that moto does not know.
NOT_IN_MOTO = {
    "AWS::Chatbot::SlackChannelConfiguration",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
sam_transform.NAMES |= {kind: (arn, arn) for kind, arn in ARNS.items()}


class Template:
    """A template of the document."""

    def __init__(self, section: str, line: int, text: str):
        self.section, self.line, self.text = section, line, text
        self.body = {"Parameters": {}, "Outputs": {}, "Conditions": {}, **yaml_parse(text)}

    @property
    def place(self) -> str:
        return f"docs/routing.md:{self.line} ({self.section})"

    @property
    def parameters(self) -> dict:
        return {name: value for name, value in PARAMETERS.items() if name in self.body["Parameters"]}

    @property
    def region(self) -> str:
        """The region in which the document says to deploy it."""
        return "us-east-1" if "AWS::Notifications::" in self.text else REGION

    def resources(self, kind: str = "") -> dict:
        """Returns the properties of the resources of a type, with their functions evaluated."""
        resources = sam_transform.Resolved(self.body, self.parameters).resources()
        return {name: value["Properties"] for name, value in resources.items() if value["Type"].startswith(kind)}

    def resource(self, kind: str) -> dict:
        [properties] = self.resources(kind).values()
        return properties


def templates(document: pathlib.Path) -> list[Template]:
    """Returns the YAML blocks of the document, each of which is a template."""
    found, section, start, block = [], "", 0, None
    for number, line in enumerate(document.read_text().splitlines(keepends=True), 1):
        if block is not None and line.startswith("```"):
            found.append(Template(section, start, "".join(block)))
            block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("```yaml"):
            start, block = number, []
        elif match := re.match(r"#+ (.*)", line):
            section = match[1]
    return found


def prose(document: pathlib.Path, section: str) -> str:
    """Returns the text of a section."""
    parts = re.split(r"^#+ (.*)$", document.read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[section]


def commands(document: pathlib.Path) -> dict[str, list[list[str]]]:
    """Returns the calls of the AWS CLI in the document, by section."""
    found = collections.defaultdict(list)
    for block in shell_blocks(document):
        for line in block.text.splitlines():
            if line.strip().startswith("aws "):
                found[block.heading].append(shlex.split(line))
    return found


def lookup(event: dict, path: str):
    """Returns the value at a path. The guide of EventBridge allows dots, dashes and underscores."""
    assert re.fullmatch(r"\$(\.[A-Za-z0-9_-]+)+", path), f"{path} is not in the notation of EventBridge"
    value = event
    for key in path.split(".")[1:]:
        value = value.get(key) if isinstance(value, dict) else None
    # EventBridge creates no variable for a missing value; what it does with null is not documented.
    assert value is not None, f"{path} is missing or null in {event}"
    return value


def transform(transformer: dict, event: dict) -> dict:
    """Applies an input transformer to an event. Returns the JSON that the target gets."""
    paths, template = transformer["InputPathsMap"], transformer["InputTemplate"]
    assert len(paths) <= 100 and 1 <= len(template) <= 8192, f"{len(paths)} variables, {len(template)} characters"
    assert all(re.fullmatch("[A-Za-z0-9_-]+", name) for name in paths), f"{list(paths)}"
    output, in_text, used = "", False, set()
    for part in re.findall(r'<[A-Za-z0-9_-]+>|\\.|"|[^<"\\]+|<', template):
        if not re.fullmatch("<[A-Za-z0-9_-]+>", part):
            in_text ^= part == '"'
            output += part
            continue
        name = part[1:-1]
        assert name in paths, f"{part} has no path"
        used.add(name)
        value = lookup(event, paths[name])
        if isinstance(value, str):
            # The guide says that values are not escaped, so none may need it.
            assert json.dumps(value, ensure_ascii=False) == f'"{value}"', f"{part} must be escaped: {value!r}"
        if in_text:
            assert isinstance(value, (str, int)), f"{part} is a {type(value).__name__} inside a text"
            output += str(value)
        else:
            output += json.dumps(value)
    assert used == paths.keys(), f"unused variables: {paths.keys() - used}"
    return json.loads(output)


class Aws:
    """moto, with the topics, the bus and the queues."""

    def __init__(self):
        for logger in ("moto", "werkzeug"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=int(os.environ["MOTO_PORT"]), verbose=False)
        self.server.start()
        self.url = f"http://127.0.0.1:{os.environ['MOTO_PORT']}"
        self.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.client("events").create_event_bus(Name=BUS)
        self.topic = self.client("sns").create_topic(Name="digest")["TopicArn"]

    def client(self, service: str):
        return boto3.client(service, endpoint_url=self.url)

    def create_queue(self, name: str) -> str:
        return self.client("sqs").create_queue(QueueName=re.sub("[^A-Za-z0-9]", "-", name))["QueueUrl"]

    def queue_arn(self, url: str) -> str:
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return attributes["Attributes"]["QueueArn"]

    def create_rule_with_queue(self, name: str, pattern: dict) -> str:
        """Creates a rule whose only target is a new queue. Returns the queue."""
        url = self.create_queue(name)
        rule = url.rpartition("/")[2]
        self.client("events").put_rule(Name=rule, EventBusName=BUS, EventPattern=json.dumps(pattern))
        target = {"Id": "queue", "Arn": self.queue_arn(url)}
        answer = self.client("events").put_targets(Rule=rule, EventBusName=BUS, Targets=[target])
        assert answer["FailedEntryCount"] == 0, f"{answer}"
        return url

    def subscribe_queue(self, url: str, topic: str, policy: dict | None = None) -> str:
        """Subscribes a queue to a topic, with a filter on the body. Returns the queue."""
        attributes = {"RawMessageDelivery": "true"}
        if policy:
            attributes |= {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": "MessageBody"}
        self.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=self.queue_arn(url), Attributes=attributes
        )
        return url

    def create_stack(self, template: Template, **parameters: str) -> dict:
        """Creates a stack, without the resources that moto does not know. Returns the physical ids."""
        values = template.parameters | parameters
        body = json.loads(json.dumps(template.body))
        removed = remove_unsupported(body, values)
        unsupported = {template.body["Resources"][name]["Type"] for name in removed}
        assert unsupported <= NOT_IN_MOTO, f"moto does not support {unsupported - NOT_IN_MOTO}"
        name = re.sub("[^A-Za-z0-9]+", "-", template.section)
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body), Parameters=given)
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in resources
            if "LogicalResourceId" in resource
        }

    def receive(self, url: str) -> list[dict]:
        """Receives and deletes the messages of a queue."""
        sqs, received = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                received.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received


def rules(found: list[Template]) -> dict[tuple[str, str], tuple[Template, dict]]:
    """Returns the rules of all templates, by section and name."""
    return {
        (template.section, name): (template, rule)
        for template in found
        for name, rule in template.resources("AWS::Events::Rule").items()
    }


def action_and_code(event: dict) -> tuple[str, str]:
    return event["detail"]["event_action"], event["detail"]["group"]["error_code"] or NO_CODE


class Route:
    """The recipes in moto, and what arrived by each."""

    def __init__(self, document: pathlib.Path, binary: pathlib.Path, simulation: pathlib.Path, folder: pathlib.Path):
        self.document, self.templates, self.folder = document, templates(document), folder
        self.rules, self.commands = rules(self.templates), commands(document)
        self.aws, self.binary = Aws(), binary
        self.organization = Organization(folder, simulation)
        # The events that arrived by each rule, and the messages of each topic.
        self.arrived, self.received = collections.defaultdict(list), collections.defaultdict(list)
        self.function = None

    def close(self):
        if self.function:
            self.function.kill()
        self.organization.stop()
        self.aws.server.stop()

    def template(self, section: str) -> Template:
        [template] = [template for template in self.templates if template.section == section]
        return template

    def command(self, section: str, operation: str) -> dict[str, str]:
        """Returns the options of a call of the AWS CLI in a section."""
        [words] = [words for words in self.commands[section] if " ".join(words[1:3]) == operation]
        rest = [word for word in words[3:] if word.startswith("--") or word != words[-1]]
        return dict(zip(rest[::2], [*words[3:], ""][1::2], strict=False))

    def steps(self):
        yield "each recipe says how far it was tried, and cfn-lint finds nothing in its template", self.lint
        yield "the commands have options that the AWS API has", self.check_commands
        yield "the rules are those that this test knows", self.known_rules
        yield "rules, queues and topics are created in moto", self.create
        yield "a second address is subscribed", self.subscribe_address
        yield "a first run sends two causes", self.first_run
        yield "a run without changes sends nothing", lambda: self.run({}, [])
        yield "the end of a cause reaches the rules that match it", self.recover_baseline
        yield "one more failure of an open cause triggers it again", self.fail_more
        yield "a cause without an error code is triggered", self.fail_without_code
        yield "its end is not announced", self.end_silently
        yield "a resynchronization triggers what is open", self.resynchronize
        yield "a test begins and ends", self.test
        yield "the last end", self.recover_all
        yield "PagerDuty gets what its API takes, and no incident stays open", self.pagerduty
        yield "Jira gets what its automation rule reads", self.jira
        yield "OpsItems have what CreateOpsItem takes", self.ops_items
        yield "Security Hub has one finding for each cause, and ends are archived", self.security_hub
        yield "filters on the body let through what they name", self.filters
        yield "chat messages are custom notifications", self.chat
        yield "User Notifications match the alarms and nothing else", self.alarms
        yield "the alarm watches a metric that the function emits", self.metric
        yield "the table of keys has the keys of the events", self.keys

    def lint(self):
        sections = collections.Counter(template.section for template in self.templates)
        expected = collections.Counter({section: 1 for section, _ in RULES}) + collections.Counter(OTHER_TEMPLATES)
        assert sections == expected, f"the document has the templates {dict(sections)}, expected {dict(expected)}"
        for section in [*sections, "Email, another address"]:
            assert "\nTried: " in prose(self.document, section), f"{section} does not say how far it was tried"
        program, findings = pathlib.Path(sys.executable).parent / "cfn-lint", ""
        for region in sorted({template.region for template in self.templates}):
            paths = {}
            for template in self.templates:
                if template.region == region:
                    paths[self.folder / f"{template.line}.yaml"] = template.place
                    (self.folder / f"{template.line}.yaml").write_text(template.text)
            command = [program, "--format", "parseable", "--regions", region, "--", *paths]
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            output = process.stdout + process.stderr
            assert process.returncode or not output, f"cfn-lint: {output}"
            for path, place in paths.items():
                output = output.replace(f"{path}:", f"{place}, ")
            findings += output or (f"cfn-lint exited with {process.returncode}" if process.returncode else "")
        assert not findings, findings

    def check_commands(self):
        session, checked = botocore.session.get_session(), 0
        for section, calls in self.commands.items():
            for words in calls:
                service, operation = words[1:3]
                # Not an operation of the API, but a command of the AWS CLI.
                if operation == "deploy":
                    continue
                model = session.get_service_model(service)
                names = {botocore.xform_name(name, "-"): name for name in model.operation_names}
                assert operation in names, f"{section}: {service} has no operation {operation}"
                members = model.operation_model(names[operation]).input_shape.members
                known = {f"--{botocore.xform_name(name, '-')}" for name in members}
                # The AWS CLI has another name for an option that it has itself.
                known |= {"--notification-endpoint", "--query", "--output", "--cli-read-timeout", "--cli-binary-format"}
                options = {word for word in words if word.startswith("--")}
                assert options <= known, f"{section}: {service} {operation} has no options {options - known}"
                checked += 1
        assert checked >= 4, f"only {checked} calls were checked"

    def known_rules(self):
        assert self.rules.keys() == RULES.keys(), f"the rules are {list(self.rules)}"
        for place, (_, rule) in self.rules.items():
            assert rule["EventBusName"] == BUS, f"{place} is on the bus {rule['EventBusName']}"

    def create(self):
        self.queues = {
            place: self.aws.create_rule_with_queue(" ".join(place), rule["EventPattern"])
            for place, (_, rule) in self.rules.items()
        }
        self.everything = self.aws.create_rule_with_queue("everything", {"source": ["packwatch"]})
        bus = self.aws.create_stack(self.template("A queue on the event bus"))
        self.stack_queues = {name: bus[f"{name}Queue"] for name in ("OneCause", "Ends")}
        # moto has no subscriptions in stacks, and filters the texts of all protocols together in place of
        # the one that it delivers. So each digest that was delivered is sent again to a topic with filters.
        topic = self.filtered = self.aws.client("sns").create_topic(Name="filtered")["TopicArn"]
        queue_template = self.template("A queue on the digest topic")
        digests = self.aws.create_stack(queue_template, TopicArn=topic)["Digests"]
        chat = self.aws.create_stack(self.template("Slack"))["ChatTopic"]
        one_pack, truncated = self.alternatives(queue_template, "sqs")
        one_region, also_truncated = self.alternatives(self.template("A function on the digest topic"), "lambda")
        assert one_region == {"regions": [REGION]} and also_truncated == truncated, f"{one_region}, {also_truncated}"
        self.topic_queues = {
            "all": self.aws.subscribe_queue(self.aws.create_queue("all"), self.aws.topic),
            "one pack": self.aws.subscribe_queue(digests, topic, one_pack),
            "one region": self.aws.subscribe_queue(self.aws.create_queue("one region"), topic, one_region),
            "other region": self.aws.subscribe_queue(
                self.aws.create_queue("other region"), topic, {"regions": ["us-east-1"]}
            ),
            "truncated": self.aws.subscribe_queue(self.aws.create_queue("truncated"), topic, truncated),
            "chat": self.aws.subscribe_queue(self.aws.create_queue("chat"), chat),
        }
        settings = {
            "SNAPSHOT_BUCKET": BUCKET,
            "TOPIC_ARN": self.aws.topic,
            "CHAT_TOPIC_ARN": chat,
            "EVENT_BUS": BUS,
            "LABEL": "prod",
            "METRICS": "all",
        }
        endpoints = {f"AWS_ENDPOINT_URL_{service}": self.aws.url for service in ("EVENTBRIDGE", "S3", "SNS")}
        self.output = self.folder / "function.log"
        with open(self.output, "wb") as output:
            self.function = Function(self.binary, environment(self.organization, **settings, **endpoints), output)

    @staticmethod
    def alternatives(template: Template, protocol: str) -> list[dict]:
        """Returns the alternatives in the filter of a subscription.

        moto applies `$or` to attributes only, so each alternative gets a subscription of its own.
        """
        subscription = template.resource("AWS::SNS::Subscription")
        assert subscription["FilterPolicyScope"] == "MessageBody", f"{subscription}"
        assert subscription["Protocol"] == protocol, f"{subscription}"
        assert subscription["FilterPolicy"].keys() == {"$or"}, f"{subscription}"
        # SNS cannot pass on a message as it is to a function.
        assert subscription.get("RawMessageDelivery", False) is (protocol == "sqs"), f"{subscription}"
        return subscription["FilterPolicy"]["$or"]

    def subscribe_address(self):
        options = self.command("Email, another address", "sns subscribe")
        assert options["--topic-arn"] == "$TOPIC", f"{options}"
        sns = self.aws.client("sns")
        sns.subscribe(
            TopicArn=self.aws.topic, Protocol=options["--protocol"], Endpoint=options["--notification-endpoint"]
        )
        subscriptions = sns.list_subscriptions_by_topic(TopicArn=self.aws.topic)["Subscriptions"]
        addresses = [entry["Endpoint"] for entry in subscriptions if entry["Protocol"] == "email"]
        assert addresses == ["oncall@example.com"], f"{addresses}"

    def fail(self, pack: str, account: str, **reason: str):
        self.put_member(pack, account, {"status": "UPDATE_FAILED", **reason})

    def recover(self, pack: str, account: str):
        self.put_member(pack, account, {"status": "UPDATE_SUCCESSFUL"})

    def put_member(self, pack: str, account: str, row: dict):
        where = {"caller": OWN, "region": REGION, "pack": pack, "account": account}
        self.organization.change({"put_member": {**where, "row": row}})

    def run(self, event: dict, expected: list[tuple[str, str]]):
        """Invokes the function, and checks which queue got which events."""
        self.function.invoke(f"run-{time.monotonic()}", 30, event)
        response = self.function.response()
        assert response and "errorType" not in response, f"the function failed: {response}"
        sent = self.aws.receive(self.everything)
        causes = [event for event in sent if event["detail-type"] == "packwatch Cause"]
        assert sorted(map(action_and_code, causes)) == sorted(expected), f"sent: {list(map(action_and_code, causes))}"
        others = {event["detail-type"] for event in sent} - {"packwatch Cause"}
        assert others == ({"packwatch Digest"} if expected else set()), f"sent: {others}"
        for place, queue in self.queues.items():
            self.check_queue(place, self.aws.receive(queue), expected)
        for name, queue in self.stack_queues.items():
            self.check_queue(("A queue on the event bus", name), self.aws.receive(queue), expected, is_stack=True)
        digests = self.aws.receive(self.topic_queues["all"])
        for digest in digests:
            self.aws.client("sns").publish(TopicArn=self.filtered, Message=json.dumps(digest))
        self.received["all"] += digests
        for name in self.topic_queues.keys() - {"all"}:
            self.received[name] += self.aws.receive(self.topic_queues[name])

    def check_queue(self, place: tuple[str, str], events: list[dict], expected: list, is_stack: bool = False):
        wanted = sorted(pair for pair in expected if RULES[place](*pair))
        got = sorted((event["detail-type"], *action_and_code(event)) for event in events if "group" in event["detail"])
        assert len(got) == len(events), f"{place} got an event that is not about a cause: {events}"
        assert got == [("packwatch Cause", *pair) for pair in wanted], f"{place} got {got}, expected {wanted}"
        if not is_stack:
            self.arrived[place] += events

    def first_run(self):
        self.fail("baseline", FAILING, code=RECORDER, message="no recorder")
        self.fail("guardrails", FAILING, code=DENIED, message=HOSTILE)
        self.run({}, [("trigger", RECORDER), ("trigger", DENIED)])

    def recover_baseline(self):
        self.recover("baseline", FAILING)
        self.run({}, [("resolve", RECORDER)])

    def fail_more(self):
        self.fail("guardrails", OTHER_ACCOUNT, code=DENIED, message=HOSTILE)
        self.run({}, [("trigger", DENIED)])

    def fail_without_code(self):
        self.fail("operations", FAILING)
        self.run({}, [("trigger", NO_CODE)])

    def end_silently(self):
        self.recover("operations", FAILING)
        self.run({"announce": "never"}, [])

    def resynchronize(self):
        payload = json.loads(self.command("Resynchronize a tool", "lambda invoke")["--payload"])
        # The end that no digest has listed is sent with the next one, without accounts and packs.
        self.run(payload, [("resolve", NO_CODE), ("trigger", DENIED)])

    def test(self):
        payload = json.loads(self.command("Try a route", "lambda invoke")["--payload"])
        self.run(payload, [("trigger", RECORDER), ("resolve", RECORDER)])
        events = self.arrived["PagerDuty", "Rule"]
        tests = [event["detail"] for event in events if event["detail"].get("test")]
        assert {detail["dedup_key"] for detail in tests} == {"packwatch/prod/test"}, f"{tests}"
        # The line that leaves tests out.
        line = json.loads(re.search(r"```json\n(.*?)\n```", prose(self.document, "Try a route"), re.S)[1])
        pattern = EventPattern.load(json.dumps({"source": ["packwatch"], "detail": line}))
        matched = [event["detail"].get("test") for event in events if pattern.matches_event(event)]
        assert set(matched) == {None} and len(matched) == len(events) - 2, f"{matched}"

    def recover_all(self):
        self.recover("guardrails", FAILING)
        self.recover("guardrails", OTHER_ACCOUNT)
        self.run({}, [("resolve", DENIED)])

    def transformed(self, section: str) -> list[tuple[dict, dict]]:
        """Returns the details of the events that arrived by a rule, each with what its target gets."""
        _, rule = self.rules[section, "Rule"]
        [target] = rule["Targets"]
        events = self.arrived[section, "Rule"]
        assert events, f"no event arrived for {section}"
        return [(event["detail"], transform(target["InputTransformer"], event)) for event in events]

    def connection(self, section: str) -> dict:
        """Returns the authorization of the API destination of a section."""
        template = self.template(section)
        destination = template.resource("AWS::Events::ApiDestination")
        assert destination["HttpMethod"] == "POST", f"{destination}"
        assert destination["InvocationEndpoint"].startswith("https://"), f"{destination}"
        connection = template.resource("AWS::Events::Connection")
        assert connection["AuthorizationType"] == "API_KEY", f"{connection}"
        return connection["AuthParameters"]

    def pagerduty(self):
        parameters = self.connection("PagerDuty")["InvocationHttpParameters"]["BodyParameters"]
        assert all(parameter["IsValueSecret"] for parameter in parameters), f"{parameters}"
        assert self.template("PagerDuty").body["Parameters"]["RoutingKey"]["NoEcho"] is True
        incidents = {}
        for detail, body in self.transformed("PagerDuty"):
            added = {parameter["Key"]: parameter["Value"] for parameter in parameters}
            assert not added.keys() & body.keys(), f"{body}"
            body |= added
            known = {"routing_key", "event_action", "dedup_key", "client", "client_url", "payload"}
            assert body.keys() == known, f"PagerDuty has no key {body.keys() - known}, or lacks {known - body.keys()}"
            assert body["routing_key"] == ROUTING_KEY and body["client_url"] == REPORT_URL, f"{body}"
            for key in ("event_action", "dedup_key"):
                assert body[key] == detail[key], f"{body}"
            assert len(body["dedup_key"]) <= 255, f"{body}"
            payload, group = body["payload"], detail["group"]
            assert payload["summary"] == group["title"] and 1 <= len(payload["summary"]) <= 1024, f"{payload}"
            assert payload["severity"] in ("critical", "error", "warning", "info"), f"{payload}"
            assert payload["source"] == "packwatch" and payload["class"] == group["status"], f"{payload}"
            datetime.datetime.fromisoformat(payload["timestamp"])
            assert payload["custom_details"] == {
                "accounts": group["account_count"],
                "packs": group["pack_count"],
                "regions": group["regions"],
                "failing_since": group["since"],
                "failures_open": group["open_after"],
            }, f"{payload}"
            # As PagerDuty: a trigger of an open incident is another alert in it.
            if body["event_action"] == "trigger":
                incidents[body["dedup_key"]] = payload["summary"]
            else:
                assert incidents.pop(body["dedup_key"], None), f"{body['dedup_key']} was resolved and not triggered"
        assert incidents == {}, f"open: {incidents}"

    def jira(self):
        header = self.connection("Jira")["ApiKeyAuthParameters"]
        assert header == {"ApiKeyName": "X-Automation-Webhook-Token", "ApiKeyValue": "secret"}, f"{header}"
        read = set(re.findall(r"\{\{webhookData\.(\w+)\}\}", prose(self.document, "Jira")))
        assert {"dedup_key", "event_action", "summary"} <= read, f"the steps read only {read}"
        for detail, body in self.transformed("Jira"):
            assert read <= body.keys(), f"the steps read {read - body.keys()}, which {body} does not have"
            for key in ("event_action", "dedup_key"):
                assert body[key] == detail[key], f"{body}"
            assert body["summary"] == detail["group"]["title"] and body["report"] == REPORT_URL, f"{body}"
            # A label of Jira has no spaces.
            assert re.fullmatch(r"\S{1,255}", body["dedup_key"]), f"{body}"

    def ops_items(self):
        _, rule = self.rules["OpsCenter", "Rule"]
        assert rule["Targets"][0]["Arn"] == f"arn:aws:ssm:{REGION}:{OWN}:opsitem", f"{rule['Targets']}"
        shape = botocore.session.get_session().get_service_model("ssm").operation_model("CreateOpsItem").input_shape
        for detail, item in self.transformed("OpsCenter"):
            data = {
                key: {name.capitalize(): text for name, text in value.items()}
                for key, value in item.pop("operationalData").items()
            }
            request = {name.capitalize(): value for name, value in item.items()} | {"OperationalData": data}
            unknown = request.keys() - shape.members.keys()
            assert not unknown, f"CreateOpsItem has no {unknown}"
            report = ParamValidator().validate(request, shape)
            assert not report.has_errors(), report.generate_report()
            for name in ("Title", "Description", "Source", "Severity", "Category"):
                limits = shape.members[name].metadata
                assert limits["min"] <= len(request[name]) <= limits["max"], f"{name}: {request[name]!r}, {limits}"
            assert request["Title"] == detail["group"]["title"], f"{request}"
            assert not re.search("aws|amazon|amzn", request["Source"], re.I), f"{request['Source']} is reserved"
            assert request["Severity"] in "1234", f"{request}"
            assert data["/aws/dedup"]["Type"] == "SearchableString", f"{data}"
            assert json.loads(data["/aws/dedup"]["Value"]) == {"dedupString": detail["dedup_key"]}, f"{data}"

    def execute(self, definition: dict, name: str, inputs: list[dict]) -> list[dict]:
        """Runs a state machine with each input, one after the other. Returns how each execution ended."""
        states, ended = self.aws.client("stepfunctions"), []
        role = f"arn:aws:iam::{OWN}:role/import"
        arn = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
        for number, value in enumerate(inputs):
            started = states.start_execution(stateMachineArn=arn, name=f"run-{number}", input=json.dumps(value))
            execution = started["executionArn"]
            deadline = time.monotonic() + 30
            while (result := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
                assert time.monotonic() < deadline, f"the execution still runs: {result}"
                time.sleep(0.02)
            ended.append(result)
        return ended

    def security_hub(self):
        template, rule = self.rules["Security Hub", "Rule"]
        assert rule["Targets"][0]["InputPath"] == "$.detail", f"{rule['Targets']}"
        details = [event["detail"] for event in self.arrived["Security Hub", "Rule"]]
        definition = template.resource("AWS::StepFunctions::StateMachine")["Definition"]
        security_hub, states = self.aws.client("securityhub"), {}
        for detail, result in zip(details, self.execute(definition, "import", details), strict=True):
            assert result["status"] == "SUCCEEDED", f"{result}"
            states[detail["dedup_key"]] = "ACTIVE" if detail["event_action"] == "trigger" else "ARCHIVED"
        findings = security_hub.get_findings()["Findings"]
        imported = {finding["Id"]: finding["RecordState"] for finding in findings}
        assert imported == states, f"{findings}, expected {states}"
        assert len(states) == 4 and set(states.values()) == {"ARCHIVED"}, f"{states}"
        product = f"arn:aws:securityhub:{REGION}:{OWN}:product/{OWN}/default"
        for finding in findings:
            assert finding["AwsAccountId"] == OWN and finding["ProductArn"] == product, f"{finding}"
            assert 1 <= len(finding["Title"]) <= 256 and 1 <= len(finding["Description"]) <= 1024, f"{finding}"
            assert finding["CreatedAt"] <= finding["UpdatedAt"], f"{finding}"
            assert finding["Compliance"] == {"Status": "PASSED"}, f"{finding}"
        # A cause that begins again, and then one that moto refuses because it names no resource.
        [again] = self.execute(definition, "again", [details[0]])
        findings, key = security_hub.get_findings()["Findings"], details[0]["dedup_key"]
        [state] = [finding["RecordState"] for finding in findings if finding["Id"] == key]
        assert again["status"] == "SUCCEEDED" and state == "ACTIVE", f"{again}, {state}"
        definition["States"]["ImportFinding"]["Parameters"]["Findings"][0]["Resources"] = []
        [refused] = self.execute(definition, "refused", [details[0]])
        assert (refused["status"], refused.get("error")) == ("FAILED", "FindingRefused"), f"{refused}"

    def filters(self):
        digests = self.received["all"]
        assert len(digests) == 7, f"{len(digests)} digests arrived"
        about = [digest for digest in digests if "guardrails" in digest["packs"]]
        assert 0 < len(about) < len(digests), f"the filter is not tried: {[digest['packs'] for digest in digests]}"
        expected = {"one pack": about, "one region": digests, "other region": [], "truncated": []}
        for name, wanted in expected.items():
            got = [message["digest_id"] for message in self.received[name]]
            assert got == [digest["digest_id"] for digest in wanted], f"{name} got {got}"
        # A digest in its last form has no packs and no regions.
        last_form = json.dumps({"schema_version": 1, "kind": "digest", "truncated": True})
        self.aws.client("sns").publish(TopicArn=self.filtered, Message=last_form)
        got = {name for name in expected if self.aws.receive(self.topic_queues[name])}
        assert got == {"truncated"}, f"the last form passes the filters {got}"

    def chat(self):
        messages = self.received["chat"]
        assert len(messages) == len(self.received["all"]), f"{len(messages)} chat messages arrived"
        for message in messages:
            assert (message["version"], message["source"]) == ("1.0", "custom"), f"{message}"
            content = message["content"]
            assert content["textType"] == "client-markdown", f"{message}"
            assert content["title"] and content["description"], f"{message}"
        for section in ("Slack", "Microsoft Teams"):
            channel = self.template(section).resource("AWS::Chatbot::")
            # Without guardrails, the policy is AdministratorAccess.
            assert channel["GuardrailPolicies"] == ["arn:aws:iam::aws:policy/ReadOnlyAccess"], f"{channel}"
            role = self.template(section).resource("AWS::IAM::Role")
            assert "Policies" not in role, f"the role of the channel has policies: {role}"

    def alarms(self):
        [template] = [t for t in self.templates if "AWS::Notifications::EventRule" in t.text]
        rule = template.resource("AWS::Notifications::EventRule")
        pattern = {"source": [rule["Source"]], "detail-type": [rule["EventType"]], **json.loads(rule["EventPattern"])}
        loaded = EventPattern.load(json.dumps(pattern))

        def matches(name: str, value: str) -> bool:
            detail = {"alarmName": name, "state": {"value": value}, "previousState": {"value": "OK"}}
            event = {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "detail": detail}
            return loaded.matches_event(event)

        assert matches("packwatch-NoRecentRun-1A2B", "ALARM") and matches("packwatch-route-Failures-1A2B", "ALARM")
        assert not matches("packwatch-NoRecentRun-1A2B", "OK") and not matches("other-Alarm-1A2B", "ALARM")
        assert rule["Regions"] == [REGION], f"{rule}"

    def metric(self):
        [template] = [t for t in self.templates if "AWS::CloudWatch::Alarm" in t.text]
        alarm = template.resource("AWS::CloudWatch::Alarm")
        lines = [json.loads(line) for line in self.output.read_text().splitlines() if '"_aws"' in line]
        assert lines, f"the function emits no metrics: {self.output.read_text()}"
        [emitted] = lines[0]["_aws"]["CloudWatchMetrics"]
        names = {metric["Name"] for metric in emitted["Metrics"]}
        assert alarm["Namespace"] == emitted["Namespace"] and alarm["MetricName"] in names, f"{alarm}, {emitted}"
        dimensions = [dimension["Name"] for dimension in alarm["Dimensions"]]
        assert dimensions in emitted["Dimensions"], f"{dimensions} is not in {emitted['Dimensions']}"

    def keys(self):
        rows = re.findall(r"^\| (`.*?) \| (.*) \|$", prose(self.document, "A queue on the event bus"), re.M)
        listed = {name for names, _ in rows for name in re.findall("`([^`]+)`", names)}
        details = [event["detail"] for event in self.arrived["PagerDuty", "Rule"]]
        keys = set().union(*details) - {"schema_version"}
        assert listed == keys, f"the table has {sorted(listed)}, events have {sorted(keys)}"
        [group] = [text for names, text in rows if names == "`group`"]
        groups = set().union(*(detail["group"] for detail in details))
        described = set(re.findall("`([^`]+)`", group))
        assert described == groups, f"the table has {sorted(described)}, groups have {sorted(groups)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path, help="the program `bootstrap` of `sam build`")
    parser.add_argument("simulation", type=pathlib.Path, help="the example `simulated_org`")
    parser.add_argument("--document", type=pathlib.Path, default=DOCUMENT, help="another version of docs/routing.md")
    args = parser.parse_args()
    passed = 0
    with tempfile.TemporaryDirectory(prefix="packwatch-") as folder, contextlib.ExitStack() as stack:
        route = Route(args.document, args.binary.resolve(), args.simulation.resolve(), pathlib.Path(folder))
        stack.callback(route.close)
        # Each step depends on the ones before it.
        for name, step in route.steps():
            started = time.monotonic()
            try:
                step()
            except Exception:
                print(f"FAILED {name}")
                traceback.print_exc(file=sys.stdout)
                sys.exit(1)
            passed += 1
            print(f"ok     {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed")


if __name__ == "__main__":
    main()
