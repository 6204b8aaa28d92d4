"""A former Envoy leaves only when its successor listens wherever it does, and stays for what it has under way."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from paramedic.launchers.process import procfs
from paramedic_gateway.layout import Layout
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin
from paramedic_gateway.proxy.predecessors import SETTLE_SECONDS, Predecessors
from paramedic_gateway.proxy.process import EnvoyCommand, EnvoyIdentity, EnvoyProcess
from paramedic_gateway.proxy.sockets import AdminSockets
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog

DRAIN_SECONDS = 30.0


class FakeEnvoy(EnvoyAdmin):
    """Answers what a test sets; a hung one does not."""

    def __init__(self, *listeners: str) -> None:
        super().__init__(Path("/nowhere"))
        self.at = frozenset(listeners)
        self.is_live = True
        self.is_hung = False
        self.has_left = False
        self.requests = 0

    def _check(self) -> None:
        if self.is_hung:
            raise AdminUnreachableError("it is hung")

    def serves(self) -> bool:
        self._check()
        return self.is_live

    def listeners(self) -> frozenset[str]:
        self._check()
        return self.at

    def leave(self) -> None:
        self._check()
        self.has_left = True

    def active_requests(self) -> int:
        self._check()
        return self.requests

    def reopen_logs(self) -> None:
        self._check()


@dataclass(frozen=True)
class FakeSockets(AdminSockets):
    """Whoever is moved aside is `former`."""

    former: FakeEnvoy

    def move_aside(self, identity: EnvoyIdentity) -> EnvoyAdmin:
        return self.former


class FakeProcess(EnvoyProcess):
    """Says when it is ended."""

    def __init__(self, identity: EnvoyIdentity, on_end: Callable[[], None]) -> None:
        super().__init__(EnvoyCommand(Path("/envoy"), Layout(Path("/gw")), 1), identity)
        self._on_end = on_end

    def end(self, grace_seconds: float) -> None:
        self._on_end()


class World:
    """A former Envoy, of a process that lives, and its successor."""

    def __init__(self, folder: Path) -> None:
        self.former = FakeEnvoy("shared", "port-a")
        self.successor = FakeEnvoy("shared", "port-a")
        self.wanted = frozenset({"shared", "port-a"})
        self.clock = FakeClock()
        self._ended = threading.Event()
        self.all = Predecessors(
            FakeSockets(Layout(folder), self.former),
            lambda identity: FakeProcess(identity, self._ended.set),
            lambda: self.wanted,
            DRAIN_SECONDS,
            self.clock,
            ListLog(),
        )

    def has_ended(self) -> bool:
        return self._ended.is_set()

    def add(self, *, is_alive: bool = True) -> None:
        stat = procfs.read_stat(os.getpid())
        assert stat is not None
        start = stat.start_time if is_alive else stat.start_time + 1
        self.all.add(EnvoyIdentity(pid=stat.pid, start_time=start, boot_id=procfs.boot_id(), started_with="s"))

    def look(self, *, after: float = 0.0) -> None:
        self.clock.advance(after)
        self.all.look(self.successor)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_it_is_told_to_leave_once_its_successor_serves(world: World) -> None:
    world.add()
    world.successor.is_hung = True
    world.look()
    world.successor.is_hung, world.successor.is_live = False, False
    world.look()
    assert not world.former.has_left
    world.successor.is_live = True
    world.look()
    assert world.former.has_left


def test_it_stays_while_its_successor_refuses_a_listener_that_it_has(world: World) -> None:
    world.add()
    world.successor.at = frozenset({"shared"})
    world.look(after=10 * DRAIN_SECONDS)
    assert not world.former.has_left
    world.wanted = frozenset({"shared"})
    world.look()
    assert world.former.has_left


def test_it_ends_when_its_requests_are_over_but_not_before_late_ones_can_have_come(world: World) -> None:
    world.add()
    world.look()
    world.look()
    assert not world.has_ended()
    world.former.requests = 1
    world.look(after=SETTLE_SECONDS)
    assert not world.has_ended()
    world.former.requests = 0
    world.look()
    assert world.has_ended()
    assert not world.all


def test_one_that_is_told_late_still_has_time_for_what_it_took_in_the_last_moment(world: World) -> None:
    world.add()
    world.former.is_hung = True
    world.look()
    world.former.is_hung = False
    world.look(after=DRAIN_SECONDS / 2)
    assert world.former.has_left
    assert not world.has_ended()
    world.look(after=SETTLE_SECONDS)
    assert world.has_ended()


def test_its_requests_are_waited_for_no_longer_than_the_limit(world: World) -> None:
    world.add()
    world.former.requests = 1
    world.look()
    world.look(after=DRAIN_SECONDS - 1)
    assert not world.has_ended()
    world.look(after=1)
    assert world.has_ended()


def test_one_that_hangs_is_not_taken_for_idle_and_has_until_the_limit(world: World) -> None:
    world.add()
    world.former.is_hung = True
    world.look()
    world.look(after=DRAIN_SECONDS - 1)
    assert not world.has_ended()
    world.look(after=1)
    assert world.has_ended()


def test_one_that_has_died_is_forgotten(world: World) -> None:
    world.add(is_alive=False)
    world.look()
    assert not world.all
    assert not world.has_ended()
