"""A recovery stopped before each of its calls once, in every kind of trouble, and what comes after it.

It has the real code make each call of DynamoDB and of the host, over tables in memory: stopped before a call is
stopped after the one before it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fakes.interleaving.actors import BY_HAND, on_failure, sweep
from tests.fakes.interleaving.rules import all_is_well_in_the_end, broken
from tests.fakes.interleaving.stage import FIRST, Stage
from tests.fakes.interleaving.state import State

pytestmark = pytest.mark.crash

STOPPED, DUPLICATE, SWEEPER, NEWER = "recovery", "duplicate", "sweeper", "newer"
CALLS = 18
"""What a recovery makes at least."""

ALL, LAUNCHING = 11, 8
"""Turns of the predecessor before it fell silent: all it has, or until it has written that it is about to launch."""


@dataclass(frozen=True)
class Trouble:
    """`turns` of the predecessor before it fell silent; the host as it is until all is `mended`.

    `meanwhile` goes on to its end where the recovery was stopped, in the next minute if it is the sweeper; a newer
    recovery opens its epoch in the minute after the sweeper's.
    """

    turns: int = ALL
    host: Mapping[str, Any] = field(default_factory=dict)
    meanwhile: str = ""


TROUBLES = {
    "none": Trouble(),
    "the predecessor hangs in the midst of a launch": Trouble(turns=LAUNCHING),
    "no launch is made": Trouble(host={"cannot_start": frozenset({2})}),
    "the successor ends at once": Trouble(host={"stillborn": frozenset({2})}),
    "the successor lives and is never well": Trouble(host={"never_well": frozenset({2})}),
    "the successor lives and never claims": Trouble(host={"hung": frozenset({2})}),
    "the predecessor does not end": Trouble(turns=LAUNCHING, host={"stuck": True}),
    "the event comes twice": Trouble(turns=LAUNCHING, meanwhile=DUPLICATE),
    "a person starts a controller": Trouble(turns=LAUNCHING, meanwhile=BY_HAND),
    "the sweeper takes over": Trouble(turns=LAUNCHING, meanwhile=SWEEPER),
    "a newer recovery is through": Trouble(host={"cannot_start": frozenset({2})}, meanwhile=NEWER),
}


def stops(stage: Stage, trouble: Trouble) -> Iterator[State]:
    """The world where the recovery stands before its first call, its second, and so on; the last time it is through."""
    state = stage.silent(trouble.turns)
    state = replace(state, host=replace(state.host, **trouble.host))
    state = stage.with_actor(state, STOPPED, on_failure)
    while STOPPED in stage.enabled(state):
        yield state
        state = turn(stage, state, STOPPED)
    yield state


def turn(stage: Stage, state: State, name: str) -> State:
    after = stage.turn(state, name)
    assert broken(state, after, name) is None
    return after


def goes_on(stage: Stage, state: State, name: str) -> State:
    """The actor takes all the turns it still has."""
    while name in stage.enabled(state):
        state = turn(stage, state, name)
    return state


def others_go_on(stage: Stage, state: State, meanwhile: str) -> State:
    match meanwhile:
        case "sweeper":
            state = stage.with_actor(stage.later(state), SWEEPER, sweep)
        case "duplicate":
            state = stage.with_actor(state, DUPLICATE, on_failure)
        case "by-hand":
            state = stage.with_start_by_hand(state)
        case "newer":
            state = goes_on(stage, stage.with_actor(stage.later(state), SWEEPER, sweep), SWEEPER)
            state = stage.with_actor(stage.found_dead(stage.later(state)), NEWER, on_failure)
    state = goes_on(stage, state, meanwhile)
    for name in [each for each in stage.enabled(state) if each not in (STOPPED, FIRST)]:
        state = goes_on(stage, state, name)
    return state


def mended(state: State) -> State:
    return replace(state, host=replace(state.host, stuck=False))


@pytest.mark.parametrize("wakes", [False, True], ids=["for good", "and goes on late"])
@pytest.mark.parametrize("name", TROUBLES)
def test_a_recovery_stopped_before_any_of_its_calls_leaves_one_controller_in_the_end(name: str, wakes: bool) -> None:
    trouble, stage = TROUBLES[name], Stage("start_replica")
    ends_well = all_is_well_in_the_end(stage)
    with stage.open():
        reached = 0
        for state in stops(stage, trouble):
            after = others_go_on(stage, state, trouble.meanwhile)
            after = goes_on(stage, after, STOPPED) if wakes else stage.without_actor(after, STOPPED)
            assert ends_well(mended(after)) is None, f"stopped before call {reached + 1}"
            reached += 1
    assert reached >= CALLS
