"""Controllers over real DynamoDB semantics, with a fake launcher, fake probes and a clock that tests push."""

import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramedic.services.secrets import SecretSource
from paramedic.services.spec import ServiceSpec, parse_spec
from paramedic.services.verbs import UpResult, up
from paramedic.state import tables
from paramedic.state.claims import claim_granted
from paramedic.state.fencing import FencedWriter
from paramedic.state.operations import Operation
from paramedic.state.receipt import Receipt
from paramedic.state.standbys import register_standby
from paramedic.state.tables import Row
from paramedic.state.transactions import Change, Update
from paramedic_controller.ahead import AheadReader
from paramedic_controller.effects import Actor, Effects, Pace
from paramedic_controller.figures import FigureReader
from paramedic_controller.fleet import Fleet
from paramedic_controller.gateway_reports import GatewayReports
from paramedic_controller.hint import HintReader
from paramedic_controller.in_advance import InAdvance
from paramedic_controller.model import ServiceState
from paramedic_controller.persist import Recorder
from paramedic_controller.probes import ProbeTarget, Tally
from paramedic_controller.reaping import Claim, Reaper
from paramedic_controller.restore import fenced_services, read_desired, read_service, stored_specs
from paramedic_controller.secrets import SecretError
from paramedic_controller.standby import Standby
from paramedic_controller.supervise import Tools
from paramedic_controller.take_over import TakeOver
from paramedic_controller.utilisation.sources import UsageTarget
from tests.fakes.clock import FakeClock
from tests.fakes.epochs import claim_next_epoch, grant_to_standby
from tests.fakes.launcher import FakeLauncher

RECEIPT = Receipt(launcher="fake", workload="", key="standby", epoch=0, identity={})

type Hook = Callable[[str], None]


def no_hook(_: str) -> None:
    """Nothing happens."""


def make_spec(name: str = "echo", gateway: str = "default", drain_seconds: float = 600, **policy: Any) -> ServiceSpec:
    """A service whose policy is one replica by default, running on what is called L4."""
    section = {
        "readiness_probe": "/health",
        "gateway": gateway,
        "replica_policy": policy or {"min_replicas": 1},
        "requests": {"drain_seconds": drain_seconds},
    }
    return parse_spec({"name": name, "run": "serve", "resources": {"instance_type": "L4"}, "service": section})


class HookedWriter(FencedWriter):
    """Counts fenced writes and lets a test do something before and after each."""

    hook: Hook = staticmethod(no_hook)
    commits = 0

    def commit(self, service: str, changes: Sequence[Change]) -> None:
        # Renewing the lease of open operations says nothing new.
        what = "renewal" if all(isinstance(each, Update) and _is_open(each.row) for each in changes) else "write"
        self.hook(f"before {what}")
        self.commits += 1
        super().commit(service, changes)
        self.hook(f"after {what}")


def _is_open(row: Row) -> bool:
    return isinstance(row, Operation)


class HookedLauncher:
    """Lets a test do something before and after each effect."""

    def __init__(self, launcher: FakeLauncher, hook: Hook) -> None:
        self._launcher = launcher
        self._hook = hook
        self.find = launcher.find
        self.running = launcher.running
        self.describe = launcher.describe
        self.fence = launcher.fence

    def launch(self, request: Any) -> Any:
        self._hook("before launch")
        receipt = self._launcher.launch(request)
        self._hook("after launch")
        return receipt

    def stop(self, receipt: Any, *, epoch: int, grace_seconds: float, scope: str | None = None) -> Any:
        self._hook("before stop")
        result = self._launcher.stop(receipt, epoch=epoch, grace_seconds=grace_seconds, scope=scope)
        self._hook("after stop")
        return result


class InlineExecutor(Executor):
    """Runs each call at once; what is no Exception, like a crash, goes straight through."""

    calls = 0

    def submit[**P, R](self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        future: Future[R] = Future()
        self.calls += 1
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - an executor hands on whatever its call raises
            future.set_exception(error)
        return future


class FakeProber:
    """Every replica that runs is ready, but for those a test calls sick."""

    def __init__(self, launcher: FakeLauncher) -> None:
        self._launcher = launcher
        self.watched: Mapping[str, ProbeTarget] = {}
        self.failures: dict[int, int] = {}

    def watch(self, targets: Mapping[str, ProbeTarget]) -> None:
        self.watched = targets

    def tally(self, name: str) -> Tally | None:
        if not any(each.request.workload == name for each in self._launcher.living()):
            return None
        failures = self.failures.get(int(name.rpartition("/")[2]), 0)
        return Tally(failures == 0, failures, "sick" if failures else "")


class FakeSampler:
    """Every replica uses what a test says."""

    def __init__(self) -> None:
        self.watched: Mapping[str, UsageTarget] = {}
        self.usages: dict[int, float] = {}

    def watch(self, targets: Mapping[str, UsageTarget]) -> None:
        self.watched = targets

    def usage(self, name: str) -> float | None:
        return self.usages.get(int(name.rpartition("/")[2])) if name in self.watched else None


class Names:
    """Unique within one world."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def operation_id(self) -> str:
        return f"op-{next(self._numbers):05}"

    def replica_url(self) -> str:
        return f"http://127.0.0.1:{20000 + next(self._numbers)}"


class Life:
    """One controller process: claimed, sealed, and driven pass by pass."""

    def __init__(self, world: "ControllerWorld", hook: Hook = no_hook, chosen: "Chosen | None" = None) -> None:
        self.world = world
        clock, name = world.clock, world.controller_id
        self.reader = InAdvance(name) if chosen is None else chosen.take_over
        if chosen is None:
            self.process_id = uuid.uuid4().hex
            self.epoch = claim_next_epoch(name, self.process_id, clock)
        else:
            self.process_id, self.epoch = chosen.process_id, chosen.epoch
            claim_granted(name, self.epoch, self.process_id, RECEIPT, clock)
        self.writer = HookedWriter(name, self.epoch, self.process_id, clock=clock, new_id=lambda: uuid.uuid4().hex)
        self.writer.hook = hook
        self.prober = world.prober()
        self.executor = InlineExecutor()
        self.sampler = FakeSampler()
        launcher: Any = HookedLauncher(world.launcher, hook)
        self.fleet = Fleet(name, self._tools(launcher), world.messages.append)
        self.fleet.seal(fenced_services(name))
        last_writes = self.writer.catch_up_all()
        self.reader.sealed(last_writes)
        world.launcher.fence(f"controller:{name}", self.epoch)

    def run_pass(self) -> None:
        """What the main loop does in one pass, without the heartbeat."""
        self.fleet.follow_desired()
        self.fleet.run_pass()
        self.fleet.tick_when_due()

    def settle(self, passes: int = 30) -> None:
        """Run passes until one neither writes anything nor calls the launcher."""
        for _ in range(passes):
            before = self.writer.commits, self.executor.calls
            self.run_pass()
            if (self.writer.commits, self.executor.calls) == before:
                return
            self.world.clock.advance(1.0)
        raise AssertionError(f"not settled after {passes} passes: {self.fleet.states()}")

    def state(self, service: str = "echo") -> ServiceState:
        """What this process knows of a service."""
        return self.fleet.supervisors[service].state

    def _read_hint(self) -> int:
        return HintReader(self.world.controller_id, self.world.clock).read()

    def _read_secrets(self, sources: Mapping[str, SecretSource]) -> Mapping[str, str]:
        missing = [name for name in sources if name not in self.world.secrets]
        if missing:
            raise SecretError(f"secret {missing[0]} cannot be had")
        return {name: self.world.secrets[name] for name in sources}

    def _tools(self, launcher: Any) -> Tools:
        world = self.world
        actor = Actor(world.controller_id, self.epoch, stop_grace_seconds=0.0, log_dir=world.log_dir)
        prober: Any = self.prober
        sampler: Any = self.sampler
        reports = GatewayReports(world.clock)
        figures = FigureReader(reports, world.clock, world.messages.append)
        return Tools(
            writer=self.writer,
            recorder=Recorder(world.controller_id),
            reaper=Reaper(
                launcher,
                Claim(world.controller_id, self.epoch, self.process_id, stop_grace_seconds=0.0),
                executor=InlineExecutor(),
                clock=world.clock,
                warn=world.messages.append,
            ),
            effects=Effects(
                launcher,
                actor,
                pace=world.pace,
                read_secrets=self._read_secrets,
                executor=self.executor,
                clock=world.clock,
                on_done=lambda: None,
            ),
            prober=prober,
            sampler=sampler,
            launcher=launcher,
            mint=world.names,
            clock=world.clock,
            warn=world.messages.append,
            read_hint=self._read_hint,
            read_service=self.reader.read_service,
            read_specs=lambda service: stored_specs(world.controller_id, service),
            read_figures=figures.read,
            read_drained=figures.drained,
            read_ahead=AheadReader(reports, world.clock, world.messages.append).read,
            balancer_host="127.0.0.1",
            tick_seconds=5,
            drain_seconds=0.0,
        )


@dataclass(frozen=True)
class Chosen:
    """A standby that has read its grant."""

    process_id: str
    epoch: int
    take_over: TakeOver


class ControllerWorld:
    """One controller id, its tables and its host; processes come and go."""

    def __init__(self, table_prefix: str, log_dir: Path, controller_id: str = "main") -> None:
        tables.bind(table_prefix)
        self.controller_id = controller_id
        self.log_dir = log_dir
        self.clock = FakeClock()
        self.launcher = FakeLauncher()
        self.names = Names()
        self.pace = Pace(at_once=100, per_second=1000)
        self.secrets: dict[str, str] = {}
        self.messages: list[str] = []

    def start(self, hook: Hook = no_hook) -> Life:
        """A process that holds the next epoch."""
        return Life(self, hook)

    def prober(self) -> FakeProber:
        """What a new process measures with."""
        return FakeProber(self.launcher)

    def stand_by(self) -> Standby:
        """A process that waits to take over."""
        process_id = uuid.uuid4().hex
        register_standby(self.controller_id, process_id, RECEIPT, self.clock)
        return Standby(self.controller_id, process_id, self.clock, self.messages.append)

    def choose(self, standby: Standby, *meanwhile: Callable[[], object]) -> Chosen:
        """Let the standby wait until it has read all there is, then grant it the next epoch.

        Between its looks for that, what happens `meanwhile` happens one by one.
        """

        def grant_it() -> None:
            grant_to_standby(self.controller_id, standby.process_id, self.clock)

        happenings = iter([*meanwhile, grant_it])

        def go_on() -> None:
            next(happenings)()

        self.clock.on_sleep = go_on
        grant = standby.wait()
        self.clock.on_sleep = lambda: None
        assert grant is not None
        take_over = TakeOver(self.controller_id, grant, standby.snapshot, self.clock)
        return Chosen(standby.process_id, grant.epoch, take_over)

    def succeed(self, chosen: Chosen, hook: Hook = no_hook) -> Life:
        """The standby takes over."""
        return Life(self, hook, chosen)

    def up(self, spec: ServiceSpec) -> UpResult:
        """What a user does."""
        return up(self.controller_id, spec, "ada", clock=self.clock, new_id=lambda: uuid.uuid4().hex)

    def stored(self, service: str = "echo") -> ServiceState:
        """What the tables say of a service."""
        desired = read_desired(self.controller_id, service)
        assert desired is not None
        return read_service(self.controller_id, desired)
