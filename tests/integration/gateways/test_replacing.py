"""Replicas that served and failed are relaunched by recovery, on the evidence of their data plane and their agent."""

from dataclasses import replace
from threading import Barrier

import pytest

from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import launch_key
from paramedic.recovery.messages import Status
from paramedic.recovery.recoverer import on_failure, sweep
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.targets import Target, bucket_of
from tests.fakes.gateway_world import GATEWAY, GatewayWorld

pytestmark = pytest.mark.integration

SECOND = GatewayReplicaKey(GATEWAY, 2).target_id


@pytest.fixture
def world(table_prefix: str) -> GatewayWorld:
    """A gateway whose two replicas serve."""
    world = GatewayWorld(table_prefix)
    world.serve("chat")
    world.up(replicas=2)
    world.run()
    assert world.statuses() == {1: "running", 2: "running"}
    return world


def recovery(epoch: int) -> Recovery:
    row = Recovery.read(SECOND, epoch)
    assert row is not None
    return row


def test_a_dead_replica_is_relaunched_under_its_next_epoch_and_taken_over(world: GatewayWorld) -> None:
    world.kill(2)
    reply = world.fails(2)
    assert reply.status is Status.RECOVERED, reply.message
    assert "serves 1 services" in reply.message
    assert world.living() == ["gateway:web/1", "gateway:web/2"]
    told = [each.request.environment for each in world.hosts["a"].launcher.living()]
    assert [each["PARAMEDIC_GATEWAY_REPLICA"] for each in told] == ["web-1", "web-2"]
    world.found_well(2)
    world.run()
    placed = world.placed()[2]
    assert (int(placed.epoch), placed.receipt.key if placed.receipt else None) == (2, launch_key(SECOND, 2))
    assert world.run() == ()


def test_services_that_keep_their_silence_hold_up_a_replica_no_longer_than_one_of_them(world: GatewayWorld) -> None:
    services = [f"silent-{number}" for number in range(8)]
    for each in services:
        world.serve(each)
    world.kill(2)
    around = world.recovery()
    all_are_asked = Barrier(len(services))

    def probe(request: ProbeRequest) -> ProbeOutcome:
        if (request.host or "").startswith("silent-"):
            # Passed only by whoever is asked while the others are.
            all_are_asked.wait(10)
            return ProbeOutcome(request.target_id, OutcomeKind.TIMEOUT)
        return around.probe(request)

    reply = on_failure(world.found_bad(2), replace(around, probe=probe))
    assert reply.status is Status.RECOVERED, reply.message


def test_a_replica_that_has_lost_its_routes_is_stopped_and_relaunched(world: GatewayWorld) -> None:
    world.hosts["a"].lost = {2: {"chat"}}
    event = world.found_bad(2, "routes_lost", "ok")
    world.clock.on_sleep = lambda: None
    reply = world.fails(2, "routes_lost", "ok")
    assert event.diagnosis == "routes_lost"
    assert "has lost its way to chat" in recovery(2).story.evidence
    world.hosts["a"].lost = {}
    world.clock.on_sleep = world.agents_go_on
    world.agents_go_on()
    sweep(world.recovery())
    assert reply.epoch == 2
    assert recovery(2).step == Step.DONE
    assert [each.receipt.key for each in world.hosts["a"].launcher.living()] == [
        launch_key("gateway:web/1", 1),
        launch_key(SECOND, 2),
    ]


def test_a_replica_that_answers_or_whose_agent_reports_is_left_alone(world: GatewayWorld) -> None:
    assert world.fails(2).status is Status.REFUSED
    world.hosts["a"].unwell = {2}
    reply = world.fails(2, "failing", "status")
    assert (reply.status, "its agent reports" in reply.message) == (Status.REFUSED, True)


def test_one_whose_end_cannot_be_seen_gets_no_successor_beside_it(world: GatewayWorld) -> None:
    world.kill(2)
    world.hosts["a"].launcher.unconfirmed = True
    assert world.fails(2).status is Status.RECOVERING
    assert world.living() == ["gateway:web/1"]
    assert recovery(2).waits_for == "unconfirmed"


def test_what_recovery_works_on_is_left_to_it_until_nobody_wants_it(world: GatewayWorld) -> None:
    world.kill(2)
    world.hosts["a"].launcher.unconfirmed = True
    world.fails(2)
    assert world.run() == ()
    world.hosts["a"].launcher.unconfirmed = False
    world.update(replicas=1)
    world.run()
    assert (world.statuses(), recovery(2).step) == ({1: "running"}, Step.SUPERSEDED)
    assert sweep(world.recovery()) == []
    assert world.living() == ["gateway:web/1"]


def test_a_replica_that_is_on_its_way_is_not_recovered(world: GatewayWorld) -> None:
    world.hosts["a"].mute = {3}
    world.update(replicas=3)
    world.run()
    name = GatewayReplicaKey(GATEWAY, 3).target_id
    Target(bucket_of(name), name, kind="gateway", url="http://10.0.0.3:8080/", mode="auto", profile="a").save()
    reply = world.fails(3)
    assert (reply.status, "gateway_reconcile's work" in reply.message) == (Status.REFUSED, True)


def test_one_that_people_started_by_hand_is_theirs(world: GatewayWorld) -> None:
    GatewayReplica(GATEWAY, 3, name="by-hand", status="serving").save()
    name = GatewayReplicaKey(GATEWAY, 3).target_id
    Target(bucket_of(name), name, kind="gateway", url="http://10.0.0.3:8080/", mode="observe").save()
    reply = world.fails(3)
    assert (reply.status, "no epoch" in reply.message) == (Status.REFUSED, True)


def test_after_three_attempts_it_waits_for_an_hour_and_is_the_first_to_leave(world: GatewayWorld) -> None:
    world.hosts["a"].launcher.refuses = "the host has no room"
    world.kill(2)
    for _ in range(12):
        world.fails(2)
        world.clock.advance(60)
    attempts = [epoch for epoch in range(2, 20) if Recovery.read(SECOND, epoch) is not None]
    assert len(attempts) == 3
    assert any("not being recovered" in page for page in world.pages)
    assert world.replica(2).status == "running (dead)"
    world.update(replicas=1)
    world.run()
    assert world.statuses() == {1: "running"}


def test_what_a_check_found_is_what_people_see_of_it(world: GatewayWorld) -> None:
    world.found_bad(1, "agent_dead")
    assert world.replica(1).status == "running (agent_dead)"
    assert world.view().status == "degraded"
