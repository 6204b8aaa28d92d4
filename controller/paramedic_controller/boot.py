"""How a controller comes to act: the first start ever, recover mode, or not at all."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.launchers.interface import Launcher
from paramedic.launchers.process.launcher import receipt_of_this_process
from paramedic.state.claims import (
    FIRST_EPOCH,
    AlreadyRegisteredError,
    ClaimRefusedError,
    claim,
    claim_first_epoch,
    register,
)
from paramedic.state.controllers import (
    ENDPOINT,
    EPOCH,
    HEARTBEAT,
    ControllerEndpoint,
    ControllerEpoch,
    ControllerHeartbeat,
)
from paramedic.state.fencing import FencedWriter
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import OPEN_STEPS, Recovery
from paramedic.state.targets import controller_target_id
from paramedic_controller.exits import CannotStartError, Exit
from paramedic_controller.model import scope_of
from paramedic_controller.ports import bind
from paramedic_controller.settings import Settings

WATCH_SECONDS = 1.0


@dataclass(frozen=True)
class Claimed:
    """An epoch claimed by this process, and the socket it listens on for good."""

    epoch: int
    process_id: str
    listener: socket.socket
    recover_mode: bool


def start(settings: Settings, process_id: str, clock: Clock, log: Callable[[str], None]) -> Claimed:
    """Bind the controller's port and claim its epoch.

    Reads the controller's own items only. Without an epoch of its own a process claims nothing but the first.

    Raises:
        CannotStartError: another controller lives, must be recovered first, or the port is taken.
        StateUnreachableError: DynamoDB did not answer; nothing was claimed, or nobody will know.
    """
    current = ControllerEpoch.read(settings.controller_id, EPOCH)
    if current is None:
        return _start_first(settings, process_id, clock)
    if settings.epoch is None:
        raise _why_not(settings, current, clock)
    _require_claimable(current, settings.epoch)
    return _start_recovered(settings, settings.epoch, process_id, clock, log)


def _start_first(settings: Settings, process_id: str, clock: Clock) -> Claimed:
    if settings.epoch not in (None, FIRST_EPOCH):
        raise CannotStartError(
            Exit.CLAIM_REFUSED,
            f"PARAMEDIC_EPOCH is {settings.epoch}, but controller {settings.controller_id} has never started in the "
            f"tables {settings.table_prefix}*; check TABLE_PREFIX and PARAMEDIC_CONTROLLER_ID",
        )
    listener = bind(settings.host, settings.port, clock)
    port = int(listener.getsockname()[1])
    try:
        register(settings.controller_id, settings.host, port, settings.profile_name, clock)
        receipt = own_receipt(settings, FIRST_EPOCH, process_id)
        claim_first_epoch(settings.controller_id, process_id, receipt, clock)
    except (AlreadyRegisteredError, ClaimRefusedError) as error:
        listener.close()
        raise CannotStartError(Exit.CLAIM_REFUSED, f"another process was first: {error}") from error
    return Claimed(FIRST_EPOCH, process_id, listener, recover_mode=False)


def _require_claimable(current: ControllerEpoch, epoch: int) -> None:
    """Before the port is bound: a process whose epoch is passed or taken must not be in its successor's way."""
    if int(current.epoch) == epoch and not current.claimed_by:
        return
    raise CannotStartError(
        Exit.CLAIM_REFUSED,
        f"controller {current.controller_id}: epoch {epoch} cannot be claimed (epoch {int(current.epoch)}, claimed by "
        f"{current.claimed_by}); nothing was changed",
    )


def _start_recovered(
    settings: Settings, epoch: int, process_id: str, clock: Clock, log: Callable[[str], None]
) -> Claimed:
    name = settings.controller_id
    endpoint = ControllerEndpoint.read(name, ENDPOINT)
    if endpoint is None:
        raise CannotStartError(
            Exit.CLAIM_REFUSED, f"controller {name} has an epoch but no endpoint item: restore it from a backup"
        )
    log(f"claiming epoch {epoch} of controller {name} on its port {int(endpoint.port)}")
    listener = bind(endpoint.host, int(endpoint.port), clock)
    try:
        claim(name, epoch, process_id, own_receipt(settings, epoch, process_id), clock)
    except ClaimRefusedError as error:
        listener.close()
        raise CannotStartError(Exit.CLAIM_REFUSED, f"{error}; nothing was changed") from error
    return Claimed(epoch, process_id, listener, recover_mode=True)


def own_receipt(settings: Settings, epoch: int, process_id: str) -> Receipt:
    """The identity by which a successor's recovery can stop exactly this process."""
    workload = scope_of(settings.controller_id)
    key = settings.launch_key or f"manual/{process_id}"
    return receipt_of_this_process(workload=workload, scope=workload, epoch=epoch, key=key)


def _why_not(settings: Settings, current: ControllerEpoch, clock: Clock) -> CannotStartError:
    """Why a process nobody gave an epoch does not start. Changes nothing."""
    name, epoch = settings.controller_id, int(current.epoch)
    recovery = Recovery.read(controller_target_id(name), epoch)
    if recovery is not None and recovery.step in OPEN_STEPS:
        return CannotStartError(
            Exit.RECOVERY_OPEN,
            f"a recovery of controller {name} is open (epoch {epoch}, step {recovery.step}) and starts it by itself; "
            "see `paramedic status`",
        )
    if _heartbeat_moves(settings, clock):
        return CannotStartError(
            Exit.ALREADY_RUNNING,
            f"controller {name} is running (epoch {epoch}); to replace it use `paramedic recover controller:{name}`",
        )
    return CannotStartError(
        Exit.NEEDS_RECOVERY,
        f"controller {name} (epoch {epoch}) shows no heartbeat for {settings.stale_seconds:g} s; start it again with "
        f"`paramedic recover controller:{name}`, which makes sure that its predecessor is gone",
    )


def _heartbeat_moves(settings: Settings, clock: Clock) -> bool:
    first = _sequence(settings.controller_id)
    deadline = clock.monotonic() + settings.stale_seconds
    while clock.monotonic() < deadline:
        clock.sleep(WATCH_SECONDS)
        if _sequence(settings.controller_id) != first:
            return True
    return False


def _sequence(controller_id: str) -> int | None:
    row = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    return None if row is None else int(row.sequence)


def fence_host(launcher: Launcher, writer: FencedWriter) -> None:
    """Let the host refuse every launcher call of earlier epochs.

    Raises:
        EpochRefusedError: the host has seen a higher epoch.
        LauncherError: the host's fence cannot be raised.
    """
    launcher.fence(scope_of(writer.controller_id), writer.epoch)
