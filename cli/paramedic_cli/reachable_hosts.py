"""Which hosts a stack may make checks on: what is asked of any other is refused before it is stored."""

from collections.abc import Sequence

import boto3

from paramedic.errors import InvalidInputError
from paramedic.health.on_host import REFUSED, ControllerOnHost, HostTarget, OnHost, is_allowed
from paramedic.health.target_files import WantedTarget
from paramedic.health.url_targets import UrlTarget
from paramedic_cli.stack import Stack

PARAMETER = "HostCheckInstanceArns"


def refuse_hosts_out_of_reach(wanted: Sequence[WantedTarget], stack: Stack) -> None:
    """Nothing is asked of AWS unless one of the targets is to be looked at on its host.

    Raises:
        InvalidInputError: the stack may not make checks on one of the hosts.
    """
    asked = [(each.target_id, on_host) for each in wanted if (on_host := _on_host(each)) is not None]
    if not asked:
        return
    arns = _allowed(stack)
    for name, on_host in asked:
        if not arns:
            raise InvalidInputError(f"{name}.instance", on_host.instance, REFUSED)
        if not is_allowed(on_host.instance, arns):
            raise InvalidInputError(f"{name}.instance", on_host.instance, f"is not among the stack's {PARAMETER}")


def _on_host(wanted: WantedTarget) -> OnHost | None:
    match wanted:
        case HostTarget():
            return wanted.ssm
        case UrlTarget() | ControllerOnHost():
            return wanted.host_check
        case _:
            return None


def _allowed(stack: Stack) -> Sequence[str]:
    # A session of its own, for the shared one keeps the credentials it began with.
    cloudformation = boto3.Session().client("cloudformation")
    parameters = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0].get("Parameters", [])
    value = next((each["ParameterValue"] for each in parameters if each["ParameterKey"] == PARAMETER), "")
    return [arn.strip() for arn in value.split(",") if arn.strip()]
