"""The demo's table finds what a controller must not lose; a table that cannot fail proves nothing."""

from dataclasses import replace

import pytest

from demo.comparison import Outside, compare
from demo.counted import Counted
from demo.exchanges import Exchange
from demo.snapshot import ReplicaFacts, Snapshot
from paramedic.autoscaling.tick import ScalingPolicy, tick
from paramedic.autoscaling.traffic import CounterReading
from paramedic.autoscaling.window import Figures
from paramedic.state.autoscalers import AutoscalerState, Window
from paramedic.state.receipt import Receipt

POLICY = ScalingPolicy(minimum=2, maximum=4, target_qps=5.0, upscale_ticks=4, downscale_ticks=12, interval=5)

COUNTED = Counted(
    CounterReading(replica="r", incarnation="life", total=18 * 199, ring=(18,) * 180, ring_end=1200), covers_from=1000
)
SENT = [Exchange(second + 0.01, second + 0.02) for second in range(1001, 1200) for _ in range(18)]
UPLOAD = "POST /predict of echo-model since 1970, id 1"


def counted_until(state: AutoscalerState, second: int, now: int) -> AutoscalerState:
    """One tick at `now` that sees all requests before `second`."""
    counted = state.cursors.get(COUNTED.cursor, 0) // 18
    sent = dict.fromkeys(range(1001 + counted, second), 18)
    figures = Figures(
        requests=sent, complete_from=1000, complete_until=second, cursors={COUNTED.cursor: 18 * (second - 1001)}
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
        unfinished=("GET /predict of echo-model since 1970, id 0", UPLOAD),
        unfinished_operations=0,
        restored=restored,
        taken_up=(UPLOAD,) if restored else (),
    )


BEFORE = seen(AT_KILL, epoch=1, pid="10")
AFTER = seen(REVIVED, epoch=2, pid="11", restored="1 services, Unfinished requests: 2, Unfinished operations: 0")


def wrong(before: Snapshot, after: Snapshot, outside: Outside | None = None) -> list[str]:
    rows = compare(before, after, POLICY, outside or Outside(COUNTED, SENT, held=1))
    return [row.what for row in rows if not row.holds]


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
        ({"taken_up": ()}, "Unfinished requests"),
    ],
)
def test_each_row_finds_its_own_loss(change: dict[str, object], row: str) -> None:
    assert row in wrong(BEFORE, replace(AFTER, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sent",
    [
        [*SENT, Exchange(1100.01, 1100.02)],
        [each for each in SENT if each is not SENT[0]],
        [replace(each, sent_at=each.sent_at + 1, answered_at=each.sent_at + 2) for each in SENT],
    ],
    ids=["not counted", "counted twice", "counted too early"],
)
def test_figures_that_the_clients_cannot_have_caused_are_wrong(sent: list[Exchange]) -> None:
    assert wrong(BEFORE, AFTER, Outside(COUNTED, sent, held=1)) == ["requests counted"]


def test_an_upload_nobody_took_up_or_that_the_gateway_forgot_is_wrong() -> None:
    assert wrong(BEFORE, AFTER, Outside(COUNTED, SENT, held=2)) == ["Unfinished requests"]


def test_of_a_killed_replica_only_its_route_must_be_gone() -> None:
    outside = Outside(COUNTED, SENT, held=1, killed=frozenset({1}))
    successor = ReplicaFacts(2, "http://127.1.1.1:5002", "ready", "18", answers=True)
    assert wrong(BEFORE, AFTER, outside) == ["load-balancer routes", "replica 1"]
    gone = replace(AFTER, routes=(successor.url,), replicas=(successor,))
    assert wrong(BEFORE, gone, outside) == []
    assert wrong(BEFORE, gone) == ["load-balancer routes", "replica 1", "replica 2"]
