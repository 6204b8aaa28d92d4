"""Real requests through real Envoys that are killed under traffic, alone, with their agents and for good.

Each request is counted once, but for what a killed Envoy had not written yet: at most one flush interval's.
"""

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Self

import httpx
import pytest

from paramedic.autoscaling.reports import ServiceTraffic
from paramedic.autoscaling.traffic import merge
from paramedic.state import tables
from paramedic.state.ring import RING_SECONDS
from paramedic.state.traffic import read_counters, read_reports
from tests.fakes.gateway_replica import GATEWAY, GatewayReplica, publish, runs
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.crash, pytest.mark.integration]

UID = "uid-echo"
NEVER = "1000000000"
SOON = "20000"
"""When a new access log is begun, in bytes."""


class Controller:
    """What a controller's autoscaler receives; one that is out for a while reads all of it later."""

    def __init__(self) -> None:
        self._traffic = ServiceTraffic(GATEWAY, UID)
        self._cursors: dict[str, int] = {}
        self.received = 0

    def tick(self) -> int:
        traffic, now = self._traffic.read(read_reports(GATEWAY), time.time()), int(time.time())
        seconds = range(now - RING_SECONDS, now)
        figures = merge(self._cursors, traffic.reports, traffic.counters, seconds=seconds, now=now)
        self._cursors = dict(figures.cursors)
        self.received += sum(figures.requests.values())
        return self.received


class Clients:
    """Ask all the time; `answered` are requests that came back, `asked` includes those that broke."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._over = threading.Event()
        self._ready = threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.asked = 0
        self.answered = 0

    def __enter__(self) -> Self:
        self._ready.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ready.set()
        self._thread.join()

    def pause(self) -> None:
        """Have no request under way."""
        self._idle.clear()
        self._ready.clear()
        eventually(self._idle.is_set, "the clients to pause")

    def go_on(self) -> None:
        """Ask again."""
        self._ready.set()

    def ask_once(self, url: str) -> None:
        """While the others pause."""
        httpx.get(url, trust_env=False, timeout=20)
        self.asked += 1
        self.answered += 1

    def await_answers(self, number: int) -> None:
        """Let that many more requests be answered."""
        before = self.answered
        eventually(lambda: self.answered >= before + number, f"{number} more answers")

    def _run(self) -> None:
        with httpx.Client(trust_env=False, timeout=20) as http:
            while not self._over.is_set():
                if not self._ready.is_set():
                    self._idle.set()
                    self._ready.wait()
                    continue
                try:
                    http.get(self.url)
                except httpx.ConnectError:
                    continue
                except httpx.TransportError:
                    self.asked += 1
                    continue
                self.asked += 1
                self.answered += 1


class World:
    """Gateway replicas of one name, one after the other, their clients and a controller.

    `at_risk` are the requests that were answered after the log was last seen to be written, before a kill of Envoy.
    """

    def __init__(self, table_prefix: str, upstream: Upstream, rotate_bytes: str) -> None:
        tables.bind(table_prefix)
        publish("echo", 1, [upstream.url])
        self._table_prefix = table_prefix
        self._rotate_bytes = rotate_bytes
        self.gateways: list[GatewayReplica] = []
        self.controller = Controller()
        self.at_risk = 0
        self._add_gateway()
        self.clients = Clients(self.gateway.url())

    @property
    def gateway(self) -> GatewayReplica:
        return self.gateways[-1]

    def close(self) -> None:
        for each in self.gateways:
            each.close()

    def replace_gateway(self) -> None:
        """A replica of the same name elsewhere: another directory, so another incarnation."""
        self._add_gateway()
        self.await_service()

    def _add_gateway(self) -> None:
        self.gateways.append(GatewayReplica(self._table_prefix, PARAMEDIC_GATEWAY_ROTATE_BYTES=self._rotate_bytes))
        self.gateway.start()

    def await_service(self) -> None:
        """Until the gateway listens for the service's requests."""
        eventually(self.serves, f"the service; the log:\n{self.gateway.log_text()}")

    def serves(self) -> bool:
        """Whether the service listens, without asking it anything that would count."""
        health = self.gateway.get(9001, "/.paramedic/health", **{"x-paramedic-token": "correct-horse"})
        return health is not None and health.content.startswith(b"{")

    def kill_envoy(self) -> None:
        """Under traffic, once the log was written."""
        answered = self.clients.answered
        # From here on all ask for this path: once it is in the log, so is all that was answered before.
        path = f"/after-{answered}"
        self.clients.url = self.gateway.url(path=path)
        self.await_written(path)
        self.gateway.kill_envoy()
        # One more may have been answered and not be noted yet.
        self.at_risk += self.clients.answered - answered + 1

    def await_written(self, path: str) -> None:
        """Until a request for `path` is in the log."""

        def is_written() -> bool:
            try:
                return f" {path}\n".encode() in self.gateway.layout.access_log.read_bytes()
            except FileNotFoundError:
                # Between two files.
                return False

        eventually(is_written, "Envoy to write its log")

    def logged(self) -> int:
        """Requests that any of the Envoys has written down."""
        start = re.compile(rf"^S \d+ {UID} \S+ \S+ ", re.MULTILINE)
        texts = [each.layout.access_log.read_bytes().decode("latin-1") for each in self.gateways]
        return sum(len(start.findall(text)) for text in texts)

    def await_more_reported(self) -> None:
        """Have the gateway keep and report some of what was asked: only then is there anything to count twice."""
        before = _reported()
        eventually(lambda: _reported() > before, "more to be reported")

    def await_all_reported(self) -> None:
        """Have the gateway say all that it knows while nobody asks, whether or not the controller listens."""
        self.clients.ask_once(self.gateway.url(path=f"/last-{self.clients.asked}"))
        self.await_written(f"/last-{self.clients.asked - 1}")
        eventually(lambda: _reported() >= self.logged(), "all that was logged to be reported")

    def assert_each_counted_once(self) -> None:
        """Once nobody asks any more. What broke may or may not have reached Envoy."""
        if self._rotate_bytes == NEVER:
            self.await_all_reported()
        surely = self.clients.answered - self.at_risk
        eventually(lambda: self.controller.tick() >= surely, "all that was surely logged to be counted")
        assert self.controller.received <= self.clients.asked
        if self._rotate_bytes == NEVER:
            eventually(lambda: self.controller.tick() >= self.logged(), "all that was logged to be counted")
            assert self.controller.received == self.logged()


def _reported() -> int:
    return sum(int(row.total) for row in read_counters(GATEWAY, UID))


@pytest.fixture
def world(table_prefix: str, request: pytest.FixtureRequest) -> Iterator[World]:
    rotate_bytes = getattr(request, "param", NEVER)
    with Upstream() as upstream, closing(World(table_prefix, upstream, rotate_bytes)) as world:
        world.await_service()
        yield world


@pytest.mark.parametrize(
    ("world", "seed"), [(NEVER, 1), (NEVER, 2), (SOON, 3)], ids=["1", "2", "3-rotating"], indirect=["world"]
)
def test_every_request_is_counted_once_whoever_is_killed(world: World, seed: int) -> None:
    moments = random.Random(seed)
    with world.clients as clients:
        for victim in moments.sample(["agent", "envoy", "both"], 3):
            world.await_more_reported()
            clients.await_answers(moments.randint(20, 200))
            if victim != "agent":
                world.kill_envoy()
            if victim != "envoy":
                world.gateway.kill_agent()
                if victim == "agent":
                    clients.await_answers(moments.randint(1, 100))
                world.gateway.start()
            world.controller.tick()
        clients.await_answers(20)
    world.assert_each_counted_once()


def test_a_controller_that_was_out_while_a_gateway_was_replaced_counts_both(world: World) -> None:
    with world.clients as clients:
        clients.await_answers(50)
        world.controller.tick()
        world.kill_envoy()
        clients.await_answers(50)
        clients.pause()
        world.await_all_reported()
        world.gateway.kill_agent()
        world.gateway.kill_envoy()
        world.replace_gateway()
        clients.url = world.gateway.url()
        clients.go_on()
        clients.await_answers(50)
        world.kill_envoy()
        clients.await_answers(50)
    world.assert_each_counted_once()
    assert len(read_counters(GATEWAY, UID)) == 2


@pytest.mark.parametrize("world", [SOON], ids=["rotating"], indirect=True)
def test_every_request_is_counted_once_while_one_envoy_replaces_another(world: World) -> None:
    with world.clients as clients:
        for workers in ("2", "1", "2", "1"):
            clients.await_answers(100)
            former = world.gateway.envoy_pid()
            world.gateway.kill_agent()
            world.gateway.start(PARAMEDIC_GATEWAY_WORKERS=workers)
            wait_for_end(former)
            world.controller.tick()
        clients.await_answers(20)
    world.assert_each_counted_once()


def wait_for_end(envoy: int) -> None:
    """Let an Envoy finish what it has."""
    eventually(lambda: not runs(envoy), "the former Envoy to end")
