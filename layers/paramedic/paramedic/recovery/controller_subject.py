"""Controllers: their claim says who must be gone, their heartbeat whether they live and what they took up."""

from collections.abc import Mapping

from paramedic.health.outcomes import OutcomeKind, ProbeRequest
from paramedic.launchers.interface import Launcher
from paramedic.recovery.evidence import gather
from paramedic.recovery.predecessors import predecessors_of
from paramedic.recovery.subject import Seen
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import ENDPOINT as ENDPOINT_ITEM
from paramedic.state.controllers import EPOCH, HEARTBEAT, ControllerEndpoint, ControllerEpoch, ControllerHeartbeat
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import Target, controller_id_of


class ControllerSubject:
    """Controllers, which claim their epoch, seal their state and beat."""

    fences_state = True
    proof = "it has claimed, restored its state, beats and answers"

    def look(
        self,
        target: Target,
        current: ControllerEpoch,
        previous: Recovery | None,
        asked: bool,
        around: Surroundings,
    ) -> Seen:
        """One probe and its heartbeat; who claimed its epoch, or might have."""
        evidence = gather(target, asked, around)
        return Seen(evidence, predecessors_of(current, previous), current.claimant)

    def recovered(self, recovery: Recovery, around: Surroundings) -> str | None:
        """What the successor took up, once it has claimed, sealed, restored, beaten and answers its probe."""
        controller_id = controller_id_of(str(recovery.target_id))
        heartbeat = ControllerHeartbeat.read(controller_id, HEARTBEAT)
        # It says the least before the rest is worth asking for, and is asked ten times a second.
        if heartbeat is None or heartbeat.sealed_epoch != recovery.epoch:
            return None
        if not (heartbeat.beats and heartbeat.restored):
            return None
        epoch = ControllerEpoch.read(controller_id, EPOCH)
        endpoint = ControllerEndpoint.read(controller_id, ENDPOINT_ITEM)
        if epoch is None or endpoint is None or epoch.epoch != recovery.epoch or not epoch.claimed_by:
            return None
        url = f"http://{endpoint.host}:{int(endpoint.port)}/health"
        answer = around.probe(ProbeRequest(target_id=recovery.target_id, url=url, attempts=1))
        return heartbeat.restored if answer.kind is OutcomeKind.OK else None

    def is_coming_up(self, recovery: Recovery, around: Surroundings) -> bool:
        """Whether its heartbeat has moved lately: then it is busy, or cannot be reached."""
        heartbeat = ControllerHeartbeat.read(controller_id_of(str(recovery.target_id)), HEARTBEAT)
        if heartbeat is None or heartbeat.sealed_epoch != recovery.epoch or not heartbeat.beat_at:
            return False
        return (around.clock.now() - heartbeat.moment("beat_at")).total_seconds() < around.stale_seconds

    def told(self, recovery: Recovery) -> Mapping[str, str]:  # noqa: ARG002 -- the interface's
        """Nothing: its profile says it all."""
        return {}

    def in_its_place(self, recovery: Recovery, launcher: Launcher) -> Receipt | None:  # noqa: ARG002 -- Subject's
        """Nobody: a controller that starts by itself takes the recovery over, or exits."""
        return None
