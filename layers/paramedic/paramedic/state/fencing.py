"""Fences: the only way a controller writes its services' rows.

A claimant seals every fence to its own epoch, only upward, and every later write is one transaction with the fence.
Whoever comes after seals again, so a writer that was never stopped is refused on every row, touched or not. A write is
made only directly upon the last one its writer knows of, so none that was given up on is made late behind its back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from pynamodb.expressions.condition import Condition

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS
from paramedic.state.services import ServiceFence, fence_item
from paramedic.state.tables import StateUnreachableError
from paramedic.state.transactions import (
    MAX_CHANGES,
    Change,
    Check,
    ConditionFailedError,
    TransactionRefusedError,
    Update,
    transact,
)


class FencedError(ParamedicError):
    """A newer epoch owns the state: this process must exit at once and touch nothing more."""


class FenceMissingError(ParamedicError):
    """Services have no fence item; fences are never deleted, so their rows were tampered with.

    Attributes:
        services: their names.
    """

    def __init__(self, controller_id: str, services: Sequence[str]) -> None:
        self.services = tuple(services)
        items = ", ".join(fence_item(service) for service in services)
        super().__init__(
            f"controller {controller_id} has no item {items}: nothing may be written without it; restore it from a "
            "backup, or put it with owner_epoch 0 and seq 0"
        )


def epoch_is_mine(controller_id: str, epoch: int, process_id: str) -> Check:
    """Require, inside a transaction, that `epoch` is current and claimed by this process."""
    condition = (ControllerEpoch.epoch == epoch) & (ControllerEpoch.claimed_by == process_id)
    return Check(ControllerEpoch, controller_id, EPOCH, condition)


@dataclass(frozen=True)
class LastWrite:
    """The last fenced write of a service: `token` tells it from another with its number, as after a restore."""

    seq: int
    token: str | None


def read_last_writes(controller_id: str) -> Mapping[str, tuple[int, LastWrite]]:
    """The owner epoch and the last write of every service whose fence can be understood, in one query.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    rows = ServiceFence.read_each(controller_id, ServiceFence.item.startswith(fence_item("")))
    understood = [row for row in rows.values() if isinstance(row, ServiceFence)]
    return {row.service: (int(row.owner_epoch), LastWrite(int(row.seq), row.last_write)) for row in understood}


def read_last_write(controller_id: str, service: str) -> LastWrite | None:
    """The last write of one service; None without a fence.

    Raises:
        InvalidRowError: the fence is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = ServiceFence.read(controller_id, fence_item(service))
    return None if row is None else LastWrite(int(row.seq), row.last_write)


class FencedWriter:
    """Writes on behalf of one claimed epoch. One thread at a time per service."""

    def __init__(
        self, controller_id: str, epoch: int, process_id: str, *, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self.controller_id = controller_id
        self.epoch = epoch
        self.process_id = process_id
        self._clock = clock
        self._new_id = new_id
        self._written_at: dict[str, float] = {}
        self._seq: dict[str, int] = {}
        self._unanswered: set[str] = set()

    def seal(self, services: Sequence[str]) -> None:
        """Raise the fences of `services` to this epoch, each only while the epoch is still claimed by this process.

        Raises:
            FencedError: the epoch was passed, or a fence already carries a higher one.
            FenceMissingError: some have no fence; all others are sealed.
            StateUnreachableError: DynamoDB did not answer; sealing again is harmless.
        """
        missing: list[str] = []
        for group in batched(services, MAX_CHANGES - 1, strict=False):
            missing += self._seal_group(list(group))
        if missing:
            raise FenceMissingError(self.controller_id, missing)

    def catch_up_all(self) -> Mapping[str, LastWrite]:
        """Know the last write of every sealed service at once, before their rows are read; see `catch_up`.

        A service whose fence is missing, malformed or not ours is left out: `catch_up` says what is the matter.

        Raises:
            StateUnreachableError: DynamoDB did not answer; catch up again.
        """
        found = read_last_writes(self.controller_id)
        known = {name: write for name, (owner, write) in found.items() if owner == self.epoch}
        self._seq.update({name: write.seq for name, write in known.items() if name not in self._unanswered})
        return known

    def catch_up(self, service: str) -> None:
        """Know the last write there is, before the rows are read: nothing comes between that one and the next.

        Where it is known, nothing is read: nobody else writes. A write that got no answer may still be on its way;
        after this it has either been made or never will be.

        Raises:
            FencedError: a newer epoch owns the service.
            FenceMissingError: the service has no fence.
            StateUnreachableError: DynamoDB did not answer; catch up again.
        """
        if service in self._unanswered:
            self._write(service, [], ServiceFence.owner_epoch == self.epoch)
            self._seq.pop(service, None)
        if service not in self._seq:
            self._seq[service] = int(self._own_fence(service).seq)

    def forget(self, service: str) -> None:
        """Take nothing of a service for known: another controller may have had it since it was last written here."""
        self._seq.pop(service, None)

    def commit(self, service: str, changes: Sequence[Change]) -> None:
        """Apply `changes` together with the service's fence, directly upon the last write that is known.

        Raises:
            FencedError: a newer epoch owns the service.
            FenceMissingError: the service has no fence; nothing was written.
            ConditionFailedError: one of `changes`' own conditions did not hold; nothing was written.
            TransactionRefusedError: DynamoDB does not accept one of `changes`; nothing was written.
            StateUnreachableError: no answer, or an earlier write came between; catch up and re-read the service's rows
                before deciding anything.
        """
        if service not in self._seq:
            self.catch_up(service)
        seq = self._seq.pop(service)
        try:
            self._write(service, changes, (ServiceFence.owner_epoch == self.epoch) & (ServiceFence.seq == seq))
        except ConditionFailedError:
            if self._own_fence(service).seq != seq:
                raise StateUnreachableError(
                    f"an earlier write of service {service}, given up on, was made late: its rows are not what was read"
                ) from None
            raise
        self._seq[service] = seq + 1

    def _write(self, service: str, changes: Sequence[Change], condition: Condition) -> None:
        token = self._new_id()
        started = self._clock.monotonic()
        fence = Update(self._fence(service), (ServiceFence.last_write.set(token), ServiceFence.seq.add(1)), condition)
        self._unanswered.add(service)
        try:
            transact([fence, *changes], self._clock, token=token)
        except ConditionFailedError:
            if self._own_fence(service).last_write != token:
                raise
        except TransactionRefusedError:
            # Whoever is refused for what it asks is refused whenever it arrives.
            self._unanswered.discard(service)
            raise
        self._unanswered.discard(service)
        self._written_at[service] = started

    def lease_is_fresh(self, service: str) -> bool:
        """Whether the last fenced write of `service` began less than the self-fence lease ago."""
        written = self._written_at.get(service)
        return written is not None and self._clock.monotonic() - written < SELF_FENCE_LEASE_SECONDS

    def _seal_group(self, services: Sequence[str]) -> list[str]:
        """Seal what fits one transaction; the names of those without a fence."""
        missing: list[str] = []
        while not self._try_to_seal(left := [each for each in services if each not in missing]):
            found = [each for each in left if ServiceFence.read(self.controller_id, fence_item(each)) is None]
            if not found:
                raise FencedError(
                    f"controller {self.controller_id} epoch {self.epoch} was passed while sealing {', '.join(left)}"
                )
            missing += found
        return missing

    def _try_to_seal(self, services: Sequence[str]) -> bool:
        started = self._clock.monotonic()
        mine = epoch_is_mine(self.controller_id, self.epoch, self.process_id)
        try:
            transact([mine, *map(self._seal, services)], self._clock)
        except ConditionFailedError:
            return False
        self._written_at.update(dict.fromkeys(services, started))
        return True

    def _own_fence(self, service: str) -> ServiceFence:
        row = ServiceFence.read(self.controller_id, fence_item(service))
        if row is None:
            raise FenceMissingError(self.controller_id, [service])
        if row.owner_epoch != self.epoch:
            raise FencedError(
                f"service {service} is fenced by epoch {row.owner_epoch}; this process holds epoch {self.epoch}"
            )
        return row

    def _seal(self, service: str) -> Update:
        return Update(
            self._fence(service),
            (ServiceFence.owner_epoch.set(self.epoch),),
            ServiceFence.owner_epoch <= self.epoch,
        )

    def _fence(self, service: str) -> ServiceFence:
        return ServiceFence(self.controller_id, fence_item(service))
