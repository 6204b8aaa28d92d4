"""The page about the service YAML names every field there is, and what it shows as YAML is accepted."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from paramedic.services.skypilot_fields import REFUSED
from paramedic.services.spec import parse_spec
from paramedic.services.spec_schema import service_schema
from paramedic_cli.local.project import project_root

PAGE = (project_root() / "docs/service-yaml.md").read_text()
SAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


def fields(schema: dict[str, Any]) -> Iterator[str]:
    for part in (schema, *schema["$defs"].values()):
        yield from part.get("properties", {})


def test_every_field_and_every_choice_is_explained() -> None:
    schema = service_schema()
    choices = [word for part in schema["$defs"].values() for word in part.get("enum", [])]
    assert [each for each in {*fields(schema), *choices} if f"`{each}`" not in PAGE] == []


def test_every_field_of_skypilots_that_is_refused_is_listed() -> None:
    missing = [path for path in REFUSED if f"`{path[-1]}`" not in PAGE and f"`{'.'.join(path)}`" not in PAGE]
    assert missing == []


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_the_page_shows_is_accepted(sample: str) -> None:
    document = yaml.safe_load(sample)
    assert list(Draft202012Validator(service_schema()).iter_errors(document)) == []
    document.pop("workdir", None)
    parse_spec(document)
