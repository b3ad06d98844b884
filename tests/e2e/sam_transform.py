"""The template after the SAM transform, and an evaluator of its intrinsic functions."""

import pathlib
import re
import sys

from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from bundle.template import transformed  # noqa: E402

TEMPLATE, READER = ROOT / "template.yaml", ROOT / "roles/reader.yaml"
ACCOUNT, REGION = "111122223333", "eu-west-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "packwatch",
    "AWS::URLSuffix": "amazonaws.com",
}
# Example values of Ref and of the attribute Arn, by resource type.
NAMES = {
    "AWS::IAM::Role": ("packwatch-{0}", f"arn:aws:iam::{ACCOUNT}:role/packwatch-{{0}}"),
    "AWS::Lambda::Function": ("packwatch-{0}", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:packwatch-{{0}}"),
    "AWS::Logs::LogGroup": ("packwatch-{0}", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:packwatch-{{0}}:*"),
    "AWS::S3::Bucket": ("packwatch-{0}", "arn:aws:s3:::packwatch-{0}"),
    "AWS::SNS::Topic": (f"arn:aws:sns:{REGION}:{ACCOUNT}:packwatch-{{0}}",) * 2,
    "AWS::SQS::Queue": ("queue-{0}", f"arn:aws:sqs:{REGION}:{ACCOUNT}:packwatch-{{0}}"),
    "AWS::Scheduler::ScheduleGroup": (
        "packwatch-{0}",
        f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/packwatch-{{0}}",
    ),
}
NO_VALUE = object()

def transformed_template() -> dict:
    """Returns the template after the SAM transform, with a code address as `sam deploy` sets it."""
    return transformed(TEMPLATE)


def read_template(path: pathlib.Path) -> dict:
    """Reads a template without SAM resources."""
    return yaml_parse(path.read_text())


class Resolved:
    """A template with its intrinsic functions evaluated to example values.

    Parameters that are not given have their defaults.
    """

    def __init__(self, template: dict, parameters: dict):
        unknown = parameters.keys() - template["Parameters"].keys()
        assert not unknown, f"unknown parameters {sorted(unknown)}"
        self.template = template
        defaults = {name: str(parameter.get("Default", "")) for name, parameter in template["Parameters"].items()}
        self.parameters = defaults | parameters

    def resources(self) -> dict:
        """Returns the resources whose conditions are true."""
        included = {
            name: resource
            for name, resource in self.template["Resources"].items()
            if self.holds(resource.get("Condition"))
        }
        return {
            name: {"Type": resource["Type"], "Properties": self.value(resource.get("Properties", {}))}
            for name, resource in included.items()
        }

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
        raise AssertionError(f"condition function {function} is not supported")

    def value(self, node):
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, operand)] = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self.call(function, operand)
        values = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not NO_VALUE}

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
            case "Fn::Select":
                index, items = operand
                return self.value(items)[int(index)]
            case "Fn::Split":
                separator, text = operand
                return self.value(text).split(separator)
            case "Fn::Sub":
                text, own = operand if isinstance(operand, list) else (operand, {})
                return re.sub(r"\$\{([^!}]+)\}", lambda match: str(self.substituted(match[1], own)), text)
            case "Fn::FindInMap":
                name, first, second = map(self.value, operand)
                return self.template["Mappings"][name][first][second]
        raise AssertionError(f"intrinsic function {function} is not supported")

    def substituted(self, name, own):
        if name in own:
            return self.value(own[name])
        return self.attribute(*name.split(".")) if "." in name else self.ref(name)

    def ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
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
