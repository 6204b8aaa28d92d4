"""Rendered files: all or nothing, in an order that never refers to what is not there yet, through a full disk."""

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from paramedic.state.request_handling import Authorization
from paramedic_gateway.layout import Layout
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin
from paramedic_gateway.render.apply import LINGER_SECONDS, Applier
from paramedic_gateway.render.files import RenderedFiles, RenderFailedError
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.routes.model import ServiceRoutes
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog
from tests.unit.gateway.routes import FRAME, routes, upstream


class AbsentEnvoy(EnvoyAdmin):
    """Not running; it will read all files when it starts."""

    def versions(self) -> dict[str, str]:
        raise AdminUnreachableError("it is not there")


class Replica:
    def __init__(self, root: Path) -> None:
        self.frame = Frame(Layout(root), FRAME.host, FRAME.port, None, FRAME.domain, answers_health=False)
        self.folder = self.frame.layout.rendered
        self.folder.mkdir()
        self.clock = FakeClock()
        self.log = ListLog()
        self.unread: dict[str, str] = {}
        self.applier = self.restarted()

    def restarted(self) -> Applier:
        admin = AbsentEnvoy(self.frame.layout.admin_socket)
        self.applier = Applier(RenderedFiles(self.folder), admin, self.clock, self.log.warning)
        return self.applier

    def apply(self, *services: ServiceRoutes) -> None:
        self.applier.apply({each.service: each for each in services}, self.unread, self.frame)

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.folder)): path.read_text() for path in self.folder.rglob("*.json")}

    def clusters(self) -> list[str]:
        return [each["name"] for each in json.loads((self.folder / "cds.json").read_text())["resources"]]


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    return Replica(tmp_path)


ECHO = routes("echo", upstream(1))
OTHER = routes("other", upstream(2), port=9002)


def unrenderable(service: ServiceRoutes) -> ServiceRoutes:
    """What validation should have kept out, and did not."""
    authorization = Authorization.model_construct(url="http://auth:99999/v")
    requests = service.requests.model_copy(update={"authorization": authorization})
    return service.model_copy(update={"requests": requests, "revision": 2})


def test_a_service_that_cannot_be_rendered_keeps_what_it_had_and_the_others_move_on(replica: Replica) -> None:
    replica.apply(ECHO, OTHER)
    before = replica.files()
    moved = OTHER.model_copy(update={"upstreams": (upstream(7),)})
    replica.apply(unrenderable(ECHO), moved)
    after = replica.files()
    assert [name for name in before if after[name] != before[name]] == ["eds/other.json"]
    problem = "service echo cannot be rendered, what it had stays in place: Port out of range 0-65535"
    assert replica.applier.problems == (problem,)
    assert replica.log.warnings == [problem]
    replica.frame = dataclasses.replace(replica.frame, domain="elsewhere.test")
    replica.apply(unrenderable(ECHO), moved)
    assert "elsewhere.test" in replica.files()["rds/shared.json"]
    assert replica.files()["eds/echo.json"] == before["eds/echo.json"]
    replica.apply(ECHO, OTHER)
    assert not replica.applier.problems


def test_a_service_that_cannot_be_rendered_and_never_was_is_not_served_and_the_others_are(replica: Replica) -> None:
    replica.apply(unrenderable(ECHO), OTHER)
    assert replica.clusters() == ["other"]
    assert replica.applier.problems == ("service echo cannot be rendered, it is not served: Port out of range 0-65535",)


ZOO = routes(
    "zoo",
    upstream(3),
    upstream(4, version=2),
    port=9003,
    hosts=["zoo.example.org"],
    tls=True,
    authorization={"url": "http://auth", "response_headers": ["x-user"]},
    versions=[{"version": 2, "path_prefix": "/v2"}],
)


@pytest.mark.parametrize("service", [routes("zoo", upstream(3), port=9003), ZOO])
def test_a_service_of_which_nothing_is_known_after_a_restart_stays_as_it_is_and_the_others_move_on(
    replica: Replica, service: ServiceRoutes
) -> None:
    replica.frame = dataclasses.replace(replica.frame, certificate="abc")
    replica.apply(ECHO, service)
    before = replica.files()
    replica.restarted()
    replica.unread = {"zoo": "zoo.json is no JSON"}
    replica.apply(ECHO)
    assert replica.files() == before
    assert replica.applier.names == {"uid-echo": "echo", "uid-zoo": "zoo"}
    unknown = "service zoo is not known until DynamoDB has a row of it that can be served, what it had stays in place"
    assert replica.applier.problems == (f"{unknown}: zoo.json is no JSON",)
    replica.apply(ECHO.model_copy(update={"upstreams": ()}))
    assert [name for name in before if replica.files()[name] != before[name]] == ["eds/echo.json"]
    replica.unread = {}
    replica.apply(ECHO)
    assert "rds/port-zoo.json" not in replica.files()
    assert not replica.applier.problems


def test_a_service_that_cannot_be_rendered_any_more_after_a_restart_stays_as_it_is(replica: Replica) -> None:
    replica.apply(ECHO, OTHER)
    before = replica.files()
    replica.restarted()
    replica.apply(unrenderable(ECHO), OTHER)
    assert replica.files() == before


@pytest.mark.parametrize("lost", ["cds.json", "rds/port-echo.json"])
@pytest.mark.parametrize("left", [b"", b'{"version_info":"1","resour', b"\xff\x00"])
def test_of_a_service_of_which_nothing_is_left_either_the_start_says_so_and_serves_the_others(
    replica: Replica, lost: str, left: bytes
) -> None:
    replica.apply(ECHO, OTHER)
    (replica.folder / lost).write_bytes(left)
    replica.restarted()
    replica.unread = {"echo": "echo.json is no JSON"}
    replica.apply(OTHER)
    assert "it is not served: echo.json is no JSON" in replica.applier.problems[0]
    assert replica.clusters() == ["other"]


def test_what_is_in_place_already_is_not_written_again_not_even_after_a_restart(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica.apply(ECHO, OTHER)
    before = replica.files()
    monkeypatch.setattr(os, "fsync", room_for(0))
    replica.apply(ECHO, OTHER)
    replica.restarted()
    replica.apply(ECHO, OTHER)
    assert replica.files() == before


def test_on_a_full_disk_the_old_configuration_stays_whole_and_the_change_is_made_once_there_is_room(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica.apply(ECHO)
    before = replica.files()
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", room_for(2))
        for _ in range(2):
            with pytest.raises(RenderFailedError, match="No space left on device; Envoy keeps its configuration"):
                replica.apply(ECHO, OTHER)
    assert replica.files() == before
    assert list((replica.folder / "staged").iterdir()) == []
    replica.apply(ECHO, OTHER)
    assert {"eds/other.json", "rds/port-other.json"} <= set(replica.files())


def room_for(files: int) -> Callable[[int], None]:
    """An `os.fsync` whose disk turns out to be full after so many files."""
    left = [files]
    real = os.fsync

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    return fsync


def test_files_come_in_an_order_in_which_nothing_refers_to_what_is_not_there(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed: list[str] = []
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        renamed.append(str(target.relative_to(replica.folder)))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    replica.apply(ECHO)
    assert renamed == ["eds/echo.json", "cds.json", "rds/port-echo.json", "rds/shared.json", "lds.json"]


def test_a_cluster_outlives_the_routes_to_it_for_a_while(replica: Replica) -> None:
    replica.apply(ECHO, OTHER)
    replica.apply(ECHO)
    assert replica.clusters() == ["echo", "other"]
    assert "eds/other.json" in replica.files()
    assert "rds/port-other.json" not in replica.files()
    replica.clock.advance(LINGER_SECONDS)
    replica.apply(ECHO)
    assert replica.clusters() == ["echo"]
    assert "eds/other.json" not in replica.files()


def test_a_service_that_comes_back_while_its_cluster_lingers_has_one_cluster(replica: Replica) -> None:
    replica.apply(ECHO, OTHER)
    replica.apply(ECHO)
    replica.apply(ECHO, OTHER)
    assert replica.clusters() == ["echo", "other"]
    replica.clock.advance(LINGER_SECONDS)
    replica.apply(ECHO, OTHER)
    assert replica.clusters() == ["echo", "other"]


def test_a_file_that_cannot_be_removed_is_an_error_that_says_which(replica: Replica) -> None:
    replica.apply(ECHO, OTHER)
    stuck = replica.folder / "rds" / "port-other.json"
    stuck.unlink()
    stuck.mkdir()
    with pytest.raises(RenderFailedError, match=r"cannot remove .*port-other\.json"):
        replica.apply(ECHO)
    stuck.rmdir()
    replica.apply(ECHO)
    assert "rds/port-other.json" not in replica.files()
