"""A controller that dies at any point leaves a state from which its successor does each thing exactly once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from paramedic.services.changes import update
from paramedic.services.spec import ServiceSpec
from paramedic.services.update_strategy import UpdateMode, UpdateStrategy
from paramedic.services.verbs import down
from paramedic.state.operations import Operation
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic.state.traffic import draining_key
from paramedic.state.traffic_report import Standing, TrafficWriter
from paramedic_controller.model import ServiceState
from paramedic_controller.restore import read_desired
from tests.fakes.controller_world import ControllerWorld, Life, make_spec

pytestmark = pytest.mark.crash

MOST_POINTS = 400

type Changed = Callable[[ServiceSpec, str], ServiceSpec]


class CrashError(BaseException):
    """The process is gone; nothing it had in memory is left."""


class CrashAt:
    """Ends the process at the n-th point it passes; points are before and after each write and launcher call."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.where = ""

    def __call__(self, point: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.where = point
            raise CrashError(point)

    @property
    def happened(self) -> bool:
        return bool(self.where)


class Story:
    """Up, a death, down and up again, with a crash somewhere on the way."""

    def __init__(self, world: ControllerWorld, crash: CrashAt) -> None:
        self.world = world
        self.crash = crash
        self.life: Life | None = None

    def tell(self) -> None:
        world = self.world
        self.settle()
        # One table holds every story: each has its own gateway, on which its service may be called what it likes.
        world.up(make_spec(gateway=world.controller_id, min_replicas=2))
        self.settle()
        self.check_serving(2)
        world.launcher.kill(min(ready_ids(world.stored())))
        self.settle()
        self.check_serving(2)
        down(world.controller_id, "echo", "ada", clock=world.clock)
        self.settle()
        assert world.launcher.living() == []
        world.up(make_spec(gateway=world.controller_id, min_replicas=3))
        self.settle()
        self.check_serving(3)

    def settle(self) -> None:
        """Whoever holds the epoch works until nothing is left to do; who crashed is succeeded."""
        while True:
            try:
                if self.life is None:
                    self.life = self.world.start(self.crash)
                self.life.settle()
            except CrashError:
                self.life = None
                self.check_journal()
            else:
                return

    def check_journal(self) -> None:
        """Successors look for open operations only where the replicas' rows say that there are some."""
        desired = read_desired(self.world.controller_id, "echo")
        if desired is not None:
            under_way = (ReplicaStatus.LAUNCHING, ReplicaStatus.STOPPING)
            open_ones = Operation.read_all(desired.uid, Operation.item.startswith("open#"))
            told = [row.replica_id for row in Replica.read_all(desired.uid) if row.status in under_way]
            assert sorted(int(each.replica_id) for each in open_ones) == told

    def check_serving(self, number: int) -> None:
        self.check_journal()
        state, launcher = self.world.stored(), self.world.launcher
        assert state.operations == ()
        assert state.balancer is not None
        assert len(ready_ids(state)) == len(state.replicas) == number
        assert [route.url for route in state.balancer.routes] == [each.url for each in state.replicas]
        running = {each.receipt.key for each in launcher.living()}
        assert running == {each.operation for each in state.replicas}
        started = Counter(each.request.workload for each in launcher.started.values())
        assert max(started.values()) == 1, f"one replica id was started more than once: {started}"


def ready_ids(state: ServiceState) -> list[int]:
    return [each.replica_id for each in state.replicas if each.status is ReplicaStatus.READY]


def test_a_crash_after_any_write_or_launcher_call_duplicates_and_loses_nothing(
    memory_prefix: str, tmp_path: Path
) -> None:
    seen: set[str] = set()
    for number in range(1, MOST_POINTS):
        crash = CrashAt(number)
        Story(ControllerWorld(memory_prefix, tmp_path, f"crash-{number}"), crash).tell()
        if not crash.happened:
            assert number > 20
            break
        seen.add(crash.where)
    assert {"after write", "before launch", "after launch", "before stop", "after stop"} <= seen


class UpdateStory(Story):
    """A service is brought to another version, with a crash somewhere on the way."""

    def __init__(self, world: ControllerWorld, crash: CrashAt, changed: Changed) -> None:
        super().__init__(world, crash)
        self.changed = changed

    def tell(self) -> None:
        world = self.world
        self.settle()
        spec = make_spec(gateway=world.controller_id, min_replicas=2)
        world.up(spec)
        self.settle()
        self.check_serving(2)
        update(world.controller_id, self.changed(spec, "serve --second"), "ada", clock=world.clock)
        self.settle()
        self.check_serving(2)
        state = world.stored()
        assert {each.request.command[-1] for each in world.launcher.living()} == {"serve --second"}
        assert state.observed is not None
        assert state.observed.settled_revision == state.desired.revision


def rolling(spec: ServiceSpec, command: str) -> ServiceSpec:
    return spec.model_copy(update={"run": command})


def blue_green(spec: ServiceSpec, command: str) -> ServiceSpec:
    strategy = UpdateStrategy(mode=UpdateMode.BLUE_GREEN)
    section = spec.service.model_copy(update={"update": strategy})
    return spec.model_copy(update={"run": command, "service": section})


class CrashAndCount(CrashAt):
    """Also sees that whatever is stopped leaves two replicas, once there were two."""

    def __init__(self, number: int, world: ControllerWorld) -> None:
        super().__init__(number)
        self.world = world

    def __call__(self, point: str) -> None:
        if point == "after stop":
            assert len(self.world.launcher.living()) >= 2
        super().__call__(point)


@pytest.mark.parametrize("changed", [rolling, blue_green])
def test_an_update_that_a_crash_interrupts_anywhere_is_resumed_in_its_mode_and_serves_all_the_time(
    memory_prefix: str, tmp_path: Path, changed: Changed
) -> None:
    seen: set[str] = set()
    for number in range(1, MOST_POINTS):
        world = ControllerWorld(memory_prefix, tmp_path, f"update-{number}")
        crash = CrashAndCount(number, world)
        UpdateStory(world, crash, changed).tell()
        if not crash.happened:
            assert number > 20
            break
        seen.add(crash.where)
    assert {"after write", "before launch", "after launch", "before stop", "after stop"} <= seen


def test_a_controller_that_dies_again_and_again_still_gets_there(memory_prefix: str, tmp_path: Path) -> None:
    world = ControllerWorld(memory_prefix, tmp_path)
    story = Story(world, CrashAt(0))
    story.settle()
    world.up(make_spec(min_replicas=3))
    for _ in range(40):
        # Each life gets three points further, then dies.
        story.crash = CrashAt(3)
        story.life = None
        try:
            world.start(story.crash).settle()
        except CrashError:
            continue
        break
    story.crash = CrashAt(0)
    story.settle()
    story.check_serving(3)


def test_a_crash_anywhere_ends_no_replica_before_a_silent_gateway_had_its_time(
    memory_prefix: str, tmp_path: Path
) -> None:
    for number in range(1, MOST_POINTS):
        world = ControllerWorld(memory_prefix, tmp_path, f"drain-{number}")
        gateway, crash = world.controller_id, CrashAt(number)
        Story(world, CrashAt(0)).settle()
        uid = world.up(make_spec(gateway=gateway, drain_seconds=8, min_replicas=2)).uid
        Story(world, CrashAt(0)).settle()
        now = int(world.clock.now().timestamp())
        last_words = {draining_key(uid, 1): 1, draining_key(uid, 2): 0}
        TrafficWriter(gateway, "r1").write_report("life-1", Standing(1, now, now, 1, ("GET /",), last_words))
        world.clock.advance(1.0)
        down(world.controller_id, "echo", "ada", clock=world.clock)
        ended = drive_until_gone(world, crash)
        assert min(ended) >= 8
        assert max(ended) < 20
        if not crash.happened:
            assert number > 4
            break


def drive_until_gone(world: ControllerWorld, crash: CrashAt) -> list[float]:
    """Seconds from now at which replicas were ended."""
    began, ended = world.clock.monotonic(), list[float]()

    def hook(point: str) -> None:
        if point == "before stop":
            ended.append(world.clock.monotonic() - began)
        crash(point)

    life: Life | None = None
    for _ in range(60):
        if read_desired(world.controller_id, "echo") is None:
            return ended
        try:
            life = life or world.start(hook)
            life.run_pass()
        except CrashError:
            life = None
        world.clock.advance(1.0)
    raise AssertionError("the service is still there after a minute")
