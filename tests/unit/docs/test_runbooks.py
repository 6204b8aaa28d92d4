"""What a runbook tells people to type at night exists."""

import re
import shlex
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from paramedic_cli.local.project import project_root

RUNBOOKS = sorted((project_root() / "docs" / "runbooks").glob("*.md"))
OPTIONS_OF_THE_COMMAND = {"query", "output", "cli-binary-format", "cli-read-timeout"}


def aws_commands(text: str) -> list[list[str]]:
    """The words of every `aws …` in code blocks and in the text, line by line, up to what the shell makes of it."""
    lines = text.replace("\\\n", " ")
    found = re.findall(r"(?:^|[`(;]|do )\s*aws ((?:[^`\n)'\"|;]|'[^']*'|\"[^\"]*\")+)", lines, re.MULTILINE)
    return [shlex.split(command) for command in found]


def accepted_options(service: str, operation: str) -> set[str]:
    """What the operation takes, by the rules with which the AWS CLI names options after the API's fields."""
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    assert shape is not None
    members = {xform_name(name, "-"): member for name, member in shape.members.items()}
    return {*members, *(f"no-{name}" for name, member in members.items() if member.type_name == "boolean")}


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_every_aws_command_of_a_runbook_exists_with_its_options(path: Path) -> None:
    commands = aws_commands(path.read_text())
    assert commands
    for service, operation, *rest in commands:
        options = {word.removeprefix("--") for word in rest if word.startswith("--")}
        if operation == "wait":
            waiter = botocore.session.get_session().get_waiter_model(service)
            assert rest[0] in {xform_name(name, "-") for name in waiter.waiter_names}
            assert options == {"table-name"}
            continue
        assert options - OPTIONS_OF_THE_COMMAND <= accepted_options(service, operation), (operation, options)
