"""Gateway replicas: their agent's reports are their heartbeat, and requests through their data plane the proof.

Nothing of them is sealed, so a predecessor must be seen gone. What is on its way is `gateway_reconcile`'s.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from paramedic.errors import ParamedicError
from paramedic.gateways.epochs import Standing, predecessors_of_placed
from paramedic.gateways.launching import environment_of
from paramedic.gateways.looking import ReplicaSight, Sight, look_at
from paramedic.gateways.reaching import FrontDoor, Reached, reached, requests_for
from paramedic.gateways.verbs import spec_of, wanted_gateway
from paramedic.health.diagnosis import DiagnosisName
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome
from paramedic.launchers.interface import Launcher
from paramedic.recovery.evidence import unclear, word_of_host
from paramedic.recovery.gate import Evidence, Finding
from paramedic.recovery.subject import NotRelaunchableError, Seen
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.gateway_keys import GatewayReplicaKey, gateway_replica_of
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import Target
from paramedic.state.traffic import TrafficReport, report_item
from paramedic.state.wanted_gateways import Phase

SILENT_FOR_LONG = (DiagnosisName.HUNG, DiagnosisName.AGENT_DEAD)
"""What a check says of timeouts with a silent agent that have lasted, or where its Envoy serves on without it."""

NOT_MEASURED = (OutcomeKind.NOT_PROBED, OutcomeKind.FORBIDDEN_ADDRESS, OutcomeKind.DNS)


class GatewaySubject:
    """Replicas that were placed for a gateway that somebody wants."""

    fences_state = False
    proof = "its agent reports under its epoch and every route is reached through it"

    def look(
        self,
        target: Target,
        current: ControllerEpoch,
        previous: Recovery | None,
        asked: bool,
        around: Surroundings,
    ) -> Seen:
        """Its health and routes, through its data plane, and whether its agent reports."""
        key = _key_of(str(target.target_id))
        _, sight = _sights(key)
        standing = Standing(key, current, previous)
        predecessors = predecessors_of_placed(sight.placed, standing)
        living = predecessors[0].receipt if len(predecessors) == 1 else None
        if sight.phase is not Phase.SERVING:
            text = f"it is {sight.phase}, which is gateway_reconcile's work"
            return Seen(unclear(text), predecessors, living)
        return Seen(_judge(key, target, living, asked, around), predecessors, living)

    def recovered(self, recovery: Recovery, around: Surroundings) -> str | None:
        """What it serves, once its agent reports under this epoch and each route is reached through it."""
        sight, replica = _sights(_key_of(str(recovery.target_id)))
        if replica.standing.epoch != recovery.epoch or not replica.is_connected(around.clock.now()):
            return None
        if sight.spec.probe_from is not ProbeLocation.PUBLIC:
            return "its agent reports; its routes are seen by gateway_reconcile, from where it is reached"
        door = replica.door(sight.spec)
        found = None if door is None else _asked(door, sight.revisions, around)
        return f"serves {len(sight.revisions)} services" if found is not None and found.all_have_a_way else None

    def is_coming_up(self, recovery: Recovery, around: Surroundings) -> bool:
        """Whether its agent reports under this epoch: then it is still finding its routes."""
        _, replica = _sights(_key_of(str(recovery.target_id)))
        return replica.standing.epoch == recovery.epoch and replica.is_connected(around.clock.now())

    def told(self, recovery: Recovery) -> Mapping[str, str]:
        """Its gateway's settings and its own name."""
        key = _key_of(str(recovery.target_id))
        return environment_of(key, spec_of(wanted_gateway(key.gateway)))

    def in_its_place(self, recovery: Recovery, launcher: Launcher) -> Receipt | None:  # noqa: ARG002 -- the interface's
        """Nobody: only what was launched under its epoch registers as it."""
        return None


def _key_of(target_id: str) -> GatewayReplicaKey:
    key = gateway_replica_of(target_id)
    if key is None:
        raise NotRelaunchableError(f"{target_id} is no gateway replica")
    return key


def _sights(key: GatewayReplicaKey) -> tuple[Sight, ReplicaSight]:
    sight = look_at(wanted_gateway(key.gateway), key.number)
    replica = next(iter(sight.replicas), None)
    if replica is None:
        raise NotRelaunchableError(f"{key.target_id} is not wanted, or was started by hand: nobody relaunches it")
    return sight, replica


def _judge(
    key: GatewayReplicaKey, target: Target, living: Receipt | None, asked: bool, around: Surroundings
) -> Evidence:
    if (target.probe_from or ProbeLocation.PUBLIC) != ProbeLocation.PUBLIC:
        return unclear(f"it is checked from {target.probe_from}, where recovery cannot probe it")
    sight, replica = _sights(key)
    door = replica.door(sight.spec)
    if door is None:
        return unclear("its agent has never said where it is reached")
    health = around.probe(door.health())
    if health.kind in NOT_MEASURED:
        return unclear(f"it could not be probed: {health.kind} {health.detail}")
    if health.kind is OutcomeKind.OK:
        return _of_its_routes(key, door, sight, around)
    if _reports(key, around):
        return Evidence(finding=Finding.ALIVE, text=f"probe: {health.kind}, but its agent reports")
    return _silent(target, health, living, asked, around)


def _of_its_routes(key: GatewayReplicaKey, door: FrontDoor, sight: Sight, around: Surroundings) -> Evidence:
    first = _asked(door, sight.revisions, around)
    if not first.lost:
        return Evidence(finding=Finding.ALIVE, text="it answers, and has a way for every service that it was asked for")
    around.clock.sleep(LOST_FOR_SECONDS)
    # A service may come, go or lose its last replica at any moment, and is told to agents within seconds.
    now, _ = _sights(key)
    steady = {name: at for name, at in now.revisions.items() if name in first.lost and sight.revisions[name] == at}
    second = _asked(door, steady, around)
    if not second.lost:
        return Evidence(finding=Finding.ALIVE, text="it answers, and its routes change")
    return Evidence(finding=Finding.HUNG, text=f"it answers, and has lost its way to {', '.join(sorted(second.lost))}")


LOST_FOR_SECONDS = 10.0
"""An agent has an unchanged route in place within this; what is lost for longer is not on its way."""


ASKED_AT_ONCE = 32
"""A hundred services that all keep their silence are asked within a fifth of an invocation's time."""


def _asked(door: FrontDoor, revisions: Mapping[str, int], around: Surroundings) -> Reached:
    requests = requests_for(door, revisions)
    with ThreadPoolExecutor(max_workers=min(ASKED_AT_ONCE, len(requests))) as askers:
        outcomes = askers.map(around.probe, requests)
        return reached(
            door, revisions, {each.target_id: outcome for each, outcome in zip(requests, outcomes, strict=True)}
        )


def _reports(key: GatewayReplicaKey, around: Surroundings) -> bool:
    before = _beat(key)
    around.clock.sleep(around.stale_seconds)
    return _beat(key) != before


def _beat(key: GatewayReplicaKey) -> tuple[str, int] | None:
    report = TrafficReport.read(key.gateway, report_item(key.replica_name))
    return None if report is None else (report.incarnation, int(report.sequence))


def _silent(
    target: Target, health: ProbeOutcome, living: Receipt | None, asked: bool, around: Surroundings
) -> Evidence:
    seen = f"probe: {health.kind}, and its agent is silent"
    if health.kind is not OutcomeKind.TIMEOUT:
        return Evidence(finding=Finding.DEAD, text=seen)
    if not (asked or (target.bad is not None and target.bad.diagnosis in SILENT_FOR_LONG)):
        return unclear(f"{seen}, but not for long enough to be called hung")
    if living is None or not target.profile:
        return unclear(f"{seen}, and there is no workload to ask its host about")
    try:
        return word_of_host(seen, living, around.profile(target.profile).launcher, around)
    except ParamedicError as error:
        return unclear(f"{seen}, and its host cannot be asked: {error}")
