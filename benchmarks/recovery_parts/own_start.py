"""The relaunched program started by hand: what it takes to be healthy when nobody recovers it."""

import http.client
import json
import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks.gateway_parts.processes import Address, NeverAnsweredError, get
from paramedic.clock import SystemClock, to_iso
from paramedic.launchers.interface import launch_key
from paramedic.recovery.surroundings import LaunchPlan
from paramedic.state.claims import open_epoch
from paramedic.state.controllers import ENDPOINT, EPOCH, ControllerEndpoint, ControllerEpoch
from paramedic.state.recoveries import OPEN, Recovery, Step, Story
from paramedic.state.targets import controller_target_id
from paramedic.state.transactions import Update, transact

CLOCK = SystemClock()
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.01
STORY = Story(actor="benchmark", reason="benchmark", manual=True, diagnosis="dead", evidence="it was killed")


def own_start(controller_id: str, plan: LaunchPlan) -> float:
    """Seconds from the launch of a controller, dead by now, until it says itself that it is healthy."""
    target_id = controller_target_id(controller_id)
    endpoint = ControllerEndpoint.read(controller_id, ENDPOINT)
    assert endpoint is not None, f"controller {controller_id} never started"
    epoch = grant(controller_id)
    key = launch_key(target_id, epoch)
    started = time.monotonic()
    plan.launcher.launch(plan.request(target_id, target_id, epoch, key))
    await_healthy(Address(endpoint.host, int(endpoint.port)), epoch)
    taken = time.monotonic() - started
    close(target_id, epoch)
    return taken


def grant(controller_id: str) -> int:
    """Open the next epoch for somebody to claim, with a record that nobody else works on."""
    target_id, now = controller_target_id(controller_id), CLOCK.now()
    current = ControllerEpoch.read(controller_id, EPOCH)
    assert current is not None
    epoch = int(current.epoch) + 1
    successor = Recovery(
        target_id,
        epoch,
        incident="benchmark",
        profile="benchmark",
        step=Step.VERIFY,
        opened_at=to_iso(now),
        step_at=to_iso(now),
        version=0,
        owner="benchmark",
        deadline=int(now.timestamp() + PATIENCE_SECONDS),
        story=STORY,
        open_marker=OPEN,
    )
    open_epoch(current, None, successor, [], CLOCK)
    return epoch


def close(target_id: str, epoch: int) -> None:
    """Leave nothing for the sweeper to finish."""
    done = (Recovery.step.set(Step.DONE), Recovery.owner.remove(), Recovery.open_marker.remove())
    transact([Update(Recovery(target_id, epoch), done)], CLOCK)


def await_healthy(address: Address, epoch: int) -> None:
    """Return once the controller of `epoch` says that it is healthy.

    Raises:
        NeverAnsweredError: it did not in time.
    """
    await_true(lambda: is_healthy(address, epoch), f"a healthy controller of epoch {epoch}")


def is_healthy(address: Address, epoch: int) -> bool:
    """Whether the controller of `epoch` says so."""
    with suppress(OSError, http.client.HTTPException):
        status, body = get(address, "/health")
        return status == http.HTTPStatus.OK and json.loads(body)["epoch"] == epoch
    return False


def await_true(holds: Callable[[], bool], what: str) -> None:
    """Return once `holds`.

    Raises:
        NeverAnsweredError: it did not in time.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise NeverAnsweredError(f"there was no {what} within {PATIENCE_SECONDS:g} s")
        time.sleep(PAUSE_SECONDS)
