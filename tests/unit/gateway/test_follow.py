"""Following DynamoDB: one item a look, changed rows only, never backwards, and nothing is lost to trouble."""

import errno
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from paramedic.launchers.process.files import HostFileError
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.request_handling import Route, Routes
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic_gateway.routes.follow import REFUSED_RETRY_SECONDS, REREAD_SECONDS, RouteFollower
from paramedic_gateway.routes.store import RouteStore
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog


class FakeRows:
    """Rows that a test sets; `read` has the services whose rows were read."""

    def __init__(self) -> None:
        self.index: dict[str, int] | None = {}
        self.rows: dict[str, LoadBalancer] = {}
        self.broken: dict[str, InvalidRowError] = {}
        self.read: list[str] = []
        self.is_gone = False

    def set(self, service: str, revision: int, *ports: int, **more: Any) -> None:
        replicas = tuple(Route(replica_id=port, url=f"http://10.0.0.1:{port}") for port in ports)
        fields = {
            "uid": "u",
            "host": "127.0.0.1",
            "port": 9001,
            "policy": "least_load",
            "requests": None,
            **more,
        }
        self.rows[service] = LoadBalancer(
            "default", service, routes=Routes(replicas=replicas), revision=revision, **fields
        )
        assert self.index is not None
        self.index[service] = revision

    def revisions(self, gateway: str) -> Mapping[str, int] | None:
        if self.is_gone:
            raise StateUnreachableError("no answer")
        return None if self.index is None else dict(self.index)

    def row(self, gateway: str, service: str) -> LoadBalancer | None:
        self.read.append(service)
        if service in self.broken:
            raise self.broken[service]
        return self.rows.get(service)


class World:
    def __init__(self, folder: Path) -> None:
        self.rows = FakeRows()
        self.clock = FakeClock()
        self.log = ListLog()
        self.folder = folder
        self.follower = self.restarted()

    def restarted(self) -> RouteFollower:
        warn = self.log.warning
        self.follower = RouteFollower("default", self.rows, RouteStore(self.folder), self.clock, warn)
        self.follower.restore()
        return self.follower

    def served(self) -> dict[str, tuple[int, list[int]]]:
        services = self.follower.services
        return {name: (each.revision, [u.port for u in each.upstreams]) for name, each in services.items()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "routes")


def test_only_rows_whose_revision_moved_are_read(world: World) -> None:
    for number in range(10):
        world.rows.set(f"s{number}", 1, 4001)
    world.follower.look()
    world.rows.read.clear()
    for _ in range(3):
        world.follower.look()
    assert world.rows.read == []
    world.rows.set("s3", 2, 4002)
    world.follower.look()
    assert world.rows.read == ["s3"]
    assert world.served()["s3"] == (2, [4002])


def test_every_service_is_read_now_and_then_whatever_its_revision(world: World) -> None:
    for number in range(3):
        world.rows.set(f"s{number}", 1, 4001)
    world.follower.look()
    world.rows.read.clear()
    for _ in range(3):
        world.clock.advance(REREAD_SECONDS)
        world.follower.look()
    assert sorted(world.rows.read) == ["s0", "s1", "s2"]


def test_what_was_served_is_served_again_after_a_restart_without_asking(world: World) -> None:
    world.rows.set("echo", 4, 4001, 4002)
    world.follower.look()
    world.rows.is_gone = True
    world.restarted()
    assert world.served() == {"echo": (4, [4001, 4002])}


def test_an_hour_without_dynamodb_changes_nothing_and_the_first_answer_everything(world: World) -> None:
    world.rows.set("echo", 1, 4001)
    world.follower.look()
    world.rows.is_gone = True
    for _ in range(3600):
        world.clock.advance(1)
        with pytest.raises(StateUnreachableError):
            world.follower.look()
    assert world.served() == {"echo": (1, [4001])}
    world.rows.is_gone = False
    world.rows.set("echo", 2, 4002)
    world.follower.look()
    assert world.served() == {"echo": (2, [4002])}


def test_a_lower_revision_is_never_applied_not_even_after_a_restart(world: World) -> None:
    world.rows.set("echo", 7, 4001)
    world.follower.look()
    world.rows.set("echo", 6, 4002)
    world.restarted().look()
    assert world.served() == {"echo": (7, [4001])}
    assert "its revision 6 is older" in world.follower.problems[0]
    assert world.follower.ahead == {"u": 7}
    world.rows.set("echo", 8, 4003)
    world.follower.look()
    assert world.served() == {"echo": (8, [4003])}
    assert world.follower.problems == []
    assert world.follower.ahead == {}


def test_a_service_made_anew_is_taken_over_at_whatever_revision(world: World) -> None:
    world.rows.set("echo", 7, 4001)
    world.follower.look()
    world.rows.set("echo", 7, 4002, uid="new")
    world.clock.advance(REREAD_SECONDS)
    world.follower.look()
    assert world.served() == {"echo": (7, [4002])}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("policy", "random"),
        ("port", 0),
        ("port", 70000),
        ("host", "localhost"),
        ("host", "fe80::1%eth0"),
        ("uid", "with space"),
        ("uid", ""),
    ],
)
def test_a_malformed_field_is_named_and_the_others_move_on(world: World, field: str, value: object) -> None:
    world.rows.set("echo", 1, 4001)
    world.rows.set("other", 1, 4001)
    world.follower.look()
    changed: dict[str, Any] = {field: value}
    world.rows.set("echo", 2, 4002, **changed)
    world.rows.set("other", 2, 4002)
    world.follower.look()
    assert world.served() == {"echo": (1, [4001]), "other": (2, [4002])}
    assert f"[default, echo].{field}: " in world.follower.problems[0]
    assert repr(value) in world.follower.problems[0]
    world.follower.look()
    assert len(world.log.warnings) == 1


@pytest.mark.parametrize("url", ["http://auth:99999/v", "http://auth:port", "http://[::1"])
def test_an_authority_that_an_older_release_let_pass_is_named_and_the_others_move_on(world: World, url: str) -> None:
    world.rows.set("echo", 1, 4001)
    world.follower.look()
    world.rows.set("echo", 2, 4002, requests=json.dumps({"authorization": {"url": url}}))
    world.rows.set("other", 1, 4002)
    world.follower.look()
    assert world.served() == {"echo": (1, [4001]), "other": (1, [4002])}
    assert "[default, echo].requests.authorization.url: " in world.follower.problems[0]
    assert repr(url) in world.follower.problems[0]


def test_a_row_that_cannot_be_read_is_looked_at_again_later_and_at_once_when_it_moved(world: World) -> None:
    world.rows.set("echo", 1, 4001)
    world.rows.broken["echo"] = InvalidRowError("t", "default, echo", "routes", "{", "is no JSON")
    world.follower.look()
    assert world.served() == {}
    world.rows.broken.clear()
    world.follower.look()
    assert world.served() == {}
    world.clock.advance(REFUSED_RETRY_SECONDS)
    world.follower.look()
    assert world.served() == {"echo": (1, [4001])}


def test_a_missing_index_or_an_index_without_a_service_whose_row_is_there_takes_nothing_away(world: World) -> None:
    world.rows.set("echo", 1, 4001)
    world.follower.look()
    world.rows.index = None
    world.follower.look()
    world.rows.index = {}
    world.follower.look()
    assert world.served() == {"echo": (1, [4001])}
    world.rows.rows.clear()
    world.follower.look()
    assert world.served() == {}
    world.restarted()
    assert world.served() == {}


def test_a_full_disk_keeps_what_is_served_and_the_change_is_taken_over_once_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.rows.set("echo", 1, 4001)
    world.follower.look()
    world.rows.set("echo", 2, 4002)
    with monkeypatch.context() as full:
        full.setattr(Path, "open", no_space)
        with pytest.raises(HostFileError, match="No space left on device"):
            world.follower.look()
    assert world.served() == {"echo": (1, [4001])}
    world.follower.look()
    assert world.served() == {"echo": (2, [4002])}


def no_space(path: Path, *_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_a_file_of_the_store_that_was_cut_short_does_not_stop_the_start(world: World) -> None:
    world.rows.set("echo", 1, 4001)
    world.rows.set("other", 1, 4001)
    world.follower.look()
    (world.folder / "echo.json").write_text('{"service": "ec')
    world.restarted()
    assert world.served() == {"other": (1, [4001])}
    assert "echo.json" in world.follower.unread["echo"]
    world.follower.look()
    assert world.served() == {"echo": (1, [4001]), "other": (1, [4001])}
    assert world.follower.unread == {}


def test_what_was_kept_and_cannot_be_read_is_unknown_until_its_row_is_good_or_gone(world: World) -> None:
    world.rows.set("echo", 1, 4001)
    world.follower.look()
    (world.folder / "echo.json").write_text("{")
    world.restarted()
    world.rows.is_gone = True
    with pytest.raises(StateUnreachableError):
        world.follower.look()
    world.rows.is_gone = False
    world.rows.set("echo", 2, 4001, port=0)
    world.follower.look()
    assert "nothing of it changes" in world.follower.problems[0]
    assert list(world.follower.unread) == ["echo"]
    world.rows.index = {}
    world.rows.rows.clear()
    world.follower.look()
    assert world.follower.unread == {}
    assert world.restarted().unread == {}


def test_a_service_whose_routes_cannot_be_removed_from_disk_is_served_until_they_can(world: World) -> None:
    world.rows.set("echo", 1, 4001)
    world.follower.look()
    world.rows.index = {}
    world.rows.rows.clear()
    stuck = world.folder / "echo.json"
    stuck.unlink()
    stuck.mkdir()
    with pytest.raises(HostFileError, match=r"cannot remove .*echo\.json"):
        world.follower.look()
    assert "echo" in world.served()
    stuck.rmdir()
    world.follower.look()
    assert world.served() == {}
