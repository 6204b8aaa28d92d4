"""How a controller comes to act: the first start ever, recover mode, or not at all."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.launchers.interface import Launcher
from paramedic.launchers.process.launcher import receipt_of_this_process
from paramedic.recovery.self_start import (
    PredecessorStaysError,
    RecoveryUnderWayError,
    SelfStartRefusedError,
    StillBeatingError,
    take_over,
)
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.claims import (
    FIRST_EPOCH,
    AlreadyRegisteredError,
    ClaimRefusedError,
    EpochMovedError,
    claim,
    claim_first_epoch,
    register,
)
from paramedic.state.controllers import (
    ENDPOINT,
    EPOCH,
    ControllerEndpoint,
    ControllerEpoch,
)
from paramedic.state.fencing import FencedWriter
from paramedic.state.receipt import Receipt
from paramedic_controller.exits import CannotStartError, Exit
from paramedic_controller.model import scope_of
from paramedic_controller.ports import bind
from paramedic_controller.settings import Settings


class Way(Enum):
    """How a process comes to act, if it does."""

    FIRST_START = auto()
    GIVEN_EPOCH = auto()
    BY_ITSELF = auto()
    NOT_AT_ALL = auto()


@dataclass(frozen=True)
class Claimed:
    """An epoch claimed by this process, and the socket it listens on for good.

    `completes_recovery`: nobody but this process waits to see it well.
    """

    epoch: int
    process_id: str
    listener: socket.socket
    recover_mode: bool
    completes_recovery: bool = False


def way_to_start(given: int | None, launch_key: str, current: int | None, *, claimed: bool) -> Way:
    """How a process `given` an epoch, or none, starts where the `current` one is `claimed` or not.

    What a launcher started is part of somebody's recovery: when its epoch is gone, that recovery is over.
    """
    if current is None:
        return Way.FIRST_START if given in (None, FIRST_EPOCH) else Way.NOT_AT_ALL
    if given == current and not claimed:
        return Way.GIVEN_EPOCH
    if given is None or (given <= current and not launch_key):
        return Way.BY_ITSELF
    return Way.NOT_AT_ALL


def start(
    settings: Settings, process_id: str, clock: Clock, log: Callable[[str], None], around: Surroundings
) -> Claimed:
    """Bind the controller's port and claim its epoch.

    Reads the controller's own items only. Without an epoch that it may claim a process recovers the controller itself.

    Raises:
        CannotStartError: another controller lives, must be recovered first, or the port is taken.
        StateUnreachableError: DynamoDB did not answer; nothing was claimed, or nobody will know.
    """
    current = ControllerEpoch.read(settings.controller_id, EPOCH)
    epoch, claimed = (None, False) if current is None else (int(current.epoch), bool(current.claimed_by))
    match way_to_start(settings.epoch, settings.launch_key, epoch, claimed=claimed):
        case Way.FIRST_START:
            return _start_first(settings, process_id, clock)
        case Way.GIVEN_EPOCH if epoch is not None:
            return _start_recovered(settings, epoch, process_id, clock, log)
        case Way.BY_ITSELF:
            return _start_by_itself(settings, process_id, clock, log, around)
        case _:
            raise _cannot_claim(settings, current)


def _start_first(settings: Settings, process_id: str, clock: Clock) -> Claimed:
    listener = bind(settings.host, settings.port, clock)
    port = int(listener.getsockname()[1])
    try:
        register(settings.controller_id, settings.advertised_host or settings.host, port, settings.profile_name, clock)
        receipt = own_receipt(settings, FIRST_EPOCH, process_id)
        claim_first_epoch(settings.controller_id, process_id, receipt, clock)
    except (AlreadyRegisteredError, ClaimRefusedError) as error:
        listener.close()
        raise CannotStartError(Exit.CLAIM_REFUSED, f"another process was first: {error}") from error
    return Claimed(FIRST_EPOCH, process_id, listener, recover_mode=False)


def _cannot_claim(settings: Settings, current: ControllerEpoch | None) -> CannotStartError:
    """Before the port is bound: a process whose epoch is passed or taken must not be in its successor's way."""
    if current is None:
        return CannotStartError(
            Exit.CLAIM_REFUSED,
            f"PARAMEDIC_EPOCH is {settings.epoch}, but controller {settings.controller_id} has never started in the "
            f"tables {settings.table_prefix}*; check TABLE_PREFIX and PARAMEDIC_CONTROLLER_ID",
        )
    return CannotStartError(
        Exit.CLAIM_REFUSED,
        f"controller {current.controller_id}: epoch {settings.epoch} cannot be claimed (epoch {int(current.epoch)}, "
        f"claimed by {current.claimed_by}); nothing was changed",
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
    listener = bind(settings.own_address(endpoint.host), int(endpoint.port), clock)
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


def _start_by_itself(
    settings: Settings, process_id: str, clock: Clock, log: Callable[[str], None], around: Surroundings
) -> Claimed:
    """What a recovery does, by the process that nobody gave an epoch; it claims only what is then its own."""
    name = settings.controller_id
    log(f"controller {name} was started without an epoch: looking whether another is alive")
    try:
        recovery = take_over(name, lambda epoch: own_receipt(settings, epoch, process_id), around)
    except _WHY_NOT as error:
        raise CannotStartError(_exit_of(error), f"{error}; see `paramedic status`") from error
    claimed = _start_recovered(settings, int(recovery.epoch), process_id, clock, log)
    return replace(claimed, completes_recovery=True)


_WHY_NOT = (StillBeatingError, RecoveryUnderWayError, SelfStartRefusedError, PredecessorStaysError, EpochMovedError)


def _exit_of(error: ParamedicError) -> Exit:
    match error:
        case StillBeatingError():
            return Exit.ALREADY_RUNNING
        case SelfStartRefusedError():
            return Exit.REFUSED
        case PredecessorStaysError():
            return Exit.PREDECESSOR_STAYS
        case _:
            return Exit.RECOVERY_OPEN


def fence_host(launcher: Launcher, writer: FencedWriter) -> None:
    """Let the host refuse every launcher call of earlier epochs.

    Raises:
        EpochRefusedError: the host has seen a higher epoch.
        LauncherError: the host's fence cannot be raised.
    """
    launcher.fence(scope_of(writer.controller_id), writer.epoch)
