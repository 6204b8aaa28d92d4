"""What users change about services they have: one conditional write each, valid whether or not the controller lives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paramedic.clock import Clock, to_iso
from paramedic.downtime.of_specs import planning
from paramedic.errors import ParamedicError
from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.spec import ReplicaPolicy, ServiceSpec, dump_spec, load_spec
from paramedic.services.verbs import ServiceChangedError, ServiceMissingError, bump_hint
from paramedic.state.services import (
    DOWN,
    DesiredService,
    ObservedService,
    ServiceSpecRow,
    desired_item,
    observed_item,
    spec_item,
)
from paramedic.state.tables import InvalidRowError
from paramedic.state.transactions import Change, ConditionFailedError, Put, Update, transact


class ServiceGoingDownError(ParamedicError):
    """The service is being taken down, for good."""


class CannotChangeError(ParamedicError):
    """What is asked for needs another service, not another version of this one."""


@dataclass(frozen=True)
class Changed:
    """The desired revision of service `uid` that was written, and the version it asks for."""

    uid: str
    revision: int
    version: int


def update(controller_id: str, spec: ServiceSpec, actor: str, *, clock: Clock) -> Changed:
    """Ask for another version of a service. Replicas are replaced only where the new ones would run differently.

    Raises:
        CannotChangeError: name, gateway and port stay what they are.
        InvalidSpecError: the spec is too large to store.
        TooManyWindowsError: with those that people planned there would be more than 20 downtimes.
        ServiceMissingError: there is no such service.
        ServiceGoingDownError: it is being taken down.
        ServiceChangedError: someone else changed it, or its planned downtimes, meanwhile.
        StateUnreachableError: no answer; ask for the status before repeating.
    """
    desired = _read(controller_id, spec.name)
    service = spec.service
    if service.gateway != desired.gateway:
        raise CannotChangeError(
            f"service.gateway: {spec.name!r} belongs to gateway {desired.gateway!r} and stays there"
        )
    if service.ports not in (None, int(desired.port)):
        raise CannotChangeError(f"service.ports: {spec.name!r} has port {int(desired.port)} and keeps it")
    planned = planning(controller_id, desired.uid, spec, actor, clock.now())
    generation = _generation(controller_id, desired, spec)
    return _next_version(controller_id, desired, spec, generation, actor, clock, more=planned)


def scale(
    controller_id: str, service: str, policy: Callable[[ReplicaPolicy], ReplicaPolicy], actor: str, *, clock: Clock
) -> Changed:
    """Ask for another replica policy, made from the present one; no replica is replaced for it.

    Raises:
        As `update`.
    """
    desired = _read(controller_id, service)
    spec = _spec(controller_id, desired, int(desired.version))
    section = spec.service.model_copy(update={"replica_policy": policy(spec.service.replica_policy)})
    scaled = spec.model_copy(update={"service": section})
    return _next_version(controller_id, desired, scaled, _generation_of(desired), actor, clock)


def restart(controller_id: str, service: str, actor: str, *, clock: Clock) -> Changed:
    """Ask for every replica to be replaced, in the way of the service's updates.

    Raises:
        As `update`.
    """
    desired = _read(controller_id, service)
    spec = _spec(controller_id, desired, int(desired.version))
    return _next_version(controller_id, desired, spec, int(desired.version) + 1, actor, clock)


def _next_version(
    controller_id: str,
    desired: DesiredService,
    spec: ServiceSpec,
    generation: int,
    actor: str,
    clock: Clock,
    *,
    more: Sequence[Change] = (),
) -> Changed:
    version, revision, now = int(desired.version) + 1, int(desired.revision) + 1, to_iso(clock.now())
    actions = (
        DesiredService.version.set(version),
        DesiredService.generation.set(generation),
        DesiredService.revision.set(revision),
        DesiredService.changed_by.set(actor),
        DesiredService.changed_at.set(now),
    )
    unchanged = (DesiredService.uid == desired.uid) & (DesiredService.revision == desired.revision)
    name, text = desired.service, dump_spec(spec)
    changes: list[Change] = [
        Update(DesiredService(controller_id, desired.item), actions, unchanged),
        bump_hint(controller_id),
        Put(ServiceSpecRow(controller_id, spec_item(name, version), uid=desired.uid, spec=text)),
        *more,
    ]
    try:
        transact(changes, clock)
    except ConditionFailedError as error:
        _require_written(controller_id, desired, revision, actor, now, error)
    return Changed(desired.uid, revision, version)


def _require_written(
    controller_id: str, before: DesiredService, revision: int, actor: str, at: str, error: ConditionFailedError
) -> None:
    """Return if the refused write is the second of two tries, of which the first was made."""
    now = DesiredService.read(controller_id, before.item)
    if now is None or now.uid != before.uid:
        raise ServiceMissingError(f"service {before.service!r} was taken down meanwhile") from error
    if (int(now.revision), now.changed_by, now.changed_at) == (revision, actor, at):
        return
    if now.revision == before.revision:
        raise ServiceChangedError(
            f"the planned downtimes of service {before.service!r} were changed meanwhile; look at them and repeat"
        ) from error
    raise ServiceChangedError(
        f"service {before.service!r} went from revision {before.revision} to {now.revision} meanwhile "
        f"(by {now.changed_by}); look at it and repeat"
    ) from error


def _read(controller_id: str, service: str) -> DesiredService:
    desired = DesiredService.read(controller_id, desired_item(service))
    if desired is None:
        raise ServiceMissingError(f"controller {controller_id} has no service {service!r}; see `paramedic status`")
    if desired.state == DOWN:
        raise ServiceGoingDownError(
            f"service {service!r} is being taken down (by {desired.changed_by} at {desired.changed_at}) and cannot be "
            "changed any more; bring it up again once `paramedic status` no longer lists it"
        )
    return desired


def _generation(controller_id: str, desired: DesiredService, spec: ServiceSpec) -> int:
    """A spec that runs like the last one, or like the one that serves, needs no replicas of its own."""
    if _runs_like(controller_id, desired, int(desired.version), spec):
        return _generation_of(desired)
    observed = ObservedService.read(controller_id, observed_item(desired.service))
    serving = observed if observed is not None and observed.uid == desired.uid else None
    if serving is not None and _runs_like(controller_id, desired, int(serving.version), spec):
        return int(serving.generation or serving.version)
    return int(desired.version) + 1


def _generation_of(desired: DesiredService) -> int:
    return int(desired.generation or desired.version)


def _runs_like(controller_id: str, desired: DesiredService, version: int, spec: ServiceSpec) -> bool:
    """What a stored spec that is gone or cannot be understood would run is not known: it counts as something else."""
    row = ServiceSpecRow.read(controller_id, spec_item(desired.service, version))
    try:
        return row is not None and row.uid == desired.uid and spec.runs_like(load_spec(row.spec))
    except InvalidSpecError:
        return False


def _spec(controller_id: str, desired: DesiredService, version: int) -> ServiceSpec:
    row = ServiceSpecRow.read(controller_id, spec_item(desired.service, version))
    if row is None or row.uid != desired.uid:
        raise ServiceChangedError(f"service {desired.service!r} changed meanwhile; look at it and repeat")
    try:
        return load_spec(row.spec)
    except InvalidSpecError as error:
        problem = "cannot be understood; give the whole service anew with `paramedic update`"
        table, field = ServiceSpecRow.Meta.table_name, f"spec.{error.field}"
        raise InvalidRowError(table, row.key_text(), field, error.value, problem) from error
