"""After an outage a successor decides like a controller that was suspended for just as long."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramedic.services.update_strategy import UpdateMode, UpdateStrategy
from tests.fakes.controller_world import make_spec
from tests.fakes.scripted_world import Interruption, ScriptedWorld, Step, Succeeded, Suspended, played

pytestmark = pytest.mark.crash

EXAMPLES = os.environ.get("PARAMEDIC_EXAMPLES")
"""So many new ones, where it is set: hundreds take minutes. Else always the same few."""


@dataclass(frozen=True)
class Rate:
    """So many requests a second at each of the two gateway replicas."""

    first: int
    second: int

    def __call__(self, world: ScriptedWorld) -> None:
        for door, rate in zip(world.doors, (self.first, self.second), strict=True):
            door.rate = rate


@dataclass(frozen=True)
class Restart:
    """A gateway replica restarts, and loses what it has not reported."""

    door: int

    def __call__(self, world: ScriptedWorld) -> None:
        world.doors[self.door].restart()


@dataclass(frozen=True)
class Silence:
    """A gateway replica reports nothing, or again."""

    door: int
    silent: bool

    def __call__(self, world: ScriptedWorld) -> None:
        world.doors[self.door].silent = self.silent


@dataclass(frozen=True)
class Update:
    """Users update the service."""

    command: str
    mode: UpdateMode

    def __call__(self, world: ScriptedWorld) -> None:
        world.update(self.command, UpdateStrategy(mode=self.mode))


@dataclass(frozen=True)
class Scale:
    """Users want other bounds."""

    minimum: int
    more: int

    def __call__(self, world: ScriptedWorld) -> None:
        world.scale(self.minimum, self.more)


@dataclass(frozen=True)
class Users:
    """Users do something that takes no argument."""

    verb: str

    def __call__(self, world: ScriptedWorld) -> None:
        getattr(world, self.verb)()


@dataclass(frozen=True)
class Misfortune:
    """A replica dies or falls sick."""

    what: str
    number: int

    def __call__(self, world: ScriptedWorld) -> None:
        getattr(world, self.what)(self.number)


@dataclass(frozen=True)
class StartUp:
    """From now on replicas take so long to be ready."""

    seconds: int

    def __call__(self, world: ScriptedWorld) -> None:
        world.start_up_seconds = self.seconds


@dataclass(frozen=True)
class Launches:
    """From now on launches fail, or not."""

    fail: bool

    def __call__(self, world: ScriptedWorld) -> None:
        world.launcher.refuses = "no room" if self.fail else None


RATES = st.builds(Rate, st.integers(0, 4), st.integers(0, 4))
INTERRUPTIONS = st.builds(Interruption, st.integers(1, 12), st.integers(1, 90))
HAPPENINGS = st.one_of(
    INTERRUPTIONS,
    RATES,
    st.builds(Restart, st.integers(0, 1)),
    st.builds(Silence, st.integers(0, 1), st.booleans()),
    st.builds(Update, st.sampled_from(("serve", "serve --second")), st.sampled_from(UpdateMode)),
    st.builds(Scale, st.integers(0, 3), st.integers(1, 3)),
    st.builds(Users, st.sampled_from(("pause", "resume", "restart", "heal"))),
    st.builds(Misfortune, st.sampled_from(("let_die", "let_fall_sick")), st.integers(0, 3)),
    st.builds(StartUp, st.sampled_from((0, 2, 7))),
    st.builds(Launches, st.booleans()),
)
STEPS = st.builds(Step, HAPPENINGS, st.integers(0, 12))


@st.composite
def scripts(draw: st.DrawFn) -> Sequence[Step]:
    """Something happens, a process is interrupted, and more happens before and after it is back."""
    before = draw(st.lists(STEPS, max_size=8))
    interrupted = draw(st.builds(Step, INTERRUPTIONS, st.integers(0, 12)))
    after = draw(st.lists(STEPS, max_size=8))
    return [Step(draw(RATES), 10), *before, interrupted, *after, Step(Rate(0, 0), 30)]


SPEC = make_spec(
    min_replicas=1,
    max_replicas=4,
    target_qps_per_replica=1,
    upscale_delay_seconds=10,
    downscale_delay_seconds=15,
)


@given(steps=scripts())
@settings(
    max_examples=int(EXAMPLES or 25),
    derandomize=EXAMPLES is None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_successor_decides_like_a_controller_that_was_suspended(tmp_path: Path, steps: Sequence[Step]) -> None:
    reference = played(Suspended, SPEC, steps, tmp_path)
    crashed = played(Succeeded, SPEC, steps, tmp_path)
    for second, (expected, decided) in enumerate(zip(reference.seen, crashed.seen, strict=True), start=1):
        assert decided == expected, f"in second {second}"
    assert sorted(crashed.world.launcher.done) == sorted(reference.world.launcher.done)
