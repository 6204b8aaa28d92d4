"""Checks of gateway replicas: what is asked, when routes count as lost, and who leaves without a word to anybody."""

from collections.abc import Sequence

import pytest

from paramedic.health.checked_target import checked_target
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.health.probing import Probed
from paramedic.state.gateways import GatewayReplica
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.request_handling import RequestHandling, Route, Routes, VersionRule
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.targets import COUNTS_BUCKET, RouteToTry, Target, TargetCount, TargetKind, TargetMode, bucket_of
from paramedic.state.traffic_report import Standing, TrafficWriter
from tests.fakes.check_world import CheckWorld
from tests.fakes.targets import bad_target

GATEWAY = "gateway:default/1"
ROUTE = f"{GATEWAY}/.paramedic/route"
READY = Route(replica_id=1, url="http://10.0.0.1:80", weight=1, version=2)


@pytest.fixture
def world(memory_tables: None) -> CheckWorld:
    world = CheckWorld()
    world.add(
        GATEWAY,
        TargetKind.GATEWAY,
        url="http://127.0.0.1:8080/.paramedic/health",
        mode=TargetMode.OBSERVE,
        route=RouteToTry(service="echo", host="echo.models.test"),
    )
    GatewayReplica("default", 1, name="edge-a", status="serving").save()
    serve(1, READY)
    return world


def serve(revision: int, *ready: Route, requests: RequestHandling | None = None) -> None:
    """What the table says the gateway serves for `echo`."""
    LoadBalancer(
        "default",
        "echo",
        uid="u1",
        host="127.0.0.1",
        port=9001,
        policy="round_robin",
        routes=Routes(replicas=ready),
        requests=None if requests is None else requests.model_dump_json(),
        revision=revision,
    ).save()


def report(sequence: int) -> None:
    standing = Standing(
        sequence=sequence, covers_from=0, covers_until=1, unfinished_count=0, unfinished_examples=(), draining=None
    )
    TrafficWriter("default", "edge-a").write_report("life", standing)


def lose_routes(world: CheckWorld) -> None:
    world.prober.kinds[ROUTE], world.prober.statuses[ROUTE] = OutcomeKind.STATUS, 599


def kill(world: CheckWorld) -> None:
    world.prober.kinds = dict.fromkeys((GATEWAY, ROUTE), OutcomeKind.REFUSED)


def test_one_that_is_well_is_asked_twice_at_one_address_and_nothing_is_written(world: CheckWorld) -> None:
    assert world.check(0).checked == 3
    [asked] = world.prober.asked
    of_gateway = {request.url: request.host for request in asked if request.target_id.startswith(GATEWAY)}
    assert of_gateway == {
        "http://127.0.0.1:8080/.paramedic/health": "replica.paramedic.invalid",
        "http://127.0.0.1:8080/.paramedic/route": "echo.models.test",
    }
    assert world.bus.entries == []
    assert world.row(GATEWAY).bad is None


def test_lost_routes_are_told_once_and_so_is_that_they_are_back(world: CheckWorld) -> None:
    lose_routes(world)
    assert [world.check(minute).down for minute in (0, 1)] == [1, 1]
    world.prober.kinds.clear()
    world.prober.statuses.clear()
    world.check(2)
    assert world.bus.types() == ["Gateway Replica Failed", "Target Recovered"]
    assert [(each["diagnosis"], each["notice"]) for each in world.bus.details()] == [
        ("routes_lost", "open"),
        ("healthy", "close"),
    ]


def test_one_that_was_killed_is_dead_by_two_signals(world: CheckWorld) -> None:
    report(7)
    kill(world)
    for minute in range(3):
        world.check(minute)
    assert world.bus.types() == ["Gateway Replica Failed"]
    [event] = world.bus.details()
    assert (event["diagnosis"], event["heartbeat"], event["cures"], event["notice"]) == ("dead", "stale", False, "open")


def test_one_whose_agent_reports_is_not_dead(world: CheckWorld) -> None:
    report(7)
    world.clock.on_sleep = lambda: report(8)
    kill(world)
    world.check(0)
    assert [event["diagnosis"] for event in world.bus.details()] == ["unreachable"]


def test_a_service_whose_replicas_do_not_answer_is_no_lost_route(world: CheckWorld) -> None:
    world.prober.statuses[ROUTE] = 503
    world.check(0)
    world.prober.kinds[ROUTE] = OutcomeKind.TIMEOUT
    world.check(1)
    assert world.bus.entries == []
    assert world.row(GATEWAY).bad is None


@pytest.mark.parametrize(
    "now",
    [
        lambda: serve(2),
        lambda: serve(2, READY),
        lambda: LoadBalancer("default", "echo").delete(),
        lambda: serve(1, READY, requests=RequestHandling(versions=(VersionRule(version=2, path_prefix="/v2"),))),
    ],
    ids=["has no ready replica", "has just changed", "is gone", "is only reached by rules"],
)
def test_routes_of_a_service_that_changes_meanwhile_are_not_lost(world: CheckWorld, now: object) -> None:
    lose_routes(world)

    def before_the_second_look() -> None:
        if len(world.prober.asked) == 2:
            now()  # type: ignore[operator]

    world.prober.before_each = before_the_second_look
    world.check(0)
    assert world.bus.entries == []
    assert world.row(GATEWAY).bad is None


def test_routes_that_are_there_at_the_second_look_are_not_lost(world: CheckWorld) -> None:
    lose_routes(world)

    def found() -> None:
        if len(world.prober.asked) == 2:
            world.prober.kinds.clear()
            world.prober.statuses.clear()

    world.prober.before_each = found
    world.check(0)
    assert world.bus.entries == []


def test_a_second_look_that_could_not_be_made_is_counted_and_its_target_unknown(
    world: CheckWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_routes(world)
    answered = world.prober.probe

    def once(requests: Sequence[ProbeRequest]) -> Probed:
        if not world.prober.asked:
            return answered(requests)
        return Probed({r.target_id: ProbeOutcome(r.target_id, OutcomeKind.NOT_PROBED) for r in requests}, 1)

    monkeypatch.setattr(world.prober, "probe", once)
    summary = world.check(0)
    assert (summary.unknown, summary.failed_invocations) == (1, 1)
    assert world.bus.entries == []


def test_while_dynamodb_does_not_say_what_is_served_no_route_is_lost_and_none_is_back(
    world: CheckWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_routes(world)
    world.check(0)

    def unreachable(*_: object) -> None:
        raise StateUnreachableError("no answer")

    monkeypatch.setattr(LoadBalancer, "read", unreachable)
    assert world.check(1).unknown == 1
    assert world.bus.types() == ["Gateway Replica Failed"]
    bad = world.row(GATEWAY).bad
    assert bad is not None
    assert bad.diagnosis == "routes_lost"


def test_a_replica_that_left_is_not_asked_and_nobody_is_told(world: CheckWorld) -> None:
    world.row(GATEWAY).update(actions=[Target.left_at.set("2026-01-05T03:00:00+00:00")])
    kill(world)
    assert world.check(0).checked == 2
    assert world.bus.entries == []


def test_a_replica_that_leaves_while_it_is_checked_alarms_nobody(world: CheckWorld) -> None:
    kill(world)
    leave = Target.left_at.set("2026-01-05T03:00:00+00:00")
    world.clock.on_sleep = lambda: world.row(GATEWAY).update(actions=[leave])
    world.check(0)
    assert world.bus.entries == []
    assert world.row(GATEWAY).bad is None


def test_one_whose_address_makes_no_url_is_skipped_and_the_others_are_checked(world: CheckWorld) -> None:
    world.row(GATEWAY).update(actions=[Target.url.set("http://[edge:8080]:8080/.paramedic/health")])
    summary = world.check(0)
    assert (summary.checked, summary.invalid_rows) == (2, 1)


@pytest.mark.parametrize(
    ("target_id", "kind"), [("gateway:default/1", "url"), ("url:shop", "gateway"), ("gateway:default", "gateway")]
)
def test_only_ids_of_gateway_replicas_name_gateway_replicas(memory_tables: None, target_id: str, kind: str) -> None:
    row = Target(bucket_of(target_id), target_id, kind=kind, url="http://127.0.0.1/", mode="observe")
    with pytest.raises(InvalidRowError, match=r"kind: only ids such as 'gateway:NAME/1'"):
        checked_target(row)


def test_a_route_that_no_request_can_be_made_of_is_an_error_that_names_it(memory_tables: None) -> None:
    route = RouteToTry(service="echo", host="echo\r\nx-evil: 1")
    row = Target(1, GATEWAY, kind="gateway", url="http://127.0.0.1/", mode="observe", timeout_seconds=3, route=route)
    with pytest.raises(InvalidRowError, match=r"route\.host"):
        checked_target(row)


def test_a_gateway_replica_that_fails_with_many_others_is_no_message_of_its_own(world: CheckWorld) -> None:
    TargetCount(COUNTS_BUCKET, "63", targets=20).save()
    for each in range(5):
        bad_target(f"url:other-{each}", world.tick(0), bucket=63).save()
    lose_routes(world)
    world.check(1)
    assert world.bus.types() == ["Target Down", "Mass Failure Suspected"]
    assert [each["notice"] for each in world.bus.details()] == [None, "open"]
