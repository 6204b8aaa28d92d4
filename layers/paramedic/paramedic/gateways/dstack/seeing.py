"""Requests through the data plane of one gateway replica, and what their answers prove. Pure.

nginx sends a host name that it does not know to some other server of its files. So a service's answer counts only
where a name that nobody has does not get the like.
"""

from collections.abc import Collection, Mapping, Sequence

from paramedic.gateways.dstack.desired import NOBODYS_KEY, UNKNOWN_HOST, GatewayReplica, Service
from paramedic.gateways.dstack.observed import Reached, Seen
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest

DOOR = "#door"
_NOWHERE_TO_SEND = frozenset({502, 503, 504})


def questions(replica: GatewayReplica, services: Collection[Service], attempts: int) -> Sequence[ProbeRequest]:
    """What to ask `replica`: for each service, for a name nobody has likewise, and whether anything answers at all."""
    door = ProbeRequest(target_id=DOOR, url=f"{replica.serves_at}/", host=UNKNOWN_HOST, attempts=1)
    own = [_question(replica, each, each.key, each.domain, attempts) for each in services]
    others = {_control(each): _question(replica, each, _control(each), UNKNOWN_HOST, 1) for each in services}
    return [door, *own, *others.values()]


def answers(services: Collection[Service], outcomes: Mapping[str, ProbeOutcome]) -> Mapping[str, Seen]:
    """What the outcomes prove of each service."""
    anybody = {each.key for each in services if outcomes[_control(each)].kind is OutcomeKind.OK}
    seen = {each.key: _seen(outcomes[each.key], each.key in anybody) for each in services}
    if seen:
        seen[NOBODYS_KEY] = Seen.BROKEN if anybody else Seen.SERVES
    return seen


def door_of(outcomes: Mapping[str, ProbeOutcome]) -> Reached:
    """Whether its nginx answers at all, whatever it says."""
    outcome = outcomes[DOOR]
    if outcome.status is not None:
        return Reached.ANSWERS
    return Reached.REFUSES if outcome.kind is OutcomeKind.REFUSED else Reached.SILENT


def _question(replica: GatewayReplica, service: Service, name: str, host: str, attempts: int) -> ProbeRequest:
    check = service.check
    return ProbeRequest(
        target_id=name,
        url=f"{replica.serves_at}{check.path}",
        host=host,
        timeout_seconds=check.timeout_seconds,
        attempts=attempts,
        expect=check.expect,
    )


def _control(service: Service) -> str:
    """The name of the question that is the same but for whom it asks; services with one check share it."""
    return f"#{service.check.model_dump_json()}"


def _seen(outcome: ProbeOutcome, anybody_gets_it: bool) -> Seen:
    match outcome.kind:
        case OutcomeKind.OK:
            return Seen.OTHERWISE if anybody_gets_it else Seen.SERVES
        case OutcomeKind.REFUSED:
            return Seen.BROKEN
        case OutcomeKind.STATUS if outcome.status in _NOWHERE_TO_SEND:
            return Seen.BROKEN
        case OutcomeKind.STATUS | OutcomeKind.CONDITION | OutcomeKind.PROTOCOL:
            return Seen.OTHERWISE
        case _:
            return Seen.UNKNOWN
