"""The template as CloudFormation gets it, and what its intrinsic functions come to."""

import logging
import os
import pathlib
import re

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEMPLATE, READER = ROOT / "template.yaml", ROOT / "roles/reader.yaml"
ACCOUNT, REGION = "111122223333", "eu-west-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "packwatch",
    "AWS::URLSuffix": "amazonaws.com",
}
# What a resource is to those that name it: its Ref, and its ARN.
NAMES = {
    "AWS::IAM::Role": ("packwatch-{0}", f"arn:aws:iam::{ACCOUNT}:role/packwatch-{{0}}"),
    "AWS::Lambda::Function": ("packwatch-{0}", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:packwatch-{{0}}"),
    "AWS::Logs::LogGroup": ("packwatch-{0}", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:packwatch-{{0}}:*"),
    "AWS::S3::Bucket": ("packwatch-{0}", "arn:aws:s3:::packwatch-{0}"),
    "AWS::SNS::Topic": (f"arn:aws:sns:{REGION}:{ACCOUNT}:packwatch-{{0}}",) * 2,
    "AWS::SQS::Queue": ("queue-{0}", f"arn:aws:sqs:{REGION}:{ACCOUNT}:packwatch-{{0}}"),
    "AWS::Scheduler::ScheduleGroup": ("packwatch-{0}", f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/packwatch-{{0}}"),
}
NOTHING = object()
# It warns that its own statistics go nowhere.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class NoManagedPolicies:
    """The translator wants to know AWS's managed policies; the template names none."""

    def load(self):
        return {}


def transformed() -> dict:
    """The template without SAM: what `sam deploy` would make of it, its code already in a bucket."""
    # The translator asks for a region, and calls nothing.
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    template = yaml_parse(TEMPLATE.read_text())
    template["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://code/packwatch.zip"
    return transform(template, {}, NoManagedPolicies())


def plain(path: pathlib.Path) -> dict:
    """A template that has no SAM in it."""
    return yaml_parse(path.read_text())


class Resolved:
    """A template whose intrinsic functions are resolved to plain examples, under these parameters and the defaults."""

    def __init__(self, template: dict, parameters: dict):
        unknown = parameters.keys() - template["Parameters"].keys()
        assert not unknown, f"there are no parameters {sorted(unknown)}"
        self.template = template
        self.parameters = {name: str(of.get("Default", "")) for name, of in template["Parameters"].items()} | parameters

    def resources(self) -> dict:
        """The resources that are made."""
        there = {name: of for name, of in self.template["Resources"].items() if self.holds(of.get("Condition"))}
        return {name: {"Type": of["Type"], "Properties": self.value(of.get("Properties", {}))} for name, of in there.items()}

    def holds(self, condition) -> bool:
        if condition is None:
            return True
        if isinstance(condition, str):
            return self.holds(self.template["Conditions"][condition])
        [(function, operand)] = condition.items()
        match function:
            case "Condition":
                return self.holds(operand)
            case "Fn::Not":
                return not self.holds(operand[0])
            case "Fn::And":
                return all(map(self.holds, operand))
            case "Fn::Or":
                return any(map(self.holds, operand))
            case "Fn::Equals":
                left, right = map(self.value, operand)
                return str(left) == str(right)
        raise AssertionError(f"no condition is made by {function}")

    def value(self, node):
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, operand)] = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self.call(function, operand)
        values = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not NOTHING}

    def call(self, function, operand):
        match function:
            case "Ref":
                return self.ref(operand)
            case "Fn::GetAtt":
                name, attribute = operand if isinstance(operand, list) else operand.split(".")
                return self.attribute(name, attribute)
            case "Fn::If":
                condition, yes, no = operand
                return self.value(yes if self.holds(condition) else no)
            case "Fn::Join":
                separator, items = operand
                return separator.join(self.value(items))
            case "Fn::Sub":
                text, own = operand if isinstance(operand, list) else (operand, {})
                return re.sub(r"\$\{([^!}]+)\}", lambda found: str(self.named(found[1], own)), text)
            case "Fn::FindInMap":
                name, first, second = map(self.value, operand)
                return self.template["Mappings"][name][first][second]
        raise AssertionError(f"{function} has no example")

    def named(self, name, own):
        if name in own:
            return self.value(own[name])
        return self.attribute(*name.split(".")) if "." in name else self.ref(name)

    def ref(self, name):
        if name == "AWS::NoValue":
            return NOTHING
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            value = self.parameters[name]
            listed = self.template["Parameters"][name]["Type"] == "CommaDelimitedList"
            return value.split(",") if listed else value
        return self.example(name)[0]

    def attribute(self, name, attribute):
        return self.example(name)[1] if attribute == "Arn" else f"{name}-{attribute}".lower()

    def example(self, name):
        kind = self.template["Resources"][name]["Type"]
        reference, arn = NAMES.get(kind, ("packwatch-{0}", None))
        return reference.format(name.lower()), arn and arn.format(name.lower())
