"""Two looks at many heartbeats, with one wait between them."""

import pytest

from paramedic.health.diagnosis import Heartbeat
from paramedic.health.heartbeat_watch import HeartbeatReading, watch_heartbeats
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
    readings = watch_heartbeats(["still", "moving", "sealed", "appearing", "absent"], clock, 10.0)
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
    watch_heartbeats(["a"], clock, 10.0)
    assert clock.monotonic() == 1010.0


def test_a_malformed_heartbeat_is_unknown() -> None:
    beat("newer", 5)
    ControllerHeartbeat("newer", HEARTBEAT).update(actions=[ControllerHeartbeat.min_reader.set(99)])
    assert watch_heartbeats(["newer"], FakeClock(), 10.0) == {"newer": HeartbeatReading(Heartbeat.UNKNOWN)}


def test_with_nothing_to_watch_nobody_waits() -> None:
    clock = FakeClock()
    assert watch_heartbeats([], clock, 10.0) == {}
    assert clock.monotonic() == 1000.0
