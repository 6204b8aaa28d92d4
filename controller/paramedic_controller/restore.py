"""Reads back what is stored of a service: strongly consistent, complete, and only after its fence was sealed."""

from collections.abc import Callable

from pynamodb.exceptions import PynamoDBException

from paramedic.services.spec import InvalidSpecError, ServiceSpec, load_spec
from paramedic.state.autoscalers import Autoscaler
from paramedic.state.load_balancers import LoadBalancer, RequestHandling
from paramedic.state.operations import Operation, OperationKind
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic.state.services import (
    DOWN,
    DesiredService,
    ObservedService,
    ServiceFence,
    ServiceSpecRow,
    desired_item,
    observed_item,
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

LAUNCHERS = ("process",)
"""What `launcher` in a spec may name."""


def fenced_services(controller_id: str) -> list[str]:
    """The name of every service that has a fence: all there are, and those there once were.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    return [item.removeprefix("fence#") for item in _items(controller_id, "fence#")]


def desired_services(controller_id: str) -> list[str]:
    """The name of every service there is.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    return [item.removeprefix("desired#") for item in _items(controller_id, "desired#")]


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
    if row is None:
        return None
    return Desired(
        name=service,
        uid=row.uid,
        revision=int(row.revision),
        version=int(row.version),
        going_down=row.state == DOWN,
        gateway=row.gateway,
        port=int(row.port),
    )


def read_service(controller_id: str, desired: Desired) -> ServiceState:
    """Everything stored of the service `desired`.

    Raises:
        InvalidRowError: a row is malformed or missing.
        StateUnreachableError: DynamoDB did not answer.
    """
    return ServiceState(
        desired=desired,
        spec=_read_spec(controller_id, desired),
        replicas=tuple(_replica(row) for row in Replica.read_all(desired.uid)),
        operations=tuple(
            _operation(row) for row in Operation.read_all(desired.uid, Operation.item.startswith("open#"))
        ),
        observed=_read_observed(controller_id, desired),
        scaler=scaler.state if (scaler := Autoscaler.read(desired.uid)) is not None else None,
        balancer=_read_balancer(desired),
    )


def _read_spec(controller_id: str, desired: Desired) -> ServiceSpec:
    item = spec_item(desired.name, desired.version)
    row = ServiceSpecRow.read(controller_id, item)
    table, key = ServiceSpecRow.Meta.table_name, f"{controller_id}, {item}"
    if row is None or row.uid != desired.uid:
        raise InvalidRowError(table, key, "spec", None, f"is missing for service uid {desired.uid}")
    try:
        spec = load_spec(row.spec)
    except InvalidSpecError as error:
        raise InvalidRowError(table, key, f"spec.{error.field}", error.value, "cannot be understood") from error
    if spec.launcher not in LAUNCHERS:
        problem = f"is no launcher of this controller (it has {', '.join(LAUNCHERS)})"
        raise InvalidRowError(table, key, "spec.launcher", spec.launcher, problem)
    return spec


def _read_observed(controller_id: str, desired: Desired) -> Observed | None:
    row = ObservedService.read(controller_id, observed_item(desired.name))
    if row is None or row.uid != desired.uid:
        return None
    return Observed(int(row.revision), int(row.version), row.status, row.message or "", int(row.next_replica_id))


def _read_balancer(desired: Desired) -> Balancer | None:
    row = LoadBalancer.read(desired.gateway, desired.name)
    if row is None or row.uid != desired.uid:
        return None
    return Balancer(
        row.host,
        row.policy,
        row.routes.replicas,
        int(row.revision),
        draining=row.routes.draining,
        requests=row.requests or RequestHandling(),
    )


def _replica(row: Replica) -> ReplicaRecord:
    return ReplicaRecord(
        replica_id=int(row.replica_id),
        version=int(row.version),
        url=row.url,
        status=_known(ReplicaStatus, row.status, row, "status"),
        operation=row.operation,
        launched_at=row.launched_at,
        receipt=row.receipt,
    )


def _operation(row: Operation) -> OpenOperation:
    return OpenOperation(
        operation_id=row.operation_id,
        kind=_known(OperationKind, row.kind, row, "kind"),
        replica_id=int(row.replica_id),
        version=int(row.version),
        reason=row.reason,
        opened_by_epoch=int(row.opened_by_epoch),
        opened_at=row.opened_at,
    )


def _known[E](words: Callable[[str], E], word: str, row: Replica | Operation, field: str) -> E:
    try:
        return words(word)
    except ValueError as error:
        table = type(row).Meta.table_name
        raise InvalidRowError(table, row.key_text(), field, word, "is not a known word") from error
