"""A controller is killed, and the deployed recovery function called, warm: what it adds to the program's own start.

Counted is from just before the call, so a little before the handler is entered, until the function has seen the
successor restored, beating and answering. The program's own start is measured in turns with it: the same launch by the
same launcher, until the program's own `/health` says that it is well.
"""

import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from benchmarks.gateway_parts.processes import NeverAnsweredError
from benchmarks.recovery_parts.failure import forget_attempts, found_dead
from benchmarks.recovery_parts.own_start import CLOCK, own_start
from benchmarks.report import Figures, at_most
from demo.kill import kill_group
from demo.scenario import Stage, deployed
from paramedic.clock import from_iso
from paramedic.recovery.wiring import planner
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.targets import controller_target_id
from paramedic_cli.host.layout import PROFILE

CONTROLLER = "benchmark"
ROUNDS = 9
SETTLE_SECONDS = 1.5
"""A controller that was well just now still has its first seconds' work; none of it is to be in the next figure."""

GOALS = {
    "recovery_overhead_seconds": at_most(1.5),
    "recovery_overhead_seconds_worst": at_most(1.5),
}


@dataclass(frozen=True)
class Relaunch:
    """One recovery: seconds from the call until healthy, and how many of them each step took."""

    seconds: float
    steps: dict[str, float]


def measure(folder: Path) -> Figures:
    """Own starts and recoveries in turns; the first of each is not counted."""
    with deployed(folder) as stage:
        stage.run("local", "controller", CONTROLLER)
        plan = planner({PROFILE: stage.layout.profile})(PROFILE)
        turns = []
        for _ in range(ROUNDS + 1):
            kill(stage)
            alone = own_start(CONTROLLER, plan)
            kill(stage)
            turns.append((alone, recover(stage)))
    own = [alone for alone, _ in turns[1:]]
    recoveries = [relaunch for _, relaunch in turns[1:]]
    own_median = statistics.median(own)
    whole = [relaunch.seconds for relaunch in recoveries]
    print(f"  own start {listed(own)} s, recovered after {listed(whole)} s")
    for step in recoveries[0].steps:
        print(f"  {step}: {listed([relaunch.steps[step] for relaunch in recoveries])} s")
    return {
        "controller_own_start_seconds": round(own_median, 2),
        "controller_own_start_seconds_worst": round(max(own), 2),
        "recovery_seconds": round(statistics.median(whole), 2),
        "recovery_seconds_worst": round(max(whole), 2),
        "recovery_overhead_seconds": round(statistics.median(whole) - own_median, 2),
        "recovery_overhead_seconds_worst": round(max(whole) - own_median, 2),
    }


def kill(stage: Stage) -> None:
    """End the controller without a word."""
    time.sleep(SETTLE_SECONDS)
    claimant = epoch_of(CONTROLLER).claimant
    assert claimant is not None
    kill_group(claimant, stage.launcher)


def recover(stage: Stage) -> Relaunch:
    """Call the function as the queue does for a controller that a check found dead.

    Raises:
        NeverAnsweredError: it did not recover it in that one call.
    """
    forget_attempts(CONTROLLER)
    message = found_dead(CONTROLLER)
    called = CLOCK.now()
    stage.stack.invoke(stage.stack.outputs.recovery_function_name, message)
    record = Recovery.read(controller_target_id(CONTROLLER), int(epoch_of(CONTROLLER).epoch))
    if record is None or record.step != Step.DONE or from_iso(record.opened_at) < called:
        raise NeverAnsweredError(f"not recovered: {record and record.story.entries[-1].text}")
    return Relaunch((from_iso(record.closed_at or "") - called).total_seconds(), steps_of(record, called))


def epoch_of(controller_id: str) -> ControllerEpoch:
    """The controller's epoch item."""
    row = ControllerEpoch.read(controller_id, EPOCH)
    assert row is not None
    return row


def steps_of(record: Recovery, called: datetime) -> dict[str, float]:
    """Seconds until each step's end, from the one before it."""
    told = [(entry.step, from_iso(entry.at)) for entry in record.story.entries]
    named = {"gate": "gate", "launch": "stop", "verify": "launch", "done": "verify"}
    moments = [("", called), *told]
    return {named[step]: (at - before).total_seconds() for (_, before), (step, at) in pairwise(moments)}


def listed(seconds: list[float]) -> str:
    """For people."""
    return ", ".join(f"{each:.2f}" for each in seconds)
