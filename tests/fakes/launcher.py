"""A launcher without processes: what it started lives in a dict until it is stopped or a test lets it die."""

from dataclasses import dataclass, field

from paramedic.launchers.interface import (
    Description,
    EpochRefusedError,
    KeyAlreadyUsedError,
    Launch,
    LauncherError,
    NoPlaceError,
    RunState,
    StopOutcome,
    StopResult,
)
from paramedic.state.receipt import Receipt


@dataclass
class Started:
    """One workload that was started under one key."""

    request: Launch
    receipt: Receipt
    alive: bool = True


@dataclass
class FakeLauncher:
    """Keeps the interface's promises; `refuses` makes the next launches fail with that message."""

    started: dict[str, Started] = field(default_factory=dict)
    scopes: dict[str, int] = field(default_factory=dict)
    refuses: str | None = None
    unconfirmed: bool = False
    blind: bool = False

    def launch(self, request: Launch) -> Receipt:
        self._admit(request.scope, request.epoch)
        known = self.started.get(request.key)
        if known is not None and known.alive:
            return known.receipt
        if known is not None:
            raise KeyAlreadyUsedError(f"key {request.key} was used and its workload has ended")
        if self.refuses is not None:
            raise LauncherError(self.refuses)
        receipt = Receipt(
            launcher="fake",
            workload=request.workload,
            key=request.key,
            epoch=request.epoch,
            identity={"pid": str(1000 + len(self.started)), "scope": request.scope},
        )
        self.started[request.key] = Started(request, receipt)
        return receipt

    def find(self, workload: str, key: str) -> Receipt | None:
        known = self.started.get(key)
        return known.receipt if known is not None else None

    def running(self, scope: str) -> list[Receipt]:
        if self.blind:
            raise LauncherError("cannot look")
        return [each.receipt for each in self.living() if each.request.scope == scope]

    def occupant(self, workload: str) -> Receipt | None:
        raise NoPlaceError(workload)

    def describe(self, receipt: Receipt) -> Description:
        known = self.started.get(receipt.key)
        alive = known is not None and known.alive
        return Description(state=RunState.RUNNING if alive else RunState.ABSENT)

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        self._admit(scope or receipt.identity["scope"], epoch)
        if self.unconfirmed:
            return StopResult(outcome=StopOutcome.UNCONFIRMED, detail="nobody can tell")
        self.started[receipt.key].alive = False
        return StopResult(outcome=StopOutcome.STOPPED, detail="ended")

    def fence(self, scope: str, epoch: int) -> None:
        self.scopes[scope] = max(epoch, self.scopes.get(scope, 0))

    def living(self) -> list[Started]:
        """Everything that runs."""
        return [each for each in self.started.values() if each.alive]

    def kill(self, replica_id: int) -> None:
        """Let a replica die by itself."""
        suffix = f"/{replica_id}"
        next(each for each in self.living() if each.request.workload.endswith(suffix)).alive = False

    def _admit(self, scope: str, epoch: int) -> None:
        if epoch < self.scopes.get(scope, 0):
            raise EpochRefusedError(f"{scope} has seen epoch {self.scopes[scope]}, the call carries {epoch}")
        self.fence(scope, epoch)
