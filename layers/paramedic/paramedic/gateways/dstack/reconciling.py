"""One pass over one gateway replica: look, plan, act, look again, and say how it stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from paramedic.gateways.dstack.acting import Acting
from paramedic.gateways.dstack.client import GatewayApi, NotReachedError
from paramedic.gateways.dstack.desired import DesiredGateway, GatewayReplica, Service
from paramedic.gateways.dstack.finding import Finding, finding
from paramedic.gateways.dstack.keys import SshKeys
from paramedic.gateways.dstack.noting import Made, noted
from paramedic.gateways.dstack.observed import Look, Reached
from paramedic.gateways.dstack.planning import Call, RegisterReplica, plan, slow_ones_last
from paramedic.gateways.dstack.seeing import answers, door_of, questions
from paramedic.gateways.dstack.surroundings import Asks, SlowHops
from paramedic.state.dstack_gateways import Problem, ReplicaNotes, Trouble

ATTEMPTS_AFTER_CHANGES = 5
"""nginx takes a moment for new files, within some two seconds it has them; its former processes then end."""


@dataclass(frozen=True)
class Standing:
    """How a replica stands after a pass. `look` is the last one; `made` are the calls that were sent to it."""

    replica: GatewayReplica
    look: Look
    finding: Finding
    notes: ReplicaNotes
    made: tuple[Made, ...] = ()

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """What keeps it from being as desired, by service or service and replica; not what was repaired just now."""
        registered = self.notes.registered
        return {
            name: each
            for name, each in self.notes.troubles.items()
            if each.problem is not Problem.NOT_SERVING or name not in registered
        }

    def is_as_desired(self, desired: DesiredGateway) -> bool:
        """Whether all that is desired is registered and was seen to serve, and nothing else is there."""
        notes, look = self.notes, self.look
        return (
            self.finding is Finding.WELL
            and notes.registered.keys() == desired.by_key.keys()
            and all(_has_its_replicas(each, look) for each in desired.by_key.values())
            and not notes.unknown
            and not self.troubles
        )


@dataclass(frozen=True)
class Outlook:
    """How a replica stands, and what a pass would do."""

    desired: DesiredGateway
    standing: Standing
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Means:
    """What a pass works with; the same for all replicas."""

    ask: Asks
    slow_hops: SlowHops
    ssh_keys: SshKeys
    now: Callable[[], datetime]


@dataclass(frozen=True)
class ReplicaPass:
    """Brings one replica nearer to what is desired."""

    desired: DesiredGateway
    replica: GatewayReplica
    api: GatewayApi
    means: Means

    def look(self, attempts: int = 1) -> Look:
        """One look, which changes nothing."""
        api, said, listed = Reached.ANSWERS, "", None
        try:
            listed = self.api.list_services()
        except NotReachedError as error:
            api, said = error.reached, str(error)
        blind = Look(api, said, listed, Reached.SILENT, {})
        asked = [each for each in self.desired.services if blind.may_be_served(each)]
        outcomes = self.means.ask(questions(self.replica, asked, attempts))
        return Look(api, said, listed, door_of(outcomes), answers(asked, outcomes))

    def calls(self, look: Look, notes: ReplicaNotes) -> Sequence[Call]:
        """What a pass would do after `look`, in its order."""
        calls = plan(self.desired, look, notes, self.means.now())
        hops = {each.replica.first_hop for each in calls if isinstance(each, RegisterReplica)}
        return slow_ones_last(calls, self.means.slow_hops(hops))

    def outlook(self, notes: ReplicaNotes) -> Outlook:
        """Look, and change nothing."""
        look = self.look()
        after = noted(self.desired, notes, (), look, self.means.now())
        standing = Standing(self.replica, look, finding(look, after.closed_passes), after)
        return Outlook(self.desired, standing, tuple(self.calls(look, notes)))

    def run(self, notes: ReplicaNotes, may_make: Callable[[Call], bool]) -> Standing:
        """Make one pass, and say what is to be remembered of it.

        `may_make` is asked before each call: once it says no, the pass does nothing more.
        """
        look = self.look()
        acting = Acting(self.replica.name, self.desired, self.api, self.means.ssh_keys, may_make)
        made = acting.make(self.calls(look, notes))
        for _ in ("new processes of nginx answer", "no former one does any more") if made else ():
            look = self.look(ATTEMPTS_AFTER_CHANGES)
        after = noted(self.desired, notes, made, look, self.means.now())
        return Standing(self.replica, look, finding(look, after.closed_passes), after, made)


def _has_its_replicas(service: Service, look: Look) -> bool:
    listed = look.lists(service)
    return listed is not None and {each.id for each in listed.replicas} == service.replicas_by_id.keys()
