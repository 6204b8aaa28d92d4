"""A recovery of a guarded URL stopped before each of its calls once, in all kinds of trouble, and what comes after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from paramedic.recovery import recoverer
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.recoveries import Recovery, open_recoveries
from tests.fakes.guarded_world import TARGET, GuardedWorld, OnePlace

pytestmark = pytest.mark.crash

FIRST = 100
CALLS = 20
"""What a recovery makes at least."""

SWEEPS = 4


class Died(BaseException):
    """The invocation was killed here."""


class Fuse:
    """Burns with each call; the call at which it is burnt up is never made."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.armed = True

    def burn(self) -> None:
        if self.armed:
            self.left -= 1
            if self.left == 0:
                raise Died


class BurningPlace:
    """The place, reached by an invocation that may die before any call to it."""

    def __init__(self, place: OnePlace, fuse: Fuse) -> None:
        self._place, self._fuse = place, fuse

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._fuse.burn()
            return getattr(self._place, name)(*args, **kwargs)

        return call


@dataclass(frozen=True)
class Trouble:
    """How the place is until all is mended, and what goes on where the recovery was stopped."""

    first: Mapping[str, Any] = field(default_factory=lambda: {"alive": False})
    place: Mapping[str, Any] = field(default_factory=dict)
    meanwhile: str = ""
    diagnosis: str = "unreachable"


HANGS = {"suspended": True}

TROUBLES = {
    "none": Trouble(),
    "the predecessor hangs": Trouble(HANGS, diagnosis="hung"),
    "the predecessor does not end": Trouble(HANGS, {"unstoppable": True}, diagnosis="hung"),
    "no launch is made": Trouble(place={"broken_command": True}),
    "the successor ends at once": Trouble(place={"stillborn": True}),
    "the event comes twice": Trouble(HANGS, meanwhile="duplicate", diagnosis="hung"),
    "a supervisor starts it again": Trouble(HANGS, {"supervised": True}, diagnosis="hung"),
    "a person starts it": Trouble(meanwhile="person"),
    "the sweeper takes over": Trouble(HANGS, meanwhile="sweeper", diagnosis="hung"),
}
MENDED = {"unstoppable": False, "broken_command": False, "stillborn": False}


def stopped_at(world: GuardedWorld, trouble: Trouble, calls: int) -> bool:
    """Whether the recovery that was to be stopped came to its end."""
    fuse = Fuse(calls)
    real: Callable[..., Any] = world.dynamodb._make_api_call

    def burning(operation: str, arguments: dict[str, Any]) -> Any:
        fuse.burn()
        return real(operation, arguments)

    failure = world.found_bad(trouble.diagnosis)
    world.dynamodb._make_api_call = burning  # type: ignore[method-assign]
    try:
        recoverer.on_failure(failure, world.around(lambda place: BurningPlace(place, fuse)))
    except Died:
        return False
    finally:
        fuse.armed = False
    return True


def goes_on(world: GuardedWorld, trouble: Trouble) -> None:
    match trouble.meanwhile:
        case "duplicate":
            world.failed(trouble.diagnosis)
        case "person" if not world.place.living():
            world.place.start()
        case "sweeper":
            world.sweep()


def is_over(world: GuardedWorld) -> bool:
    """Whether nothing is left to do: it answers, and no recovery is open."""
    answers = [each for each in world.place.ran.values() if each.alive and not each.suspended]
    return len(answers) == 1 and open_recoveries() == []


@pytest.mark.parametrize("name", TROUBLES)
def test_a_recovery_stopped_before_any_of_its_calls_leaves_one_workload_in_the_end(name: str) -> None:
    trouble, calls, ended = TROUBLES[name], 0, False
    while not ended:
        calls += 1
        with GuardedWorld().bound() as world:
            world.place.change(FIRST, **trouble.first)
            for what, value in trouble.place.items():
                setattr(world.place, what, value)
            ended = stopped_at(world, trouble, calls)
            goes_on(world, trouble)
            for what, value in MENDED.items():
                setattr(world.place, what, value)
            for _ in range(SWEEPS):
                world.sweep()
                if not is_over(world):
                    world.clock.advance(300)
                    world.failed(trouble.diagnosis)
            where = f"stopped before call {calls}: {world.place.log}"
            assert is_over(world), where
            assert all(line.endswith("beside []") for line in world.place.log if "beside" in line), where
            assert_complete(world, where)
    assert calls >= CALLS


def assert_complete(world: GuardedWorld, where: str) -> None:
    """Every epoch has its record, all are closed, and people were told of each end."""
    current = ControllerEpoch.read(TARGET, EPOCH)
    assert current is not None
    records = [Recovery.read(TARGET, epoch) for epoch in range(2, int(current.epoch) + 1)]
    for record in records:
        assert record is not None, where
        assert record.closed_at, where
        assert not record.waits_for, where
        assert record.owed_page is None, where
