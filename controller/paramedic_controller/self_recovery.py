"""What a recovery needs of its surroundings when the controller that is to come back does it itself."""

import threading
import uuid
from collections.abc import Callable

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.health.addresses import AddressGuard
from paramedic.launchers.interface import Launch, Launcher, LauncherError
from paramedic.launchers.profile import VERIFY_SECONDS
from paramedic.recovery import records
from paramedic.recovery.driving import drive
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.recovery.wiring import prober
from paramedic.state.targets import controller_target_id

OWN_PROOF_SECONDS = 45.0
"""How long a controller waits to see itself healthy; the sweeper takes the record over after `STEP_SECONDS`."""

POLL_SECONDS = 1.0

EVERYWHERE = ("0.0.0.0/0", "::/0")
"""A controller's own endpoint may be at any address that is ever probed."""


def make_own_surroundings(launcher: Launcher, stale_seconds: float, clock: Clock) -> Surroundings:
    """Predecessors are looked at and stopped by this host's launcher, whatever the controller's profile says.

    People are told by the sweeper: a controller has nobody to page.
    """
    return Surroundings(
        clock=clock,
        new_id=lambda: uuid.uuid4().hex,
        invocation=uuid.uuid4().hex,
        probe=prober(AddressGuard(EVERYWHERE)),
        profile=lambda _: LaunchPlan(launcher, _launch_nothing, VERIFY_SECONDS),
        page=_tell_nobody,
        stale_seconds=stale_seconds,
        verify_seconds_per_invocation=OWN_PROOF_SECONDS,
        poll_seconds=POLL_SECONDS,
    )


def _launch_nothing(*_: object) -> Launch:
    raise LauncherError("a controller that starts by itself launches no other")


def _tell_nobody(*_: str) -> bool:
    return False


def complete(controller_id: str, epoch: int, around: Surroundings, warn: Callable[[str], None]) -> None:
    """Close the record of this process's own start once it is seen healthy; whatever fails is left to the sweeper."""
    try:
        drive(records.read_recovery(controller_target_id(controller_id), epoch), around)
    except ParamedicError as error:
        warn(f"the record of this start is left to the recovery function: {error}")


def complete_meanwhile(controller_id: str, epoch: int, around: Surroundings, warn: Callable[[str], None]) -> None:
    """`complete` beside the main loop, whose beats it waits for."""
    arguments = (controller_id, epoch, around, warn)
    threading.Thread(target=complete, args=arguments, name="self-recovery", daemon=True).start()
