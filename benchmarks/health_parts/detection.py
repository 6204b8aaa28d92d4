"""How soon the deployed stack knows what is dead and what hangs, killed when nobody looks for longest.

Each is struck right after a tick of the deployed schedule: first what refuses connections from then on, then what
accepts them and says no more.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.gateway_parts.processes import NeverAnsweredError, await_ok, kill, own_address, running
from benchmarks.report import Figures, at_most
from demo.kill import kill_group
from demo.scenario import Stage, deployed
from demo.schedule import wait_for_tick
from paramedic.health.diagnosis import DiagnosisName
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.verdict import Verdict
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.targets import BadPeriod, Target, bucket_of, controller_target_id

HUNG_AFTER_SECONDS = 60
"""Of this run, for it to be bearable; what is measured counts from its end and is the same for any whole minutes."""

GOALS = {
    "refused_url_down_seconds": at_most(75),
    "refused_controller_down_seconds": at_most(75),
    "hanging_url_down_seconds": at_most(85),
    "hung_controller_seconds_after_hung_after": at_most(75),
}
PATIENCE_SECONDS = 240.0
LOOK_SECONDS = 0.1
DEAD, HUNG = "dead", "hung"

type Holds = Callable[[BadPeriod], bool]


def measure(folder: Path) -> Figures:
    """Kill one URL's server and one controller, then suspend others."""
    with deployed(folder / "stack", {"HungAfterSeconds": str(HUNG_AFTER_SECONDS)}) as stage, ExitStack() as cleanup:
        killed, suspended = (cleanup.enter_context(server(stage, folder, name)) for name in (DEAD, HUNG))
        dead, hung = (controller(stage, name) for name in (DEAD, HUNG))
        # Probed once while all were well.
        wait_for_tick(stage.stack)
        refused = found_after_kill(stage, killed, dead)
        wait_for_tick(stage.stack)
        struck = time.monotonic()
        cleanup.enter_context(suspended_group(int(hung.identity["pid"])))
        cleanup.enter_context(suspended_group(suspended.pid))
        hanging = await_found({url_target(HUNG): is_down_in_silence, controller_target_id(HUNG): is_hung}, struck)
    return {
        "refused_url_down_seconds": refused[url_target(DEAD)],
        "refused_controller_down_seconds": refused[controller_target_id(DEAD)],
        "hanging_url_down_seconds": hanging[url_target(HUNG)],
        "hung_controller_seconds_after_hung_after": round(hanging[controller_target_id(HUNG)] - HUNG_AFTER_SECONDS, 1),
    }


def found_after_kill(stage: Stage, killed: subprocess.Popen[bytes], dead: Receipt) -> Mapping[str, float]:
    """Kill a target's server and a controller right after a tick; when each is known to be down."""
    wait_for_tick(stage.stack)
    struck = time.monotonic()
    kill(killed)
    kill_group(dead, stage.launcher)
    return await_found({url_target(DEAD): is_down, controller_target_id(DEAD): is_down}, struck)


@contextmanager
def server(stage: Stage, folder: Path, name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is a target of the stack, added with these options."""
    address = own_address()
    command = [sys.executable, "-m", "http.server", str(address.port), "--bind", address.host]
    with running([*command, "--directory", folder], folder / f"{name}.log") as process:
        await_ok(address)
        stage.run("target", "add", name, address.url, *options)
        yield process


def controller(stage: Stage, name: str) -> Receipt:
    """A controller of the stack, healthy."""
    stage.run("local", "controller", name)
    epoch = ControllerEpoch.read(name, EPOCH)
    assert epoch is not None
    assert epoch.claimant is not None
    return epoch.claimant


@contextmanager
def suspended_group(pid: int) -> Iterator[None]:
    """The process and its group stand still, until left or ended."""
    os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)


def await_found(wanted: Mapping[str, Holds], struck: float) -> Mapping[str, float]:
    """For each target, the seconds after `struck` at which its row first says what is wanted.

    Raises:
        NeverAnsweredError: one never did.
    """
    found: dict[str, float] = {}
    last: dict[str, BadPeriod | None] = {}
    while len(found) < len(wanted):
        for target_id in wanted.keys() - found.keys():
            row = Target.read(bucket_of(target_id), target_id)
            last[target_id] = bad = row.bad if row else None
            if bad is not None and wanted[target_id](bad):
                found[target_id] = round(time.monotonic() - struck, 1)
                print(f"  {target_id}: {bad.diagnosis} ({bad.detail}) after {found[target_id]:.1f} s", flush=True)
        if time.monotonic() - struck > PATIENCE_SECONDS:
            raise NeverAnsweredError(f"not known after {PATIENCE_SECONDS:g} s; found {found}, seen last {last}")
        time.sleep(LOOK_SECONDS)
    return found


def url_target(name: str) -> str:
    """What a URL is called among all targets."""
    return f"url:{name}"


def is_down(bad: BadPeriod) -> bool:
    """It is known to be down."""
    return bad.verdict == Verdict.DOWN


def is_down_in_silence(bad: BadPeriod) -> bool:
    """It is known to be down, because it does not answer."""
    return is_down(bad) and bad.outcome == OutcomeKind.TIMEOUT


def is_hung(bad: BadPeriod) -> bool:
    """It is known to hang."""
    return bad.diagnosis == DiagnosisName.HUNG
