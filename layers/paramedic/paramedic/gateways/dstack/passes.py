"""Passes over all replicas of a gateway, none of which waits for another.

Each replica is looked after in a thread of its own; one that is still at work when the next pass begins is left out of
it. What is desired is read anew only when its revision moved.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.gateways.dstack.client import GatewayApi
from paramedic.gateways.dstack.desired import MOST_REPLICAS, GatewayReplica
from paramedic.gateways.dstack.planning import Call, removes
from paramedic.gateways.dstack.reconciling import Means, Outlook, ReplicaPass, Standing
from paramedic.gateways.dstack.stored import (
    NOTHING_NOTED,
    Desired,
    Noted,
    read_desired,
    read_notes,
    revision_if_readable,
    revision_of,
    write_notes,
)
from paramedic.state.dstack_gateways import ReplicaNotes
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.transactions import TransactionRefusedError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Begun:
    """A pass under way, and the row that it began with."""

    name: str
    former: Noted
    passing: Future[Standing]


class GatewayPasses:
    """Reconciles one gateway. Used from one thread."""

    def __init__(
        self, gateway: str, connect: Callable[[GatewayReplica], GatewayApi], means: Means, clock: Clock
    ) -> None:
        self._gateway = gateway
        self._connect = connect
        self._means = means
        self._clock = clock
        self._desired: Desired | None = None
        self._apis: dict[GatewayReplica, GatewayApi] = {}
        self._begun: dict[str, _Begun] = {}
        self._closing = False
        self._threads = ThreadPoolExecutor(MOST_REPLICAS, thread_name_prefix="dstack")

    def begin(self) -> Desired:
        """Begin a pass over every replica that is not still at work from a former one.

        Raises:
            NoSuchGatewayError: nothing is desired.
            InvalidInputError: what is desired cannot be understood; nothing is done then.
            StateUnreachableError: DynamoDB did not answer; nothing is done then.
        """
        desired = self._read()
        notes = read_notes(self._gateway)
        for replica in desired.gateway.replicas:
            former = notes.get(replica.name, NOTHING_NOTED)
            if replica.name in self._begun:
                LOG.warning("%s: is still at work from a former pass", replica.name)
            elif isinstance(former, InvalidRowError):
                LOG.error("%s is left alone: %s", replica.name, former)
            else:
                self._begun[replica.name] = _Begun(replica.name, former, self._submit(desired, replica, former.notes))
        return desired

    def finished(self, seconds: float | None = None) -> Sequence[Standing]:
        """How replicas stand whose passes end within `seconds`, or all of them; what is new is noted as each ends.

        One of which a pass ended in an error is left out, and the log says why.
        """
        until = None if seconds is None else self._clock.monotonic() + seconds
        standings: list[Standing] = []
        while self._begun:
            left = None if until is None else max(0.0, until - self._clock.monotonic())
            ended, _ = wait([each.passing for each in self._begun.values()], left, FIRST_COMPLETED)
            if not ended:
                break
            for each in [each for each in self._begun.values() if each.passing in ended]:
                del self._begun[each.name]
                if (error := each.passing.exception()) is not None:
                    LOG.error("%s: the pass ended in an error", each.name, exc_info=error)
                    continue
                standings.append(each.passing.result())
                self._note(each, standings[-1])
        return standings

    def outlooks(self) -> Sequence[Outlook]:
        """How each replica stands and what a pass would do, which is not done.

        Raises:
            InvalidRowError: what was noted of a replica cannot be understood.
            NoSuchGatewayError, InvalidInputError, StateUnreachableError: as `begin`.
        """
        desired, notes = self._read(), read_notes(self._gateway)
        looks: list[Future[Outlook]] = []
        for replica in desired.gateway.replicas:
            former = notes.get(replica.name, NOTHING_NOTED)
            if isinstance(former, InvalidRowError):
                raise former
            looks.append(self._threads.submit(self._pass(desired, replica).outlook, former.notes))
        return [each.result() for each in looks]

    def close(self) -> None:
        """Send no further call, and wait for those under way."""
        self._closing = True
        self._threads.shutdown(cancel_futures=True)

    def _read(self) -> Desired:
        revision = revision_of(self._gateway)
        if self._desired is None or revision != self._desired.revision:
            self._desired = None
            self._desired = read_desired(self._gateway)
        return self._desired

    def _submit(self, desired: Desired, replica: GatewayReplica, notes: ReplicaNotes) -> Future[Standing]:
        return self._threads.submit(self._pass(desired, replica).run, notes, lambda call: self._may_make(call, desired))

    def _pass(self, desired: Desired, replica: GatewayReplica) -> ReplicaPass:
        if replica not in self._apis:
            self._apis[replica] = self._connect(replica)
        return ReplicaPass(desired.gateway, replica, self._apis[replica], self._means)

    def _may_make(self, call: Call, desired: Desired) -> bool:
        """Whether `desired` still is; where that cannot be read nothing is removed, and the rest goes on."""
        if self._closing:
            return False
        revision = revision_if_readable(self._gateway)
        return revision == desired.revision or (revision is None and not removes(call))

    def _note(self, begun: _Begun, standing: Standing) -> None:
        try:
            write_notes(self._gateway, begun.name, begun.former, standing.notes, self._clock)
        except (StateUnreachableError, TransactionRefusedError) as error:
            LOG.warning("%s: nothing was noted, the next pass finds it anew: %s", begun.name, error)
