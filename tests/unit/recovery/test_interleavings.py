"""Two recoveries, the sweeper, a predecessor that wakes up and a start by hand, in every order up to a stated number
of interruptions: the real code of each, one call of DynamoDB or of the host at a time.

The predecessor, epoch 1, fell silent just before it wrote that it is about to launch a replica. Within the bounds of
each scene nothing is left out: where an actor is interrupted by another, how far that one goes, and where time passes
so that a step's owner loses it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from paramedic.recovery import driving, records, self_start
from paramedic.recovery.surroundings import Surroundings
from paramedic.state import claims
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.fencing import FencedWriter
from paramedic.state.recoveries import Recovery
from paramedic.state.services import ServiceFence
from tests.fakes.interleaving.actors import BY_HAND, on_failure, on_word, sweep
from tests.fakes.interleaving.exploring import Bounds, Explored, RuleBrokenError, explore
from tests.fakes.interleaving.rules import all_is_well_in_the_end, broken
from tests.fakes.interleaving.scripts import Program
from tests.fakes.interleaving.stage import Stage
from tests.fakes.interleaving.state import State

HOST_FENCED, BY_TOKEN = "start_replica", "provide"

LED, UNCLAIMED = 7, 0
"""Turns of the predecessor before it fell silent: up to its first intent, or none at all."""


@dataclass(frozen=True)
class Scene:
    """Who acts, beside the predecessor, and how far to go; `least` is how many states that must come to.

    `hidden`: nobody can look at the predecessor's process or end it. `replicas`: how the host starts them.
    """

    actors: tuple[str, ...]
    bounds: Bounds
    least: int
    hidden: bool = False
    replicas: str = HOST_FENCED
    turns: int = LED
    host: Mapping[str, Any] = field(default_factory=dict)


ACTORS: Mapping[str, Program] = {
    "recovery 1": on_failure,
    "recovery 2": on_failure,
    "recovery by word": on_word,
    "sweeper": sweep,
}

SCENES = {
    "all of them": Scene(("recovery 1", "recovery 2", "sweeper", BY_HAND), Bounds(1, 0), 20_000),
    "two recoveries": Scene(("recovery 1", "recovery 2"), Bounds(2, 0), 8_000),
    "two recoveries and time": Scene(("recovery 1", "recovery 2"), Bounds(1, 1), 6_000),
    "a recovery, the sweeper and time": Scene(("recovery 1", "sweeper"), Bounds(1, 1), 3_000),
    "a recovery, a start by hand and time": Scene(("recovery 1", BY_HAND), Bounds(1, 1), 3_000),
    "a predecessor about to claim": Scene(("recovery 1",), Bounds(2, 0), 1_000, turns=UNCLAIMED),
    "a hidden predecessor": Scene(("recovery 1", "sweeper"), Bounds(2, 0), 2_000, hidden=True),
    "a hidden predecessor and a person's word": Scene(
        ("recovery by word", "recovery 2"), Bounds(1, 0), 3_000, hidden=True
    ),
    "a hidden predecessor of a launcher with tokens": Scene(
        ("recovery by word",), Bounds(3, 0), 1_000, hidden=True, replicas=BY_TOKEN
    ),
}


@contextmanager
def staged(scene: Scene) -> Iterator[tuple[Stage, State]]:
    """The scene just before anybody has noticed."""
    stage = Stage(scene.replicas)
    with stage.open():
        state = stage.silent(scene.turns, hidden=scene.hidden)
        state = replace(state, host=replace(state.host, **scene.host))
        for name in scene.actors:
            by_hand = name == BY_HAND
            state = stage.with_start_by_hand(state) if by_hand else stage.with_actor(state, name, ACTORS[name])
        yield stage, state


def explored(scene: Scene) -> Explored:
    rule = partial(broken, hosts_fence=scene.replicas == HOST_FENCED)
    with staged(scene) as (stage, state):
        return explore(stage, state, scene.bounds, rule, all_is_well_in_the_end(stage))


@pytest.mark.parametrize("name", SCENES)
def test_no_order_of_turns_breaks_a_rule(name: str, record_property: Callable[[str, object], None]) -> None:
    scene = SCENES[name]
    found = explored(scene)
    print(f"{name}, {scene.bounds}: {found}")  # noqa: T201 -- how far it went, with pytest -s
    for what, number in vars(found).items():
        record_property(what, number)
    assert found.states >= scene.least
    assert found.depth >= 30


def any_claim(_: ControllerEpoch) -> object:
    return ControllerEpoch.epoch.exists()


def write_whoever_owns(writer: FencedWriter, service: str, changes: Any, condition: Any) -> None:
    del condition
    WRITE(writer, service, changes, ServiceFence.seq.exists())


def change_and_take_whatever_is_read(recovery: Recovery, around: Surroundings, *changes: Any) -> Recovery:
    try:
        return CHANGE(recovery, around, *changes)
    except records.LostStepError as lost:
        if lost.__cause__ is not None:
            raise
        return records.read_recovery(str(recovery.target_id), int(recovery.epoch))


WRITE, CHANGE = FencedWriter._write, records._change

MUTATIONS: Mapping[str, tuple[object, str, object, Scene]] = {
    "the epoch transaction does not mind who has claimed": (
        claims,
        "_same_claim",
        any_claim,
        replace(SCENES["a predecessor about to claim"], bounds=Bounds(1, 0)),
    ),
    "nobody is stopped": (driving, "stop_all", lambda *_: [], SCENES["a recovery, the sweeper and time"]),
    "a fenced write does not mind whose the fence is": (
        FencedWriter,
        "_write",
        write_whoever_owns,
        SCENES["a hidden predecessor"],
    ),
    "a record that was changed is taken as it is read": (
        records,
        "_change",
        change_and_take_whatever_is_read,
        SCENES["a recovery, a start by hand and time"],
    ),
    "a start by hand does not look again at what it opened": (
        self_start,
        "_require_left_alone",
        lambda *_: None,
        SCENES["a recovery, a start by hand and time"],
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_without_one_of_the_conditions_a_rule_is_broken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, what, instead, scene = MUTATIONS[name]
    monkeypatch.setattr(where, what, instead)
    with pytest.raises(RuleBrokenError):
        explored(scene)


def test_on_a_host_that_does_not_check_epochs_a_rule_is_broken() -> None:
    scene = replace(SCENES["a hidden predecessor and a person's word"], host={"checks_fence": False})
    with pytest.raises(RuleBrokenError):
        explored(scene)
