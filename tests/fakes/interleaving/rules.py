"""What must hold whatever the order, read off the stored rows and the host, and not by the code that keeps it."""

import json
from collections.abc import Callable

from tests.fakes.interleaving.actors import BY_HAND, REPLICA_KEY, SERVICE, SERVICE_UID, on_failure, sweep
from tests.fakes.interleaving.host import Process
from tests.fakes.interleaving.stage import Stage
from tests.fakes.interleaving.state import PREFIX, State
from tests.fakes.recovery_world import CONTROLLER, TARGET

SERVICE_TABLES = tuple(f"{PREFIX}{table}" for table in ("services", "replicas", "operations", "autoscalers"))
EPOCH_KEY, HEARTBEAT_KEY, FENCE_KEY = (CONTROLLER, "epoch"), (CONTROLLER, "heartbeat"), (CONTROLLER, f"fence#{SERVICE}")
OPEN_STEPS = ("stop", "launch", "verify")
CLAIMABLE_STEPS = ("launch", "verify")
ROUNDS = 6
"""So many sweeps, a minute apart, end whatever was begun."""


def sealed(state: State) -> int:
    """The epoch that the service's fence carries."""
    return state.number("services", FENCE_KEY, "owner_epoch")


def no_write_of_an_old_epoch_after_its_successors_seal(before: State, after: State, actor: str) -> str | None:
    process = before.host.process(actor)
    if process is None or process.epoch >= sealed(before):
        return None
    if any(before.tables.get(table) != after.tables.get(table) for table in SERVICE_TABLES):
        return f"epoch {process.epoch} wrote a service that epoch {sealed(before)} has sealed"
    return None


def no_beat_of_an_old_epoch_after_its_successors_seal(before: State, after: State, actor: str) -> str | None:
    process, owner = before.host.process(actor), before.number("controllers", HEARTBEAT_KEY, "sealed_epoch")
    moved = before.row("controllers", *HEARTBEAT_KEY) != after.row("controllers", *HEARTBEAT_KEY)
    return f"epoch {process.epoch} beat after {owner}" if process and moved and process.epoch < owner else None


def epochs_and_seals_only_grow(before: State, after: State, _: str) -> str | None:
    for table, key, name in (
        ("controllers", EPOCH_KEY, "epoch"),
        ("controllers", HEARTBEAT_KEY, "sealed_epoch"),
        ("services", FENCE_KEY, "owner_epoch"),
    ):
        if after.number(table, key, name) < before.number(table, key, name):
            return f"{name} went back"
    return "the host's fence went back" if after.host.fence < before.host.fence else None


def no_effect_of_an_old_epoch_after_its_successors_seal(before: State, after: State, _: str) -> str | None:
    """On launchers that fence on the host."""
    for key, epoch in after.host.effects[len(before.host.effects) :]:
        if epoch < sealed(before):
            return f"epoch {epoch} started {key} after epoch {sealed(before)} had sealed"
    return None


def each_effect_is_an_open_operations_only_one(before: State, after: State, _: str) -> str | None:
    """On launchers that know tokens and no epochs."""
    for key, epoch in after.host.effects[len(before.host.effects) :]:
        if not before.row("operations", SERVICE_UID, f"open#{key}"):
            return f"epoch {epoch} started {key}, which is no open operation"
    keys = [key for key, _ in after.host.effects]
    return f"started twice: {keys}" if len(set(keys)) < len(keys) else None


def never_two_controllers(_: State, after: State, actor: str) -> str | None:
    """At most one process that has claimed, or still can, is neither stopped nor, where nobody can look, fenced."""
    acting = [each for each in after.host.living() if _may_act(after, each)]
    return f"{actor} left {[each.key for each in acting]} side by side" if len(acting) > 1 else None


def _may_act(state: State, process: Process) -> bool:
    if process.hidden and state.host.fence > process.epoch:
        return False
    return process.claimed or _can_claim(state, process)


def _can_claim(state: State, process: Process) -> bool:
    row = state.row("controllers", *EPOCH_KEY)
    if "claimed_by" in row or process.epoch != int(row["epoch"]["N"]):
        return False
    record = state.row("recoveries", TARGET, f"{process.epoch:020d}")
    if process.epoch > 1 and record["step"]["S"] not in CLAIMABLE_STEPS:
        return False
    # It goes on to its claim only once it has taken the place of a launch.
    return process.key != BY_HAND or BY_HAND in (json.loads(record["story"]["S"]).get("launched") or {}).values()


def broken(before: State, after: State, actor: str, *, hosts_fence: bool = True) -> str | None:
    """What an actor's turn breaks, if it breaks anything."""
    rules = RULES + (WHERE_HOSTS_FENCE if hosts_fence else ())
    found = [why for why in (rule(before, after, actor) for rule in rules) if why is not None]
    return "; ".join(found) or None


RULES = (
    no_write_of_an_old_epoch_after_its_successors_seal,
    no_beat_of_an_old_epoch_after_its_successors_seal,
    epochs_and_seals_only_grow,
    each_effect_is_an_open_operations_only_one,
    never_two_controllers,
)
WHERE_HOSTS_FENCE = (no_effect_of_an_old_epoch_after_its_successors_seal,)


def all_is_well_in_the_end(stage: Stage) -> Callable[[State], str | None]:
    """Whatever was left by whoever stopped where they stood, sweeps and checks bring about one controller."""

    def rule(state: State) -> str | None:
        for number in range(ROUNDS):
            state = _next_minute(stage, state, number)
        return _what_is_not_well(state)

    return rule


def _next_minute(stage: Stage, state: State, number: int) -> State:
    state = stage.later(state)
    state = _processes_go_on(stage, state)
    state = stage.direct(state, f"closing-sweep-{number}", sweep)
    state = _processes_go_on(stage, state)
    if _healthy(state) is None:
        state = stage.found_dead(state)
        state = stage.direct(state, f"closing-check-{number}", on_failure)
    return _processes_go_on(stage, state)


def _processes_go_on(stage: Stage, state: State) -> State:
    while enabled := stage.enabled(state):
        state = stage.turn(state, enabled[0])
    return state


def _healthy(state: State) -> Process | None:
    row = state.row("controllers", *EPOCH_KEY)
    process = state.host.process(row.get("claimed_by", {}).get("S", ""))
    return process if process is not None and process.alive and process.serves and not process.deaf else None


def _what_is_not_well(state: State) -> str | None:
    epoch = state.number("controllers", EPOCH_KEY, "epoch")
    healthy = _healthy(state)
    others = [each.key for each in state.host.living() if each != healthy and not each.hidden]
    records = state.tables.get(f"{PREFIX}recoveries", {}).values()
    unfinished = [record["epoch"]["N"] for record in records if record["step"]["S"] in OPEN_STEPS]
    problems = {
        "no process of the newest epoch serves": healthy is None or healthy.epoch != epoch,
        f"{others} run too": bool(others),
        f"recoveries {unfinished} are unfinished": bool(unfinished),
        "people are owed a page": any("owed_page" in record or "open_marker" in record for record in records),
        "the newest epoch has not sealed": sealed(state) != epoch,
        "its replica was not started once": [key for key, _ in state.host.effects] != [REPLICA_KEY],
        "an operation is open": bool(state.row("operations", SERVICE_UID, f"open#{REPLICA_KEY}")),
    }
    wrong = [problem for problem, holds in problems.items() if holds]
    return f"in the end {'; '.join(wrong)}" if wrong else None
