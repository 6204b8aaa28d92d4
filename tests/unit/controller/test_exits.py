"""Exit codes: supervisors act on them, and people look them up."""

import re

import pytest

from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.launchers.interface import EpochRefusedError, HostNotSharedError
from paramedic.launchers.process.files import HostFileError
from paramedic.settings import InvalidSettingError
from paramedic.state.fencing import FencedError
from paramedic_cli.local.project import project_root
from paramedic_controller.exits import Exit, exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidSettingError("PARAMEDIC_PORT", "x", "is no number"), Exit.BAD_SETTINGS),
        (HostFileError("the disk is full"), Exit.HOST_TROUBLE),
        (HostNotSharedError("another host's"), Exit.HOST_TROUBLE),
        (EpochRefusedError("passed"), Exit.FENCED),
        (FencedError("passed"), Exit.FENCED),
        (InvalidInputError("receipt", "x", "malformed"), Exit.UNEXPECTED),
    ],
)
def test_only_wrong_settings_end_a_unit_for_good(error: ParamedicError, code: Exit) -> None:
    assert exit_code(error) is code


def test_every_exit_code_is_explained() -> None:
    text = (project_root() / "docs/running-a-controller.md").read_text()
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == sorted(int(code) for code in Exit)
