"""One word for a service follows from all its replicas, and from whether anybody looks after them."""

import pytest

from paramedic.services.status import ControllerRows, ServiceRows, ServiceStatus, build_status, service_status
from paramedic.state.controllers import ENDPOINT, EPOCH, ControllerEndpoint, ControllerEpoch
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.replicas import Replica
from paramedic.state.services import DOWN, PAUSED, RUNNING, DesiredService, ObservedService, desired_item, observed_item
from paramedic.state.targets import BadPeriod, Target


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ([], ServiceStatus.NO_REPLICA),
        (["stopping"], ServiceStatus.NO_REPLICA),
        (["launching", "starting"], ServiceStatus.REPLICA_INIT),
        (["not_ready"], ServiceStatus.NOT_READY),
        (["not_ready", "starting"], ServiceStatus.REPLICA_INIT),
        (["not_ready", "starting", "ready"], ServiceStatus.READY),
    ],
)
def test_one_ready_replica_is_enough_to_serve(statuses: list[str], word: ServiceStatus) -> None:
    assert service_status(RUNNING, statuses) is word
    assert service_status(DOWN, statuses) is ServiceStatus.SHUTTING_DOWN
    assert service_status(PAUSED, statuses) is ServiceStatus.PAUSED


def rows(*, target: Target | None = None, recovery: Recovery | None = None, observed: bool = True) -> ControllerRows:
    desired = DesiredService(
        "main", desired_item("echo"), uid="u", revision=1, version=1, state="running", gateway="default", port=30001
    )
    seen = ObservedService("main", observed_item("echo"), uid="u", status="READY", message="", next_replica_id=2)
    replica = Replica("u", 1, version=1, url="http://127.0.0.1:1", status="ready", launched_at="t")
    return ControllerRows(
        epoch=ControllerEpoch("main", EPOCH, epoch=3, claimed_by="p"),
        endpoint=ControllerEndpoint("main", ENDPOINT, host="127.0.0.1", port=9, profile="local"),
        heartbeat=None,
        target=target,
        recovery=recovery,
        services=[ServiceRows(desired, seen if observed else None, [replica], None, None)],
    )


def recovery(step: Step) -> Recovery:
    return Recovery("controller:main", 3, step=step)


def bad(verdict: str) -> Target:
    period = BadPeriod(verdict=verdict, diagnosis="dead", since="t", last_tick="t", outcome="refused", event_id="e")
    return Target(1, "controller:main", bad=period)


def test_a_service_nobody_has_taken_up_yet_is_not_called_ready() -> None:
    assert build_status(rows(observed=False)).services[0].status is ServiceStatus.CONTROLLER_INIT


def test_the_view_of_a_healthy_controller_shows_its_services() -> None:
    view = build_status(rows())
    assert (view.controller_id, view.epoch, view.url, view.failed) == ("main", 3, "http://127.0.0.1:9", False)
    assert (view.services[0].status, view.services[0].ready, view.services[0].port) == ("READY", 1, 30001)


def test_a_paused_service_says_why() -> None:
    paused = rows()
    paused.services[0].desired.state = "paused"
    paused.services[0].desired.pause_reason = "too dear (by bob)"
    assert build_status(paused).services[0].message == "too dear (by bob)"


@pytest.mark.parametrize(
    ("failing", "diagnosis"),
    [
        (rows(target=bad("down")), "dead"),
        (rows(target=bad("down"), recovery=recovery(Step.STOP)), "dead"),
        (rows(recovery=recovery(Step.STOP)), "being recovered"),
        (rows(recovery=recovery(Step.LAUNCH)), "being recovered"),
        (rows(recovery=recovery(Step.VERIFY)), "being recovered"),
    ],
)
def test_with_its_controller_failed_a_service_says_so_and_keeps_showing_its_replicas(
    failing: ControllerRows, diagnosis: str
) -> None:
    view = build_status(failing)
    assert (view.failed, view.incident) == (True, diagnosis)
    assert view.services[0].status is ServiceStatus.CONTROLLER_FAILED
    assert view.services[0].replicas[0].status == "ready"


@pytest.mark.parametrize(
    "fine",
    [rows(target=bad("suspect")), *(rows(recovery=recovery(step)) for step in (Step.DONE, Step.FAILED))],
)
def test_a_suspicion_or_what_is_over_is_no_failure(fine: ControllerRows) -> None:
    assert not build_status(fine).failed
