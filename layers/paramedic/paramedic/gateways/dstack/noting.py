"""What is remembered of a gateway replica after a pass. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from paramedic.gateways.dstack.desired import NOBODYS_KEY, DesiredGateway, Service
from paramedic.gateways.dstack.observed import Look, Reached, Seen
from paramedic.gateways.dstack.planning import (
    Call,
    RegisterReplica,
    RegisterService,
    UnregisterReplica,
    UnregisterService,
    replica_trouble,
    strangers,
)
from paramedic.state.dstack_gateways import Problem, ReplicaNotes, Trouble

WAITS_SECONDS = (0, 30, 60, 300, 900)
"""After so many attempts in vain; the last one holds for all further ones."""

CLOSED_PASSES_KEPT = 3
LONGEST_SAID = 300

_NOWHERE = "it is listed, and nginx has nowhere to send its requests"
_NOBODY_ELSE = (
    "unknown host names get an answer that a service's check expects, so it proves nothing: "
    "give that check a path, or an expected body, that nothing else has"
)


@dataclass(frozen=True)
class Made:
    """A call that was sent. `problem` is None where the gateway said that it was done; `said` is for people."""

    call: Call
    problem: Problem | None = None
    said: str = ""


def noted(
    desired: DesiredGateway, before: ReplicaNotes, made: Sequence[Made], look: Look, now: datetime
) -> ReplicaNotes:
    """`before` after a pass that made these calls and then looked; what a call came to is what the look shows.

    Equal to `before` where nothing is new.
    """
    closed = look.api is Reached.REFUSES and look.door is Reached.ANSWERS
    return ReplicaNotes(
        registered=dict(_registered(desired, before, look)),
        unknown=before.unknown if look.listed is None else strangers(desired, look),
        troubles=dict(_Troubles(desired, before.troubles, made, look, now).all()),
        closed_passes=min(before.closed_passes + 1, CLOSED_PASSES_KEPT) if closed else 0,
    )


def _registered(desired: DesiredGateway, before: ReplicaNotes, look: Look) -> Iterator[tuple[str, str]]:
    for key, service in desired.by_key.items():
        if _is_registered(service, look, proved=before.registered.get(key) == service.registered_id):
            yield key, service.registered_id
    for key, registered_id in before.registered.items():
        # What was registered from here and is wanted no more is ours to remove until it has gone.
        if key not in desired.by_key and (look.listed is None or key in look.listed):
            yield key, registered_id


def _is_registered(service: Service, look: Look, *, proved: bool) -> bool:
    """Whether a request for it succeeded now, or once, where nothing seen now speaks against it."""
    is_known, seen = look.listed is not None, look.sees(service)
    if is_known and look.lists(service) is None:
        return False
    if not service.replicas:
        # Nothing can be asked of it.
        return seen in (Seen.SERVES, Seen.UNKNOWN) and (is_known or proved)
    if not look.may_be_served(service):
        return False
    return (seen is Seen.SERVES and (is_known or proved)) or (seen is Seen.UNKNOWN and proved)


@dataclass(frozen=True)
class _Troubles:
    desired: DesiredGateway
    before: Mapping[str, Trouble]
    made: Sequence[Made]
    look: Look
    now: datetime

    def all(self) -> Iterator[tuple[str, Trouble]]:
        after = {name: each for name, each in self.before.items() if self._still_is(name, each)}
        for each in self.made:
            name, identity = self._about(each.call)
            if each.problem is Problem.UNANSWERED and self.look.listed is None:
                # It has gone, or hangs: nothing is tried before its list is known again, and then at once.
                continue
            if each.problem is not None and not self._is_reached(each.call):
                after[name] = self._another(name, identity, each.problem, each.said)
            elif isinstance(each.call, UnregisterService) and each.call.repairs:
                after[name] = self._another(name, identity, Problem.NOT_SERVING, "it was registered again to repair it")
        yield from {**after, **dict(self._newly_broken(after))}.items()

    def _still_is(self, name: str, trouble: Trouble) -> bool:
        """Whether it is about something that is desired or listed, and not over; an unknown list ends nothing."""
        if self.look.listed is None:
            return True
        key = "/".join(name.split("/")[:2])
        service = self.desired.by_key.get(key)
        listed = self.look.listed.get(key)
        if service is None:
            return listed is not None and (listed.id or "") == trouble.id
        if name != key:
            there = {each.id for each in listed.replicas} if listed is not None else set[str]()
            return (trouble.id in service.replicas_by_id) != (trouble.id in there)
        if trouble.id != service.registered_id:
            return False
        if trouble.problem is not Problem.NOT_SERVING:
            return self.look.lists(service) is None
        # What was repaired just now and breaks again is the same trouble.
        return self.look.sees(service) is not Seen.SERVES or (trouble.attempts > 0 and self.now < trouble.retry_at)

    def _another(self, name: str, identity: str, problem: Problem, said: str) -> Trouble:
        former = self.before.get(name)
        same = former is not None and former.id == identity and former.problem is problem
        attempts = former.attempts + 1 if same and former is not None else 1
        wait = WAITS_SECONDS[min(attempts, len(WAITS_SECONDS) - 1)]
        return Trouble(
            id=identity,
            problem=problem,
            attempts=attempts,
            retry_at=self.now + timedelta(seconds=wait),
            said=said[:LONGEST_SAID],
        )

    def _newly_broken(self, known: Mapping[str, Trouble]) -> Iterator[tuple[str, Trouble]]:
        for key, service in self.desired.by_key.items():
            broken = self.look.lists(service) is not None and self.look.sees(service) is Seen.BROKEN
            if broken and key not in known:
                yield key, _at_once(service, self.now, _NOBODY_ELSE if key == NOBODYS_KEY else _NOWHERE)

    def _about(self, call: Call) -> tuple[str, str]:
        match call:
            case RegisterService(service):
                return service.key, service.registered_id
            case UnregisterService(key, listed_id):
                # Of a replacement, both halves are about what is to come.
                coming = self.desired.by_key.get(key)
                return key, listed_id if coming is None else coming.registered_id
            case RegisterReplica(service, registered_id) | UnregisterReplica(service, registered_id):
                return replica_trouble(service, registered_id), registered_id

    def _is_reached(self, call: Call) -> bool:
        """Whether the last look shows what `call` was for; a list that is not known shows nothing."""
        if self.look.listed is None:
            return False
        match call:
            case RegisterService(service):
                return self.look.lists(service) is not None
            case UnregisterService(key, listed_id):
                there = self.look.listed.get(key)
                return there is None or (there.id or "") != listed_id
            case RegisterReplica(service, registered_id):
                return registered_id in _replica_ids(self.look, service)
            case UnregisterReplica(service, registered_id):
                return registered_id not in _replica_ids(self.look, service)


def _at_once(service: Service, now: datetime, said: str) -> Trouble:
    return Trouble(id=service.registered_id, problem=Problem.NOT_SERVING, attempts=0, retry_at=now, said=said)


def _replica_ids(look: Look, service: Service) -> set[str]:
    listed = look.lists(service)
    return set() if listed is None else {each.id for each in listed.replicas}
