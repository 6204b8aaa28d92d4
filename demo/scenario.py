"""The demo's story: deploy, serve, scale, lose the controller, get it back; then once more by hand."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.command import paramedic
from demo.comparison import Row, compare
from demo.environment import use
from demo.kill import kill_group
from demo.schedule import wait_for_quiet
from demo.snapshot import IncompleteError, Snapshot, take_snapshot
from demo.timeline import Comeback, Watch
from demo.traffic_feeder import TrafficFeeder
from paramedic.autoscaling.tick import WINDOW_SECONDS, ScalingPolicy
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.services.spec import ServiceSpec, read_spec
from paramedic.state import tables
from paramedic.state.replicas import ReplicaStatus
from paramedic_cli.host.embedded import grant_access, stack_parameters
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.host.workloads import stop_workloads
from paramedic_cli.local.project import project_root
from paramedic_cli.local.stack import LocalStack, start

CONTROLLER = "demo"
TICK_SECONDS = 5
"""The controller's default."""

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
class Stage:
    """What a running demo consists of."""

    state_dir: Path
    stack: LocalStack
    spec: ServiceSpec
    launcher: ProcessLauncher

    @property
    def policy(self) -> ScalingPolicy:
        """The service's scaling rule as the controller applies it."""
        return ScalingPolicy.of(self.spec.service.replica_policy, TICK_SECONDS)

    def snapshot(self) -> Snapshot:
        """How things are now."""
        return take_snapshot(CONTROLLER, self.spec.name)

    def run(self, *arguments: str) -> str:
        """Run the `paramedic` command against this stack and return what it printed."""
        return paramedic(self.state_dir, *arguments)


@contextmanager
def deployed(state_dir: Path) -> Iterator[Stage]:
    """The whole stack with a first controller; on leaving, everything it started is ended."""
    layout = HostLayout(state_dir)
    layout.prepare()
    with ExitStack() as cleanup:
        cleanup.callback(stop_workloads, layout.host_dir)
        # Ended first, or its schedule would relaunch what is being stopped.
        stack = cleanup.enter_context(start(state_dir / "emulator", parameters=stack_parameters(layout)))
        stack.save(state_dir)
        grant_access(stack, layout)
        cleanup.enter_context(use(stack.environment))
        tables.bind(stack.outputs.table_prefix)
        spec = read_spec(project_root() / "examples/echo-model/service.yaml")
        yield Stage(state_dir, stack, spec, ProcessLauncher(layout.host_dir))


def serve(stage: Stage) -> Snapshot:
    """Start the controller and the service, and wait until its replicas are ready."""
    stage.run("local", "controller", CONTROLLER)
    stage.run("up", str(project_root() / "examples/echo-model/service.yaml"), "--actor", "demo")
    return await_snapshot(stage, "ready replicas", _serves_with(stage.policy.minimum), 60)


def traffic(stage: Stage, service_uid: str) -> TrafficFeeder:
    """A gateway replica's figures, every second while it is entered."""
    return TrafficFeeder(stage.spec.service.gateway, service_uid)


def scale_up(stage: Stage, feeder: TrafficFeeder) -> Snapshot:
    """Feed a burst that asks for one more replica, and wait until the autoscaler has had its way."""
    more = stage.policy.minimum + 1
    feeder.burst(_a_window_for(stage, more - 0.5))
    feeder.rate = 1
    return await_snapshot(stage, f"{more} replicas", _serves_with(more), 90)


def want_more(stage: Stage, feeder: TrafficFeeder) -> Snapshot:
    """Feed enough for one more replica again, and wait until the autoscaler has begun to count."""
    more = stage.snapshot().scaler.target + 1
    feeder.burst(_a_window_for(stage, 0.7))
    # Enough to still want more when the burst has left the window, which is before the controller is back.
    feeder.rate = round((more - 0.3) * _per_replica(stage))
    return await_snapshot(stage, "an upscale count", lambda seen: seen.scaler.upscale_count >= 1, 60)


def settle(stage: Stage) -> Snapshot:
    """Wait until the autoscaler has all the replicas it wants."""
    return await_snapshot(stage, "all replicas", _serves_with(stage.policy.maximum), 60)


def lose_and_regain(stage: Stage, title: str, feeder: TrafficFeeder, act: Callable[[], None]) -> Round:
    """Kill the controller, let `act` happen, and compare how it came back."""
    killed_at = kill_group(stage.snapshot().controller, stage.launcher)
    # A write that was under way when the process died may still arrive.
    time.sleep(0.5)
    before = stage.snapshot()
    act()
    comeback = Watch(CONTROLLER, before.epoch, killed_at).until_recovered(RECOVERY_SECONDS)
    after = await_snapshot(stage, "a tick", lambda seen: seen.scaler.last_tick != before.scaler.last_tick, 30)
    return Round(title, comeback, compare(before, after, stage.policy, feeder.traffic))


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


def _per_replica(stage: Stage) -> float:
    return stage.policy.target_qps or 1.0


def _a_window_for(stage: Stage, replicas: float) -> int:
    """As many requests as `replicas` are there for in the whole of the autoscaler's window."""
    return round(replicas * _per_replica(stage) * WINDOW_SECONDS)
