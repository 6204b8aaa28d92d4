"""How long a check takes to say what it found."""

import threading
from collections.abc import Mapping, Sequence

import pytest

from paramedic.health.heartbeat_watch import HeartbeatWatch, ReadBeat
from paramedic.health.outcomes import DEFAULT_ATTEMPTS, OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.health.probing import Probed
from paramedic.state.controllers import ControllerHeartbeat
from tests.fakes.check_world import TARGET, URL_TARGET, CheckWorld
from tests.fakes.clock import FakeClock

PATIENCE_SECONDS = 10.0


@pytest.fixture
def world(memory_tables: None) -> CheckWorld:
    return CheckWorld()


class SlowProber:
    """Refused by everything, `seconds` after the first heartbeat was looked at."""

    def __init__(self, clock: FakeClock, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = clock
        self._seconds = seconds
        self._looked_at = threading.Event()
        begin = HeartbeatWatch.begin

        def seen_to_begin(watch: HeartbeatWatch, reads: Mapping[str, ReadBeat]) -> None:
            begin(watch, reads)
            self._looked_at.set()

        monkeypatch.setattr(HeartbeatWatch, "begin", seen_to_begin)

    def probe(self, requests: Sequence[ProbeRequest]) -> Probed:
        assert self._looked_at.wait(PATIENCE_SECONDS), "no heartbeat was looked at while probes were under way"
        self._clock.advance(self._seconds)
        return Probed({r.target_id: ProbeOutcome(r.target_id, OutcomeKind.REFUSED) for r in requests})


class AttemptsProber:
    """Lets everything time out, and remembers how often it was to ask."""

    def __init__(self) -> None:
        self.attempts: dict[str, int] = {}

    def probe(self, requests: Sequence[ProbeRequest]) -> Probed:
        self.attempts = {r.target_id: r.attempts for r in requests}
        return Probed({r.target_id: ProbeOutcome(r.target_id, OutcomeKind.TIMEOUT) for r in requests})


def test_what_has_no_heartbeat_is_told_before_heartbeats_are_waited_for(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds = {TARGET: OutcomeKind.REFUSED, URL_TARGET: OutcomeKind.REFUSED}
    told: list[list[str]] = []
    world.clock.on_sleep = lambda: told.append(world.bus.types())
    world.check(0)
    assert told == [["Target Down"]]
    assert world.bus.types() == ["Target Down", "Controller Failed"]


def test_the_time_that_probes_take_counts_for_the_heartbeat(world: CheckWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.beat()
    world.prompt_seconds = 0.0
    began = world.clock.monotonic()
    world.check(0, prober=SlowProber(world.clock, 8.0, monkeypatch))
    assert world.clock.monotonic() - began == 10.0
    found = world.row().bad
    assert found is not None
    assert found.diagnosis == "dead"


def test_probes_that_are_done_at_once_cost_no_look_at_a_heartbeat(
    world: CheckWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_look(*key: object) -> None:
        raise AssertionError(f"the heartbeat of {key} was looked at")

    monkeypatch.setattr(ControllerHeartbeat, "read", no_look)
    assert world.check(0).checked == 2


def test_what_times_out_for_long_is_asked_less_often(world: CheckWorld) -> None:
    world.beat()
    prober = AttemptsProber()
    asked = []
    for minute in range(4):
        world.check(minute, prober=prober)
        asked.append(prober.attempts[TARGET])
    assert asked == [DEFAULT_ATTEMPTS, 2, 2, 1]
