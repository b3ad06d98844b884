#!/usr/bin/env python3
"""A moto server that creates stacks with resources that moto's CloudFormation does not know.

    python tests/e2e/moto_server.py PORT

Schedule groups are created in moto's scheduler. Other unknown resources, such as alarms, exist in the
stack only. An update is accepted and changes nothing, because moto makes resources again that
CloudFormation would change. Functions do not run: every invocation succeeds.
"""

import logging
import sys

from moto.cloudformation import parsing
from moto.cloudformation.models import ChangeSet
from moto.core.config import default_user_config
from moto.scheduler.models import scheduler_backends
from moto.server import main

known_class = parsing.resource_class_from_type


class Placeholder:
    """A resource that has nothing but its name."""

    def __init__(self, name: str):
        self.physical_resource_id = name

    def get_cfn_attribute(self, attribute: str) -> str:
        return f"{self.physical_resource_id}-{attribute}".lower()

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        return cls(resource_name)

    @classmethod
    def delete_from_cloudformation_json(cls, *_):
        pass

    def is_created(self) -> bool:
        return True


class ScheduleGroup(Placeholder):
    """A schedule group that the scheduler of moto has too."""

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        scheduler_backends[account_id][region_name].create_schedule_group(resource_name, [])
        return cls(resource_name)

    def get_cfn_attribute(self, attribute: str) -> str:
        return f"arn:aws:scheduler:eu-west-1:111122223333:schedule-group/{self.physical_resource_id}"


def resource_class(kind: str):
    if kind == "AWS::Scheduler::ScheduleGroup":
        return ScheduleGroup
    return known_class(kind) or type("Placeholder", (Placeholder,), {"cloudformation_type": staticmethod(lambda: kind)})


def apply(change_set: ChangeSet):
    stack = change_set.stack
    if change_set.change_set_type == "CREATE":
        stack.resource_map.update(change_set.template_dict, change_set.parameters)
        # moto knows only the outputs of stacks that are created without a change set.
        stack.template, stack.parameters = change_set.template, change_set.parameters
        stack._parse_template()
        stack.output_map = stack._create_output_map()


if __name__ == "__main__":
    logging.getLogger("moto").setLevel(logging.ERROR)
    parsing.resource_class_from_type = resource_class
    ChangeSet.apply = apply
    default_user_config["lambda"] = {"use_docker": False}
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
