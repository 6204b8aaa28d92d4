"""A host whose processes are controllers made of state writes alone: fast, deterministic, killable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
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
from paramedic.state.claims import claim, claim_first_epoch, claim_granted
from paramedic.state.heartbeat import beat, report_restored, seal_heartbeat
from paramedic.state.receipt import Receipt
from paramedic.state.standbys import read_standing, register_standby
from paramedic.state.targets import controller_target_id


@dataclass
class FakeProcess:
    """One controller process. `stage` counts how far its start has come; a standby's begins with its grant."""

    receipt: Receipt
    controller_id: str
    alive: bool = True
    suspended: bool = False
    stage: int = 0
    cpu_seconds: float = 0.0
    claimed: bool = False
    standby: bool = False
    hangs_on_grant: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is no controller yet: it has neither the port nor an epoch."""
        return self.standby and not self.claimed


class FakeHost:
    """Implements the launcher protocol with the same fence rules as a real host.

    Of processes whose keys are `lost` it can tell nothing, and cannot stop them. While it is `silent` it does not even
    say what was launched.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.processes: dict[str, FakeProcess] = {}
        self.fences: dict[str, int] = {}
        self.log: list[str] = []
        self.unstoppable = False
        self.lost: set[str] = set()
        self.silent = False
        self.broken_command = False
        self.after_stop: Callable[[], None] = lambda: None

    def launch(self, request: Launch) -> Receipt:
        if request.epoch < self.fences.get(request.scope, 0):
            raise EpochRefusedError(f"{request.scope} is fenced at {self.fences[request.scope]}")
        self.fences[request.scope] = request.epoch
        known = self.processes.get(request.key)
        if known is not None:
            if not known.alive:
                raise KeyAlreadyUsedError(f"{request.key} has ended")
            return known.receipt
        if self.broken_command:
            raise LauncherError("no such command")
        rivals = [p.receipt.key for p in self._living(request.workload)]
        self.log.append(f"launch {request.epoch} beside {rivals}")
        return self.start(request.workload, request.key, request.epoch, request.environment).receipt

    def start(self, workload: str, key: str, epoch: int, environment: Mapping[str, str]) -> FakeProcess:
        where = {"host": "fake", "boot_id": "0", "pid_namespace": "pid:[1]", "scope": workload}
        identity = {**where, "pid": str(len(self.processes) + 100), "start_time": "0"}
        receipt = Receipt(launcher="process", workload=workload, key=key, epoch=epoch, identity=identity)
        process = FakeProcess(receipt, environment["PARAMEDIC_CONTROLLER_ID"])
        self.processes[key] = process
        return process

    def stand_by(self, controller_id: str, key: str = "standby") -> FakeProcess:
        """A process that registers as the controller's standby."""
        workload = controller_target_id(controller_id)
        process = self.start(workload, key, 0, {"PARAMEDIC_CONTROLLER_ID": controller_id})
        process.standby = True
        register_standby(controller_id, key, process.receipt, self._clock)
        return process

    def find(self, workload: str, key: str) -> Receipt | None:
        if self.silent:
            raise LauncherError("the host does not answer")
        process = self.processes.get(key)
        return process.receipt if process else None

    def running(self, scope: str) -> list[Receipt]:
        return [each.receipt for each in self.processes.values() if each.alive and each.receipt.workload == scope]

    def occupant(self, workload: str) -> Receipt | None:
        raise NoPlaceError(workload)

    def describe(self, receipt: Receipt) -> Description:
        process = self.processes[receipt.key]
        if receipt.key in self.lost:
            return Description(state=RunState.UNKNOWN)
        if not process.alive:
            return Description(state=RunState.ABSENT)
        state = RunState.SUSPENDED if process.suspended else RunState.RUNNING
        return Description(state=state, cpu_seconds=process.cpu_seconds)

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        if self.unstoppable or receipt.key in self.lost:
            return StopResult(outcome=StopOutcome.UNCONFIRMED, detail="the host does not answer")
        if self.processes[receipt.key].alive:
            self.log.append(f"kill {receipt.epoch}")
        self.processes[receipt.key].alive = False
        self.after_stop()
        return StopResult(outcome=StopOutcome.STOPPED, detail=f"{receipt.key} is gone")

    def fence(self, scope: str, epoch: int) -> None:
        if epoch < self.fences.get(scope, 0):
            raise EpochRefusedError(f"{scope} is fenced at {self.fences[scope]}")
        self.fences[scope] = epoch

    def alive(self) -> list[int]:
        """Epochs of the living processes."""
        return sorted(p.receipt.epoch for p in self.processes.values() if p.alive and not p.waits)

    def _living(self, workload: str) -> list[FakeProcess]:
        """The living controllers."""
        return [p for p in self.processes.values() if p.alive and not p.waits and p.receipt.workload == workload]

    def go_on(self) -> None:
        """Let every living process take one step of its start, or beat."""
        for process in list(self.processes.values()):
            if process.alive and not process.suspended:
                self._step(process)

    def _step(self, process: FakeProcess) -> None:
        process.cpu_seconds += 0.1
        controller_id, epoch, key = process.controller_id, process.receipt.epoch, process.receipt.key
        try:
            if process.waits:
                granted = granted_epoch(controller_id, key)
                if granted is None or process.hangs_on_grant:
                    process.suspended = granted is not None
                    return
                epoch = granted
                process.receipt = process.receipt.model_copy(update={"epoch": epoch})
            match process.stage:
                case 0 if process.standby:
                    claim_granted(controller_id, epoch, key, process.receipt, self._clock)
                case 0 if epoch == 1:
                    claim_first_epoch(controller_id, key, process.receipt, self._clock)
                case 0:
                    claim(controller_id, epoch, key, process.receipt, self._clock)
                case 1:
                    seal_heartbeat(controller_id, epoch, key, self._clock)
                    report_restored(controller_id, epoch, "services 0")
                case _:
                    beat(controller_id, epoch, self._clock)
        except ParamedicError as error:
            # A refused or fenced controller exits, touching nothing more.
            self.log.append(f"epoch {epoch} exits: {type(error).__name__}")
            process.alive = False
            return
        process.stage += 1
        process.claimed = True

    def probe(self, request: ProbeRequest) -> ProbeOutcome:
        """Refused without a living process, timeout when it is suspended, else healthy."""
        serving = self._living(request.target_id)
        kind = OutcomeKind.OK if any(p.claimed and not p.suspended for p in serving) else OutcomeKind.REFUSED
        if any(p.suspended for p in serving):
            kind = OutcomeKind.TIMEOUT
        return ProbeOutcome(target_id=request.target_id, kind=kind)


def granted_epoch(controller_id: str, process_id: str) -> int | None:
    """The epoch that the standby `process_id` may claim now."""
    standing = read_standing(controller_id, process_id)
    return standing.epoch if standing is not None and standing.granted else None
