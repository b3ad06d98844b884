"""The template of a release: the SAM template, transformed once.

It needs neither SAM nor the macro of SAM in the account. `aws cloudformation package` uploads the
zip beside it.
"""

import copy
import json
import logging
import os
import pathlib
import re

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# `--template-body` of the AWS CLI accepts no larger template.
MAX_SIZE = 51_200

# The translator warns that it cannot send its usage metrics.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class InvalidDocumentationUrl(Exception):
    """An address that the template does not accept, so nobody could deploy it."""


class NoManagedPolicies:
    """A loader of AWS managed policies, which the translator requires. The template names none."""

    def load(self):
        return {}


def transformed(template: pathlib.Path, code: str = "s3://code/packwatch.zip") -> dict:
    """Returns a SAM template after the transform, with the address of the code."""
    # The translator requires a region, although it calls nothing.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    parsed = yaml_parse(template.read_text())
    parsed["Resources"]["Function"]["Properties"]["CodeUri"] = code
    return transform(parsed, {}, NoManagedPolicies())


def flat(template: pathlib.Path, version: str, architecture: str, zip_name: str, documentation_url: str) -> dict:
    """Returns the template of a release for one architecture."""
    result = copy.deepcopy(transformed(template))
    result["Description"] = f"packwatch {version} for {architecture}. " + result["Description"].removeprefix("packwatch: ")
    result.setdefault("Metadata", {})["packwatch"] = {"Version": version}
    for resource in result["Resources"].values():
        # What SAM and linters need.
        resource.pop("Metadata", None)
    function = result["Resources"]["Function"]["Properties"]
    function["Code"] = f"./{zip_name}"
    parameters = result["Parameters"]
    # The zip is for one architecture.
    parameters["Architecture"] |= {"Default": architecture, "AllowedValues": [architecture]}
    accepted = parameters["DocumentationUrl"]
    if len(documentation_url) > accepted["MaxLength"] or not re.fullmatch(accepted["AllowedPattern"], documentation_url):
        raise InvalidDocumentationUrl(f"{documentation_url!r} {accepted['ConstraintDescription']}")
    accepted["Default"] = documentation_url
    body = result["Resources"]["MetricsDashboard"]["Properties"]["DashboardBody"]
    body["Fn::Sub"] = re.sub(r"\s*\n\s*", "", body["Fn::Sub"])
    return result


def write(path: pathlib.Path, template: dict):
    """Writes a template without whitespace."""
    text = json.dumps(template, separators=(",", ":"), ensure_ascii=False)
    assert len(text.encode()) < MAX_SIZE, f"the template has {len(text.encode()):,} bytes, limit {MAX_SIZE:,}"
    path.write_text(text + "\n")
