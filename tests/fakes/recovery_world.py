"""A controller, its host and whoever recovers it, over real DynamoDB semantics and a fake clock."""

from datetime import datetime
from itertools import count

from paramedic.clock import to_iso
from paramedic.health.event_details import ControllerFailed
from paramedic.launchers.interface import Launch
from paramedic.launchers.profiles import UnknownProfileError
from paramedic.recovery.answering import act
from paramedic.recovery.driving import drive
from paramedic.recovery.messages import ByHand, ManualRecover, Reply, Request, parse_request
from paramedic.recovery.self_start import take_over
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state import tables
from paramedic.state.claims import register
from paramedic.state.controllers import EPOCH, HEARTBEAT, ControllerEpoch, ControllerHeartbeat
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import BadPeriod, Target, TargetMode, bucket_of
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost, FakeProcess
from tests.fakes.targets import stored_target

CONTROLLER = "main"
TARGET = "controller:main"


class RecoveryWorld:
    """One registered controller at epoch 1, running on a fake host."""

    def __init__(self, table_prefix: str) -> None:
        tables.bind(table_prefix)
        self.clock = FakeClock()
        self.host = FakeHost(self.clock)
        self.clock.on_sleep = self.host.go_on
        self.pages: list[str] = []
        self.texts: list[str] = []
        self.pages_fail = False
        self.poll_seconds = 0.5
        self.fences_on_host = False
        self.other_hosts: dict[str, FakeHost] = {}
        self.gone_profiles: set[str] = set()
        self._ids = count(1)
        register(CONTROLLER, "127.0.0.1", 18080, "local", self.clock)
        environment = {"PARAMEDIC_CONTROLLER_ID": CONTROLLER}
        self.first = self.host.start(TARGET, "first", 1, environment)
        for _ in range(4):
            self.host.go_on()

    def around(self) -> Surroundings:
        """The surroundings of a new invocation."""
        number = next(self._ids)
        return Surroundings(
            clock=self.clock,
            new_id=lambda: f"id-{next(self._ids)}",
            invocation=f"invocation-{number}",
            probe=self.host.probe,
            profile=self.plan,
            page=self.page,
            stale_seconds=10.0,
            poll_seconds=self.poll_seconds,
        )

    def plan(self, name: str) -> LaunchPlan:
        """How the stack launches by a profile, if it still has that."""
        if name in self.gone_profiles:
            raise UnknownProfileError(f"launcher profile {name!r} does not exist")
        return LaunchPlan(self.other_hosts.get(name, self.host), _request, 60.0, self.fences_on_host)

    def begin_self_start(self, around: Surroundings) -> FakeProcess:
        """What a supervisor does, until its process may claim; it is gone when it cannot."""
        started: list[FakeProcess] = []

        def own_receipt(epoch: int) -> Receipt:
            process = self.host.start(TARGET, f"self-{next(self._ids)}", epoch, {"PARAMEDIC_CONTROLLER_ID": CONTROLLER})
            started.append(process)
            return process.receipt

        try:
            take_over(CONTROLLER, own_receipt, around)
        except BaseException:
            for process in started:
                process.alive = False
            raise
        return started[0]

    def self_start(self, around: Surroundings | None = None) -> FakeProcess:
        """A controller started without an epoch, until its recovery's record is as complete as it can make it."""
        around = around or self.around()
        process = self.begin_self_start(around)
        drive(self.recovery(process.receipt.epoch), around)
        return process

    def found_bad(self, diagnosis: str = "dead") -> ControllerFailed:
        """Leave what a health check leaves, and return the event it sends."""
        heartbeat = ControllerHeartbeat.read(CONTROLLER, HEARTBEAT)
        now = to_iso(self.clock.now())
        bad = BadPeriod(
            verdict="down",
            diagnosis=diagnosis,
            since=now,
            last_tick=now,
            heartbeat_sequence=int(heartbeat.sequence) if heartbeat else None,
            outcome="refused",
            event_id="event-1",
        )
        Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.set(bad)])
        return failure(self.clock.now(), diagnosis)

    def page(self, subject: str, text: str) -> bool:
        """What people were told; nothing reaches them while `pages_fail`."""
        if not self.pages_fail:
            self.pages.append(subject)
            self.texts.append(text)
        return not self.pages_fail

    def says(self, action: str, **fields: object) -> Reply:
        """A person's verb, done; what it was answered."""
        request = asks(action, **fields)
        assert isinstance(request, ByHand)
        reply = act(request, self.around())
        assert isinstance(reply, Reply)
        return reply

    def set_mode(self, mode: TargetMode) -> None:
        """Have the target observed, asked about, or recovered by itself."""
        Target(bucket_of(TARGET), TARGET).update(actions=[Target.mode.set(mode)])

    def target(self) -> Target:
        """The target's row."""
        return stored_target(TARGET)

    def epoch(self) -> ControllerEpoch:
        """The controller's epoch item."""
        row = ControllerEpoch.read(CONTROLLER, EPOCH)
        assert row is not None
        return row

    def recovery(self, epoch: int) -> Recovery:
        """The record of an epoch's recovery."""
        row = Recovery.read(TARGET, epoch)
        assert row is not None
        return row

    def newest(self) -> FakeProcess:
        """The process launched last."""
        return list(self.host.processes.values())[-1]


def failure(tick: datetime, diagnosis: str) -> ControllerFailed:
    """What the queue delivers for a controller found bad at `tick`."""
    moment = to_iso(tick)
    return ControllerFailed.model_validate(
        {
            "event_id": "event-1",
            "target_id": TARGET,
            "kind": "controller",
            "tick": moment,
            "since": moment,
            "decided_at": moment,
            "verdict": "down",
            "diagnosis": diagnosis,
            "cures": True,
            "needs_host_signal": diagnosis == "hung",
            "severity": "page",
            "sentence": "found bad",
            "outcome": "refused",
            "heartbeat": "stale",
            "mode": "auto",
        }
    )


def by_hand_request(request_id: str = "request-0001", predecessor_gone: str | None = None) -> ManualRecover:
    """What a person sends."""
    return ManualRecover(
        action="recover",
        target=TARGET,
        actor="ada",
        reason="test",
        request_id=request_id,
        predecessor_gone=predecessor_gone,
    )


def asks(action: str, **fields: object) -> Request:
    """What a person sends, as the payload is read."""
    payload = {"target": TARGET, "actor": "ada", "reason": "test", "request_id": "request-0001", **fields}
    return parse_request({"action": action, **payload})


def _request(workload: str, scope: str, epoch: int, key: str) -> Launch:
    environment = {"PARAMEDIC_CONTROLLER_ID": CONTROLLER}
    return Launch(workload=workload, scope=scope, epoch=epoch, key=key, command=("fake",), environment=environment)
