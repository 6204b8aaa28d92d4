"""Starts a process that stands by for a controller of this host."""

import time
import uuid

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import Launcher, RunState
from paramedic.launchers.profiles import launch_request, make_launcher
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.standbys import read_standby
from paramedic.state.targets import controller_target_id
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.local.errors import tail

_READY_SECONDS = 30.0
_LOOK_SECONDS = 0.1


class StandbyFailedError(ParamedicError):
    """Nothing stands by: there is no controller to stand by for, or the process ended."""


def start_standby(layout: HostLayout, controller_id: str) -> Receipt:
    """Launch the standby and wait until a recovery can find it.

    Raises:
        StandbyFailedError: it does not wait; shows the end of its log.
        LauncherError: it could not be started.
    """
    workload = controller_target_id(controller_id)
    current = ControllerEpoch.read(controller_id, EPOCH)
    if current is None:
        raise StandbyFailedError(
            f"controller {controller_id} has never started, so nothing can stand by for it; start it with "
            f"`paramedic local controller {controller_id}`"
        )
    launcher = make_launcher(layout.profile)
    key = f"{workload}/standby/{uuid.uuid4().hex}"
    request = launch_request(layout.profile, workload=workload, scope=workload, epoch=int(current.epoch), key=key)
    named = {**request.environment, "PARAMEDIC_CONTROLLER_ID": controller_id}
    receipt = launcher.launch(
        request.model_copy(update={"command": (*request.command, "--standby"), "environment": named})
    )
    _await_registration(launcher, receipt, layout, controller_id)
    return receipt


def _await_registration(launcher: Launcher, receipt: Receipt, layout: HostLayout, controller_id: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if launcher.describe(receipt).state is RunState.ABSENT:
            raise StandbyFailedError(f"the standby of controller {controller_id} ended at once; {_log(layout)}")
        row = read_standby(controller_id)
        if row is not None and row.receipt is not None and row.receipt.key == receipt.key:
            return
        time.sleep(_LOOK_SECONDS)
    raise StandbyFailedError(
        f"the standby of controller {controller_id} is not registered after {_READY_SECONDS:.0f} s; {_log(layout)}"
    )


def _log(layout: HostLayout) -> str:
    log = layout.controller_log
    return f"the end of {log}:\n{tail(log.read_text(errors='replace')) if log.exists() else '(empty)'}"
