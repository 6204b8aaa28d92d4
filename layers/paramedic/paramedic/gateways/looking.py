"""Reads all that one look at a gateway's replicas needs; what is read is not changed by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from paramedic.errors import ParamedicError
from paramedic.gateways.epochs import Standing, read_standing
from paramedic.gateways.planning import ReplicaSeen
from paramedic.gateways.reaching import FrontDoor
from paramedic.gateways.spec import GatewaySpec
from paramedic.gateways.surroundings import Surroundings
from paramedic.gateways.verbs import spec_of
from paramedic.health.verdict import Verdict
from paramedic.launchers.profile import VERIFY_SECONDS
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica, ReplicaStatus
from paramedic.state.load_balancers import INDEX, LoadBalancerIndex
from paramedic.state.targets import Target, bucket_of
from paramedic.state.traffic import TrafficReport, read_reports, report_item
from paramedic.state.wanted_gateways import DesiredGateway, GatewayState, Phase, PlacedReplica, read_placed

REPORTING_SECONDS = 15
"""An agent that has covered no second since then is silent."""

DEFAULT_DOMAIN = "localhost"
"""Where replicas answer for services that nobody gave a domain."""


@dataclass(frozen=True)
class ReplicaSight:
    """One placed replica and all that is known of it; `report` is its agent's last."""

    key: GatewayReplicaKey
    placed: PlacedReplica
    standing: Standing
    own: GatewayReplica | None
    target: Target | None
    report: TrafficReport | None

    @property
    def phase(self) -> Phase:
        """Where it stands.

        Raises:
            InvalidRowError: the row holds another word.
        """
        return self.placed.word("phase", Phase)

    def is_connected(self, now: datetime) -> bool:
        """Whether the agent of its last launch has spoken, and speaks still."""
        own, report = self.own, self.report
        if own is None or report is None or own.status != ReplicaStatus.SERVING:
            return False
        return own.epoch == self.standing.epoch and report.covers_until >= now.timestamp() - REPORTING_SECONDS

    @property
    def is_judged_down(self) -> bool:
        """Whether health checks say that nobody is served through it."""
        bad = None if self.target is None else self.target.bad
        return bad is not None and bad.verdict == Verdict.DOWN

    def unseen(self, revisions: Mapping[str, int]) -> Mapping[str, int]:
        """The services that were not yet seen to be reached through it as they are now."""
        seen = {} if self.placed.routes is None else self.placed.routes.services
        return {name: at for name, at in revisions.items() if name not in seen or seen[name].revision != at}

    def door(self, spec: GatewaySpec) -> FrontDoor | None:
        """Where its data plane is, once it said so."""
        own = self.own
        if own is None or not own.hostname or not own.port:
            return None
        domain = spec.domain or DEFAULT_DOMAIN
        return FrontDoor(self.key.target_id, self.key.gateway, own.hostname, int(own.port), domain)


@dataclass(frozen=True)
class Sight:
    """A gateway as it is wanted and as it is; `revisions` are those of its services."""

    desired: DesiredGateway
    spec: GatewaySpec
    replicas: Sequence[ReplicaSight]
    revisions: Mapping[str, int]
    taken: frozenset[int]

    @property
    def name(self) -> str:
        """The gateway's name."""
        return self.desired.name

    @property
    def is_going_down(self) -> bool:
        """Whether nobody wants it any more."""
        return self.desired.state == GatewayState.DOWN


def look(desired: DesiredGateway) -> Sight:
    """How the gateway and its replicas stand.

    Raises:
        InvalidRowError: a row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    gateway = desired.name
    own = {int(row.replica_num): row for row in GatewayReplica.read_all(gateway)}
    reports = {row.replica: row for row in read_reports(gateway)}
    keys = {GatewayReplicaKey(gateway, int(row.replica_num)): row for row in read_placed(gateway)}
    replicas = [_sight(key, row, own.get(key.number), reports.get(key.replica_name)) for key, row in keys.items()]
    return _with(desired, replicas, frozenset(own))


def look_at(desired: DesiredGateway, number: int) -> Sight:
    """As `look`, of one replica alone; of none where that was not placed.

    Raises:
        InvalidRowError: a row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    key = GatewayReplicaKey(desired.name, number)
    placed = PlacedReplica.read(desired.gateway, number)
    if placed is None:
        return _with(desired, (), frozenset())
    own = GatewayReplica.read(key.gateway, number)
    report = TrafficReport.read(key.gateway, report_item(key.replica_name))
    return _with(desired, (_sight(key, placed, own, report),), frozenset())


def _with(desired: DesiredGateway, replicas: Sequence[ReplicaSight], taken: frozenset[int]) -> Sight:
    index = LoadBalancerIndex.read(desired.name, INDEX)
    revisions = {} if index is None else index.by_service
    return Sight(desired, spec_of(desired), replicas, revisions, taken)


def _sight(
    key: GatewayReplicaKey, placed: PlacedReplica, own: GatewayReplica | None, report: TrafficReport | None
) -> ReplicaSight:
    target = Target.read(bucket_of(key.target_id), key.target_id)
    return ReplicaSight(key, placed, read_standing(key), own, target, report)


def seen_of(sight: ReplicaSight, routed: bool, around: Surroundings) -> ReplicaSeen:
    """What the planner sees of it. `routed`: every service has a way through it.

    Raises:
        InvalidRowError: its row holds an unknown word, or no time.
    """
    placed, now = sight.placed, around.clock.now()
    passed = sight.standing.epoch > placed.epoch
    return ReplicaSeen(
        number=sight.key.number,
        version=int(placed.version),
        profile=placed.profile,
        phase=sight.phase,
        since=placed.moment("phase_at"),
        attempts=int(placed.attempts),
        not_before=placed.moment("not_before") if placed.not_before else None,
        deadline=_deadline(placed.profile, around),
        connected=sight.is_connected(now),
        serves=routed,
        healthy=not sight.is_judged_down,
        recovering=passed and sight.standing.is_being_recovered,
        recovered=passed and sight.standing.is_recovered_by is not None,
        trouble=placed.reason or "",
    )


def _deadline(profile: str, around: Surroundings) -> timedelta:
    try:
        return timedelta(seconds=around.profile(profile).verify_seconds)
    except ParamedicError:
        # It cannot be used; for how long it is tried is said nowhere else.
        return timedelta(seconds=VERIFY_SECONDS)
