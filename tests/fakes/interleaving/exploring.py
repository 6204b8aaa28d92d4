"""Goes through all orders in which actors may take their turns, each state once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.fakes.interleaving.stage import Stage
from tests.fakes.interleaving.state import State

type Rule = Callable[[State, State, str], str | None]
"""What a turn of an actor breaks, given the world before and after it; None while it breaks nothing."""

type EndRule = Callable[[State], str | None]
"""The same for a world in which nobody has anything left to do."""

type _Path = tuple[str, _Path] | None


class RuleBrokenError(AssertionError):
    """An order of turns breaks a rule; the message names both."""


@dataclass(frozen=True)
class Bounds:
    """How far to go: so often may an actor be interrupted by another's turn, and so often time passes."""

    interruptions: int
    pauses: int


@dataclass(frozen=True)
class Explored:
    """What was gone through: different states, turns between them, the most turns in a row, and ends."""

    states: int
    turns: int
    depth: int
    ends: int


def explore(stage: Stage, start: State, bounds: Bounds, rule: Rule, end_rule: EndRule) -> Explored:
    """Take every order of turns within `bounds`.

    Raises:
        RuleBrokenError: one of them breaks a rule.
    """
    # What was left of the bounds when a state was reached before: reached with no more, nothing new follows from it.
    seen: dict[object, list[Bounds]] = {}
    states: set[object] = set()
    ends: set[object] = set()
    turns = depth = 0
    todo: list[tuple[State, str, Bounds, int, _Path]] = [(start, "", bounds, 0, None)]
    while todo:
        state, last, left, length, path = todo.pop()
        enabled = stage.enabled(state)
        key = (state.key, last if last in enabled else "")
        if any(_covers(before, left) for before in seen.get(key, ())):
            continue
        seen.setdefault(key, []).append(left)
        states.add(state.key)
        depth = max(depth, length)
        if not enabled and state.outside not in ends:
            ends.add(state.outside)
            _require(end_rule(state), path)
        for moment, name, after_it in _choices(stage, state, last, enabled, left):
            after = stage.turn(moment, name)
            turns += 1
            way = (f"{moment.seconds} s, {name}: {_told(moment, name)}", path)
            _require(rule(moment, after, name), way)
            todo.append((after, name, after_it, length + 1, way))
    return Explored(len(states), turns, depth, len(ends))


def _choices(
    stage: Stage, state: State, last: str, enabled: list[str], left: Bounds
) -> Iterator[tuple[State, str, Bounds]]:
    """Whose turn may be next, when, and what is left of the bounds then. Time passes when one gives way to another."""
    for name in enabled:
        costs = int(last in enabled and name != last)
        if costs > left.interruptions:
            continue
        after_it = Bounds(left.interruptions - costs, left.pauses)
        yield state, name, after_it
        if name != last and left.pauses and stage.is_being_recovered(state):
            yield stage.later(state), name, Bounds(after_it.interruptions, left.pauses - 1)


def _covers(before: Bounds, left: Bounds) -> bool:
    return before.interruptions >= left.interruptions and before.pauses >= left.pauses


def _told(state: State, name: str) -> str:
    call = state.scripts[name].call
    assert call is not None
    arguments = call.arguments
    about = arguments.get("Key") or [
        f"{kind} {write.get('Key') or write.get('Item')}"[:160]
        for item in arguments.get("TransactItems", ())
        for kind, write in item.items()
    ]
    return f"{call.name} {about or dict(arguments)}"


def _require(broken: str | None, path: _Path) -> None:
    if broken is None:
        return
    way = []
    while path is not None:
        step, path = path
        way.append(step)
    raise RuleBrokenError(broken + "\n  " + "\n  ".join(reversed(way)))
