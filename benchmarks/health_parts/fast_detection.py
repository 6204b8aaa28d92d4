"""The same where the stack checks six times a minute: how soon it knows what is dead and what hangs."""

import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.health_parts.detection import (
    DEAD,
    HUNG,
    await_found,
    controller,
    found_after_kill,
    is_down_in_silence,
    server,
    suspended_group,
    url_target,
)
from benchmarks.report import Figures, at_most
from demo.scenario import deployed
from demo.schedule import wait_for_tick
from paramedic.state.targets import controller_target_id

GOALS = {
    "fast_refused_url_down_seconds": at_most(30),
    "fast_refused_controller_down_seconds": at_most(30),
    "fast_hanging_url_down_seconds": at_most(30),
}


def measure(folder: Path) -> Figures:
    """Kill one URL's server and the controller, then suspend another server."""
    with deployed(folder / "fast", {"FastChecksPerMinute": "6"}) as stage, ExitStack() as cleanup:
        killed, suspended = (cleanup.enter_context(server(stage, folder, name, "--fast")) for name in (DEAD, HUNG))
        dead = controller(stage, DEAD)
        # Their further checks are dispatched with a tick that knows of them.
        wait_for_tick(stage.stack)
        refused = found_after_kill(stage, killed, dead)
        wait_for_tick(stage.stack)
        struck = time.monotonic()
        cleanup.enter_context(suspended_group(suspended.pid))
        hanging = await_found({url_target(HUNG): is_down_in_silence}, struck)
    return {
        "fast_refused_url_down_seconds": refused[url_target(DEAD)],
        "fast_refused_controller_down_seconds": refused[controller_target_id(DEAD)],
        "fast_hanging_url_down_seconds": hanging[url_target(HUNG)],
    }
