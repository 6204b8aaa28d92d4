"""Handing a service over to another controller: one transaction that ends one tenure and begins the next.

Replicas, operations, counters and routes are kept under the service's uid or its gateway, and stay where they are. What
is kept under the controller moves: what is desired and observed, the specs, the planned downtimes and the name's owner.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from paramedic.downtime.stored import unchanged
from paramedic.errors import ParamedicError
from paramedic.services.desired import bump_hint
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.downtimes import PARTITION, PlannedDowntime, service_downtime_item
from paramedic.state.services import (
    KEPT_VERSIONS,
    DesiredService,
    NameReservation,
    ObservedService,
    ServiceFence,
    ServiceSpecRow,
    desired_item,
    fence_item,
    gateway_partition,
    name_item,
    observed_item,
    spec_item,
)
from paramedic.state.tables import InvalidRowError, Row
from paramedic.state.transactions import Change, Check, Delete, Put, Update, put_new
from paramedic_controller.model import ServiceState

MAX_SPECS = 40
"""Each is written and deleted: so many fit one transaction with all else that moves."""

MAX_REMOVED_PER_WRITE = 50


@dataclass(frozen=True)
class MovingRows:
    """What is stored of a service under its controller; absent is what was never written."""

    desired: DesiredService
    observed: ObservedService | None
    specs: Sequence[ServiceSpecRow]
    downtime: PlannedDowntime | None


class TooManySpecsError(ParamedicError):
    """Replicas of more versions run than can be moved at once: some must be replaced first."""


def read_moving_rows(controller_id: str, state: ServiceState) -> MovingRows:
    """All that moves with a service.

    Raises:
        InvalidRowError: a row is missing, or cannot be understood and so cannot be moved as it is.
        StateUnreachableError: DynamoDB did not answer.
    """
    name, uid = state.desired.name, state.desired.uid
    desired = DesiredService.read(controller_id, desired_item(name))
    if desired is None:
        raise InvalidRowError(
            DesiredService.Meta.table_name, f"{controller_id}, {desired_item(name)}", "item", None, "is gone"
        )
    observed = ObservedService.read(controller_id, observed_item(name))
    specs = ServiceSpecRow.read_all(controller_id, ServiceSpecRow.item.startswith(f"spec#{name}#"))
    downtime = PlannedDowntime.read(PARTITION, service_downtime_item(controller_id, name))
    return MovingRows(
        desired=desired,
        observed=observed if observed is not None and observed.uid == uid else None,
        specs=[each for each in specs if each.uid == uid],
        downtime=downtime if downtime is not None and downtime.uid == uid else None,
    )


def spare_specs(state: ServiceState, rows: MovingRows) -> list[Change]:
    """What removes the next few specs that nothing refers to any more; to be written until nothing is left of them."""
    name, last = state.desired.name, state.desired.version
    needed = {*state.older, *range(max(1, last - KEPT_VERSIONS + 1), last + 1)}
    if state.observed is not None:
        needed.add(state.observed.version)
    items = {spec_item(name, version) for version in needed}
    spare = [each for each in rows.specs if each.item not in items]
    return [Delete(_key_of(each)) for each in spare[:MAX_REMOVED_PER_WRITE]]


def handing_over(state: ServiceState, rows: MovingRows, to: str) -> list[Change]:
    """The changes that, in one transaction with the old fence, make the service controller `to`'s.

    Refused where users changed the service or its downtimes meanwhile, where `to` has a service of that name, and
    where nobody holds the epoch of `to`: a controller that is known to be down is given nothing.

    Raises:
        TooManySpecsError: more than 40 specs are in use.
    """
    if len(rows.specs) > MAX_SPECS:
        raise TooManySpecsError(
            f"{len(rows.specs)} specs are in use, {MAX_SPECS} can be moved at once; it is tried again when updates end"
        )
    desired, name, gateway = state.desired, state.desired.name, state.desired.gateway
    as_read = (DesiredService.uid == desired.uid) & (DesiredService.revision == desired.revision)
    owned = NameReservation.uid == desired.uid
    changes: list[Change] = [
        Check(ControllerEpoch, to, EPOCH, ControllerEpoch.claimed_by.exists()),
        Delete(_key_of(rows.desired), as_read),
        put_new(_moved(rows.desired, controller_id=to, move_to=None)),
        Update(NameReservation(gateway_partition(gateway), name_item(name)), (NameReservation.owner.set(to),), owned),
        _fence_of_next(to, name),
        bump_hint(to),
        *_carried(rows.observed, to),
    ]
    for spec in rows.specs:
        changes += _carried(spec, to)
    if rows.downtime is not None:
        elsewhere = service_downtime_item(to, name)
        changes.append(Delete(_key_of(rows.downtime), unchanged(rows.downtime)))
        changes.append(Put(_moved(rows.downtime, item=elsewhere, of_controller=to)))
    return changes


def _fence_of_next(to: str, name: str) -> Update:
    """A fence from an earlier tenure keeps its epoch; it moves on, so that nobody takes what it read then for now."""
    epoch = ServiceFence.owner_epoch
    return Update(ServiceFence(to, fence_item(name)), (epoch.set(epoch | 0), ServiceFence.seq.add(1)))


def _carried(row: ObservedService | ServiceSpecRow | None, to: str) -> list[Change]:
    return [] if row is None else [Delete(_key_of(row)), Put(_moved(row, controller_id=to))]


def _moved[R: Row](row: R, **changed: str | None) -> R:
    values = {**row.attribute_values, **changed}
    return type(row)(**{name: value for name, value in values.items() if value is not None})


def _key_of[R: Row](row: R) -> R:
    attributes = type(row).get_attributes().items()
    keys = {name: row.attribute_values[name] for name, each in attributes if each.is_hash_key or each.is_range_key}
    return type(row)(**keys)
