"""The template as data, and what sam builds from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from paramedic_cli.local.deploy import build
from paramedic_cli.local.project import project_root
from paramedic_cli.local.template_tables import read_template


@dataclass(frozen=True)
class Template:
    """template.yaml with the look-ups that the assertions need."""

    data: dict[str, Any]

    def properties(self, name: str) -> dict[str, Any]:
        """The properties of one resource."""
        properties: dict[str, Any] = self.data["Resources"][name]["Properties"]
        return properties

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """All resources of a type, whole, by logical id."""
        return {name: found for name, found in self.data["Resources"].items() if found["Type"] == kind}

    def functions(self) -> dict[str, dict[str, Any]]:
        """Properties of every function, with the global ones filled in as sam does."""
        shared = self.data["Globals"]["Function"]
        return {
            name: _merged(shared, function["Properties"])
            for name, function in self.of_type("AWS::Serverless::Function").items()
        }

    def default(self, value: Any) -> Any:
        """The value itself or, of a parameter's Ref, that parameter's default."""
        if isinstance(value, dict) and "Ref" in value:
            return self.data["Parameters"][value["Ref"]]["Default"]
        return value

    def statements(self, name: str) -> Iterator[dict[str, Any]]:
        """Every permission statement of one role, managed policy or resource policy, conditional ones too."""
        properties = self.properties(name)
        policies = (_as_if_met(policy) for policy in properties.get("Policies", []))
        documents = [policy["PolicyDocument"] for policy in policies]
        if "PolicyDocument" in properties:
            documents.append(properties["PolicyDocument"])
        for document in documents:
            yield from map(_as_if_met, document["Statement"])

    def sources_of(self, function: str) -> list[dict[str, Any]]:
        """The SQS event sources of a function."""
        events = self.properties(function).get("Events", {}).values()
        return [event["Properties"] for event in events if event["Type"] == "SQS"]


def _as_if_met(either: dict[str, Any]) -> dict[str, Any]:
    """What a condition lets in."""
    return either["Fn::If"][1] if "Fn::If" in either else either


def _merged(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    both = {name: _merged(shared[name], own[name]) for name in shared.keys() & own if isinstance(own[name], dict)}
    return {**shared, **own, **both}


def as_list(value: Any) -> list[Any]:
    """IAM and CloudFormation take one thing for a list of one."""
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="session")
def template() -> Template:
    """The template that users deploy."""
    return Template(read_template(project_root() / "template.yaml"))


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with what sam built from the sources as they are now."""
    return build().parent
