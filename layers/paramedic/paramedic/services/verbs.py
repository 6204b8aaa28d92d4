"""What users do to services: conditional writes of desired state, valid whether or not the controller is alive."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from paramedic.clock import Clock, to_iso
from paramedic.downtime.of_specs import planning
from paramedic.downtime.stored import Subject
from paramedic.errors import ParamedicError
from paramedic.services.desired import (
    NextRevision,
    ServiceChangedError,
    ServiceMissingError,
    bump_hint,
    read_desired,
)
from paramedic.services.spec import ServiceSpec, dump_spec
from paramedic.state.load_balancers import INDEX, LoadBalancerIndex
from paramedic.state.services import (
    DOWN,
    RUNNING,
    DesiredService,
    NameReservation,
    PortReservation,
    ServiceFence,
    ServiceSpecRow,
    desired_item,
    fence_item,
    gateway_partition,
    name_item,
    port_item,
    spec_item,
)
from paramedic.state.transactions import Change, ConditionFailedError, Put, Update, put_new, transact

CHOSEN_PORTS = range(30001, 31000)
"""Load-balancer ports given to services that name none; above what is usually taken, below ephemeral ports."""

FIRST_VERSION = 1


class UnknownControllerError(ParamedicError):
    """No controller of that name has ever started, so nothing would run the service."""


class ServiceExistsError(ParamedicError):
    """A service of that name is there already."""


class NameTakenError(ParamedicError):
    """The gateway serves a service of that name for another controller."""


class PortTakenError(ParamedicError):
    """The load-balancer port belongs to another service of the same gateway."""


class NoPortLeftError(ParamedicError):
    """Every port the gateway may choose from is taken."""


@dataclass(frozen=True)
class UpResult:
    """The new service and the load-balancer port it answers on."""

    uid: str
    port: int


def up(
    controller_id: str,
    spec: ServiceSpec,
    actor: str,
    *,
    clock: Clock,
    new_id: Callable[[], str],
    chosen_ports: Sequence[int] = CHOSEN_PORTS,
) -> UpResult:
    """Ask for a new service; its controller starts it when it is there.

    Raises:
        InvalidSpecError: the spec is too large to store.
        UnknownControllerError: no such controller has ever started.
        ServiceExistsError: the name is in use, if only until a `down` is finished.
        NameTakenError: the gateway has a service of that name, of another controller.
        PortTakenError: the port the spec names belongs to another service.
        NoPortLeftError: no port is left to choose.
        StateUnreachableError: no answer; ask for the status before repeating.
    """
    uid = new_id()
    # Nothing is looked at that a refusal would not tell, for most are let in at the first try. Ports can be taken, and
    # windows changed, between a look and the write: each refusal is one more look.
    for attempt in range(len(chosen_ports) + 1):
        port = spec.service.ports or (_free_port(spec, chosen_ports) if attempt else _order(spec, chosen_ports)[0])
        now = clock.now()
        windows = spec.service.downtime
        planned = planning(Subject(controller_id, spec.name), uid, windows, actor, now) if windows else ()
        changes = [*_up_changes(controller_id, spec, actor, uid, port, to_iso(now)), *planned]
        try:
            transact(changes, clock)
        except ConditionFailedError as error:
            if _was_written(controller_id, spec.name, uid):
                return UpResult(uid, port)
            _explain_refusal(controller_id, spec, error)
        else:
            return UpResult(uid, port)
    raise NoPortLeftError(_no_port_left(spec.service.gateway, chosen_ports))


def down(controller_id: str, service: str, actor: str, *, clock: Clock) -> None:
    """Ask for a service to be stopped and removed; harmless when that is under way already.

    Raises:
        ServiceMissingError: there is no such service.
        ServiceChangedError: someone else changed it meanwhile.
        StateUnreachableError: no answer; ask for the status before repeating.
    """
    desired = read_desired(controller_id, service)
    if desired.state == DOWN:
        return
    revision = NextRevision(desired, actor, to_iso(clock.now()))
    try:
        revision.write([revision.change(DesiredService.state.set(DOWN))], clock)
    except ServiceMissingError:
        return
    except ServiceChangedError:
        if not _is_going(controller_id, service):
            raise


def _is_going(controller_id: str, service: str) -> bool:
    desired = DesiredService.read(controller_id, desired_item(service))
    return desired is None or desired.state == DOWN


def _up_changes(controller_id: str, spec: ServiceSpec, actor: str, uid: str, port: int, now: str) -> list[Change]:
    gateway, name = spec.service.gateway, spec.name
    desired = DesiredService(
        controller_id,
        desired_item(name),
        uid=uid,
        revision=1,
        version=FIRST_VERSION,
        generation=FIRST_VERSION,
        state=RUNNING,
        gateway=gateway,
        port=port,
        changed_by=actor,
        changed_at=now,
    )
    reservation = PortReservation(gateway_partition(gateway), port_item(port), service=name, uid=uid)
    return [
        put_new(desired),
        put_new(reservation),
        bump_hint(controller_id),
        _name_if_free(controller_id, gateway, name, uid),
        _fence_if_absent(controller_id, name),
        Put(ServiceSpecRow(controller_id, spec_item(name, FIRST_VERSION), uid=uid, spec=dump_spec(spec))),
        _index_if_absent(gateway),
    ]


_DESIRED, _RESERVATION, _HINT, _NAME = 0, 1, 2, 3


def _name_if_free(controller_id: str, gateway: str, service: str, uid: str) -> Update:
    owned = (NameReservation.owner.set(controller_id), NameReservation.uid.set(uid))
    free = NameReservation.uid.does_not_exist()
    return Update(NameReservation(gateway_partition(gateway), name_item(service)), owned, free)


def _fence_if_absent(controller_id: str, service: str) -> Update:
    """A fence that an earlier service of this name left keeps its epoch: its old owners stay locked out."""
    epoch, seq = ServiceFence.owner_epoch, ServiceFence.seq
    return Update(ServiceFence(controller_id, fence_item(service)), (epoch.set(epoch | 0), seq.set(seq | 0)))


def _index_if_absent(gateway: str) -> Update:
    revisions = LoadBalancerIndex.revisions
    return Update(LoadBalancerIndex(gateway, INDEX), (revisions.set(revisions | {}),))


def _require_new(controller_id: str, service: str) -> None:
    desired = DesiredService.read(controller_id, desired_item(service))
    if desired is None:
        return
    if desired.state == DOWN:
        raise ServiceExistsError(
            f"service {service!r} is still being taken down (by {desired.changed_by} at {desired.changed_at}); "
            "repeat once `paramedic status` no longer lists it"
        )
    raise ServiceExistsError(
        f"service {service!r} exists (revision {desired.revision}, port {desired.port}, by {desired.changed_by}); "
        "change it with `paramedic update`, take it down first, or choose another name"
    )


def _was_written(controller_id: str, service: str, uid: str) -> bool:
    desired = DesiredService.read(controller_id, desired_item(service))
    return desired is not None and desired.uid == uid


def _explain_refusal(controller_id: str, spec: ServiceSpec, error: ConditionFailedError) -> None:
    """Raise what the refusal means to the user; return where another port may be tried."""
    if _HINT in error.failed:
        raise UnknownControllerError(
            f"no controller {controller_id!r} has ever started; start it, or name one that `paramedic status` lists"
        ) from error
    if _DESIRED in error.failed:
        _require_new(controller_id, spec.name)
    if _NAME in error.failed:
        _require_free_name(spec)
    if _RESERVATION in error.failed and spec.service.ports is not None:
        raise PortTakenError(_port_taken(spec)) from error


def _require_free_name(spec: ServiceSpec) -> None:
    gateway, name = spec.service.gateway, spec.name
    row = NameReservation.read(gateway_partition(gateway), name_item(name))
    if row is not None and row.uid is not None:
        raise NameTakenError(
            f"gateway {gateway!r} serves {name!r} for controller {row.owner!r}; take that one down first, or choose "
            "another name or gateway"
        )


def _port_taken(spec: ServiceSpec) -> str:
    port, gateway = spec.service.ports, spec.service.gateway
    owner = PortReservation.read(gateway_partition(gateway), port_item(port or 0))
    whose = "another service" if owner is None else f"service {owner.service!r}"
    return (
        f"port {port} of gateway {gateway!r} belongs to {whose}; name another in service.ports, or none to be given one"
    )


def _free_port(spec: ServiceSpec, chosen_ports: Sequence[int]) -> int:
    """The first free one in the service's own order."""
    gateway, ports = spec.service.gateway, PortReservation.item.startswith("port#")
    reserved = {row.item for row in PortReservation.read_all(gateway_partition(gateway), ports)}
    for port in _order(spec, chosen_ports):
        if port_item(port) not in reserved:
            return port
    raise NoPortLeftError(_no_port_left(gateway, chosen_ports))


def _order(spec: ServiceSpec, chosen_ports: Sequence[int]) -> Sequence[int]:
    """An order of the service's own: of many who ask at once hardly two want the same port."""
    return Random(spec.name).sample(chosen_ports, len(chosen_ports))


def _no_port_left(gateway: str, ports: Sequence[int]) -> str:
    return (
        f"gateway {gateway!r} has no port left between {ports[0]} and {ports[-1]}; take a service down, or name a port "
        "in service.ports"
    )
