"""Whoever listens to events is told what is in them, and that is what is in them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from paramedic.health.event_details import EVENTS, event_schemas
from paramedic.health.transitions import DetailType
from paramedic_cli.local.project import project_root
from paramedic_cli.main import app

FOLDER = project_root() / "events"


@pytest.mark.parametrize("name", EVENTS)
def test_the_schema_on_file_is_what_the_command_prints(name: DetailType) -> None:
    printed = CliRunner().invoke(app, ["schema", name.value])
    file = FOLDER / "schemas" / f"{name.value.lower().replace(' ', '_')}.json"
    assert file.read_text() == printed.stdout, f"run: paramedic schema {name.value!r} > {file}"
    Draft202012Validator.check_schema(json.loads(printed.stdout))


def test_every_event_has_a_schema() -> None:
    assert set(event_schemas()) == set(DetailType)


def test_the_example_event_is_as_its_schema_says() -> None:
    event: Mapping[str, Any] = json.loads((FOLDER / "controller_failed.json").read_text())
    Draft202012Validator(event_schemas()[DetailType(event["detail-type"])]).validate(event["detail"])
