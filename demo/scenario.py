"""The demo's story: deploy, serve, scale, lose the controller, get it back; then once more by hand."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.client import Client
from demo.command import paramedic
from demo.comparison import Outside, Row, compare
from demo.counted import Counted, read_counted
from demo.environment import use
from demo.kill import kill_group
from demo.schedule import wait_for_quiet
from demo.snapshot import IncompleteError, Snapshot, take_snapshot
from demo.timeline import Comeback, Moment, Watch
from demo.traffic import AFTER_SECONDS, BEFORE_SECONDS, moments
from paramedic.autoscaling.tick import ScalingPolicy
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.services.spec import ServiceSpec, read_spec
from paramedic.state import tables
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic_cli.host.embedded import grant_access, stack_parameters
from paramedic_cli.host.ending import end_everything
from paramedic_cli.host.gateway_replica import read_health, replica_name
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.local.project import project_root
from paramedic_cli.local.stack import LocalStack, start

CONTROLLER = "demo"
TICK_SECONDS = 5
"""The controller's default."""

RATE = 64.0
"""Requests a second; the comment in `service.yaml` says what the autoscaler makes of them."""

SERVICE = project_root() / "demo/service.yaml"

RECOVERY_SECONDS = 180.0
"""A schedule of one minute fires 70 s after the last tick at worst; evidence and relaunch take about 20 s."""


class NothingHappenedError(Exception):
    """The stack did not get where the demo waits for it."""


@dataclass(frozen=True)
class Round:
    """One kill and what came of it."""

    title: str
    comeback: Comeback
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Loss:
    """What else was killed while there was no controller."""

    replicas: frozenset[int] = frozenset()
    moments: tuple[Moment, ...] = ()


@dataclass(frozen=True)
class Stage:
    """What a running demo consists of."""

    layout: HostLayout
    stack: LocalStack
    spec: ServiceSpec
    launcher: ProcessLauncher

    @property
    def policy(self) -> ScalingPolicy:
        """The service's scaling rule as the controller applies it."""
        return ScalingPolicy.of(self.spec.service.replica_policy, TICK_SECONDS, int(time.time()))

    def snapshot(self) -> Snapshot:
        """How things are now."""
        return take_snapshot(CONTROLLER, self.spec.name)

    def counted(self, service_uid: str) -> Counted:
        """What the gateway has counted of the service."""
        gateway = self.spec.service.gateway
        return read_counted(gateway, replica_name(gateway), service_uid)

    def run(self, *arguments: str) -> str:
        """Run the `paramedic` command against this stack and return what it printed."""
        return paramedic(self.layout.state_dir, *arguments)


@contextmanager
def deployed(state_dir: Path, parameters: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """The whole stack, with these parameters besides; on leaving, everything it started is ended."""
    layout = HostLayout(state_dir)
    layout.prepare()
    with ExitStack() as cleanup:
        cleanup.callback(end_everything, layout)
        chosen = {**stack_parameters(layout), **(parameters or {})}
        # Ended first, or its schedule would relaunch what is being stopped.
        stack = cleanup.enter_context(start(state_dir / "emulator", parameters=chosen))
        stack.save(state_dir)
        grant_access(stack, layout)
        cleanup.enter_context(use(stack.environment))
        tables.bind(stack.outputs.table_prefix)
        yield Stage(layout, stack, read_spec(SERVICE), ProcessLauncher(layout.host_dir))


def serve(stage: Stage) -> Snapshot:
    """Start the controller and the service, and wait until its replicas are ready."""
    stage.run("local", "controller", CONTROLLER)
    stage.run("up", str(SERVICE), "--actor", "demo")
    return await_snapshot(stage, "ready replicas", _serves_with(stage.policy.minimum), 60)


def open_gateway(stage: Stage, port: int) -> str:
    """Start a gateway replica, and return the service's URL once it answers there."""
    stage.run("local", "gateway", stage.spec.service.gateway)
    deadline = time.monotonic() + 30
    while read_health(stage.layout, port) is None:
        if time.monotonic() > deadline:
            raise NothingHappenedError(f"the gateway does not listen at the service's port {port} after 30 s")
        time.sleep(0.1)
    return f"http://{stage.stack.emulator.host}:{port}"


def scale_and_want_more(stage: Stage, client: Client) -> Snapshot:
    """Wait until the autoscaler has made one step up, counts towards the next, and the client was served for long."""

    def holds(seen: Snapshot) -> bool:
        stepped = seen.scaler.target > stage.policy.minimum and _serves_with(seen.scaler.target)(seen)
        return stepped and seen.scaler.upscale_count >= 1 and client.seconds > BEFORE_SECONDS + 1

    return await_snapshot(stage, "an upscale count after a step up", holds, 90)


def settle(stage: Stage) -> Snapshot:
    """Wait until the autoscaler has all the replicas it wants."""
    return await_snapshot(stage, "all replicas", _serves_with(stage.policy.maximum), 60)


def lose_and_regain(stage: Stage, title: str, client: Client, act: Callable[[Snapshot], Loss]) -> Round:
    """Kill the controller, let `act` happen, and compare how it came back."""
    killed_at = kill_group(stage.snapshot().controller, stage.launcher)
    before = left_behind(stage)
    loss = act(before)
    comeback = Watch(CONTROLLER, before.epoch, killed_at).until_recovered(RECOVERY_SECONDS)
    after = await_snapshot(stage, "a tick", lambda seen: seen.scaler.last_tick != before.scaler.last_tick, 30)
    sent = client.requests
    outside = Outside(stage.counted(before.service_uid), [*sent, *client.uploads], client.held, loss.replicas)
    rows = compare(before, after, stage.policy, outside)
    seen = [*loss.moments, *moments(comeback, sent, before.unfinished_requests)]
    return Round(title, comeback.with_moments(seen), rows)


def left_behind(stage: Stage) -> Snapshot:
    """What a dead controller leaves, once two looks agree: a write that was under way when it died may still arrive."""
    seen = stage.snapshot()
    while (again := stage.snapshot()).without_traffic() != seen.without_traffic():
        seen = again
    return again


def nothing_else(stage: Stage, before: Snapshot) -> Loss:
    """Leave the replicas alone."""
    del stage, before
    return Loss()


def kill_replica(stage: Stage, before: Snapshot) -> Loss:
    """Kill the newest replica's process group."""
    number = before.replicas[-1].replica_id
    row = Replica.read(before.service_uid, number)
    if row is None or row.receipt is None:
        raise NothingHappenedError(f"replica {number} has no process that could be killed")
    killed_at = kill_group(row.receipt, stage.launcher)
    moment = Moment(killed_at, "-", f"kill -9 of replica {number}'s process group")
    return Loss(frozenset({number}), (moment,))


def serve_on(client: Client, comeback: Comeback) -> None:
    """Let the client go on until it was served for long after the recovery, then end it."""
    time.sleep(max(0.0, comeback.recovered_at.timestamp() + AFTER_SECONDS + 1 - time.time()))
    client.stop()


def all_counted(stage: Stage, client: Client, service_uid: str) -> tuple[int, int]:
    """How many requests the gateway and the autoscaler have counted, once both know all there were, or never will."""
    total = len(client.requests) + len(client.uploads)
    deadline = time.monotonic() + 30
    while True:
        counted = stage.counted(service_uid)
        seen = stage.snapshot().scaler.cursors.get(counted.cursor, 0)
        if counted.reading.total == seen == total or time.monotonic() > deadline:
            return counted.reading.total, seen
        time.sleep(0.2)


def recover_by_hand(stage: Stage) -> str:
    """What `paramedic recover` says, once it has said it."""
    return stage.run("recover", f"controller:{CONTROLLER}", "--reason", "the demo killed it", "--actor", "demo")


def quiet(stage: Stage) -> None:
    """Wait until the schedule has just ticked and leaves the next minute to a person."""
    wait_for_quiet(stage.stack)


def await_snapshot(stage: Stage, what: str, holds: Callable[[Snapshot], bool], seconds: float) -> Snapshot:
    """The first snapshot for which `holds`.

    Raises:
        NothingHappenedError: there was none within `seconds`.
    """
    deadline = time.monotonic() + seconds
    problem = "nothing was written"
    while time.monotonic() < deadline:
        try:
            seen = stage.snapshot()
        except IncompleteError as error:
            problem = str(error)
        else:
            if holds(seen):
                return seen
            problem = f"seen last: {seen}"
        time.sleep(0.2)
    raise NothingHappenedError(f"no {what} after {seconds:.0f} s; {problem}")


def _serves_with(count: int) -> Callable[[Snapshot], bool]:
    def holds(seen: Snapshot) -> bool:
        ready = [replica for replica in seen.replicas if replica.status == ReplicaStatus.READY]
        routed = len(seen.routes) == len(ready) == len(seen.replicas) == count
        return routed and seen.scaler.target == count and not seen.unfinished_operations

    return holds
