"""A gateway replica of dstack made of a dict, which does what it is told as the real one does, or fails."""

from collections.abc import Callable, Sequence

from paramedic.gateways.dstack.api import ListedReplica, ListedService
from paramedic.gateways.dstack.desired import NOBODYS_KEY, DesiredGateway, Service
from paramedic.gateways.dstack.noting import Made
from paramedic.gateways.dstack.observed import Look, Reached, Seen
from paramedic.gateways.dstack.planning import (
    Call,
    RegisterReplica,
    RegisterService,
    UnregisterReplica,
    UnregisterService,
)
from paramedic.state.dstack_gateways import Problem

type Fails = Callable[[Call], Made | None]


def nothing_fails(_: Call) -> None:
    """Every call is done."""


class FakeGateway:
    """`services` is what it lists: ids by key, and replicas' ids.

    What is in `broken` is listed and not served until it is registered again, what is in `hopeless` ever after.
    """

    def __init__(self) -> None:
        self.services: dict[str, tuple[str, set[str]]] = {}
        self.broken: set[str] = set()
        self.hopeless: set[str] = set()

    def look(self, desired: DesiredGateway) -> Look:
        """What a look at it finds."""
        listed = {
            key: ListedService(
                id=identity,
                project_name=key.split("/")[0],
                run_name=key.split("/")[1],
                replicas=tuple(ListedReplica(id=each) for each in sorted(replicas)),
            )
            for key, (identity, replicas) in self.services.items()
        }
        blind = Look(Reached.ANSWERS, "", listed, Reached.ANSWERS, {})
        seen = {each.key: self._seen(each) for each in desired.services if blind.may_be_served(each)}
        return Look(Reached.ANSWERS, "", listed, Reached.ANSWERS, {**seen, NOBODYS_KEY: Seen.SERVES})

    def make(self, calls: Sequence[Call], fails: Fails = nothing_fails) -> tuple[Made, ...]:
        """Do what is asked, but for what `fails` answers instead; stops where no answer comes."""
        made: list[Made] = []
        for call in calls:
            made.append(fails(call) or self.do(call))
            if made[-1].problem is Problem.UNANSWERED:
                break
        return tuple(made)

    def do(self, call: Call) -> Made:
        """Do one thing, or refuse it."""
        match call:
            case RegisterService(service) if service.key not in self.services:
                self.services[service.key] = service.registered_id, set()
                self.broken.discard(service.key)
                return Made(call)
            case UnregisterService(key) if key in self.services:
                del self.services[key]
                return Made(call)
            case RegisterReplica(service, registered_id) if service.key in self.services:
                self.services[service.key][1].add(registered_id)
                return Made(call)
            case UnregisterReplica(service, registered_id) if service.key in self.services:
                self.services[service.key][1].discard(registered_id)
                return Made(call)
            case _:
                return Made(call, Problem.REFUSED, "answered 400")

    def _seen(self, service: Service) -> Seen:
        return Seen.BROKEN if service.key in self.broken | self.hopeless else Seen.SERVES
