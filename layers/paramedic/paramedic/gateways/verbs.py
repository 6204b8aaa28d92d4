"""What people ask of gateways: conditional writes of what is wanted, done whether or not anything runs."""

from dataclasses import dataclass

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.gateways.spec import GatewaySpec
from paramedic.state.transactions import ConditionFailedError, Update, put_new, transact
from paramedic.state.wanted_gateways import (
    DESIRED,
    GATEWAY_ITEM,
    DesiredGateway,
    GatewayNames,
    GatewayState,
    desired_key,
    read_desired,
)


class GatewayExistsError(ParamedicError):
    """A gateway of that name is wanted already."""


class GatewayMissingError(ParamedicError):
    """Nobody wants a gateway of that name."""


class GatewayGoingDownError(ParamedicError):
    """The gateway is being taken down, for good."""


class GatewayChangedError(ParamedicError):
    """Someone else changed the gateway since it was read."""


@dataclass(frozen=True)
class Asked:
    """What became wanted: `replaces` its replicas, one after another, or not."""

    revision: int
    replaces: bool


def spec_of(row: DesiredGateway) -> GatewaySpec:
    """The spec that is wanted.

    Raises:
        InvalidRowError: this release does not understand it; the error names the field.
    """
    return row.parsed("spec", GatewaySpec)


def up(spec: GatewaySpec, actor: str, clock: Clock) -> Asked:
    """Want a new gateway.

    Raises:
        GatewayExistsError: there is one of that name.
        GatewayGoingDownError: one of that name is being taken down.
        StateUnreachableError: no answer; look before repeating.
    """
    at = to_iso(clock.now())
    row = DesiredGateway(
        desired_key(spec.name),
        GATEWAY_ITEM,
        spec=spec.model_dump_json(),
        revision=1,
        version=1,
        state=GatewayState.WANTED,
        changed_by=actor,
        changed_at=at,
    )
    named = Update(GatewayNames(DESIRED, GATEWAY_ITEM), (GatewayNames.names.add({spec.name}),))
    try:
        transact([put_new(row), named], clock)
    except ConditionFailedError as error:
        stored = read_desired(spec.name)
        if stored is not None and stored.state == GatewayState.DOWN:
            raise _going_down(stored) from error
        if stored is None or (stored.changed_by, stored.changed_at, stored.revision) != (actor, at, 1):
            raise GatewayExistsError(
                f"there is a gateway {spec.name!r}; `paramedic gateway update` changes it"
            ) from error
    return Asked(1, replaces=False)


def update(spec: GatewaySpec, actor: str, clock: Clock) -> Asked:
    """Want the gateway as `spec` says now; replicas are replaced where they are to be told something else.

    Raises:
        GatewayMissingError: there is none.
        GatewayGoingDownError: it is being taken down.
        GatewayChangedError: someone else changed it meanwhile.
        StateUnreachableError: no answer; look before repeating.
    """
    read = _changeable(spec.name)
    version = int(read.version) + (0 if spec_of(read).runs_like(spec) else 1)
    return _write(read, spec.model_dump_json(), version, GatewayState.WANTED, actor, clock)


def redeploy(gateway: str, actor: str, clock: Clock) -> Asked:
    """Have each replica replaced by one that is launched anew.

    Raises:
        GatewayMissingError: there is none.
        GatewayGoingDownError: it is being taken down.
        GatewayChangedError: someone else changed it meanwhile.
        StateUnreachableError: no answer; look before repeating.
    """
    read = _changeable(gateway)
    return _write(read, str(read.spec), int(read.version) + 1, GatewayState.WANTED, actor, clock)


def down(gateway: str, actor: str, clock: Clock) -> None:
    """Have all replicas ended and the gateway forgotten; repeated, nothing more is done.

    Raises:
        GatewayMissingError: there is none.
        GatewayChangedError: someone else changed it meanwhile.
        StateUnreachableError: no answer; look before repeating.
    """
    read = wanted_gateway(gateway)
    if read.state != GatewayState.DOWN:
        _write(read, str(read.spec), int(read.version), GatewayState.DOWN, actor, clock)


def wanted_gateway(gateway: str) -> DesiredGateway:
    """What is wanted of `gateway`.

    Raises:
        GatewayMissingError: nothing is.
        InvalidRowError: its row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = read_desired(gateway)
    if row is None:
        raise GatewayMissingError(f"there is no gateway {gateway!r}; `paramedic gateway list` shows those that are")
    return row


def _changeable(gateway: str) -> DesiredGateway:
    row = wanted_gateway(gateway)
    if row.state == GatewayState.DOWN:
        raise _going_down(row)
    return row


def _going_down(row: DesiredGateway) -> GatewayGoingDownError:
    return GatewayGoingDownError(
        f"gateway {row.name!r} is being taken down (by {row.changed_by} at {row.changed_at}); bring it up again once "
        "`paramedic gateway list` shows it no more"
    )


def _write(read: DesiredGateway, spec: str, version: int, state: GatewayState, actor: str, clock: Clock) -> Asked:
    row, revision, at = DesiredGateway, int(read.revision) + 1, to_iso(clock.now())
    actions = (
        row.spec.set(spec),
        row.version.set(version),
        row.state.set(state),
        row.revision.set(revision),
        row.changed_by.set(actor),
        row.changed_at.set(at),
    )
    try:
        transact([Update(row(read.gateway, GATEWAY_ITEM), actions, row.revision == read.revision)], clock)
    except ConditionFailedError as error:
        now = read_desired(read.name)
        if now is None:
            raise GatewayMissingError(f"gateway {read.name!r} was taken down meanwhile") from error
        if (int(now.revision), now.changed_by, now.changed_at) != (revision, actor, at):
            raise GatewayChangedError(
                f"gateway {read.name!r} went from revision {read.revision} to {now.revision} meanwhile (by "
                f"{now.changed_by}); look at it and repeat"
            ) from error
    return Asked(revision, replaces=version != read.version)
