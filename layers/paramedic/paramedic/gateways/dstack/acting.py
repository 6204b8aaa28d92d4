"""Sends planned calls to one replica, one after another: it does one change at a time anyway."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from paramedic.gateways.dstack.client import GatewayApi
from paramedic.gateways.dstack.desired import DesiredGateway
from paramedic.gateways.dstack.keys import SshKeys, UnreadableKeyError
from paramedic.gateways.dstack.noting import Made
from paramedic.gateways.dstack.planning import (
    Call,
    RegisterReplica,
    RegisterService,
    UnregisterReplica,
    UnregisterService,
)
from paramedic.state.dstack_gateways import Problem

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Acting:
    """`may_make` is asked before each call: once it says no, nothing more is done."""

    replica: str
    desired: DesiredGateway
    api: GatewayApi
    ssh_keys: SshKeys
    may_make: Callable[[Call], bool]

    def make(self, calls: Sequence[Call]) -> tuple[Made, ...]:
        """Send `calls` until one is not answered; what depends on one that was refused is left out."""
        keys, unreadable = self._keys_for(calls)
        made: list[Made] = []
        given_up: set[str] = set()
        for call in calls:
            service = _service_of(call)
            if not self.may_make(call):
                break
            if service in given_up:
                continue
            if (why := unreadable.get(service)) is not None:
                # Before the old one is removed, not after.
                made.append(Made(RegisterService(self.desired.by_key[service]), Problem.REFUSED, why))
            else:
                made.append(self.api.make(call, keys))
            LOG.info("%s: %s: %s", self.replica, told(call), made[-1].said or "done")
            if made[-1].problem is Problem.UNANSWERED:
                # Whatever it is at work on, it does nothing else meanwhile.
                break
            if made[-1].problem is not None and isinstance(call, RegisterService | UnregisterService):
                given_up.add(service)
        return tuple(made)

    def _keys_for(self, calls: Sequence[Call]) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Keys by project, and why services that are to be registered have none."""
        keys: dict[str, str] = {}
        unreadable: dict[str, str] = {}
        for service in _registered_by(calls):
            project = service.partition("/")[0]
            try:
                keys[project] = keys.get(project) or self.ssh_keys(self.desired, project)
            except UnreadableKeyError as error:
                unreadable[service] = str(error)
        return keys, unreadable


def told(call: Call) -> str:
    """A call in words."""
    match call:
        case RegisterService(service):
            return f"register {service.key}"
        case UnregisterService(key, listed_id, repairs):
            return f"unregister {key} ({'to repair it' if repairs else f'id {listed_id}'})"
        case RegisterReplica(service, _, replica):
            return f"register replica {replica.id} of {service.key}"
        case UnregisterReplica(service, registered_id):
            return f"unregister replica {registered_id} of {service.key}"


def _registered_by(calls: Sequence[Call]) -> Iterator[str]:
    return (each.service.key for each in calls if isinstance(each, RegisterService))


def _service_of(call: Call) -> str:
    return call.key if isinstance(call, UnregisterService) else call.service.key
