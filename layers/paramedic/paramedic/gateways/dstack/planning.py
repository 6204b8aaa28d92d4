"""What to ask of a gateway replica, from what is desired, what it lists and what is seen through it. Pure.

A list that is not known plans nothing. Services of other projects are nobody's business here. What nobody asked for
leaves when it is seen in a second pass, or at once where it was registered from here.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from paramedic.gateways.dstack.api import ListedService
from paramedic.gateways.dstack.desired import DesiredGateway, Service, ServiceReplica
from paramedic.gateways.dstack.observed import Look, Seen
from paramedic.state.dstack_gateways import Problem, ReplicaNotes


@dataclass(frozen=True)
class RegisterService:
    """Register a service without its replicas."""

    service: Service


@dataclass(frozen=True)
class UnregisterService:
    """Remove whatever is registered under this key, and its replicas. `repairs` what will be registered again."""

    key: str
    listed_id: str
    repairs: bool = False


@dataclass(frozen=True)
class RegisterReplica:
    """Register one replica of a registered service."""

    service: Service
    registered_id: str
    replica: ServiceReplica


@dataclass(frozen=True)
class UnregisterReplica:
    """Remove one replica of a registered service."""

    service: Service
    registered_id: str


_OF_CALLS = frozenset({Problem.REFUSED, Problem.UNANSWERED})

type Call = RegisterService | UnregisterService | RegisterReplica | UnregisterReplica


def removes(call: Call) -> bool:
    """Whether `call` takes something away."""
    return isinstance(call, UnregisterService | UnregisterReplica)


def replica_trouble(service: Service, registered_id: str) -> str:
    """The name of troubles with one replica."""
    return f"{service.key}/{registered_id}"


def plan(desired: DesiredGateway, look: Look, notes: ReplicaNotes, now: datetime) -> tuple[Call, ...]:
    """The calls that bring a replica nearer to what is desired, in their order; none where nothing is to be done."""
    if look.listed is None:
        return ()
    return tuple(_Planner(desired, look, look.listed, notes, now).calls())


def strangers(desired: DesiredGateway, look: Look) -> Mapping[str, str]:
    """The listed services of our projects that nobody asked for, and their ids."""
    return {
        key: each.id or ""
        for key, each in (look.listed or {}).items()
        if desired.owns(each.project_name) and key not in desired.by_key
    }


def slow_ones_last(calls: Collection[Call], slow_hops: Collection[tuple[str, int]]) -> tuple[Call, ...]:
    """`calls`, those behind hosts that do not greet after all others: a gateway does nothing else while it waits."""

    def is_slow(call: Call) -> bool:
        return isinstance(call, RegisterReplica) and call.replica.first_hop in slow_hops

    return (*(each for each in calls if not is_slow(each)), *(each for each in calls if is_slow(each)))


@dataclass(frozen=True)
class _Planner:
    desired: DesiredGateway
    look: Look
    listed: Mapping[str, ListedService]
    notes: ReplicaNotes
    now: datetime

    def calls(self) -> Iterator[Call]:
        removals = tuple(self._removals())
        yield from removals
        lifted = _OF_CALLS if removals or self._something_left() else frozenset[Problem]()
        begun = [each for each in self.desired.by_key.values() if self._is_to_begin(each, lifted)]
        for service in begun:
            # Next to each other, for nothing serves it meanwhile.
            if (listed := self.listed.get(service.key)) is not None:
                yield UnregisterService(service.key, listed.id or "", repairs=listed.id == service.registered_id)
                yield RegisterService(service)
                yield from self._missing(service, (), lifted)
        new = {each.key for each in begun if each.key not in self.listed}
        yield from (RegisterService(each) for each in begun if each.key in new)
        kept = {each.key for each in self.desired.by_key.values()} - {each.key for each in begun}
        yield from self._additions(new, kept, lifted)
        yield from self._surplus(kept)

    def _removals(self) -> Iterator[UnregisterService]:
        for key, listed_id in strangers(self.desired, self.look).items():
            is_ours = self.notes.registered.get(key) == listed_id
            if (is_ours or self.notes.unknown.get(key) == listed_id) and self._is_due(key, listed_id):
                yield UnregisterService(key, listed_id)

    def _something_left(self) -> bool:
        """Whether what was registered is not listed now: what was refused for its sake need be so no more."""
        return not self.notes.registered.keys() <= self.listed.keys()

    def _is_to_begin(self, service: Service, lifted: Collection[Problem]) -> bool:
        if self.look.lists(service) is not None:
            return self._is_to_repair(service) and self._is_due(service.key, service.registered_id, lifted)
        # How often it was repaired in vain says nothing of one that is not there.
        return self._is_due(service.key, service.registered_id, {*lifted, Problem.NOT_SERVING})

    def _is_to_repair(self, service: Service) -> bool:
        """Seen broken now, and when last looked at: one look relaunches nothing."""
        trouble = self.notes.troubles.get(service.key)
        seen_before = (
            trouble is not None and trouble.id == service.registered_id and trouble.problem is Problem.NOT_SERVING
        )
        return seen_before and self.look.sees(service) is Seen.BROKEN

    def _additions(
        self, new: Collection[str], kept: Collection[str], lifted: Collection[Problem]
    ) -> Iterator[RegisterReplica]:
        """Missing replicas: a first one for each service, then a second one, and so on."""
        missing: list[tuple[int, RegisterReplica]] = []
        for key, service in self.desired.by_key.items():
            if key in new:
                missing.extend(enumerate(self._missing(service, (), lifted)))
            elif key in kept and (listed := self.look.lists(service)) is not None:
                there = {each.id for each in listed.replicas}
                missing.extend(enumerate(self._missing(service, there, lifted), start=len(there)))
        yield from (call for _, call in sorted(missing, key=lambda each: each[0]))

    def _missing(
        self, service: Service, there: Collection[str], lifted: Collection[Problem]
    ) -> Iterator[RegisterReplica]:
        for registered_id, replica in service.replicas_by_id.items():
            name = replica_trouble(service, registered_id)
            if registered_id not in there and self._is_due(name, registered_id, lifted):
                yield RegisterReplica(service, registered_id, replica)

    def _surplus(self, kept: Collection[str]) -> Iterator[UnregisterReplica]:
        """Replicas that nobody asked for, once one that was asked for is there."""
        for service in (each for key, each in self.desired.by_key.items() if key in kept):
            listed = self.look.lists(service)
            there = [] if listed is None else [each.id for each in listed.replicas]
            wanted = service.replicas_by_id
            if not wanted or not wanted.keys().isdisjoint(there):
                yield from (
                    UnregisterReplica(service, each)
                    for each in there
                    if each not in wanted and self._is_due(replica_trouble(service, each), each)
                )

    def _is_due(self, name: str, identity: str, lifted: Collection[Problem] = ()) -> bool:
        trouble = self.notes.troubles.get(name)
        if trouble is None or trouble.id != identity or trouble.problem in lifted:
            return True
        return self.now >= trouble.retry_at
