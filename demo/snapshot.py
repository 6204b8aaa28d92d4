"""What a controller and its service look like in the tables at one moment."""

from dataclasses import dataclass, replace

import httpx

from paramedic.state.autoscalers import Autoscaler, AutoscalerState
from paramedic.state.controllers import (
    ENDPOINT,
    EPOCH,
    HEARTBEAT,
    ControllerEndpoint,
    ControllerEpoch,
    ControllerHeartbeat,
)
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.operations import Operation, open_item
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import Replica
from paramedic.state.services import DesiredService, desired_item
from paramedic.state.traffic import TrafficReport, report_item
from paramedic_cli.host.gateway_replica import replica_name


class IncompleteError(Exception):
    """Rows that a running service has are not there."""


@dataclass(frozen=True)
class ReplicaFacts:
    """One replica as it must be found again; `answers` is what it says itself, whoever looks after it."""

    replica_id: int
    url: str
    status: str
    pid: str
    answers: bool


@dataclass(frozen=True)
class Snapshot:
    """One controller with one service.

    `unfinished` are requests under way, as the gateway reports them. `restored` is the controller's own report of what
    it took up, and `taken_up` the requests it names in it.
    """

    epoch: int
    controller: Receipt
    controller_url: str
    service_uid: str
    load_balancer_port: int
    routes: tuple[str, ...]
    replicas: tuple[ReplicaFacts, ...]
    scaler: AutoscalerState
    unfinished_requests: int
    unfinished: tuple[str, ...]
    unfinished_operations: int
    restored: str
    taken_up: tuple[str, ...]

    def without_traffic(self) -> "Snapshot":
        """The same but for what the gateway reports, whoever lives: what is left only a controller writes."""
        return replace(self, unfinished_requests=0, unfinished=())


def take_snapshot(controller_id: str, service: str) -> Snapshot:
    """Read everything the demo compares.

    Raises:
        IncompleteError: a row is missing.
    """
    epoch = _required(ControllerEpoch.read(controller_id, EPOCH), "epoch")
    endpoint = _required(ControllerEndpoint.read(controller_id, ENDPOINT), "endpoint")
    heartbeat = _required(ControllerHeartbeat.read(controller_id, HEARTBEAT), "heartbeat")
    desired = _required(DesiredService.read(controller_id, desired_item(service)), "service")
    balancer = _required(LoadBalancer.read(desired.gateway, service), "load balancer")
    scaler = _required(Autoscaler.read(desired.uid), "autoscaler")
    report = TrafficReport.read(desired.gateway, report_item(replica_name(desired.gateway)))
    url = f"http://{endpoint.host}:{int(endpoint.port)}"
    return Snapshot(
        epoch=int(epoch.epoch),
        controller=_required(epoch.claimant, "claim"),
        controller_url=url,
        service_uid=desired.uid,
        load_balancer_port=int(balancer.port),
        routes=tuple(route.url for route in balancer.routes.replicas),
        replicas=tuple(_replica(row) for row in Replica.read_all(desired.uid)),
        scaler=scaler.state,
        unfinished_requests=int(report.unfinished_count) if report else 0,
        unfinished=tuple(report.unfinished_examples) if report else (),
        unfinished_operations=len(Operation.read_all(desired.uid, Operation.item.startswith(open_item("")))),
        restored=heartbeat.restored or "",
        taken_up=_taken_up(url),
    )


def _required[T](found: T | None, what: str) -> T:
    if found is None:
        raise IncompleteError(f"there is no {what} row")
    return found


def _replica(row: Replica) -> ReplicaFacts:
    pid = row.receipt.identity["pid"] if row.receipt else "none"
    return ReplicaFacts(
        replica_id=int(row.replica_id), url=row.url, status=row.status, pid=pid, answers=_answers(row.url)
    )


def _taken_up(controller_url: str) -> tuple[str, ...]:
    try:
        health = httpx.get(f"{controller_url}/health", timeout=2.0, trust_env=False).json()
    except httpx.TransportError:
        return ()
    recovered = health["recovered"]
    return tuple(recovered["unfinished_requests"]["examples"]) if recovered else ()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2.0, trust_env=False).is_success
    except httpx.TransportError:
        return False
