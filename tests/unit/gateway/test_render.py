"""What Envoy is given, compared with files that people reviewed; `UPDATE_GOLDEN=1` writes them anew."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paramedic_gateway.render.bootstrap import bootstrap
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.render.tree import Tree, service_parts, tree
from paramedic_gateway.routes.model import ServiceRoutes
from tests.unit.gateway.routes import FRAME, routes, upstream

GOLDEN = Path(__file__).parent / "golden"

PLAIN = routes("echo", upstream(1), upstream(2, draining=True))
EVERY_OPTION = routes(
    "zoo",
    upstream(1),
    upstream(2, version=2, weight=5),
    policy="weighted_least_load",
    port=9002,
    hosts=["zoo.example.org"],
    max_body_bytes=1000,
    timeout_seconds=30,
    idle_timeout_seconds=60,
    sticky={"cookie": "session", "seconds": 600},
    authorization={"url": "http://10.0.0.3:4180/check?strict=1", "response_headers": ["X-User"]},
    tls=True,
    replica_protocol="http2",
    versions=[{"version": 2, "path_prefix": "/v2", "header": {"name": "x-model", "value": "b"}}],
)


def rendered(frame: Frame, *services: ServiceRoutes) -> Tree:
    return tree([service_parts(each, frame) for each in services], frame)


def parsed(whole: Tree) -> dict[str, Any]:
    """Resources by file; versions are digests of them and say nothing more."""
    return {name: json.loads(text)["resources"] for name, text in sorted(whole.files.items())}


@pytest.mark.parametrize(
    ("name", "frame", "services"),
    [
        ("nothing", FRAME, []),
        ("plain", FRAME, [PLAIN]),
        ("every-option", replace(FRAME, certificate="abc"), [PLAIN, EVERY_OPTION]),
    ],
)
def test_the_files_are_those_that_were_reviewed(name: str, frame: Frame, services: list[ServiceRoutes]) -> None:
    whole = rendered(frame, *services)
    golden = GOLDEN / f"{name}.json"
    found = parsed(whole)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(golden.read_text())
    assert whole.problems == ()


def test_envoy_starts_from_sockets_and_files_of_its_replica_alone() -> None:
    text = bootstrap(FRAME, "default", "r1")
    paths = [each for each in text.split('"') if each.startswith("/")]
    assert sorted(paths) == ["/gw/admin.sock", "/gw/agent.sock", "/gw/envoy/cds.json", "/gw/envoy/lds.json"]


def test_a_change_of_one_service_changes_no_file_of_another() -> None:
    other = routes("other", upstream(3), port=9002)
    before = rendered(FRAME, PLAIN, other).files
    after = rendered(FRAME, PLAIN, other.model_copy(update={"upstreams": (upstream(4),)})).files
    assert [name for name in after if after[name] != before[name]] == ["eds/other.json"]


def test_a_file_has_another_version_exactly_when_it_says_something_else() -> None:
    def version(whole: Tree) -> str:
        return str(json.loads(whole.files["eds/echo.json"])["version_info"])

    assert version(rendered(FRAME, PLAIN)) == version(rendered(FRAME, PLAIN))
    moved = PLAIN.model_copy(update={"upstreams": (upstream(7),)})
    assert version(rendered(FRAME, moved)) != version(rendered(FRAME, PLAIN))


def test_without_a_host_of_its_own_a_gateway_listens_where_each_row_says() -> None:
    listeners = parsed(rendered(replace(FRAME, host=None), PLAIN))["lds.json"]
    addresses = {each["name"]: each["address"]["socket_address"]["address"] for each in listeners}
    assert addresses == {"shared": "0.0.0.0", "port-echo": "127.0.0.1"}


def test_a_port_that_two_services_want_is_the_first_ones_and_the_other_keeps_its_host_name() -> None:
    whole = rendered(FRAME, PLAIN, routes("other", upstream(3)))
    assert whole.problems == ("port 9001 of service other is taken by service echo: reach it by its host name",)
    assert [each["name"] for each in parsed(whole)["lds.json"]] == ["shared", "port-echo"]
    hosts = parsed(whole)["rds/shared.json"][0]["virtual_hosts"]
    assert [each["domains"] for each in hosts] == [["echo.models.test"], ["other.models.test"], ["*"]]


def test_without_a_token_the_health_path_is_the_services_own() -> None:
    files = rendered(replace(FRAME, answers_health=False), PLAIN).files
    assert "/.paramedic/health" not in files["rds/port-echo.json"]
    assert files["rds/shared.json"].count("/.paramedic/health") == 1
