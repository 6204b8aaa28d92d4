"""The epochs of gateway replicas: each attempt to have one run opens the next, and nothing is done under another's."""

from collections.abc import Sequence
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.launchers.interface import launch_key
from paramedic.recovery.predecessors import predecessors_of
from paramedic.state.claims import FIRST_EPOCH, advanced, superseded
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import OPEN_STEPS, Predecessor, Recovery, Step
from paramedic.state.targets import epoch_key_of
from paramedic.state.transactions import Change, Update, put_new
from paramedic.state.wanted_gateways import Phase, PlacedReplica


@dataclass(frozen=True)
class Standing:
    """A replica's epoch as read, None before its first, and the recovery that opened it, if one did."""

    key: GatewayReplicaKey
    current: ControllerEpoch | None
    opened_by: Recovery | None

    @property
    def epoch(self) -> int:
        """The one that counts; 0 before the first."""
        return 0 if self.current is None else int(self.current.epoch)

    @property
    def is_recovered_by(self) -> Recovery | None:
        """The recovery that has relaunched it, if it was the last to act."""
        recovery = self.opened_by
        return recovery if recovery is not None and recovery.step == Step.DONE else None

    @property
    def is_being_recovered(self) -> bool:
        """Whether a recovery works on it."""
        return self.opened_by is not None and self.opened_by.step in OPEN_STEPS


def read_standing(key: GatewayReplicaKey) -> Standing:
    """How it stands.

    Raises:
        InvalidRowError: a row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    current = ControllerEpoch.read(epoch_key_of(key.target_id), EPOCH)
    recovery = None if current is None else Recovery.read(key.target_id, int(current.epoch))
    return Standing(key, current, recovery)


def opening(standing: Standing, clock: Clock) -> Sequence[Change]:
    """The changes that open the next epoch, provided nothing moved since; they supersede a recovery under way."""
    if standing.current is None:
        return [put_new(ControllerEpoch(epoch_key_of(standing.key.target_id), EPOCH, epoch=FIRST_EPOCH))]
    return [advanced(standing.current, standing.epoch + 1), *superseded(standing.opened_by, clock)]


def predecessors_of_placed(placed: PlacedReplica, standing: Standing) -> tuple[Predecessor, ...]:
    """Everything of a placed replica that may still act: what it was launched as, or what a recovery since knows of."""
    if standing.current is not None and standing.opened_by is not None and standing.epoch > placed.epoch:
        return predecessors_of(standing.current, standing.opened_by)
    if placed.phase in (Phase.WAITING, Phase.ENDING, Phase.LEAVING):
        return () if placed.to_stop is None else placed.to_stop.predecessors
    epoch = int(placed.epoch)
    key = launch_key(standing.key.target_id, epoch)
    return (Predecessor(epoch=epoch, receipt=placed.receipt, launch_key=key, profile=placed.profile),)


def claiming(key: GatewayReplicaKey, epoch: int, receipt: Receipt, at: str) -> Change:
    """The change that names whoever serves under `epoch`, so that its successor knows whom to stop."""
    actions = (
        ControllerEpoch.claimed_by.set(receipt.key),
        ControllerEpoch.claimed_at.set(at),
        ControllerEpoch.claimant.set(receipt),
    )
    return Update(ControllerEpoch(epoch_key_of(key.target_id), EPOCH), actions, ControllerEpoch.epoch == epoch)
