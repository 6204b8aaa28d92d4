"""What people type about gateways."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from paramedic_cli.commands import gateway as command
from paramedic_cli.main import app
from paramedic_cli.stack import Stack
from tests.fakes.gateway_world import GatewayWorld

pytestmark = pytest.mark.integration


class Person:
    """Somebody at a terminal who has named the stack; `asked` are the gateways that the function was asked to keep."""

    def __init__(self, stack: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stack = stack
        self._file = folder / "gateway.yaml"
        self.asked: list[str] = []
        monkeypatch.setattr(command, "ask_to_reconcile", self._ask)

    def _ask(self, _: Stack, gateway: str) -> None:
        self.asked.append(gateway)

    def writes(self, **fields: Any) -> str:
        self._file.write_text(yaml.safe_dump({"type": "gateway", "name": "web", **fields}))
        return str(self._file)

    def types(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["--stack", self._stack, "gateway", *arguments])


@pytest.fixture
def world(table_prefix: str) -> GatewayWorld:
    return GatewayWorld(table_prefix)


@pytest.fixture
def person(table_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(table_prefix.removesuffix("-"), tmp_path, monkeypatch)


def test_list_has_a_line_for_the_gateway_and_one_for_each_replica(person: Person, world: GatewayWorld) -> None:
    for host in list(world.hosts):
        world.hosts[f"{host}/eu-west-1"] = world.hosts[host]
    places = [{"backend": name, "region": "eu-west-1"} for name in ("a", "b")]
    up = person.types("up", person.writes(placement=places, replicas=2, domain="models.example.com"))
    assert (up.exit_code, person.asked) == (0, ["web"])
    world.run()
    lines = [line.split() for line in person.types("list").stdout.splitlines()]
    assert lines == [
        ["NAME", "BACKEND", "REGION", "HOSTNAME", "STATUS"],
        ["web", "several", "-", "models.example.com", "running"],
        ["replica=1", "a", "eu-west-1", "10.0.0.1", "running"],
        ["replica=2", "b", "eu-west-1", "10.0.0.2", "running"],
    ]
    [listed] = json.loads(person.types("list", "--json").stdout)
    assert [replica["hostname"] for replica in listed["replicas"]] == ["10.0.0.1", "10.0.0.2"]


def test_show_says_what_each_replica_serves_and_why_one_does_not(person: Person, world: GatewayWorld) -> None:
    world.serve("chat")
    world.hosts["b"].launcher.refuses = "the host has no room"
    person.types("up", person.writes(placement=[{"backend": "a"}, {"backend": "b"}], replicas=2))
    world.run()
    shown = person.types("show", "web").stdout
    assert "1 of 1" in shown
    assert "replica 2: the host has no room" in shown


def test_a_change_says_whether_replicas_are_replaced_for_it(person: Person, world: GatewayWorld) -> None:
    person.types("up", person.writes(backend="a"))
    assert "no replica is replaced" in person.types("update", person.writes(backend="a", replicas=3)).stdout
    assert "replaced one after another" in person.types("update", "--redeploy", "web").stdout
    assert person.types("down", "web").exit_code == 0
    refused = person.types("update", person.writes(backend="a"))
    assert (refused.exit_code, "being taken down" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("fields", "names_field"),
    [({"backend": "a", "replicas": 21}, "replicas"), ({}, "backend"), ({"backend": "a", "tags": {}}, "tags")],
)
def test_a_gateway_that_cannot_be_is_refused_by_the_name_of_its_field(
    person: Person, world: GatewayWorld, fields: dict[str, Any], names_field: str
) -> None:
    refused = person.types("up", person.writes(**fields))
    assert (refused.exit_code, refused.stderr.startswith(f"error: {names_field}:")) == (2, True)


@pytest.mark.parametrize("words", [("show", "web"), ("down", "web"), ("update", "--redeploy", "web")])
def test_a_gateway_that_nobody_wants_is_named(person: Person, world: GatewayWorld, words: tuple[str, ...]) -> None:
    refused = person.types(*words)
    assert (refused.exit_code, "no gateway 'web'" in refused.stderr) == (1, True)


def test_two_people_who_bring_it_up_do_not_overwrite_each_other(person: Person, world: GatewayWorld) -> None:
    person.types("up", person.writes(backend="a"))
    refused = person.types("up", person.writes(backend="b"))
    assert (refused.exit_code, "there is a gateway 'web'" in refused.stderr) == (1, True)
