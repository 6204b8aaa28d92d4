"""Status fits a terminal of 80 columns."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from paramedic.services.progress import Outcome, Progress
from paramedic.services.status import ControllerView, ReplicaView, ServiceStatus, ServiceView
from paramedic.state.planned_period import PlannedPeriod
from paramedic_cli.fleet import Fleet, GatewayReplicaView, RecoveryView, StandbyView, Watched
from paramedic_cli.render import fleet_tables

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


def watched(
    *,
    failed: bool = False,
    recovery: RecoveryView | None = None,
    downtime: PlannedPeriod | None = None,
    standby: StandbyView | None = None,
) -> Watched:
    replica = ReplicaView(
        replica_id=1, version=1, status="ready", url="http://127.200.200.200:45678", launched_at="2026-01-01T12:00:00Z"
    )
    service = ServiceView(
        name="a-service-with-a-name",
        uid="u",
        status=ServiceStatus.READY,
        message="",
        revision=1,
        version=1,
        gateway="default",
        port=30001,
        target=2,
        progress=Progress(outcome=Outcome.PENDING, detail="replica 2: it has ended"),
        ready=1,
        routes=(replica.url,),
        replicas=(replica,),
    )
    controller = ControllerView(
        controller_id="main",
        epoch=2,
        claimed=True,
        url="http://127.200.200.200:40000",
        heartbeat_sequence=7,
        heartbeat_at="2026-01-01T12:00:28.500Z",
        failed=failed,
        incident="dead" if failed else None,
        downtime=downtime,
        services=(service,),
    )
    return Watched(controller=controller, recovery=recovery, restored="services 1, replicas 1", standby=standby)


def recovery(step: str, *, is_open: bool) -> RecoveryView:
    return RecoveryView(
        step=step,
        is_open=is_open,
        opened_at="2026-01-01T12:00:20Z",
        closed_at=None,
        actor="health_check",
        reason="it is dead",
        latest="stopped: was already gone",
    )


def shown(*controllers: Watched) -> str:
    console = Console(width=80, record=True, file=None)
    with console.capture() as capture:
        console.print(fleet_tables(Fleet(watched=controllers), NOW))
    return capture.get()


def test_no_line_is_wider_than_80_columns_and_nothing_is_cut_off() -> None:
    text = shown(watched(recovery=recovery("done", is_open=False)))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "127.200.200.200:40000" in text
    assert "http://127.200.200.200:45678" in text
    assert "…" not in text


@pytest.mark.parametrize(
    ("controller", "word"),
    [
        (watched(), "healthy"),
        (watched(failed=True), "dead"),
        (watched(failed=True, recovery=recovery("launch", is_open=True)), "recovering"),
        (watched(downtime=PlannedPeriod(since=NOW, until=NOW + timedelta(hours=1), reason="")), "downtime"),
        (watched(downtime=PlannedPeriod(since=NOW - timedelta(hours=1), until=NOW, reason="")), "healthy"),
    ],
)
def test_health_is_one_word_that_says_what_is_being_done(controller: Watched, word: str) -> None:
    assert word in shown(controller)


def test_a_controller_that_is_off_on_purpose_says_until_when_and_why() -> None:
    text = shown(watched(downtime=PlannedPeriod(since=NOW, until=NOW + timedelta(hours=1), reason="new rack")))
    assert "main: in planned downtime until 2026-01-01 13:00Z: new rack" in text


def test_an_empty_stack_says_so() -> None:
    assert "no controller is registered yet" in shown()


def test_a_change_that_is_not_done_says_how_far_it_is() -> None:
    assert "a-service-with-a-name: revision 1 is pending: replica 2: it has ended" in shown(watched())


@pytest.mark.parametrize(
    ("seen_at", "told"),
    [
        ("2026-01-01T11:59:50.000Z", "main: standby process 4711 waits, last seen 40 s ago"),
        ("2026-01-01T11:00:30.000Z", "main: standby process 4711 has been silent, last seen 3600 s ago"),
    ],
)
def test_a_standby_is_shown_and_one_that_went_silent_is_told_apart(seen_at: str, told: str) -> None:
    standby = StandbyView(process="process 4711", since="2026-01-01T10:00:00.000Z", seen_at=seen_at)
    text = shown(watched(standby=standby))
    assert told in text
    assert max(len(line) for line in text.splitlines()) <= 80


def gateway(number: int, found: str, since: str | None, left_at: str | None = None) -> GatewayReplicaView:
    return GatewayReplicaView(
        gateway="default",
        number=number,
        name=f"default-{number}",
        url="http://127.200.200.200:8080/.paramedic/health",
        found=found,
        since=since,
        tries="a-service-with-a-name",
        left_at=left_at,
    )


def test_gateway_replicas_are_shown_with_what_was_found_of_them() -> None:
    console = Console(width=80, record=True, file=StringIO())
    replicas = (
        gateway(1, "healthy", None),
        gateway(2, "routes_lost", "2026-01-01T12:00:00Z"),
        gateway(3, "dead", "2026-01-01T11:00:00Z", left_at="2026-01-01T12:00:20Z"),
    )
    console.print(fleet_tables(Fleet(watched=(), gateways=replicas), NOW))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "default 1 default-1 healthy 127.200.200.200:8080" in lines
    assert "default 2 default-2 routes_lost, found 30 s ago 127.200.200.200:8080" in lines
    assert "default 3 default-3 left 10 s ago 127.200.200.200:8080" in lines


def test_what_people_hold_and_what_waits_for_their_yes_is_said_with_the_way_on() -> None:
    waits = watched(failed=True).model_copy(update={"held": "its own switch is hold (ada: disk)", "plan": "since/3"})
    console = Console(width=200, record=True, file=StringIO())
    console.print(fleet_tables(Fleet(watched=(waits,), held="the global switch is hold (bob: moving)"), NOW))
    text = console.export_text()
    assert "the global switch is hold (bob: moving): nothing is recovered until `paramedic release everything`" in text
    assert "main: its own switch is hold (ada: disk): it is not recovered until `paramedic release" in text
    assert "main: waits for `paramedic approve controller:main --plan since/3`" in text
