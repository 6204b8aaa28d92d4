"""A real dask-gateway-server is guarded by the deployed functions: killed, suspended, and so busy that it is silent."""

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from paramedic.clock import to_iso
from paramedic.launchers.process import procfs
from paramedic.state import tables
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.incidents import CURRENT_ITEM, Incident
from paramedic.state.recoveries import Recovery, Step
from paramedic_cli.local.stack import LocalStack
from paramedic_cli.main import app
from tests.fakes.targets import stored_target
from tests.fakes.waiting import eventually
from tests.peers.dask_gateway.gateway import REAL, STAND_IN, DaskGateway, running_gateway

pytestmark = pytest.mark.timeout(600)

CONCURRENT_CREATES = 100
PROBE_SECONDS = "1"
SECONDS_BETWEEN_TICKS = 10.0


@dataclass(frozen=True)
class Guarded:
    """What a test acts on: it sends the ticks itself."""

    stack: LocalStack
    plain: DaskGateway
    busy: DaskGateway
    on_call: Mapping[str, str]

    def tick(self) -> None:
        """What the schedule sends every minute."""
        self.stack.invoke(self.stack.outputs.dispatch_function_name, {"tick": to_iso(datetime.now(UTC))})


@pytest.fixture(scope="module")
def _gateways(
    deployed_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalStack, DaskGateway, DaskGateway]]:
    folder = tmp_path_factory.mktemp("dask-gateway")
    with (
        running_gateway(folder / "plain", "127.87.0.1", REAL) as plain,
        running_gateway(folder / "busy", "127.87.0.2", STAND_IN) as busy,
    ):
        profiles = {"dask-gateway": plain.profile, "dask-gateway-busy": busy.profile}
        yield deployed_stack.redeploy({"LauncherProfiles": json.dumps(profiles)}), plain, busy


@pytest.fixture
def world(_gateways: tuple[LocalStack, DaskGateway, DaskGateway], monkeypatch: pytest.MonkeyPatch) -> Guarded:
    stack, plain, busy = _gateways
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    tables.bind(stack.outputs.table_prefix)
    on_call = stack.environment_under(f"on-call-{uuid.uuid4().hex[:8]}", stack.outputs.on_call_policy_arn)
    return Guarded(stack, plain, busy, on_call)


def types(world: Guarded, *arguments: str) -> Result:
    """What came of a command that was given with the rights of on-call and no others."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in world.on_call.items():
            patched.setenv(name, value)
        boto3.DEFAULT_SESSION = None
        tables.bind(world.stack.outputs.table_prefix)
        result = CliRunner().invoke(app, ["--stack", world.stack.stack_name, *arguments])
    boto3.DEFAULT_SESSION = None
    tables.bind(world.stack.outputs.table_prefix)
    assert result.exit_code == 0, result.output
    return result


def guards(world: Guarded, gateway: DaskGateway, name: str) -> str:
    """Guarded by the command, and then trusted; what it is called."""
    types(world, "target", "add", name, gateway.health, "--timeout-seconds", PROBE_SECONDS)
    told = types(world, "guard", gateway.health, "--restart", name, "--name", name).stdout
    assert f"process {gateway.pid} is running in the place of profile {name}" in told
    assert "in mode" in told
    types(world, "target", "mode", f"url:{name}", "auto")
    return f"url:{name}"


def epoch_of(target_id: str) -> int:
    row = ControllerEpoch.read(target_id, EPOCH)
    assert row is not None
    return int(row.epoch)


def recovered(target_id: str, epoch: int) -> Callable[[], Recovery | None]:
    def look() -> Recovery | None:
        row = Recovery.read(target_id, epoch)
        return row if row is not None and row.step == Step.DONE else None

    return look


def running_cluster(gateway: DaskGateway) -> str:
    name: str = gateway.ask("POST", "")["name"]
    eventually(lambda: True if gateway.ask("GET", name)["status"] == "RUNNING" else None, f"cluster {name}")
    return name


def workers_of(gateway: DaskGateway, name: str, scheduler: set[int]) -> Callable[[], set[int] | None]:
    return lambda: (gateway.started_in(name) - scheduler) or None


def test_killed_with_a_running_cluster_it_is_back_by_itself_and_the_cluster_is_alive_and_usable(
    world: Guarded,
) -> None:
    gateway, target_id = world.plain, guards(world, world.plain, "dask-gateway")
    name, killed = running_cluster(gateway), gateway.pid
    scheduler = gateway.started_in(name)
    assert scheduler
    os.kill(killed, signal.SIGKILL)
    world.tick()
    done = eventually(recovered(target_id, 2), "recovery of dask-gateway-server")
    assert "nothing runs in its place" in done.story.evidence
    assert gateway.pid != killed
    assert gateway.started_in(name) == scheduler
    assert name in gateway.ask("GET", "")
    assert gateway.ask("GET", name)["status"] == "RUNNING"
    gateway.ask("POST", f"{name}/scale", {"count": 1})
    eventually(workers_of(gateway, name, scheduler), "a worker that the recovered server started")
    world.tick()
    eventually(lambda: True if stored_target(target_id).bad is None else None, "all clear")
    assert epoch_of(target_id) == 2


def test_suspended_it_is_killed_before_its_successor_starts(world: Guarded) -> None:
    # Another target than that which was just recovered, and would not be again within a minute.
    gateway, target_id = world.busy, guards(world, world.busy, "dask-gateway-busy")
    suspended, before = gateway.pid, epoch_of(target_id)
    os.kill(suspended, signal.SIGSTOP)
    world.tick()
    eventually(lambda: stored_target(target_id).bad, "a first bad tick")
    assert epoch_of(target_id) == before
    world.tick()
    done = eventually(recovered(target_id, before + 1), "recovery of a suspended dask-gateway-server")
    assert "suspended" in done.story.evidence
    assert procfs.read_stat(suspended) is None or procfs.read_stat(suspended).gone  # type: ignore[union-attr]
    assert [entry.step for entry in done.story.entries] == ["gate", "launch", "verify", "done"]
    assert f"process {suspended} was killed" in done.story.entries[1].text
    assert gateway.is_well()


def test_stalled_by_a_hundred_concurrent_creates_it_is_left_alone(world: Guarded) -> None:
    gateway, target_id = world.busy, guards(world, world.busy, "dask-gateway-busy")
    working, before, enough = gateway.pid, epoch_of(target_id), Event()

    def creates(_: int) -> int:
        made = 0
        while not enough.is_set():
            gateway.ask("POST", "", where=gateway.address)
            made += 1
        return made

    with ThreadPoolExecutor(CONCURRENT_CREATES) as users:
        made = users.map(creates, range(CONCURRENT_CREATES))
        try:
            eventually(lambda: True if not gateway.is_well() else None, "a health check that stalls")
            seen = eventually(refused_as_working(world, target_id), "a recovery that was refused")
        finally:
            enough.set()
        total = sum(made)
    assert "is working" in seen
    assert total >= CONCURRENT_CREATES
    assert (epoch_of(target_id), gateway.pid) == (before, working)
    eventually(gateway.is_well, "the health of dask-gateway-server")


def refused_as_working(world: Guarded, target_id: str) -> Callable[[], str | None]:
    """Ticks on until a recovery was wanted, and says why there was none."""

    next_tick = time.monotonic()

    def look() -> str | None:
        nonlocal next_tick
        if time.monotonic() >= next_tick:
            world.tick()
            next_tick = time.monotonic() + SECONDS_BETWEEN_TICKS
        row: Any = Incident.read(target_id, CURRENT_ITEM)
        return None if row is None else row.last_refusal_text

    return look
