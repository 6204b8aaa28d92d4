"""Whose turn it is to work on a gateway: one at a time, and never for longer than an invocation can last."""

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.state.transactions import ConditionFailedError, Update, transact
from paramedic.state.wanted_gateways import GATEWAY_ITEM, DesiredGateway

LEASE_SECONDS = 150
"""Longer than the function may run. Whoever outlives it loses every compare-and-set to the next."""


class GatewayBusyError(ParamedicError):
    """Another run works on the gateway; it looks again before it is done."""


def take(desired: DesiredGateway, owner: str, clock: Clock) -> None:
    """Have the gateway for oneself.

    Raises:
        GatewayBusyError: another run has it, or it is gone.
        StateUnreachableError: DynamoDB did not answer; the lease ends by itself.
    """
    now = int(clock.now().timestamp())
    row = DesiredGateway
    free = row.lease_until.does_not_exist() | (row.lease_until < now) | (row.lease_owner == owner)
    actions = (row.lease_owner.set(owner), row.lease_until.set(now + LEASE_SECONDS))
    try:
        transact([Update(row(desired.gateway, GATEWAY_ITEM), actions, row.revision.exists() & free)], clock)
    except ConditionFailedError as error:
        raise GatewayBusyError(f"gateway {desired.name} is being worked on by another run") from error


def give_back(desired: DesiredGateway, owner: str, clock: Clock) -> None:
    """Let others have it, unless they do already.

    Raises:
        StateUnreachableError: DynamoDB did not answer; the lease ends by itself.
    """
    row = DesiredGateway
    actions = (row.lease_owner.remove(), row.lease_until.remove())
    try:
        transact([Update(row(desired.gateway, GATEWAY_ITEM), actions, row.lease_owner == owner)], clock)
    except ConditionFailedError:
        return
