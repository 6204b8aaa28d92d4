"""What people see: one typed view built from stored rows, so that it reads the same with the controller dead."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from paramedic.services.progress import Progress, progress_of
from paramedic.state.autoscalers import Autoscaler
from paramedic.state.controllers import (
    ENDPOINT,
    EPOCH,
    HEARTBEAT,
    ControllerEndpoint,
    ControllerEpoch,
    ControllerHeartbeat,
)
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.recoveries import OPEN_STEPS, Recovery
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic.state.services import DOWN, PAUSED, DesiredService, ObservedService, observed_item
from paramedic.state.targets import Target, bucket_of, controller_target_id


class ServiceStatus(StrEnum):
    """A service in one word. `CONTROLLER_FAILED`: nobody keeps it at its desired state; its replicas may serve."""

    CONTROLLER_INIT = "CONTROLLER_INIT"
    REPLICA_INIT = "REPLICA_INIT"
    READY = "READY"
    NOT_READY = "NOT_READY"
    NO_REPLICA = "NO_REPLICA"
    PAUSED = "PAUSED"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    CONTROLLER_FAILED = "CONTROLLER_FAILED"


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReplicaView(_View):
    """One replica."""

    replica_id: int
    version: int
    status: str
    url: str
    launched_at: str


class ServiceView(_View):
    """One service; `port` is its load balancer's, `target` how many replicas its autoscaler wants.

    `move_to` is the controller that it is to be handed over to.
    """

    name: str
    uid: str
    status: ServiceStatus
    message: str
    revision: int
    version: int
    gateway: str
    port: int
    target: int | None
    progress: Progress
    ready: int
    routes: tuple[str, ...]
    replicas: tuple[ReplicaView, ...]
    move_to: str | None = None


class ControllerView(_View):
    """One controller and its services; `incident` says what is wrong with it, or being done about it.

    `downtime` is the planned one it is in, about to enter or was in last.
    """

    controller_id: str
    epoch: int
    claimed: bool
    url: str
    heartbeat_sequence: int | None
    heartbeat_at: str | None
    failed: bool
    incident: str | None
    downtime: PlannedPeriod | None = None
    services: tuple[ServiceView, ...]


@dataclass(frozen=True)
class ServiceRows:
    """All that is stored of one service for people to see."""

    desired: DesiredService
    observed: ObservedService | None
    replicas: Sequence[Replica]
    autoscaler: Autoscaler | None
    balancer: LoadBalancer | None


@dataclass(frozen=True)
class ControllerRows:
    """All that is stored of one controller for people to see."""

    epoch: ControllerEpoch
    endpoint: ControllerEndpoint
    heartbeat: ControllerHeartbeat | None
    target: Target | None
    recovery: Recovery | None
    services: Sequence[ServiceRows]


def service_status(wanted: str, statuses: Sequence[str]) -> ServiceStatus:
    """The word for a service of the desired state `wanted` whose replicas have `statuses`.

    One ready replica is enough to serve.
    """
    if wanted == DOWN:
        return ServiceStatus.SHUTTING_DOWN
    if wanted == PAUSED:
        return ServiceStatus.PAUSED
    living = [status for status in statuses if status != ReplicaStatus.STOPPING]
    if ReplicaStatus.READY in living:
        return ServiceStatus.READY
    if not living:
        return ServiceStatus.NO_REPLICA
    beginning = {ReplicaStatus.LAUNCHING, ReplicaStatus.STARTING}
    return ServiceStatus.REPLICA_INIT if beginning & set(living) else ServiceStatus.NOT_READY


def build_status(rows: ControllerRows) -> ControllerView:
    """The view of one controller; it, and its services, are failed while it is judged down or being recovered.

    What is remembered of earlier failures, or of recoveries that were refused, says nothing about now.
    """
    bad = rows.target.bad if rows.target is not None else None
    recovering = rows.recovery is not None and rows.recovery.step in OPEN_STEPS
    failed = recovering or _failure(rows.target) is not None
    diagnosis = bad.diagnosis if bad is not None else ("being recovered" if recovering else None)
    beat = rows.heartbeat
    return ControllerView(
        controller_id=rows.epoch.controller_id,
        epoch=int(rows.epoch.epoch),
        claimed=bool(rows.epoch.claimed_by),
        url=f"http://{rows.endpoint.host}:{int(rows.endpoint.port)}",
        heartbeat_sequence=int(beat.sequence) if beat else None,
        heartbeat_at=beat.beat_at if beat else None,
        failed=failed,
        incident=diagnosis,
        downtime=rows.target.downtime if rows.target is not None else None,
        services=tuple(_service_view(service, failed) for service in rows.services),
    )


def read_failure(controller_id: str) -> str | None:
    """The diagnosis of a controller that is judged down; None while it is not.

    Raises:
        InvalidRowError: its target's row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    target_id = controller_target_id(controller_id)
    return _failure(Target.read(bucket_of(target_id), target_id))


def _failure(target: Target | None) -> str | None:
    bad = target.bad if target is not None else None
    return bad.diagnosis if bad is not None and bad.verdict == "down" else None


def _service_view(rows: ServiceRows, controller_failed: bool) -> ServiceView:
    desired = rows.desired
    routes = rows.balancer.routes.replicas if rows.balancer else ()
    return ServiceView(
        name=desired.service,
        uid=desired.uid,
        status=_status(rows, controller_failed),
        message=_message(rows),
        revision=int(desired.revision),
        version=int(desired.version),
        gateway=desired.gateway,
        port=int(desired.port),
        target=rows.autoscaler.state.replicas if rows.autoscaler else None,
        progress=progress_of(desired.uid, int(desired.revision), desired, rows.observed),
        ready=sum(1 for replica in rows.replicas if replica.status == ReplicaStatus.READY),
        routes=tuple(route.url for route in routes),
        replicas=tuple(_replica_view(replica) for replica in rows.replicas),
        move_to=desired.move_to,
    )


def _status(rows: ServiceRows, controller_failed: bool) -> ServiceStatus:
    if controller_failed:
        return ServiceStatus.CONTROLLER_FAILED
    if rows.observed is None or rows.observed.uid != rows.desired.uid:
        return ServiceStatus.CONTROLLER_INIT
    return service_status(rows.desired.state, [replica.status for replica in rows.replicas])


def _message(rows: ServiceRows) -> str:
    if rows.desired.state == PAUSED:
        return rows.desired.pause_reason or ""
    return rows.observed.message if rows.observed else ""


def _replica_view(replica: Replica) -> ReplicaView:
    return ReplicaView(
        replica_id=int(replica.replica_id),
        version=int(replica.version),
        status=replica.status,
        url=replica.url,
        launched_at=replica.launched_at,
    )


def read_controller(controller_id: str) -> ControllerRows | None:
    """What is stored of a controller, or None when it has never started.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    epoch = ControllerEpoch.read(controller_id, EPOCH)
    endpoint = ControllerEndpoint.read(controller_id, ENDPOINT)
    if epoch is None or endpoint is None:
        return None
    target_id = controller_target_id(controller_id)
    wanted = DesiredService.read_all(controller_id, DesiredService.item.startswith("desired#"))
    return ControllerRows(
        epoch=epoch,
        endpoint=endpoint,
        heartbeat=ControllerHeartbeat.read(controller_id, HEARTBEAT),
        target=Target.read(bucket_of(target_id), target_id),
        recovery=Recovery.read(target_id, int(epoch.epoch)),
        services=[_read_service(controller_id, desired) for desired in wanted],
    )


def _read_service(controller_id: str, desired: DesiredService) -> ServiceRows:
    return ServiceRows(
        desired=desired,
        observed=ObservedService.read(controller_id, observed_item(desired.service)),
        replicas=Replica.read_all(desired.uid),
        autoscaler=Autoscaler.read(desired.uid),
        balancer=LoadBalancer.read(desired.gateway, desired.service),
    )
