"""Targets in a table, a prober and a bus that do as they are told: the surroundings of a health check."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from jsonschema import Draft202012Validator

from paramedic.clock import to_iso
from paramedic.health.check import CheckSummary, HealthCheck
from paramedic.health.check_messages import CheckMessage
from paramedic.health.event_details import event_schemas
from paramedic.health.events import EventPublisher
from paramedic.health.host_commands import HostChecks, NoHostChecks
from paramedic.health.looking import PROMPT_SECONDS, Looker
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.health.probing import Probed, Prober
from paramedic.health.transitions import DetailType
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.targets import Target, TargetKind, TargetMode, bucket_of
from tests.fakes.clock import FakeClock
from tests.fakes.targets import stored_target

CONTROLLER = "demo"
TARGET = f"controller:{CONTROLLER}"
URL_TARGET = "url:shop"
SCHEMAS = event_schemas()


class FakeProber:
    """Answers OK unless told otherwise. `asked` is what it was asked, `before_each` is called before it answers."""

    def __init__(self) -> None:
        self.kinds: dict[str, OutcomeKind] = {}
        self.statuses: dict[str, int] = {}
        self.asked: list[Sequence[ProbeRequest]] = []
        self.before_each: Callable[[], None] = lambda: None

    def probe(self, requests: Sequence[ProbeRequest]) -> Probed:
        self.asked.append(requests)
        self.before_each()
        return Probed({r.target_id: self._outcome(r.target_id) for r in requests})

    def _outcome(self, target_id: str) -> ProbeOutcome:
        kind = self.kinds.get(target_id, OutcomeKind.OK)
        return ProbeOutcome(target_id=target_id, kind=kind, status=self.statuses.get(target_id))


class FakeBus:
    """Keeps what it accepts; refuses everything while `refuses`. What is put on it is as its schema says."""

    def __init__(self) -> None:
        self.refuses = False
        self.entries: list[Mapping[str, Any]] = []

    def put_events(self, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803 -- boto3's name
        for entry in Entries:
            Draft202012Validator(SCHEMAS[DetailType(entry["DetailType"])]).validate(json.loads(entry["Detail"]))
        if self.refuses:
            return {"FailedEntryCount": len(Entries), "Entries": [{"ErrorCode": "InternalFailure"} for _ in Entries]}
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(n)} for n, _ in enumerate(Entries)]}

    def types(self) -> list[str]:
        """The detail types of what was accepted, in order."""
        return [entry["DetailType"] for entry in self.entries]

    def details(self) -> list[dict[str, Any]]:
        """The details of what was accepted, in order."""
        return [json.loads(entry["Detail"]) for entry in self.entries]


class CheckWorld:
    """One controller target and one URL target; ticks are minutes after the start."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.started = self.clock.now()
        self.prober = FakeProber()
        self.prompt_seconds = PROMPT_SECONDS
        self.probers: dict[str, Prober] = {ProbeLocation.PUBLIC: self.prober}
        self.bus = FakeBus()
        self.hosts: HostChecks = NoHostChecks()
        self._ids = itertools.count(1)
        self._buckets: set[int] = set()
        self.add(TARGET, TargetKind.CONTROLLER)
        self.add(URL_TARGET, TargetKind.URL)

    def add(self, target_id: str, kind: TargetKind, **attributes: Any) -> None:
        """Register a target."""
        self._buckets.add(bucket_of(target_id))
        given: dict[str, Any] = {"url": "http://127.0.0.1:1/health", "mode": TargetMode.AUTO} | attributes
        Target(bucket_of(target_id), target_id, kind=kind, **given).save()

    def beat(self) -> None:
        """Move the controller's heartbeat by one."""
        row = ControllerHeartbeat.read(CONTROLLER, HEARTBEAT)
        sequence = 1 if row is None else int(row.sequence) + 1
        ControllerHeartbeat(CONTROLLER, HEARTBEAT, sealed_epoch=1, sequence=sequence).save()

    def tick(self, minute: float) -> datetime:
        """The scheduled time `minute` minutes after the start."""
        return self.started + timedelta(minutes=minute)

    def check(
        self,
        minute: float,
        *,
        arrives: float | None = None,
        only: Sequence[str] = (),
        prober: Prober | None = None,
    ) -> CheckSummary:
        """Check everything, or as a further check of its minute `only` some, at the tick of `minute`.

        The message arrives then, or at the minute `arrives`.
        """
        ahead = self.tick(minute if arrives is None else arrives) - self.clock.now()
        self.clock.advance(max(0.0, ahead.total_seconds()))
        check = HealthCheck(
            looker=Looker(
                self.probers if prober is None else {ProbeLocation.PUBLIC: prober},
                self.hosts,
                self.clock,
                stale_seconds=10.0,
                prompt_seconds=self.prompt_seconds,
            ),
            publisher=EventPublisher(cast(Any, self.bus), "bus"),
            clock=self.clock,
            new_id=lambda: f"event-{next(self._ids)}",
            hung_after_seconds=120.0,
        )
        buckets = sorted(self._buckets)
        return check.run(CheckMessage(tick=self.tick(minute), buckets=tuple(buckets), targets=tuple(only)))

    def row(self, target_id: str = TARGET) -> Target:
        """What is stored of a target."""
        return stored_target(target_id)


def iso(minute: float) -> str:
    """The text of the tick at `minute`."""
    return to_iso(datetime(2026, 1, 5, 3, 0, tzinfo=UTC) + timedelta(minutes=minute))
