"""A recovery that dies at any write or host action is completed by the sweeper, and never leaves two controllers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest

from paramedic.errors import ParamedicError
from paramedic.health.event_details import ControllerFailed
from paramedic.launchers.profiles import UnknownProfileError
from paramedic.recovery import recoverer
from paramedic.recovery.answering import act
from paramedic.recovery.messages import Approve, ManualReplace
from paramedic.recovery.records import STEP_SECONDS
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.incidents import RelaunchPlan
from paramedic.state.recoveries import OPEN_STEPS, Step, open_recoveries
from paramedic.state.services import ServiceFence, fence_item
from paramedic.state.targets import Target, TargetMode, bucket_of
from paramedic.state.transactions import MAX_CHANGES, put_new, transact
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.fakes.recovery_world import CONTROLLER, TARGET, RecoveryWorld, asks

pytestmark = pytest.mark.crash

SEND = "_make_api_call"
WRITES = ("TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem")
HOST_ACTIONS = ("launch", "stop", "fence")
ACTIONS = 12
"""Writes, host actions and pages of an uneventful recovery; a test below keeps the number honest."""

GRANT = 8
"""The first action that differs where there is a standby."""


class Died(BaseException):
    """The invocation was killed here."""


class Dying:
    """Counts a recovery's actions and kills it before or after the one it was told to."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at = at
        self.after = after
        self.count = 0
        self.armed = True

    def act[T](self, action: Callable[[], T]) -> T:
        if not self.armed:
            return action()
        self.count += 1
        dies = self.count == self.at
        if dies and not self.after:
            raise Died
        result = action()
        if dies:
            raise Died
        return result

    @contextmanager
    def asleep(self) -> Iterator[None]:
        before, self.armed = self.armed, False
        try:
            yield
        finally:
            self.armed = before


class DyingHost:
    """The fake host, reached through a recovery that may die at each action on it."""

    def __init__(self, world: RecoveryWorld, dying: Dying) -> None:
        self._world = world
        self._dying = dying

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._world.host, name)
        if name not in HOST_ACTIONS:
            return real
        return lambda *args, **kwargs: self._dying.act(lambda: real(*args, **kwargs))


def surroundings(world: RecoveryWorld, dying: Dying) -> Surroundings:
    around = world.around()
    plan = around.profile("local")
    return replace(
        around,
        profile=lambda name: replace(plan, launcher=DyingHost(world, dying)),
        page=lambda subject, text: dying.act(lambda: world.page(subject, text)),
    )


@pytest.fixture
def world(memory_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(memory_prefix)


def run_dying(world: RecoveryWorld, dying: Dying, monkeypatch: pytest.MonkeyPatch, diagnosis: str) -> bool:
    """Run one recovery that dies where told; True when it got to the end instead."""
    failure = world.found_bad(diagnosis)
    return in_danger(world, dying, monkeypatch, lambda: recoverer.on_failure(failure, surroundings(world, dying)))


def in_danger(world: RecoveryWorld, dying: Dying, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> bool:
    """Run `act`, whose every write may be its last; True when it got to the end."""
    real: Callable[[MemoryDynamoDB, str, dict[str, Any]], Any] = getattr(MemoryDynamoDB, SEND)

    def counted(client: MemoryDynamoDB, operation: str, arguments: dict[str, Any]) -> Any:
        call = partial(real, client, operation, arguments)
        return dying.act(call) if operation in WRITES else call()

    def others_go_on() -> None:
        with dying.asleep():
            world.host.go_on()

    world.clock.on_sleep = others_go_on
    with monkeypatch.context() as patched:
        patched.setattr(MemoryDynamoDB, SEND, counted)
        try:
            act()
        except Died:
            return False
        finally:
            world.clock.on_sleep = world.host.go_on
    return True


def self_start_dying(world: RecoveryWorld, dying: Dying, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Start a controller without an epoch that dies where told; True when it got to the end instead."""
    return in_danger(world, dying, monkeypatch, lambda: world.self_start(surroundings(world, dying)))


def start_until_it_runs(world: RecoveryWorld) -> None:
    """What happens anyway: a supervisor starts it again and again; sweeps run where its host cannot be reached."""
    for _ in range(10):
        with suppress(ParamedicError):
            world.self_start()
        if world.host.alive() and not open_recoveries():
            return
        world.clock.sleep(STEP_SECONDS / 2)
        recoverer.sweep(blind(world))


def blind(world: RecoveryWorld) -> Surroundings:
    def no_profile(name: str) -> LaunchPlan:
        raise UnknownProfileError(f"launcher profile {name!r} does not exist")

    return replace(world.around(), profile=no_profile, verify_seconds_per_invocation=0.0)


def finish(world: RecoveryWorld, diagnosis: str, epoch: int = 1) -> None:
    """What happens anyway: sweeps every minute, and the check finding it bad again while nobody has recovered it."""
    for _ in range(4):
        was_over = world.epoch().epoch != epoch and open_recoveries() == []
        for _ in range(6):
            world.clock.sleep(STEP_SECONDS / 5)
        recoverer.sweep(world.around())
        if world.epoch().epoch == epoch:
            recoverer.on_failure(world.found_bad(diagnosis), world.around())
        if was_over:
            return


def assert_recovered_once(world: RecoveryWorld) -> None:
    newest = int(world.epoch().epoch)
    assert world.host.alive() == [newest]
    assert world.epoch().claimed_by == world.newest().receipt.key
    assert [line for line in world.host.log if line.startswith("launch")] == [f"launch {newest} beside []"]
    assert open_recoveries() == []
    for page in (f"Recovering {TARGET}", f"Recovered {TARGET}"):
        assert world.pages.count(page) in (1, 2)
    record = world.recovery(newest)
    assert record.step == Step.DONE
    assert [entry.step for entry in record.story.entries if entry.step != "verify"] == ["gate", "launch", "done"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("diagnosis", ["dead", "hung"])
@pytest.mark.parametrize("at", range(1, ACTIONS + 1))
def test_a_recovery_crashed_at_each_write_action_and_page_is_completed_by_the_sweeper(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch, at: int, diagnosis: str, after: bool
) -> None:
    world.first.alive = diagnosis != "dead"
    world.first.suspended = True
    assert not run_dying(world, Dying(at, after=after), monkeypatch, diagnosis)
    finish(world, diagnosis)
    assert_recovered_once(world)


@pytest.mark.parametrize("diagnosis", ["dead", "hung"])
def test_the_crashes_above_cover_everything_that_leaves_a_trace_of_a_recovery(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch, diagnosis: str
) -> None:
    world.first.alive = diagnosis != "dead"
    world.first.suspended = True
    uneventful = Dying(0, after=False)
    assert run_dying(world, uneventful, monkeypatch, diagnosis)
    assert uneventful.count == ACTIONS


FENCING_ACTIONS = 16
"""Those of a recovery that fences its predecessor off: it takes its step again and seals two groups of fences."""


def lose_its_predecessor(world: RecoveryWorld) -> None:
    """It has ended, and nobody can tell; its services are more than one transaction seals."""
    world.fences_on_host = True
    world.first.alive = False
    world.host.lost.add("first")
    names = [fence_item(f"service-{number:03}") for number in range(MAX_CHANGES)]
    transact([put_new(ServiceFence(CONTROLLER, name, owner_epoch=1, seq=0)) for name in names], world.clock)


# From the stop, in which it differs, to the launch. Before an action is after the one before it.
@pytest.mark.parametrize("at", range(FENCING_ACTIONS - 12, FENCING_ACTIONS - 3))
def test_a_recovery_that_fences_its_predecessor_and_crashes_anywhere_is_completed_by_the_sweeper(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    lose_its_predecessor(world)
    assert not run_dying(world, Dying(at, after=True), monkeypatch, "dead")
    finish(world, "dead")
    assert_recovered_once(world)
    fenced = [entry.text for entry in world.recovery(2).story.entries if entry.text.startswith("fenced")]
    assert len(fenced) == 1
    fences = ServiceFence.read_all(CONTROLLER, ServiceFence.item.startswith(fence_item("")))
    assert {int(fence.owner_epoch) for fence in fences} == {2}


def test_the_crashes_above_cover_everything_that_leaves_a_trace_of_a_recovery_that_fences(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_its_predecessor(world)
    uneventful = Dying(0, after=False)
    assert run_dying(world, uneventful, monkeypatch, "dead")
    assert uneventful.count == FENCING_ACTIONS


SELF_START_ACTIONS = 10
"""Writes, host actions and pages of an uneventful start without an epoch; kept honest below."""


def assert_one_controller_runs(world: RecoveryWorld) -> None:
    newest = int(world.epoch().epoch)
    assert world.host.alive() == [newest]
    assert world.epoch().claimed_by == world.newest().receipt.key
    assert open_recoveries() == []
    steps = [world.recovery(epoch).step for epoch in range(2, newest + 1)]
    assert steps[-1] == Step.DONE
    assert not set(steps) & set(OPEN_STEPS)


# Before an action is after the one before it: a start that dies keeps nothing.
@pytest.mark.parametrize("at", range(1, SELF_START_ACTIONS + 1))
def test_a_start_without_an_epoch_crashed_anywhere_is_completed_by_later_starts_alone(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    world.first.suspended = True
    assert not self_start_dying(world, Dying(at, after=True), monkeypatch)
    living_after_a_crash(world)
    start_until_it_runs(world)
    assert_one_controller_runs(world)


@pytest.mark.parametrize("at", range(1, SELF_START_ACTIONS + 1))
def test_a_start_without_an_epoch_crashed_anywhere_is_completed_by_the_recovery_function(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    world.first.suspended = True
    assert not self_start_dying(world, Dying(at, after=True), monkeypatch)
    living_after_a_crash(world)
    for _ in range(4):
        world.clock.sleep(STEP_SECONDS)
        recoverer.sweep(world.around())
        if world.host.alive() != [int(world.epoch().epoch)]:
            recoverer.on_failure(world.found_bad("hung" if world.first.alive else "dead"), world.around())
    assert_one_controller_runs(world)


def living_after_a_crash(world: RecoveryWorld) -> None:
    """The process that crashed is gone, with whatever it had claimed."""
    for process in world.host.processes.values():
        process.alive = process.alive and process is world.first


def test_the_crashes_above_cover_everything_that_leaves_a_trace_of_a_start_without_an_epoch(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.first.suspended = True
    uneventful = Dying(0, after=False)
    assert self_start_dying(world, uneventful, monkeypatch)
    assert uneventful.count == SELF_START_ACTIONS


@pytest.mark.parametrize(
    ("hangs", "first"), [(False, 1), (True, GRANT)], ids=["a standby that claims", "a standby that hangs on its grant"]
)
def test_a_recovery_that_grants_its_epoch_and_crashes_anywhere_ends_with_one_controller(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch, hangs: bool, first: int
) -> None:
    world.poll_seconds = 3.0
    steps: list[list[str]] = []
    for at in count(first):
        for process in world.host.processes.values():
            process.alive = False
        world.clock.advance(7200)
        before = int(world.epoch().epoch)
        world.host.stand_by(CONTROLLER, f"standby-{at}").hangs_on_grant = hangs
        completed = run_dying(world, Dying(at, after=False), monkeypatch, "dead")
        if not completed:
            finish(world, "dead", before)
        newest = int(world.epoch().epoch)
        record = world.recovery(newest)
        assert world.host.alive() == [newest]
        assert [process.receipt.key for process in world.host.processes.values() if process.alive] == [
            world.epoch().claimed_by
        ]
        assert record.step == Step.DONE
        assert open_recoveries() == []
        steps.append([entry.step for entry in record.story.entries])
        if completed:
            break
    launches = [line for line in world.host.log if line.startswith("launch")]
    assert all(line.endswith("beside []") for line in launches)
    if hangs:
        assert steps[-1] == ["gate", "launch", "verify", "launch", "verify", "done"]
        assert len(launches) == len(steps)
    else:
        assert steps[-1] == ["gate", "launch", "verify", "done"]
        assert launches == []


def asked_and_approved(failure: ControllerFailed, yes: Approve, around: Surroundings) -> None:
    recoverer.on_failure(failure, around)
    act(yes, around)


def until_approved(world: RecoveryWorld, plan: str, before: int) -> None:
    """What happens anyway: the check finds it bad every minute, and whoever was asked says yes until it is done."""
    bad = world.target().bad
    for _ in range(4):
        world.clock.sleep(STEP_SECONDS)
        recoverer.sweep(world.around())
        if world.epoch().epoch == before:
            event = world.found_bad()
            # The same bad period goes on.
            Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.set(bad)])
            recoverer.on_failure(event, world.around())
            world.says("approve", plan=plan)
        elif not open_recoveries():
            return


def test_a_question_and_the_yes_to_it_crashed_anywhere_end_in_one_recovery_in_the_name_of_who_said_it(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.set_mode(TargetMode.ASK)
    approve = asks("approve", plan="unknown yet")
    assert isinstance(approve, Approve)
    for at in count(1):
        for process in world.host.processes.values():
            process.alive = False
        world.clock.advance(7200)
        before, told = int(world.epoch().epoch), len(world.pages)
        failure, dying = world.found_bad(), Dying(at, after=at % 2 == 0)
        plan = f"{failure.since}/{before + 1}"
        yes = approve.model_copy(update={"plan": plan})
        around = surroundings(world, dying)
        completed = in_danger(world, dying, monkeypatch, partial(asked_and_approved, failure, yes, around))
        if not completed:
            until_approved(world, plan, before)
        assert world.host.alive() == [before + 1]
        story = world.recovery(before + 1).story
        assert (story.actor, story.plan) == ("ada", plan)
        asked = RelaunchPlan.read(TARGET, f"ask#{plan}")
        assert asked is not None
        assert asked.used_epoch == before + 1
        assert world.pages[told:].count(f"{TARGET} waits for approval") in (1, 2)
        if completed:
            break
    launches = [line for line in world.host.log if line.startswith("launch")]
    assert launches == [f"launch {epoch} beside []" for epoch in range(2, int(world.epoch().epoch) + 1)]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_replacement_crashed_anywhere_is_completed_by_the_sweeper_or_leaves_the_predecessor_as_it_was(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    wish = asks("replace")
    assert isinstance(wish, ManualReplace)
    for at in count(1):
        before = int(world.epoch().epoch)
        dying = Dying(at, after=after)
        around = surroundings(world, dying)
        completed = in_danger(world, dying, monkeypatch, partial(act, wish, around))
        for _ in range(4):
            world.clock.sleep(STEP_SECONDS)
            recoverer.sweep(world.around())
        assert world.host.alive() == [int(world.epoch().epoch)]
        assert int(world.epoch().epoch) in (before, before + 1)
        assert open_recoveries() == []
        if completed:
            break
    assert all(line.endswith("beside []") for line in world.host.log if line.startswith("launch"))
