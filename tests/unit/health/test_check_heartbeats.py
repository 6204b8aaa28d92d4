"""Two looks at many heartbeats, with one wait between them."""

from functools import partial

import pytest

from paramedic.health.diagnosis import Heartbeat
from paramedic.health.heartbeat_watch import HeartbeatReading, HeartbeatWatch, ReadBeat, controller_beat, gateway_beat
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica
from paramedic.state.traffic_report import Standing, TrafficWriter
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.usefixtures("memory_tables")


def beat(controller_id: str, sequence: int, epoch: int = 1) -> None:
    ControllerHeartbeat(controller_id, HEARTBEAT, sealed_epoch=epoch, sequence=sequence).save()


def of_controllers(*controller_ids: str) -> dict[str, ReadBeat]:
    return {name: partial(controller_beat, name) for name in controller_ids}


def report(sequence: int, incarnation: str) -> None:
    standing = Standing(
        sequence=sequence, covers_from=0, covers_until=1, unfinished_count=0, unfinished_examples=(), draining=None
    )
    TrafficWriter("default", "edge-a").write_report(incarnation, standing)


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
    readings = HeartbeatWatch(clock, 10.0).readings(of_controllers("still", "moving", "sealed", "appearing", "absent"))
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
    HeartbeatWatch(clock, 10.0).readings(of_controllers("a"))
    assert clock.monotonic() == 1010.0


def test_a_malformed_heartbeat_is_unknown() -> None:
    beat("newer", 5)
    ControllerHeartbeat("newer", HEARTBEAT).update(actions=[ControllerHeartbeat.min_reader.set(99)])
    found = HeartbeatWatch(FakeClock(), 10.0).readings(of_controllers("newer"))
    assert found == {"newer": HeartbeatReading(Heartbeat.UNKNOWN)}


@pytest.mark.parametrize(
    ("later", "says"),
    [(None, Heartbeat.STALE), ((6, "a"), Heartbeat.MOVING), ((5, "b"), Heartbeat.MOVING)],
    ids=["silent", "reports", "restarted"],
)
def test_the_reports_of_a_gateway_replica_are_its_heartbeat(later: tuple[int, str] | None, says: Heartbeat) -> None:
    key, clock = GatewayReplicaKey("default", 1), FakeClock()
    reads: dict[str, ReadBeat] = {"gateway:default/1": partial(gateway_beat, key)}
    assert HeartbeatWatch(clock, 10.0).readings(reads) == {"gateway:default/1": HeartbeatReading(Heartbeat.NONE)}
    GatewayReplica("default", 1, name="edge-a", status="serving").save()
    report(5, "a")
    if later is not None:
        clock.on_sleep = lambda: report(*later)
    assert HeartbeatWatch(clock, 10.0).readings(reads)["gateway:default/1"].state is says


def test_with_nothing_to_watch_nobody_waits() -> None:
    clock = FakeClock()
    assert HeartbeatWatch(clock, 10.0).readings({}) == {}
    assert clock.monotonic() == 1000.0


def test_a_first_look_taken_early_is_not_waited_for_again() -> None:
    beat("a", 5)
    clock = FakeClock()
    watch = HeartbeatWatch(clock, 10.0)
    watch.begin(of_controllers("a", "b"))
    clock.advance(7)
    assert watch.readings(of_controllers("a")) == {"a": HeartbeatReading(Heartbeat.STALE, 5)}
    assert clock.monotonic() == 1010.0


def test_one_that_is_watched_later_gets_its_whole_time() -> None:
    clock = FakeClock()
    watch = HeartbeatWatch(clock, 10.0)
    watch.begin(of_controllers("a"))
    clock.advance(7)
    watch.readings(of_controllers("a", "b"))
    assert clock.monotonic() == 1017.0


def test_a_beat_after_an_early_look_is_life() -> None:
    beat("a", 5)
    watch = HeartbeatWatch(FakeClock(), 10.0)
    watch.begin(of_controllers("a"))
    beat("a", 6)
    assert watch.readings(of_controllers("a")) == {"a": HeartbeatReading(Heartbeat.MOVING, 6)}
