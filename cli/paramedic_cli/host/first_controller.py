"""Starts a controller that has never run, the way recovery starts all its successors."""

import time
import uuid

import httpx
from pydantic import BaseModel, ConfigDict

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import Launcher, RunState
from paramedic.launchers.profiles import launch_request, make_launcher
from paramedic.state.claims import FIRST_EPOCH, AlreadyRegisteredError
from paramedic.state.controllers import ENDPOINT, EPOCH, ControllerEndpoint, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.targets import controller_target_id
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.local.errors import tail

_READY_SECONDS = 30.0
_LOOK_SECONDS = 0.1


class ControllerFailedError(ParamedicError):
    """The new controller ended or did not become healthy in time."""


class StartedController(BaseModel):
    """A controller that answers at `url`; the receipt names its process."""

    model_config = ConfigDict(frozen=True)

    url: str
    epoch: int
    receipt: Receipt


def start_first_controller(layout: HostLayout, controller_id: str) -> StartedController:
    """Launch the controller and wait until it is healthy.

    Raises:
        AlreadyRegisteredError: it has run before, so it must be recovered instead.
        ControllerFailedError: it did not become healthy; shows the end of its log.
        LauncherError: it could not be started.
    """
    workload = controller_target_id(controller_id)
    if ControllerEpoch.read(controller_id, EPOCH) is not None:
        raise AlreadyRegisteredError(
            f"controller {controller_id} has run before and is kept alive by the stack; "
            f'to start it again now: paramedic recover {workload} --reason "..."'
        )
    launcher = make_launcher(layout.profile)
    key = f"{workload}/first/{uuid.uuid4().hex}"
    request = launch_request(layout.profile, workload=workload, scope=workload, epoch=FIRST_EPOCH, key=key)
    named = {**request.environment, "PARAMEDIC_CONTROLLER_ID": controller_id}
    receipt = launcher.launch(request.model_copy(update={"environment": named}))
    return _await_health(launcher, receipt, layout, controller_id)


def _await_health(launcher: Launcher, receipt: Receipt, layout: HostLayout, controller_id: str) -> StartedController:
    deadline = time.monotonic() + _READY_SECONDS
    with httpx.Client(timeout=2.0, trust_env=False) as client:
        while time.monotonic() < deadline:
            if launcher.describe(receipt).state is RunState.ABSENT:
                raise ControllerFailedError(f"controller {controller_id} ended at once; {_log(layout)}")
            endpoint = ControllerEndpoint.read(controller_id, ENDPOINT)
            epoch = ControllerEpoch.read(controller_id, EPOCH)
            if endpoint is not None and epoch is not None and epoch.claimed_by:
                url = f"http://{endpoint.host}:{int(endpoint.port)}"
                if _is_healthy(client, url):
                    return StartedController(url=url, epoch=int(epoch.epoch), receipt=receipt)
            time.sleep(_LOOK_SECONDS)
    raise ControllerFailedError(
        f"controller {controller_id} is not healthy after {_READY_SECONDS:.0f} s; {_log(layout)}"
    )


def _is_healthy(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _log(layout: HostLayout) -> str:
    log = layout.controller_log
    return f"the end of {log}:\n{tail(log.read_text(errors='replace')) if log.exists() else '(empty)'}"
