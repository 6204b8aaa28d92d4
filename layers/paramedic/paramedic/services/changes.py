"""What users change about services they have: one conditional write each, valid whether or not the controller lives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paramedic.clock import Clock, to_iso
from paramedic.downtime.of_specs import planning
from paramedic.downtime.stored import Subject
from paramedic.errors import ParamedicError
from paramedic.services.desired import NextRevision, ServiceChangedError, read_changeable
from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.replica_policy import ReplicaPolicy
from paramedic.services.spec import ServiceSpec, dump_spec, load_spec
from paramedic.state.services import DesiredService, ObservedService, ServiceSpecRow, observed_item, spec_item
from paramedic.state.tables import InvalidRowError
from paramedic.state.transactions import Change, Put


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
    desired = read_changeable(controller_id, spec.name)
    service = spec.service
    if service.gateway != desired.gateway:
        raise CannotChangeError(
            f"service.gateway: {spec.name!r} belongs to gateway {desired.gateway!r} and stays there"
        )
    if service.ports not in (None, int(desired.port)):
        raise CannotChangeError(f"service.ports: {spec.name!r} has port {int(desired.port)} and keeps it")
    planned = planning(Subject(controller_id, spec.name), desired.uid, service.downtime, actor, clock.now())
    generation = _generation(controller_id, desired, spec)
    return _next_version(controller_id, desired, spec, generation, actor, clock, more=planned)


def scale(
    controller_id: str, service: str, policy: Callable[[ReplicaPolicy], ReplicaPolicy], actor: str, *, clock: Clock
) -> Changed:
    """Ask for another replica policy, made from the present one; no replica is replaced for it.

    Raises:
        As `update`.
    """
    desired = read_changeable(controller_id, service)
    spec = _spec(controller_id, desired, int(desired.version))
    section = spec.service.with_policy(policy(spec.service.replica_policy))
    scaled = spec.model_copy(update={"service": section})
    return _next_version(controller_id, desired, scaled, _generation_of(desired), actor, clock)


def restart(controller_id: str, service: str, actor: str, *, clock: Clock) -> Changed:
    """Ask for every replica to be replaced, in the way of the service's updates.

    Raises:
        As `update`.
    """
    desired = read_changeable(controller_id, service)
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
    name, version = desired.service, int(desired.version) + 1
    row = ServiceSpecRow(controller_id, spec_item(name, version), uid=desired.uid, spec=dump_spec(spec))
    revision = NextRevision(desired, actor, to_iso(clock.now()))
    asked = revision.change(DesiredService.version.set(version), DesiredService.generation.set(generation))
    revision.write([asked, Put(row), *more], clock)
    return Changed(desired.uid, revision.number, version)


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
