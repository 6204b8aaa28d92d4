"""Real requests through a real Envoy while agent, Envoy and both are killed: each request is counted once."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Self

import httpx
import pytest

from paramedic.autoscaling.reports import read_traffic
from paramedic.autoscaling.traffic import merge
from paramedic.state import tables
from paramedic.state.ring import RING_SECONDS
from tests.fakes.gateway_replica import GATEWAY, GatewayReplica, publish, runs
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.crash, pytest.mark.integration]

UID = "uid-echo"


class Controller:
    """What a controller's autoscaler receives."""

    def __init__(self) -> None:
        self._cursors: dict[str, int] = {}
        self.received = 0

    def tick(self) -> int:
        traffic = read_traffic(GATEWAY, UID, time.time())
        now = int(time.time())
        seconds = range(now - RING_SECONDS, now)
        figures = merge(self._cursors, traffic.reports, traffic.counters, seconds=seconds, now=now)
        self._cursors = dict(figures.cursors)
        self.received += sum(figures.requests.values())
        return self.received


class Clients:
    """Ask all the time; `answered` are requests that came back, `asked` includes those that broke."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self.asked = 0
        self.answered = 0
        self.paused = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client(trust_env=False, timeout=5) as http:
            while not self._over.is_set():
                if self.paused.is_set():
                    self._over.wait(0.01)
                    continue
                try:
                    http.get(self._url)
                except httpx.ConnectError:
                    continue
                except httpx.TransportError:
                    self.asked += 1
                    continue
                self.asked += 1
                self.answered += 1


@pytest.fixture
def gateway(table_prefix: str) -> Iterator[GatewayReplica]:
    tables.bind(table_prefix)
    replica = GatewayReplica(table_prefix, PARAMEDIC_GATEWAY_ROTATE_BYTES="20000")
    yield replica
    replica.close()


def wait_for_answers(clients: Clients, number: int) -> None:
    """Let that many more requests be answered."""
    before = clients.answered
    eventually(lambda: clients.answered >= before + number, f"{number} more answers")


def wait_for_end(envoy: int) -> None:
    """Let an Envoy finish what it has."""
    eventually(lambda: not runs(envoy), "the former Envoy to end")


def wait_until_reported(clients: Clients, controller: Controller) -> None:
    """Have nobody ask until all is reported: then there is nothing that a killed Envoy could take along."""
    clients.paused.set()
    eventually(lambda: controller.tick() >= clients.answered, "all requests to be reported")


def test_every_request_is_counted_once_whoever_is_killed(gateway: GatewayReplica) -> None:
    moments = random.Random(11)
    controller = Controller()
    with Upstream() as upstream:
        publish("echo", 1, [upstream.url])
        gateway.start()
        eventually(gateway.health, f"the gateway; the log:\n{gateway.log_text()}")
        eventually(lambda: EnvoyServes(gateway).look(), "the service")
        with Clients(gateway.url()) as clients:
            for _ in range(8):
                wait_for_answers(clients, moments.randint(20, 200))
                victim = moments.choice(["agent", "envoy", "both"])
                if victim != "agent":
                    wait_until_reported(clients, controller)
                    gateway.kill_envoy()
                    clients.paused.clear()
                if victim != "envoy":
                    gateway.kill_agent()
                    if victim == "agent":
                        wait_for_answers(clients, moments.randint(0, 100))
                    gateway.start()
                controller.tick()
            wait_for_answers(clients, 20)
        wait_until_reported(clients, controller)
    # A request that broke may or may not have reached Envoy; what was answered was counted, and nothing twice.
    assert clients.answered <= controller.received <= clients.asked


def test_every_request_is_counted_once_while_one_envoy_replaces_another(gateway: GatewayReplica) -> None:
    controller = Controller()
    with Upstream() as upstream:
        publish("echo", 1, [upstream.url])
        gateway.start()
        eventually(gateway.health, f"the gateway; the log:\n{gateway.log_text()}")
        eventually(lambda: EnvoyServes(gateway).look(), "the service")
        with Clients(gateway.url()) as clients:
            for workers in ("2", "1", "2", "1"):
                wait_for_answers(clients, 100)
                former = gateway.envoy_pid()
                gateway.kill_agent()
                gateway.start(PARAMEDIC_GATEWAY_WORKERS=workers)
                wait_for_end(former)
                controller.tick()
            wait_for_answers(clients, 20)
        wait_until_reported(clients, controller)
    assert clients.answered <= controller.received <= clients.asked


class EnvoyServes:
    """Looks whether the service listens, without asking it anything that would count."""

    def __init__(self, gateway: GatewayReplica) -> None:
        self._gateway = gateway

    def look(self) -> bool:
        health = self._gateway.get(9001, "/.paramedic/health", **{"x-paramedic-token": "correct-horse"})
        return health is not None and health.content.startswith(b"{")
