"""Two looks at many heartbeats, with one wait between them."""

import pytest

from paramedic.health.diagnosis import Heartbeat
from paramedic.health.heartbeat_watch import HeartbeatReading, HeartbeatWatch
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.usefixtures("memory_tables")


def beat(controller_id: str, sequence: int, epoch: int = 1) -> None:
    ControllerHeartbeat(controller_id, HEARTBEAT, sealed_epoch=epoch, sequence=sequence).save()


def test_many_controllers_share_one_wait() -> None:
    beat("still", 5)
    beat("moving", 5)
    beat("sealed", 5)
    clock = FakeClock()

    def meanwhile() -> None:
        beat("moving", 6)
        beat("sealed", 5, epoch=2)
        beat("appearing", 1)

    clock.on_sleep = meanwhile
    readings = HeartbeatWatch(clock, 10.0).readings(["still", "moving", "sealed", "appearing", "absent"])
    assert readings == {
        "still": HeartbeatReading(Heartbeat.STALE, 5),
        "moving": HeartbeatReading(Heartbeat.MOVING, 6),
        "sealed": HeartbeatReading(Heartbeat.MOVING, 5),
        "appearing": HeartbeatReading(Heartbeat.MOVING, 1),
        "absent": HeartbeatReading(Heartbeat.NONE),
    }
    assert clock.monotonic() == 1010.0


def test_a_clock_that_wakes_early_is_waited_for_again() -> None:
    clock = FakeClock()
    clock.sleep = lambda seconds: clock.advance(min(seconds, 3.0))  # type: ignore[method-assign]
    HeartbeatWatch(clock, 10.0).readings(["a"])
    assert clock.monotonic() == 1010.0


def test_a_malformed_heartbeat_is_unknown() -> None:
    beat("newer", 5)
    ControllerHeartbeat("newer", HEARTBEAT).update(actions=[ControllerHeartbeat.min_reader.set(99)])
    assert HeartbeatWatch(FakeClock(), 10.0).readings(["newer"]) == {"newer": HeartbeatReading(Heartbeat.UNKNOWN)}


def test_with_nothing_to_watch_nobody_waits() -> None:
    clock = FakeClock()
    assert HeartbeatWatch(clock, 10.0).readings([]) == {}
    assert clock.monotonic() == 1000.0


def test_a_first_look_taken_early_is_not_waited_for_again() -> None:
    beat("a", 5)
    clock = FakeClock()
    watch = HeartbeatWatch(clock, 10.0)
    watch.begin(["a", "b"])
    clock.advance(7)
    assert watch.readings(["a"]) == {"a": HeartbeatReading(Heartbeat.STALE, 5)}
    assert clock.monotonic() == 1010.0


def test_one_that_is_watched_later_gets_its_whole_time() -> None:
    clock = FakeClock()
    watch = HeartbeatWatch(clock, 10.0)
    watch.begin(["a"])
    clock.advance(7)
    watch.readings(["a", "b"])
    assert clock.monotonic() == 1017.0


def test_a_beat_after_an_early_look_is_life() -> None:
    beat("a", 5)
    watch = HeartbeatWatch(FakeClock(), 10.0)
    watch.begin(["a"])
    beat("a", 6)
    assert watch.readings(["a"]) == {"a": HeartbeatReading(Heartbeat.MOVING, 6)}
