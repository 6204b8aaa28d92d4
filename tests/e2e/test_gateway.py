"""A real controller and a real gateway replica: what users see of starts, ends and deaths behind the front door."""

import os
import signal
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from paramedic.services.spec import parse_spec
from paramedic.services.verbs import UnknownControllerError, down, up
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.replicas import Replica
from tests.fakes.controller_stage import CLOCK, Stage
from tests.fakes.gateway_replica import GatewayReplica
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

REPLICA = Path(__file__).parents[1] / "fakes/slow_replica.py"


class Served(Stage):
    """A controller, a gateway replica, and the services asked of them."""

    def __init__(self, prefix: str, host_dir: Path) -> None:
        super().__init__(prefix, host_dir)
        self.gateway = GatewayReplica(prefix)
        self.gateway.start()

    def up_slow(self, **service: Any) -> str:
        """The service `slow` on port 9001; its uid."""
        section = {"readiness_probe": "/health", "ports": 9001, **service}
        spec = parse_spec({"name": "slow", "run": f"exec {sys.executable} {REPLICA}", "service": section})

        def try_up() -> str | None:
            try:
                return up("main", spec, "ada", clock=CLOCK, new_id=lambda: uuid.uuid4().hex).uid
            except UnknownControllerError:
                return None

        return eventually(try_up, "a controller to ask")

    def served(self) -> str:
        return eventually(self.gateway.served_by, f"an answer; the log:\n{self.gateway.log_text()}")

    def close(self) -> None:
        super().close()
        self.gateway.close()


@pytest.fixture
def stage(table_prefix: str, tmp_path: Path) -> Iterator[Served]:
    made = Served(table_prefix, tmp_path / "host")
    yield made
    made.close()


class Clients:
    """Ask all the time until they are left; `statuses` counts the answers, 0 where there was none."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(4)
        self.statuses = Counter[int]()

    def __enter__(self) -> "Counter[int]":
        for _ in range(4):
            self._pool.submit(self._run)
        return self.statuses

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()

    def _run(self) -> None:
        with httpx.Client(trust_env=False, timeout=20) as http:
            while not self._over.wait(0.005):
                try:
                    self.statuses[http.get(self._url).status_code] += 1
                except httpx.TransportError:
                    self.statuses[0] += 1


def test_no_get_fails_while_the_controller_is_dead_and_a_replica_dies_too(stage: Served) -> None:
    first = stage.start()
    uid = stage.up_slow(replicas=2)
    stage.served()
    eventually(lambda: len(Counter(stage.gateway.served_by() for _ in range(6))) == 2, "both replicas")
    with Clients(stage.gateway.url()) as statuses:
        eventually(lambda: statuses[200] > 100, "traffic")
        first.kill()
        first.wait()
        before = Replica.read_all(uid)
        assert before[0].receipt is not None
        os.kill(int(before[0].receipt.identity["pid"]), signal.SIGKILL)
        reached = statuses[200]
        eventually(lambda: statuses[200] > reached + 200, "traffic without a controller")
        stage.recover()
        eventually(
            lambda: [int(each.replica_id) for each in Replica.read_all(uid) if each.status == "ready"] == [2, 3],
            "the replacement",
        )
        reached = statuses[200]
        eventually(lambda: statuses[200] > reached + 100, "traffic after the recovery")
    assert set(statuses) == {200}


def test_a_service_is_ended_only_after_its_requests(stage: Served) -> None:
    stage.start()
    uid = stage.up_slow(replicas=2)
    stage.served()
    with ThreadPoolExecutor(6) as pool:
        slow = [pool.submit(stage.gateway.served_by, path="/slow/8") for _ in range(6)]
        eventually(lambda: (stage.gateway.health() or {})["unfinished_requests"] == 6, "the requests to be under way")
        down("main", "slow", "ada", clock=CLOCK)
        eventually(lambda: (row := LoadBalancer.read("default", "slow")) and row.routes.draining, "the end to begin")
        assert {each.result() for each in slow} <= {"1", "2"}
    eventually(lambda: not Replica.read_all(uid), "the replicas to end")


def test_requests_to_a_service_without_a_replica_start_one_without_any_delay(stage: Served) -> None:
    stage.start()
    policy = {"min_replicas": 0, "max_replicas": 1, "target_qps_per_replica": 100, "upscale_delay_seconds": 3600}
    stage.up_slow(replica_policy=policy)

    def asked() -> str | None:
        answer = stage.gateway.get()
        if answer is None:
            return None
        assert answer.status_code == 200 or answer.headers["retry-after"]
        return str(answer.json()["name"]) if answer.status_code == 200 else None

    assert eventually(asked, f"the first replica; the log:\n{stage.gateway.log_text()}") == "1"
