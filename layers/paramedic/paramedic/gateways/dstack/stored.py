"""What gateways of dstack should have and what was found of them, in DynamoDB.

A gateway's services have a row each, and every change moves the revision of one more. Whoever reads them all reads that
one before and after.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from typing import Any

from pydantic import BaseModel

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.gateways.dstack.desired import DesiredGateway, Service
from paramedic.state.dstack_gateways import (
    DESIRED,
    SERVICE,
    DstackGateway,
    DstackReplica,
    DstackService,
    ReplicaNotes,
    packed_notes,
    replica_item,
    service_item,
)
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.transactions import Change, ConditionFailedError, Delete, Put, Update, put_new, transact
from paramedic.validation import validated

LOG = logging.getLogger(__name__)

MOST_TRIES = 10
SERVICES_AT_ONCE = 90
"""DynamoDB takes a hundred changes in one transaction."""


class NoSuchGatewayError(ParamedicError):
    """Nobody asked for a gateway of dstack of this name."""


class DesiredMeanwhileError(ParamedicError):
    """Somebody else changed what is desired; nothing more was written."""


class StillChangingError(ParamedicError):
    """What is desired changed each time it was read."""


@dataclass(frozen=True)
class Desired:
    """What is desired, at a revision."""

    gateway: DesiredGateway
    revision: int


@dataclass(frozen=True)
class Applied:
    """How many services' rows were written and removed, and whether the gateway's own was."""

    written: int
    removed: int
    gateway: bool


@dataclass(frozen=True)
class Noted:
    """What was noted of a gateway replica, by which of its changes."""

    notes: ReplicaNotes
    version: int


NOTHING_NOTED = Noted(ReplicaNotes(), 0)


def revision_of(gateway: str) -> int | None:
    """The revision of what is desired, None where nothing is.

    Raises:
        InvalidRowError: the row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = DstackGateway.read(gateway, DESIRED)
    return None if row is None else int(row.revision)


def read_desired(gateway: str) -> Desired:
    """All that is desired of a gateway.

    Raises:
        NoSuchGatewayError: nothing is.
        InvalidInputError: a row cannot be understood, or rows do not fit together, as while hundreds of them are being
            written; nothing is taken from the others then.
        StillChangingError: it never stood still.
        StateUnreachableError: DynamoDB did not answer.
    """
    for _ in range(MOST_TRIES):
        row = DstackGateway.read(gateway, DESIRED)
        if row is None:
            raise NoSuchGatewayError(f"no gateway of dstack is called {gateway!r}: `paramedic dstack apply FILE` first")
        services = DstackService.read_all(gateway, DstackService.item.startswith(SERVICE))
        if revision_of(gateway) == row.revision:
            read = row.parsed("desired", _Head)
            parts = {**read.model_dump(), "services": [each.parsed("desired", Service) for each in services]}
            return Desired(validated(DesiredGateway, parts, f"desired of {gateway}"), int(row.revision))
    raise StillChangingError(f"what is desired of {gateway} changed while it was read, {MOST_TRIES} times: try again")


def apply(wanted: DesiredGateway, actor: str, clock: Clock) -> Applied:
    """Make `wanted` what is desired; writes what differs and nothing else.

    Ninety services at a time, so where it is interrupted, repeating it does the rest.

    Raises:
        InvalidRowError: the gateway's row cannot be understood.
        DesiredMeanwhileError: somebody else changed it meanwhile.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
        TransactionRefusedError: these rows may not be written.
    """
    return _Apply(wanted, actor, clock).done()


def read_notes(gateway: str) -> Mapping[str, Noted | InvalidRowError]:
    """What was noted of each gateway replica, by its name, or why it cannot be understood.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    begins = replica_item("")
    rows = DstackReplica.read_each(gateway, DstackReplica.item.startswith(begins))
    return {key.removeprefix(begins): _noted(row) for key, row in rows.items()}


def write_notes(gateway: str, replica: str, former: Noted, notes: ReplicaNotes, clock: Clock) -> None:
    """Note what is new of a replica; nothing is written where nothing is, or where another pass was first.

    Raises:
        StateUnreachableError: DynamoDB did not answer; the next pass finds it out anew.
        TransactionRefusedError: this row may not be written.
    """
    if notes == former.notes:
        return
    at, packed = (gateway, replica_item(replica)), packed_notes(notes)
    change: Change
    if former == NOTHING_NOTED:
        change = put_new(DstackReplica(*at, packed=packed, version=1))
    else:
        actions = (DstackReplica.packed.set(packed), DstackReplica.version.set(former.version + 1))
        change = Update(DstackReplica(*at), actions, DstackReplica.version == former.version)
    try:
        transact([change], clock)
    except ConditionFailedError:
        LOG.info("%s of %s: another pass noted something first; the next one looks again", replica, gateway)


def _noted(row: DstackReplica | InvalidRowError) -> Noted | InvalidRowError:
    if isinstance(row, InvalidRowError):
        return row
    try:
        return Noted(row.notes(), int(row.version))
    except InvalidRowError as error:
        return error


class _Head(BaseModel):
    """All but the services."""

    type: Any = "dstack-gateway"
    name: Any
    replicas: Any
    projects: Any


class _Apply:
    def __init__(self, wanted: DesiredGateway, actor: str, clock: Clock) -> None:
        self._wanted = wanted
        self._gateway = wanted.name
        self._actor = actor
        self._clock = clock
        self._head = wanted.model_dump_json(exclude={"services"})

    def done(self) -> Applied:
        former = DstackGateway.read(self._gateway, DESIRED)
        begins = DstackService.item.startswith(SERVICE)
        stored = {
            key: None if isinstance(row, InvalidRowError) else row.desired
            for key, row in DstackService.read_each(self._gateway, begins).items()
        }
        wanted = {service_item(each.key): each.model_dump_json() for each in self._wanted.services}
        removed = [Delete(DstackService(self._gateway, key)) for key in stored.keys() - wanted.keys()]
        written = [
            Put(DstackService(self._gateway, key, desired=text))
            for key, text in wanted.items()
            if stored.get(key) != text
        ]
        new_head = former is None or former.desired != self._head
        # What leaves goes first: a domain may be another's afterwards, and is never two services' at once.
        self._write([*removed, *written], former, new_head)
        return Applied(len(written), len(removed), new_head)

    def _write(self, changes: list[Delete | Put], former: DstackGateway | None, new_head: bool) -> None:
        revision = 0 if former is None else int(former.revision)
        batches: Iterator[tuple[Delete | Put, ...]] = iter(batched(changes, SERVICES_AT_ONCE, strict=False))
        first = next(batches, ())
        for batch in (first, *batches) if first or new_head else ():
            now = to_iso(self._clock.now())
            try:
                transact([self._moved(revision, now), *batch], self._clock)
            except ConditionFailedError as error:
                self._require_own(revision + 1, now, error)
            revision += 1

    def _require_own(self, revision: int, now: str, error: ConditionFailedError) -> None:
        """Refused is also what was written by an earlier try whose reply was lost."""
        row = DstackGateway.read(self._gateway, DESIRED)
        if row is None or (int(row.revision), row.changed_by, row.changed_at) != (revision, self._actor, now):
            raise DesiredMeanwhileError(
                f"{self._wanted.name} was changed by somebody else meanwhile: see what they did, then repeat this"
            ) from error

    def _moved(self, revision: int, now: str) -> Change:
        if revision == 0:
            return put_new(
                DstackGateway(
                    self._gateway, DESIRED, desired=self._head, revision=1, changed_by=self._actor, changed_at=now
                )
            )
        actions = (
            DstackGateway.desired.set(self._head),
            DstackGateway.revision.set(revision + 1),
            DstackGateway.changed_by.set(self._actor),
            DstackGateway.changed_at.set(now),
        )
        return Update(DstackGateway(self._gateway, DESIRED), actions, DstackGateway.revision == revision)


def revision_if_readable(gateway: str) -> int | None:
    """The revision of what is desired, None also where that cannot be read."""
    with suppress(StateUnreachableError, InvalidRowError):
        return revision_of(gateway)
    return None
