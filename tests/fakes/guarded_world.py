"""A guarded URL, the one place that it runs in and whoever recovers it, over tables in memory and a fake clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from paramedic.clock import to_iso
from paramedic.health.events import HealthEvent
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import (
    FOUND_KEY,
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
from paramedic.launchers.profiles import parse_profiles
from paramedic.recovery import recoverer
from paramedic.recovery.answering import act
from paramedic.recovery.messages import ByHand, Reply, parse_request
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import BadPeriod, Target, TargetKind, TargetMode, bucket_of
from tests.fakes.clock import FakeClock
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.fakes.targets import stored_target

TARGET = "url:peer"
PROFILE = "peer"
PROFILES = parse_profiles('{"peer": {"launcher": "process", "host_dir": "/h", "command": ["true"], "pid_file": "/p"}}')


@dataclass(frozen=True)
class Ran:
    """One process that ran in the place; `works`: it uses its processor."""

    pid: int
    key: str = FOUND_KEY
    epoch: int = 0
    alive: bool = True
    suspended: bool = False
    deaf: bool = False
    works: bool = False

    @property
    def receipt(self) -> Receipt:
        """By which the launcher knows it."""
        identity = {"pid": str(self.pid), "scope": TARGET}
        return Receipt(launcher="process", workload=TARGET, key=self.key, epoch=self.epoch, identity=identity)


class OnePlace:
    """A launcher whose profile names one place; whoever runs there was launched by it, or started by somebody else.

    `log` is what was done there and beside whom. `supervised`: what ends is started again by somebody else at once.
    """

    def __init__(self) -> None:
        self.ran: dict[int, Ran] = {}
        self.log: list[str] = []
        self.fenced = 0
        self.blind = ""
        self.names_no_place = False
        self.unstoppable = False
        self.broken_command = False
        self.stillborn = False
        self.supervised = False
        self.looks = count(1)

    def start(self, key: str = FOUND_KEY, epoch: int = 0, *, alive: bool = True) -> Ran:
        process = Ran(100 + len(self.ran), key, epoch, alive=alive)
        self.log.append(f"{'launch' if key != FOUND_KEY else 'start'} {process.pid} beside {self.living()}")
        self.ran[process.pid] = process
        return process

    def change(self, pid: int, **changes: Any) -> None:
        self.ran[pid] = replace(self.ran[pid], **changes)

    def end(self, pid: int) -> None:
        self.change(pid, alive=False)
        if self.supervised:
            self.start()

    def living(self) -> list[int]:
        return [each.pid for each in self.ran.values() if each.alive]

    def probe(self, request: ProbeRequest) -> ProbeOutcome:
        process = next((each for each in self.ran.values() if each.alive), None)
        silent = process is not None and (process.suspended or process.works)
        kind = OutcomeKind.REFUSED if process is None or process.deaf else OutcomeKind.OK
        return ProbeOutcome(target_id=request.target_id, kind=OutcomeKind.TIMEOUT if silent else kind)

    def launch(self, request: Launch) -> Receipt:
        self._admit(request.epoch)
        for each in self.ran.values():
            if each.key == request.key:
                if not each.alive:
                    raise KeyAlreadyUsedError(request.key)
                return each.receipt
        if self.broken_command:
            raise LauncherError("no such command")
        return self.start(request.key, request.epoch, alive=not self.stillborn).receipt

    def find(self, workload: str, key: str) -> Receipt | None:
        assert workload == TARGET
        return next((each.receipt for each in self.ran.values() if each.key == key), None)

    def running(self, scope: str) -> list[Receipt]:
        raise NotImplementedError(scope)

    def occupant(self, workload: str) -> Receipt | None:
        if self.names_no_place:
            raise NoPlaceError("the profile names no place")
        if self.blind:
            raise LauncherError(self.blind)
        return next((each.receipt for each in self.ran.values() if each.alive), None)

    def describe(self, receipt: Receipt) -> Description:
        if self.blind:
            return Description(state=RunState.UNKNOWN, detail=self.blind)
        process = self.ran[int(receipt.identity["pid"])]
        if not process.alive:
            return Description(state=RunState.ABSENT)
        cpu = float(next(self.looks)) if process.works else 1.0
        return Description(state=RunState.SUSPENDED if process.suspended else RunState.RUNNING, cpu_seconds=cpu)

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        self._admit(epoch)
        if self.unstoppable or self.blind:
            return StopResult(outcome=StopOutcome.UNCONFIRMED, detail=self.blind or "it does not end")
        pid = int(receipt.identity["pid"])
        if self.ran[pid].alive:
            self.log.append(f"kill {pid}")
            self.end(pid)
        return StopResult(outcome=StopOutcome.STOPPED, detail=f"process {pid} is gone")

    def fence(self, scope: str, epoch: int) -> None:
        assert scope == TARGET
        self._admit(epoch)

    def _admit(self, epoch: int) -> None:
        if epoch < self.fenced:
            raise EpochRefusedError(f"epoch {self.fenced} was seen")
        self.fenced = epoch


class GuardedWorld:
    """One guarded URL at epoch 1, whose process somebody else started as 100."""

    def __init__(self) -> None:
        self.dynamodb = MemoryDynamoDB()
        self.clock = FakeClock()
        self.place = OnePlace()
        self.pages: list[str] = []
        self._ids = count(1)

    @contextmanager
    def bound(self, mode: TargetMode = TargetMode.AUTO) -> Iterator["GuardedWorld"]:
        """All of it, registered."""
        with self.dynamodb.bound():
            row = Target(bucket_of(TARGET), TARGET, kind=TargetKind.URL, url="http://127.0.0.1:9/health", mode=mode)
            row.profile = PROFILE
            row.save()
            ControllerEpoch(TARGET, EPOCH, epoch=1).save()
            self.place.start()
            self.place.log.clear()
            yield self

    def around(self, wrapped: Callable[[OnePlace], Any] = lambda place: place) -> Surroundings:
        """The surroundings of a new invocation, which reaches the place as it is `wrapped`."""
        plan = LaunchPlan(wrapped(self.place), _request, 60.0, fences_on_host=True)
        number = next(self._ids)
        return Surroundings(
            clock=self.clock,
            new_id=lambda: f"id-{next(self._ids)}",
            invocation=f"invocation-{number}",
            probe=self.place.probe,
            profile=lambda _: plan,
            page=self._page,
            stale_seconds=10.0,
            poll_seconds=0.5,
            profiles=PROFILES,
        )

    def found_bad(self, diagnosis: str = "unreachable") -> HealthEvent:
        """Leave what a check leaves, and return the event it sends."""
        now = to_iso(self.clock.now())
        bad = BadPeriod(
            verdict="down", diagnosis=diagnosis, since=now, last_tick=now, outcome="refused", event_id="event-1"
        )
        Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.set(bad)])
        return finding(now, diagnosis)

    def failed(self, diagnosis: str = "unreachable", around: Surroundings | None = None) -> Reply:
        """What becomes of a check's finding."""
        return recoverer.on_failure(self.found_bad(diagnosis), around or self.around())

    def sweep(self) -> list[Reply]:
        """What the schedule's sweep does a minute later."""
        self.clock.advance(61)
        return recoverer.sweep(self.around())

    def says(self, action: str, **fields: object) -> Reply:
        """A person's verb, done; what it was answered."""
        payload = {"target": TARGET, "actor": "ada", "reason": "test", "request_id": f"request-{next(self._ids):04}"}
        request = parse_request({"action": action, **payload, **fields})
        assert isinstance(request, ByHand)
        reply = act(request, self.around())
        assert isinstance(reply, Reply)
        return reply

    def target(self) -> Target:
        """The target's row."""
        return stored_target(TARGET)

    def recovery(self, epoch: int) -> Recovery:
        """The record of an epoch's recovery."""
        row = Recovery.read(TARGET, epoch)
        assert row is not None
        return row

    def _page(self, subject: str, text: str) -> bool:
        self.pages.append(f"{subject}: {text}")
        return True


def finding(moment: str, diagnosis: str) -> HealthEvent:
    """What the queue delivers for a guarded URL found bad."""
    return HealthEvent.model_validate(
        {
            "event_id": "event-1",
            "target_id": TARGET,
            "kind": "url",
            "tick": moment,
            "since": moment,
            "decided_at": moment,
            "verdict": "down",
            "diagnosis": diagnosis,
            "cures": True,
            "needs_host_signal": True,
            "severity": "page",
            "sentence": "found bad",
            "outcome": "refused",
            "heartbeat": "not_applicable",
            "mode": "auto",
        }
    )


def _request(workload: str, scope: str, epoch: int, key: str) -> Launch:
    return Launch(workload=workload, scope=scope, epoch=epoch, key=key, command=("fake",))
