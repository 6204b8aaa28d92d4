"""The demo's table finds what a controller must not lose; a table that cannot fail proves nothing."""

from dataclasses import replace

import pytest

from demo.comparison import compare
from demo.snapshot import ReplicaFacts, Snapshot
from demo.traffic_feeder import Traffic
from paramedic.autoscaling.tick import ScalingPolicy, tick
from paramedic.autoscaling.window import Figures
from paramedic.state.autoscalers import AutoscalerState, Window
from paramedic.state.receipt import Receipt

POLICY = ScalingPolicy(minimum=2, maximum=4, target_qps=5.0, upscale_ticks=4, downscale_ticks=12, interval=5)
TRAFFIC = Traffic(dict.fromkeys(range(1001, 1200), 18), "life")


def counted_until(state: AutoscalerState, second: int, now: int) -> AutoscalerState:
    """One tick at `now` that sees all requests before `second`."""
    counted = state.cursors.get(TRAFFIC.cursor, 0) // 18
    sent = dict.fromkeys(range(1001 + counted, second), 18)
    figures = Figures(
        requests=sent, complete_from=1000, complete_until=second, cursors={TRAFFIC.cursor: 18 * (second - 1001)}
    )
    return tick(POLICY, state, figures, now)[0]


START = AutoscalerState(version=1, target=3, window=Window(start=1000))
AT_KILL = counted_until(START, 1069, 1070)
REVIVED = counted_until(AT_KILL, 1149, 1150)


def seen(scaler: AutoscalerState, *, epoch: int, pid: str, restored: str = "") -> Snapshot:
    return Snapshot(
        epoch=epoch,
        controller=Receipt(launcher="process", workload="controller:a", key="k", epoch=epoch, identity={"pid": pid}),
        controller_url="http://127.1.1.1:4000",
        service_uid="u",
        load_balancer_port=30001,
        routes=("http://127.1.1.1:5001",),
        replicas=(ReplicaFacts(1, "http://127.1.1.1:5001", "ready", "17", answers=True),),
        scaler=scaler,
        unfinished_requests=2,
        unfinished_operations=0,
        restored=restored,
    )


BEFORE = seen(AT_KILL, epoch=1, pid="10")
AFTER = seen(REVIVED, epoch=2, pid="11", restored="1 services, Unfinished requests: 2, Unfinished operations: 0")


def wrong(before: Snapshot, after: Snapshot) -> list[str]:
    return [row.what for row in compare(before, after, POLICY, TRAFFIC) if not row.holds]


def test_a_controller_that_lost_nothing_passes() -> None:
    assert AT_KILL.upscale_count == 1
    assert wrong(BEFORE, AFTER) == []


def test_an_autoscaler_that_has_not_ticked_yet_must_be_as_it_was() -> None:
    assert wrong(BEFORE, replace(AFTER, scaler=AT_KILL)) == []


@pytest.mark.parametrize(
    ("loss", "row"),
    [
        ({"upscale_count": 1}, "upscale counter"),
        ({"downscale_count": 1}, "downscale counter"),
        ({"target": 2}, "autoscaler target"),
        ({"window": Window(start=1090, counts=(0,) * 60)}, "autoscaler window"),
    ],
)
def test_whatever_the_autoscaler_forgets_is_wrong(loss: dict[str, object], row: str) -> None:
    assert row in wrong(BEFORE, replace(AFTER, scaler=REVIVED.model_copy(update=loss)))


def test_requests_counted_twice_are_wrong() -> None:
    twice = REVIVED.window.model_copy(update={"counts": tuple(2 * (count or 0) for count in REVIVED.window.counts)})
    assert "autoscaler window" in wrong(BEFORE, replace(AFTER, scaler=REVIVED.model_copy(update={"window": twice})))


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"epoch": 3}, "epoch"),
        ({"epoch": 1}, "epoch"),
        ({"controller": BEFORE.controller}, "controller pid"),
        ({"controller_url": "http://127.1.1.1:4001"}, "controller address"),
        ({"load_balancer_port": 30002}, "load-balancer port"),
        ({"routes": ()}, "load-balancer routes"),
        ({"replicas": ()}, "replica 1"),
        ({"replicas": (replace(BEFORE.replicas[0], pid="18"),)}, "replica 1"),
        ({"replicas": (replace(BEFORE.replicas[0], answers=False),)}, "replica 1"),
        ({"restored": "1 services"}, "Unfinished requests"),
    ],
)
def test_each_row_finds_its_own_loss(change: dict[str, object], row: str) -> None:
    assert row in wrong(BEFORE, replace(AFTER, **change))  # type: ignore[arg-type]
