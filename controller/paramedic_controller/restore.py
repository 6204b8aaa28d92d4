"""Reads back what is stored of a service: strongly consistent, complete, and only after its fence was sealed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pynamodb.exceptions import PynamoDBException

from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.spec import ServiceSpec, load_spec, parse_spec
from paramedic.state.load_balancers import INDEX, LoadBalancer, LoadBalancerIndex
from paramedic.state.operations import Operation, OperationKind
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic.state.request_handling import RequestHandling
from paramedic.state.services import (
    DesiredService,
    NameReservation,
    ServiceFence,
    ServiceSpecRow,
    desired_item,
    gateway_partition,
    name_item,
    spec_item,
)
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic_controller.model import (
    Balancer,
    Desired,
    Observed,
    OpenOperation,
    ReplicaRecord,
    ServiceState,
)
from paramedic_controller.rows import RowByRow, Rows

ROW_BY_ROW = RowByRow()

ENDS_AT_ONCE = "exit 1"
"""Run in place of a command that nobody knows any more."""


def fenced_services(controller_id: str) -> list[str]:
    """The name of every service that has a fence: all there are, and those there once were.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    return [item.removeprefix("fence#") for item in _items(controller_id, "fence#")]


def stored_specs(controller_id: str, service: str) -> list[str]:
    """The range key of every version of the service's spec.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    return _items(controller_id, f"spec#{service}#")


def _items(controller_id: str, prefix: str) -> list[str]:
    """Range keys alone, so that one malformed row hides no other service."""
    wanted = ServiceFence.item.startswith(prefix)
    try:
        rows = list(ServiceFence.query(controller_id, wanted, consistent_read=True, attributes_to_get=["item"]))
    except PynamoDBException as error:
        raise StateUnreachableError(f"listing {prefix} of controller {controller_id}: {error}") from error
    return [row.item for row in rows]


def read_desired(controller_id: str, service: str) -> Desired | None:
    """What users want of a service; None once it is gone.

    Raises:
        InvalidRowError: the row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = DesiredService.read(controller_id, desired_item(service))
    return None if row is None else _desired(row)


def read_all_desired(controller_id: str) -> Mapping[str, Desired | InvalidRowError]:
    """What users want of every service there is, or why that cannot be understood, in one query.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    prefix = desired_item("")
    rows = DesiredService.read_each(controller_id, DesiredService.item.startswith(prefix))
    return {
        item.removeprefix(prefix): row if isinstance(row, InvalidRowError) else _desired(row)
        for item, row in rows.items()
    }


def _desired(row: DesiredService) -> Desired:
    return Desired(
        name=row.service,
        uid=row.uid,
        revision=int(row.revision),
        version=int(row.version),
        state=row.state,
        gateway=row.gateway,
        port=int(row.port),
        generation=int(row.generation or row.version),
        move_to=row.move_to,
    )


def read_service(controller_id: str, desired: Desired, rows: Rows = ROW_BY_ROW) -> ServiceState:
    """Everything stored of the service `desired`; what `rows` has is taken from there.

    Raises:
        InvalidRowError: a row is malformed or missing.
        StateUnreachableError: DynamoDB did not answer.
    """
    balancer = _read_balancer(desired, rows)
    ending = desired.going_down
    read_spec = _SpecReader(controller_id, desired, rows)
    spec = _read_spec_to_end(desired, balancer, read_spec) if ending else read_spec(desired.version)
    replicas = tuple(_replica(row) for row in Replica.read_all(desired.uid))
    observed = _read_observed(controller_id, desired, rows)
    older = {each.version for each in replicas if each.generation != desired.generation}
    if observed is not None and observed.generation != desired.generation:
        older.add(observed.version)
    return ServiceState(
        desired=desired,
        spec=spec,
        replicas=replicas,
        operations=_read_open_operations(desired.uid, replicas),
        observed=observed,
        scaler=scaler.state if (scaler := rows.scaler(desired.uid)) is not None else None,
        balancer=balancer,
        route_floor=_read_route_floor(desired) if balancer is None else 0,
        older={version: _read_older_spec(version, spec, read_spec) for version in older},
    )


def _read_open_operations(uid: str, replicas: Collection[ReplicaRecord]) -> tuple[OpenOperation, ...]:
    """None is looked for where no replica is in between: each is opened and closed in one write with its status."""
    if not any(each.is_in_between for each in replicas):
        return ()
    return tuple(_operation(row) for row in Operation.read_all(uid, Operation.item.startswith("open#")))


@dataclass(frozen=True)
class _SpecReader:
    controller_id: str
    desired: Desired
    rows: Rows

    def __call__(self, version: int) -> ServiceSpec:
        desired = self.desired
        row = self.rows.spec(self.controller_id, desired.name, version)
        table, key = ServiceSpecRow.Meta.table_name, f"{self.controller_id}, {spec_item(desired.name, version)}"
        if row is None or row.uid != desired.uid:
            raise InvalidRowError(table, key, "spec", None, f"is missing for service uid {desired.uid}")
        try:
            return load_spec(row.spec)
        except InvalidSpecError as error:
            raise InvalidRowError(table, key, f"spec.{error.field}", error.value, "cannot be understood") from error


def _read_older_spec(version: int, instead: ServiceSpec, read_spec: _SpecReader) -> ServiceSpec:
    """One that is gone, or that only an earlier release understood, runs nothing more and is probed like the new."""
    try:
        return read_spec(version)
    except InvalidRowError:
        return instead.model_copy(update={"run": ENDS_AT_ONCE})


def _read_spec_to_end(desired: Desired, balancer: Balancer | None, read_spec: _SpecReader) -> ServiceSpec:
    """A service that goes down needs no spec that can be understood, only what gateways were told of it.

    An open launch is still made again before it is undone, because only that tells whether it was made before; in
    place of a command nobody knows it then runs one that ends at once.
    """
    try:
        return read_spec(desired.version)
    except InvalidRowError:
        section = {"readiness_probe": "/", "replicas": 1, "gateway": desired.gateway}
        spec = parse_spec({"name": desired.name, "run": ENDS_AT_ONCE, "service": section})
    if balancer is None:
        return spec
    told = {"load_balancing_policy": balancer.policy, "requests": balancer.requests or RequestHandling()}
    return spec.model_copy(update={"service": spec.service.model_copy(update=told)})


def _read_route_floor(desired: Desired) -> int:
    """The highest route revision that may have been seen under the service's name."""
    index = LoadBalancerIndex.read(desired.gateway, INDEX)
    listed = index.by_service if index is not None else {}
    name = NameReservation.read(gateway_partition(desired.gateway), name_item(desired.name))
    ended = int(name.route_revision or 0) if name is not None else 0
    return max(listed.get(desired.name, 0), ended)


def _read_observed(controller_id: str, desired: Desired, rows: Rows) -> Observed | None:
    row = rows.observed(controller_id, desired.name)
    if row is None or row.uid != desired.uid:
        return None
    if row.retry_at is not None:
        row.moment("retry_at")
    return Observed(
        revision=int(row.revision),
        version=int(row.version),
        status=row.status,
        message=row.message or "",
        next_replica_id=int(row.next_replica_id),
        generation=int(row.generation or row.version),
        settled_revision=int(row.settled_revision or 0),
        failed_revision=int(row.failed_revision or 0),
        failures=int(row.failures or 0),
        retry_at=row.retry_at,
    )


def _read_balancer(desired: Desired, rows: Rows) -> Balancer | None:
    row = rows.balancer(desired.gateway, desired.name)
    if row is None or row.uid != desired.uid:
        return None
    return Balancer(
        row.host,
        row.policy,
        row.routes.replicas,
        int(row.revision),
        draining=row.routes.draining,
        requests=_readable_requests(row),
    )


def _readable_requests(row: LoadBalancer) -> RequestHandling | None:
    try:
        return row.request_handling()
    except InvalidRowError:
        # It follows from the spec: what an older release wrote there keeps no service from being mended or taken down.
        return None


def _replica(row: Replica) -> ReplicaRecord:
    row.moment("launched_at")
    if row.ready_at is not None:
        row.moment("ready_at")
    _check_url(row)
    return ReplicaRecord(
        replica_id=int(row.replica_id),
        version=int(row.version),
        url=row.url,
        status=row.word("status", ReplicaStatus),
        operation=row.operation,
        launched_at=row.launched_at,
        receipt=row.receipt,
        generation=int(row.generation or row.version),
        ready_at=row.ready_at,
        instance_type=row.instance_type,
    )


def _operation(row: Operation) -> OpenOperation:
    row.moment("opened_at")
    return OpenOperation(
        operation_id=row.operation_id,
        kind=row.word("kind", OperationKind),
        replica_id=int(row.replica_id),
        version=int(row.version),
        reason=row.reason,
        opened_by_epoch=int(row.opened_by_epoch),
        opened_at=row.opened_at,
    )


def _check_url(row: Replica) -> None:
    try:
        address = urlsplit(row.url)
        usable = address.scheme == "http" and bool(address.hostname) and bool(address.port)
    except ValueError:
        usable = False
    if not usable:
        raise InvalidRowError(Replica.Meta.table_name, row.key_text(), "url", row.url, "must be http://HOST:PORT")
