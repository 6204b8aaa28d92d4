"""A recovery that dies at any write or host action is completed by the sweeper, and never leaves two controllers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.client import BaseClient

from paramedic.recovery import recoverer
from paramedic.recovery.records import STEP_SECONDS
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.recoveries import Step, open_recoveries
from tests.fakes.recovery_world import TARGET, RecoveryWorld

pytestmark = pytest.mark.crash

SEND = "_make_api_call"
WRITES = ("TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem")
HOST_ACTIONS = ("launch", "stop", "fence")
ACTIONS = 12
"""Writes, host actions and pages of an uneventful recovery; a test below keeps the number honest."""


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
        profile=lambda name: LaunchPlan(DyingHost(world, dying), plan.request, plan.verify_seconds),
        page=lambda subject, text: dying.act(lambda: world.page(subject, text)),
    )


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


def run_dying(world: RecoveryWorld, dying: Dying, monkeypatch: pytest.MonkeyPatch, diagnosis: str) -> bool:
    """Run one recovery that dies where told; True when it got to the end instead."""
    failure = world.found_bad(diagnosis)
    real: Callable[[BaseClient, str, dict[str, Any]], Any] = getattr(BaseClient, SEND)

    def counted(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        call = partial(real, client, operation, arguments)
        return dying.act(call) if operation in WRITES else call()

    def others_go_on() -> None:
        with dying.asleep():
            world.host.go_on()

    world.clock.on_sleep = others_go_on
    with monkeypatch.context() as patched:
        patched.setattr(BaseClient, SEND, counted)
        try:
            recoverer.on_failure(failure, surroundings(world, dying))
        except Died:
            return False
        finally:
            world.clock.on_sleep = world.host.go_on
    return True


def finish(world: RecoveryWorld, diagnosis: str) -> None:
    """What happens anyway: sweeps every minute, and the check finding it bad again while nobody has recovered it."""
    for _ in range(4):
        for _ in range(6):
            world.clock.sleep(STEP_SECONDS / 5)
        recoverer.sweep(world.around())
        if world.epoch().epoch == 1:
            recoverer.on_failure(world.found_bad(diagnosis), world.around())


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
