"""Whichever controller dies while a service is moved: one of them has it in the end, and it served all the time."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from paramedic.services.changes import update
from paramedic.services.moving import move
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.services import NameReservation, gateway_partition, name_item
from paramedic_controller.restore import read_desired
from tests.fakes.controller_world import ControllerWorld, Life, make_spec, no_hook
from tests.fakes.memory_dynamodb import MemoryDynamoDB

pytestmark = pytest.mark.crash

MOST_POINTS = 200

QUIET_PASSES = 3

SPEC = make_spec(min_replicas=2)


class CrashError(BaseException):
    """The process is gone; nothing it had in memory is left."""


class CrashAt:
    """Ends a process at the n-th point that any passes once it is armed."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.armed = False
        self.where = ""

    def __call__(self, point: str) -> None:
        if not self.armed:
            return
        self.left -= 1
        if self.left == 0:
            self.where = point
            raise CrashError(point)


class Pair:
    """Two controllers of one stack on one host, each succeeded whenever it dies."""

    def __init__(self, log_dir: Path, hook: Callable[[str], None] = no_hook) -> None:
        self.first = ControllerWorld("memory-", log_dir)
        self.second = ControllerWorld("memory-", log_dir, controller_id="second")
        self.second.launcher, self.second.clock = self.first.launcher, self.first.clock
        self.second.names = self.first.names
        self._hook = hook
        self._done = 0
        # Epochs of the one are far above those of the other.
        for _ in range(3):
            self.first.start()
        self._lives: dict[ControllerWorld, Life | None] = {self.first: None, self.second: None}

    def settle(self) -> None:
        """Both work until for a while nothing is left to do."""
        quiet = 0
        for _ in range(100):
            before = self._done
            self.run_pass()
            quiet = quiet + 1 if self._done == before else 0
            if quiet == QUIET_PASSES:
                return
        raise AssertionError("not settled after 100 passes")

    def run_pass(self) -> None:
        """One of each, and a second passes."""
        for world in self._lives:
            try:
                life = self._lives[world] = self._lives[world] or world.start(self._note)
                life.run_pass()
            except CrashError:
                self._lives[world] = None
            self.check()
        self.first.clock.advance(1.0)

    def check(self) -> None:
        """What holds at every moment once the service is wanted."""
        owners = [each.controller_id for each in self._lives if read_desired(each.controller_id, "echo")]
        assert len(owners) <= 1, f"both have it: {owners}"
        balancer = LoadBalancer.read("default", "echo")
        if balancer is not None and balancer.routes.replicas:
            alive = {int(each.request.workload.rpartition("/")[2]) for each in self.first.launcher.living()}
            assert {route.replica_id for route in balancer.routes.replicas} <= alive

    def _note(self, point: str) -> None:
        self._done += 1
        self._hook(point)


def moved_in_the_middle_of_an_update(log_dir: Path, crash: CrashAt) -> Pair:
    pair = Pair(log_dir, crash)
    pair.run_pass()
    pair.first.up(SPEC)
    pair.settle()
    update("main", SPEC.model_copy(update={"run": "serve --second"}), "ada", clock=pair.first.clock)
    pair.run_pass()
    crash.armed = True
    move("main", "echo", "second", "ada", clock=pair.first.clock)
    pair.settle()
    return pair


def test_a_crash_at_any_write_or_launcher_call_of_a_move_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seen: set[str] = set()
    for number in range(1, MOST_POINTS):
        with MemoryDynamoDB().bound():
            crash = CrashAt(number)
            pair = moved_in_the_middle_of_an_update(tmp_path, crash)
            check_moved(pair)
        if not crash.where:
            assert number > 15
            break
        seen.add(crash.where)
    assert {"before write", "after write", "after launch", "after stop"} <= seen


def check_moved(pair: Pair) -> None:
    launcher, state = pair.first.launcher, pair.second.stored()
    assert read_desired("main", "echo") is None
    assert [(each.status, each.version) for each in state.replicas] == [(ReplicaStatus.READY, 2)] * 2
    assert {each.receipt.key for each in launcher.living()} == {each.operation for each in state.replicas}
    assert max(Counter(each.request.workload for each in launcher.started.values()).values()) == 1
    assert state.operations == ()
    assert state.observed is not None
    assert state.observed.settled_revision == state.desired.revision
    name = NameReservation.read(gateway_partition("default"), name_item("echo"))
    assert name is not None
    assert (name.owner, name.uid) == ("second", state.desired.uid)
