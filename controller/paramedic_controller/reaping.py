"""Ends replicas of this controller that run without a row, as after a restore from a backup: nobody else would."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.launchers.interface import EpochRefusedError, Launcher, StopOutcome
from paramedic.state.fencing import FencedError, epoch_is_mine
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS
from paramedic.state.operations import DONE_ROWS_LIVE_SECONDS, Operation, OperationKind, done_item, open_item
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import Replica
from paramedic.state.tables import InvalidRowError
from paramedic.state.transactions import Change, ConditionFailedError, Delete, Put, transact
from paramedic_controller.model import REPLICA_KIND, ServiceState, scope_of

LOOK_SECONDS = 60.0
"""Between two looks; a replica ends at the second that finds it without a row."""


@dataclass(frozen=True)
class Claim:
    """Whose replicas are looked for, and by which claimed epoch."""

    controller_id: str
    epoch: int
    process_id: str
    stop_grace_seconds: float


class Reaper:
    """Looks now and then, in `executor`; one look at a time, used from one thread."""

    def __init__(
        self, launcher: Launcher, claim: Claim, *, executor: Executor, clock: Clock, warn: Callable[[str], None]
    ) -> None:
        self._launcher = launcher
        self._claim = claim
        self._executor = executor
        self._clock = clock
        self._warn = warn
        self._scope = scope_of(claim.controller_id)
        self._seen: frozenset[str] = frozenset()
        self._look: Future[None] | None = None
        self._due_at = clock.monotonic()

    def look_when_due(self, states: Sequence[ServiceState]) -> None:
        """Begin a look if it is time for one; what `states` know of is not looked up.

        Raises:
            FencedError: the last look found the epoch passed.
        """
        now = self._clock.monotonic()
        if now < self._due_at or (self._look is not None and not self._look.done()):
            return
        self._end_look()
        self._due_at = now + LOOK_SECONDS
        known = frozenset(key for state in states for key in keys_of(state))
        self._look = self._executor.submit(self._reap_unknown, known)

    def _end_look(self) -> None:
        try:
            if self._look is not None:
                self._look.result()
        except FencedError:
            raise
        except ParamedicError as error:
            self._warn(f"replicas that run without a row were not looked for: {error}")

    def _reap_unknown(self, known: Collection[str]) -> None:
        listed = self._launcher.running(self._scope)
        unknown = [each for each in strangers(listed, known, self._claim.epoch) if not self._has_row(each)]
        before, self._seen = self._seen, frozenset(map(_name, unknown))
        for each in unknown:
            if _name(each) in before:
                self._reap(each)
        self._close_gone({each.key for each in listed})

    def _has_row(self, receipt: Receipt) -> bool:
        """Whether any controller's tables know the replica; what cannot be read may."""
        uid = uid_of(receipt)
        try:
            replicas = Replica.read_all(uid)
            launched = {row.operation for row in replicas} | {row.receipt.key for row in replicas if row.receipt}
            open_ones = {row.operation_id for row in Operation.read_all(uid, Operation.item.startswith("open#"))}
        except InvalidRowError as error:
            self._warn(f"{receipt.called} is left alone, for whether it has a row cannot be told: {error}")
            return True
        return receipt.key in launched | open_ones

    def _reap(self, receipt: Receipt) -> None:
        intended_at = self._clock.monotonic()
        self._write([Put(self._row(receipt))])
        if self._clock.monotonic() - intended_at >= SELF_FENCE_LEASE_SECONDS:
            return
        try:
            result = self._launcher.stop(receipt, epoch=self._claim.epoch, grace_seconds=self._claim.stop_grace_seconds)
        except EpochRefusedError as error:
            raise FencedError(f"the host refused epoch {self._claim.epoch}: {error}") from error
        self._warn(f"{receipt.called} ran as {receipt.workload} without a row: {result.outcome}, {result.detail}")
        if result.outcome is StopOutcome.STOPPED:
            self._write(self._closing(self._row(receipt), f"stopped: {result.detail}"))

    def _close_gone(self, running: Collection[str]) -> None:
        """Close what was intended and is seen no more: whoever intended it may not have lived to say so."""
        for row in Operation.read_all(self._scope, Operation.item.startswith("open#")):
            if row.operation_id not in running:
                self._write(self._closing(row, "runs no more"))

    def _row(self, receipt: Receipt) -> Operation:
        # In a partition of the controller's own: no service takes it for one of its replicas' operations.
        return Operation(
            self._scope,
            open_item(receipt.key),
            kind=OperationKind.STOP,
            replica_id=0,
            version=0,
            reason=f"{receipt.workload} runs without a row",
            opened_by_epoch=self._claim.epoch,
            opened_at=to_iso(self._clock.now()),
        )

    def _closing(self, row: Operation, outcome: str) -> list[Change]:
        operation_id = row.operation_id
        row.item = done_item(operation_id)
        row.outcome = outcome
        row.expires_at = int(self._clock.now().timestamp()) + DONE_ROWS_LIVE_SECONDS
        return [Delete(Operation(self._scope, open_item(operation_id))), Put(row)]

    def _write(self, changes: Sequence[Change]) -> None:
        claim = self._claim
        try:
            transact([epoch_is_mine(claim.controller_id, claim.epoch, claim.process_id), *changes], self._clock)
        except ConditionFailedError as error:
            raise FencedError(f"controller {claim.controller_id} epoch {claim.epoch} was passed") from error


def strangers(listed: Iterable[Receipt], known: Collection[str], epoch: int) -> list[Receipt]:
    """The replicas among `listed` that no `known` key launched: no controllers, and nothing of a later epoch."""
    return [
        each
        for each in listed
        if each.workload.startswith(REPLICA_KIND) and each.epoch <= epoch and each.key not in known
    ]


def keys_of(state: ServiceState) -> frozenset[str]:
    """The keys of all that was launched for a service, or may yet be."""
    launched = {each.operation for each in state.replicas}
    received = {each.receipt.key for each in state.replicas if each.receipt is not None}
    return frozenset(launched | received | {each.operation_id for each in state.operations})


def uid_of(receipt: Receipt) -> str:
    """The uid of the service a replica was launched for."""
    return receipt.workload.removeprefix(REPLICA_KIND).partition("/")[0]


def _name(receipt: Receipt) -> str:
    """One exact process, and no other ever."""
    return receipt.model_dump_json(include={"workload", "key", "identity"})
