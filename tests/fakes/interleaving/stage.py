"""Sets the scene, and lets actors take their turns on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from paramedic.clock import to_iso
from paramedic.state.claims import register
from paramedic.state.services import ServiceFence, fence_item
from paramedic.state.targets import BadPeriod, Target, bucket_of
from tests.fakes.interleaving.actors import BY_HAND, SERVICE, controller, started_by_hand
from tests.fakes.interleaving.host import Host, Process
from tests.fakes.interleaving.scripts import DYNAMODB, AskingDynamoDB, Call, Program, Run, Script
from tests.fakes.interleaving.state import PREFIX, State, World
from tests.fakes.recovery_world import CONTROLLER, TARGET

FIRST = "first"
NOBODY_ELSES_ITEMS = {"endpoint", "standby", "hint", "switch"}
"""Rows that no actor ever writes: when they are read makes no difference."""

LONGER_THAN_A_STEP = 61


class _Direct:
    """A desk that answers at once."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self.state = state

    @property
    def seconds(self) -> int:
        return self.state.seconds

    def ask(self, call: Call) -> Any:
        self.state, answer = self._world.answered(self.state, call)
        if answer.error is not None:
            raise answer.error
        return answer.value


class Stage:
    """A controller's tables and host; `replicas` is how the host starts those of its service."""

    def __init__(self, replicas: str) -> None:
        self.replicas = replicas
        self.world = World()
        self._dynamodb = AskingDynamoDB()
        self._scripts: dict[tuple[str, int], Script] = {}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Actors run only within."""
        with self._dynamodb.bound(PREFIX):
            yield

    def registered(self, first: Process) -> State:
        """A controller whose first process is about to claim."""
        state = self.world.empty(Host((first,)))

        def prepare(run: Run) -> None:
            register(CONTROLLER, "127.0.0.1", 18080, "local", run.clock)
            # Long ago: nobody waits for its first start any more.
            Target(bucket_of(TARGET), TARGET).update(actions=[Target.added_at.remove()])
            ServiceFence(CONTROLLER, fence_item(SERVICE), owner_epoch=0, seq=0).save()

        state = self.direct(state, "prepare", prepare)
        return self.with_actor(state, first.key, controller(first.key, first.epoch, self.replicas))

    def silent(self, turns: int, *, hidden: bool = False) -> State:
        """A controller whose process has come so far and does not answer; a check has called it dead."""
        state = self.registered(Process(FIRST, 1, deaf=True, hidden=hidden))
        for _ in range(turns):
            state = self.turn(state, FIRST)
        return self.found_dead(state)

    def found_dead(self, state: State) -> State:
        """What a check leaves that saw the heartbeat stand still."""

        def note(run: Run) -> None:
            now = to_iso(run.clock.now())
            bad = BadPeriod(
                verdict="down",
                diagnosis="dead",
                since=now,
                last_tick=now,
                heartbeat_sequence=state.number("controllers", (CONTROLLER, "heartbeat"), "sequence") or None,
                outcome="refused",
                event_id="event-1",
            )
            Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.set(bad)])

        return self.direct(state, "check", note)

    def direct(self, state: State, name: str, program: Program) -> State:
        """The world after somebody did all of it with nobody in between."""
        desk = _Direct(self.world, state)
        with self._dynamodb.serving(desk):
            program(Run(name, desk))
        return self._with_new_processes(desk.state)

    def with_actor(self, state: State, name: str, program: Program) -> State:
        """Another actor, before its first call that anybody else could notice or influence."""
        known = (name, state.seconds)
        if known not in self._scripts:
            self._scripts[known] = Script(name, program, self._dynamodb, state.seconds)
        return self._to_next_turn(state, self._scripts[known])

    def with_start_by_hand(self, state: State) -> State:
        """Somebody is about to start another process."""
        state = replace(state, host=state.host.with_process(Process(BY_HAND, 0)))
        return self.with_actor(state, BY_HAND, started_by_hand(self.replicas))

    def without_actor(self, state: State, name: str) -> State:
        """The actor does not get any further."""
        return replace(state, scripts={each: script for each, script in state.scripts.items() if each != name})

    def enabled(self, state: State) -> list[str]:
        """Whose turn it may be, in a fixed order."""
        return [name for name, script in sorted(state.scripts.items()) if script.call is not None]

    def turn(self, state: State, name: str) -> State:
        """The actor's next call is made, and all up to its next that others could notice or influence."""
        script = state.scripts[name]
        assert script.call is not None
        state, answer = self.world.answered(state, script.call)
        state = self._to_next_turn(state, script.after(answer, state.seconds))
        return self._without_the_dead(self._with_new_processes(state))

    def is_being_recovered(self, state: State) -> bool:
        """Whether there are steps that somebody may own."""
        return bool(state.tables.get(f"{PREFIX}recoveries"))

    def later(self, state: State) -> State:
        """Time passes: whoever owned a step owns it no longer."""
        return replace(state, seconds=state.seconds + LONGER_THAN_A_STEP)

    def _to_next_turn(self, state: State, script: Script) -> State:
        while script.call is not None and _is_nobody_elses(script.call):
            state, answer = self.world.answered(state, script.call)
            script = script.after(answer, state.seconds)
        if script.failure is not None and state.host.process(script.name) is not None:
            # A controller that is refused exits.
            state = replace(state, host=state.host.without(script.name))
        return state.with_script(script)

    def _with_new_processes(self, state: State) -> State:
        for process in state.host.living():
            if process.key not in state.scripts and process.epoch > 0 and not process.hangs:
                program = controller(process.key, process.epoch, self.replicas)
                state = self.with_actor(state, process.key, program)
        return state

    def _without_the_dead(self, state: State) -> State:
        dead = {each.key for each in state.host.processes if not each.alive}
        gone = [name for name, script in state.scripts.items() if name in dead and script.call is not None]
        return replace(state, scripts={n: s for n, s in state.scripts.items() if n not in gone}) if gone else state


def _is_nobody_elses(call: Call) -> bool:
    if call.service != DYNAMODB:
        return call.name == "become"
    if call.name not in ("GetItem", "Query"):
        return False
    return call.arguments["TableName"] == f"{PREFIX}targets" or _item_of(call.arguments) in NOBODY_ELSES_ITEMS


def _item_of(arguments: Mapping[str, Any]) -> str:
    """The range key of the item that is read, if it is a text."""
    names = [value.get("S", "") for value in arguments.get("Key", {}).values()]
    return next((name for name in names if name in NOBODY_ELSES_ITEMS), "")
