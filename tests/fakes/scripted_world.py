"""One service, its gateways and whoever uses it, second by second after a script, in two worlds that differ in one way.

In the one a process that is interrupted is gone and has a successor; in the other it stands still for just as long.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paramedic.launchers.interface import Launch, LauncherError, StopResult
from paramedic.services.changes import restart, scale, update
from paramedic.services.pausing import pause, resume
from paramedic.services.spec import ServiceSpec
from paramedic.services.update_strategy import UpdateStrategy
from paramedic.services.verbs import up
from paramedic.state.receipt import Receipt
from paramedic_controller.model import ServiceState
from paramedic_controller.probes import Tally
from tests.fakes.controller_world import ControllerWorld, FakeProber, Life
from tests.fakes.launcher import FakeLauncher
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.fakes.traffic_reporter import TrafficReporter

NAME, UID = "echo", "uid-1"

REPORT_SECONDS = 3

TICK_SECONDS = 5

PASSES_WHEN_BACK = 3


class InterruptionError(BaseException):
    """The process does not get beyond this point of its step."""


class LoggedLauncher(FakeLauncher):
    """Remembers what was done in which second. What it refused once it refuses whenever it is asked for it again."""

    def __init__(self, second: Callable[[], int]) -> None:
        super().__init__()
        self._second = second
        self.done: list[tuple[int, str, str]] = []
        self.launched_at: dict[str, int] = {}
        self._refused: set[str] = set()

    def launch(self, request: Launch) -> Receipt:
        is_new = request.key not in self.started
        if is_new and (self.refuses is not None or request.key in self._refused):
            self._refused.add(request.key)
            raise LauncherError("no room")
        receipt = super().launch(request)
        if is_new:
            self.launched_at[request.workload] = self._second()
            self.done.append((self._second(), "launch", f"{request.workload}: {request.command[-1]}"))
        return receipt

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        lived = self.started[receipt.key].alive
        result = super().stop(receipt, epoch=epoch, grace_seconds=grace_seconds, scope=scope)
        if lived:
            self.done.append((self._second(), "stop", receipt.workload))
        return result


class SecondsProber(FakeProber):
    """A probe a second, of replicas that take their time to start and may fall sick: the same for whoever asks."""

    def __init__(self, launcher: LoggedLauncher, world: "ScriptedWorld") -> None:
        super().__init__(launcher)
        self._world = world

    def tally(self, name: str) -> Tally | None:
        world = self._world
        if super().tally(name) is None:
            return None
        sick_since = world.sick_since.get(name)
        if sick_since is not None:
            return Tally(ready=False, failures=1 + world.second() - sick_since, detail="sick")
        age = world.second() - world.launcher.launched_at[name]
        is_up = age >= world.start_up_seconds
        return Tally(is_up, 0 if is_up else 1, "")


@dataclass
class Door:
    """A gateway replica: it counts `rate` requests a second and reports them while it is not silent."""

    name: str
    world: ControllerWorld
    rate: int = 0
    silent: bool = False
    lives: int = 0
    reporter: TrafficReporter = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """What it has not reported is lost."""
        self.lives += 1
        self.reporter = TrafficReporter("default", self.name, f"life-{self.lives}", self.world.clock)

    def serve(self, second: int) -> None:
        if self.rate:
            self.reporter.count(UID, self.rate)
        if not self.silent and second % REPORT_SECONDS == 0:
            self.reporter.flush()


class ScriptedWorld(ControllerWorld):
    """What controllers live in; changes only by the calls of a script."""

    launcher: LoggedLauncher

    def __init__(self, spec: ServiceSpec, log_dir: Path) -> None:
        super().__init__("memory-", log_dir)
        self._began = int(self.clock.now().timestamp())
        self.launcher = LoggedLauncher(self.second)
        self.sick_since: dict[str, int] = {}
        self.start_up_seconds = 0
        self.spec = spec
        self.doors = [Door(name, self) for name in ("r1", "r2")]

    def second(self) -> int:
        """Since it began."""
        return int(self.clock.now().timestamp()) - self._began

    def prober(self) -> FakeProber:
        return SecondsProber(self.launcher, self)

    def pass_second(self) -> None:
        """Traffic of one second."""
        self.clock.advance(1.0)
        for door in self.doors:
            door.serve(self.second())

    def begin(self) -> None:
        """The service is wanted."""
        up(self.controller_id, self.spec, "ada", clock=self.clock, new_id=lambda: UID)

    def update(self, command: str, strategy: UpdateStrategy) -> None:
        """Another command, or the same in another mode."""
        section = self.spec.service.model_copy(update={"update": strategy})
        self.spec = self.spec.model_copy(update={"run": command, "service": section})
        update(self.controller_id, self.spec, "ada", clock=self.clock)

    def scale(self, minimum: int, more: int) -> None:
        """Other bounds."""
        policy = self.spec.service.replica_policy.with_bounds(minimum, minimum + more)
        section = self.spec.service.model_copy(update={"replica_policy": policy})
        self.spec = self.spec.model_copy(update={"service": section})
        scale(self.controller_id, NAME, lambda _: policy, "ada", clock=self.clock)

    def restart(self) -> None:
        """The same, with new replicas."""
        restart(self.controller_id, NAME, "ada", clock=self.clock)

    def pause(self) -> None:
        """No replicas for a while."""
        pause(self.controller_id, NAME, "ada", "lunch", clock=self.clock)

    def resume(self) -> None:
        """Replicas again."""
        resume(self.controller_id, NAME, "ada", clock=self.clock)

    def let_die(self, number: int) -> None:
        """One of the living replicas ends by itself."""
        living = self.launcher.living()
        if living:
            living[number % len(living)].alive = False

    def let_fall_sick(self, number: int) -> None:
        """One of the living replicas does not answer any more."""
        living = self.launcher.living()
        if living:
            self.sick_since.setdefault(living[number % len(living)].request.workload, self.second())

    def heal(self) -> None:
        """All of them answer again."""
        self.sick_since.clear()


@dataclass(frozen=True)
class Interruption:
    """At the `point`-th thing that the process is about to do from now on; it lasts so many seconds."""

    point: int
    seconds: int


type Happening = Callable[[ScriptedWorld], None] | Interruption


@dataclass(frozen=True)
class Step:
    """Something happens, then some seconds pass."""

    happening: Happening
    then: int


class Play:
    """A controller that lives after a script. `seen` has what it knew after each second, or None while it was away."""

    def __init__(self, world: ScriptedWorld) -> None:
        self.world = world
        self.seen: list[object] = []
        self._life: Life | None = None
        self._away_until = 0
        self._coming: Interruption | None = None
        self._points_left = 0
        self._ticking = False
        self._is_back = False

    def run(self, steps: Sequence[Step]) -> None:
        """All of it."""
        self._life = self.world.start(self._reach)
        self.world.begin()
        for step in steps:
            if isinstance(step.happening, Interruption):
                self._coming, self._points_left = step.happening, step.happening.point
            else:
                step.happening(self.world)
            for _ in range(step.then):
                self._second()
        while self.seen[-1] is None:
            self._second()

    def _second(self) -> None:
        self.world.pass_second()
        self.seen.append(self._look_after())

    def interrupted(self) -> None:
        """What becomes of the process."""
        raise NotImplementedError

    def _look_after(self) -> object:
        if self.world.second() < self._away_until:
            return None
        self._life = self._life or self.world.start(self._reach)
        try:
            # Whoever is back may have to ask again what it was told before, which takes rounds.
            for _ in range(PASSES_WHEN_BACK if self._is_back else 1):
                self._pass(self._life)
        except InterruptionError:
            self._is_back = True
            self.interrupted()
            return None
        self._is_back = False
        return decisions(self._life.state())

    def _pass(self, life: Life) -> None:
        self._ticking = False
        for step in (life.fleet.follow_desired, life.fleet.run_pass, life.fleet.tick_when_due):
            self._reach("between steps")
            self._ticking = step == life.fleet.tick_when_due
            step()
        self._reach("between steps")
        assert not life.fleet.quarantined, life.fleet.quarantined

    def _reach(self, point: str) -> None:
        # After a write there is nothing but the way to the next point.
        if self._coming is None or point in ("after write", "before renewal", "after renewal"):
            return
        self._points_left -= 1
        if self._points_left > 0:
            return
        # The tick that is lost with the process must not be made again by whoever is back before the next.
        least = TICK_SECONDS if self._ticking else 1
        self._away_until = self.world.second() + max(least, self._coming.seconds)
        self._coming = None
        raise InterruptionError(point)


class Succeeded(Play):
    """Whoever is interrupted is gone; another process takes up what is stored."""

    def interrupted(self) -> None:
        self._life = None


class Suspended(Play):
    """Whoever is interrupted stands still, gives up the step it was in and goes on with the next pass.

    What its launcher answered and was not written down yet it asks for again, as anybody else would.
    """

    def interrupted(self) -> None:
        assert self._life is not None
        self._life.fleet.tools.effects._running.clear()


def decisions(state: ServiceState) -> object:
    """What is decided about a service: all of it but the names of operations and where replicas listen."""
    assert state.scaler is not None
    assert state.balancer is not None
    routes, draining = (
        [(each.replica_id, each.version, each.weight) for each in group]
        for group in (state.balancer.routes, state.balancer.draining)
    )
    return {
        "target": state.scaler.replicas,
        "observed": state.observed,
        "replicas": [
            (each.replica_id, each.version, each.generation, each.status, each.launched_at) for each in state.replicas
        ],
        "operations": [
            (each.kind, each.replica_id, each.version, each.reason, each.opened_at) for each in state.operations
        ],
        "routes": routes,
        "draining": draining,
    }


def played(kind: type[Play], spec: ServiceSpec, steps: Sequence[Step], log_dir: Path) -> Play:
    """The play after it was played, in a world of its own."""
    with MemoryDynamoDB().bound():
        play = kind(ScriptedWorld(spec, log_dir))
        play.run(steps)
        return play
