"""A local stack together with what this host needs to run controllers for it."""

import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path

from paramedic.state.receipt import Receipt
from paramedic_cli.host.ending import end_everything
from paramedic_cli.host.layout import PROFILE, HostLayout
from paramedic_cli.local import stack as local
from paramedic_cli.local.errors import NoLocalStackError

LOOPBACK = "127.0.0.0/8"


def stack_parameters(layout: HostLayout) -> Mapping[str, str]:
    """What makes a deployed stack check and relaunch controllers of this host."""
    return {"AllowedCidrs": LOOPBACK, "LauncherProfiles": layout.profiles_parameter, "ProtectTables": "false"}


def grant_access(stack: local.LocalStack, layout: HostLayout) -> None:
    """Give controllers, gateways and this command users of their own, each with its policies of the template only."""
    unique = uuid.uuid4().hex[:8]
    granted, host = stack.outputs, stack.emulator.host
    controller = stack.environment_under(f"controller-{unique}", granted.controller_policy_arn)
    gateway = stack.environment_under(f"gateway-{unique}", granted.gateway_policy_arn)
    layout.write_environments(
        stack.stack_name,
        controller={**controller, **_controller_settings(host, layout)},
        gateway={**gateway, **_gateway_settings(host)},
        # Whoever runs the stack on this machine is on call for it and decides what runs.
        operator=stack.environment_under(
            f"operator-{unique}", granted.on_call_policy_arn, granted.deployer_policy_arn, granted.dstack_policy_arn
        ),
    )


def _controller_settings(host: str, layout: HostLayout) -> Mapping[str, str]:
    # On an address of the stack's own no outgoing connection can take a port between choosing and binding it.
    return {
        "PARAMEDIC_PROFILE": PROFILE,
        "PARAMEDIC_HOST": host,
        "PARAMEDIC_BALANCER_HOST": host,
        "PARAMEDIC_REPLICA_HOST": host,
        "PARAMEDIC_LOG_DIR": str(layout.replica_logs),
    }


def _gateway_settings(host: str) -> Mapping[str, str]:
    return {"PARAMEDIC_GATEWAY_HOST": host, "PARAMEDIC_GATEWAY_TOKEN": secrets.token_urlsafe(24)}


def up(state_dir: Path, port: int) -> local.LocalStack:
    """Have a local stack run from `state_dir`, its controllers relaunched on this host; again updates it."""
    layout = HostLayout(state_dir.resolve())
    if not _runs(layout.state_dir):
        # Whatever ran for a stack that is gone belongs to nobody, and its fences would refuse the new epochs.
        end_everything(layout)
        layout.forget()
    layout.prepare()
    stack = local.up(layout.state_dir, parameters=stack_parameters(layout), port=port)
    if not layout.has_credentials:
        grant_access(stack, layout)
    return stack


def down(state_dir: Path) -> tuple[Receipt, ...]:
    """End the local stack, then every workload it started; returns the workloads.

    Raises:
        NoLocalStackError: nothing of it is left.
        StillRunningError: a workload could not be seen to end; repeat, or end it as the message says.
    """
    layout = HostLayout(state_dir.resolve())
    if _runs(layout.state_dir):
        # First, or its schedule would relaunch the controllers that are stopped next.
        local.down(layout.state_dir)
    elif not layout.host_dir.exists():
        raise NoLocalStackError(state_dir)
    ended = end_everything(layout)
    layout.forget()
    return ended


def _runs(state_dir: Path) -> bool:
    try:
        local.load(state_dir)
    except NoLocalStackError:
        return False
    return True
