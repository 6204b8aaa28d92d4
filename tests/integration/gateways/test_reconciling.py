"""Gateways are moved toward what people want, replica by replica, whatever fails on the way."""

from collections.abc import Callable

import pytest

from paramedic.gateways import verbs
from paramedic.gateways.leases import GatewayBusyError, give_back, take
from paramedic.gateways.reconciling import keep
from paramedic.launchers.interface import launch_key
from paramedic.recovery.answering import act
from paramedic.recovery.messages import ByHand
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica
from paramedic.state.targets import Target, TargetMode, bucket_of
from paramedic.state.traffic import read_reports
from paramedic.state.wanted_gateways import read_desired, read_names
from tests.fakes.gateway_world import GATEWAY, GatewayWorld
from tests.fakes.recovery_world import asks

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> GatewayWorld:
    return GatewayWorld(table_prefix)


def target(number: int) -> Target | None:
    name = GatewayReplicaKey(GATEWAY, number).target_id
    return Target.read(bucket_of(name), name)


def epoch(number: int) -> int:
    row = ControllerEpoch.read(GatewayReplicaKey(GATEWAY, number).target_id, EPOCH)
    assert row is not None
    return int(row.epoch)


def test_as_many_replicas_as_are_wanted_serve_and_are_relaunched_from_now_on_when_they_fail(
    world: GatewayWorld,
) -> None:
    world.serve("chat")
    world.up(replicas=3)
    world.run()
    assert world.view().status == "running"
    assert world.living() == [f"gateway:web/{number}" for number in (1, 2, 3)]
    for number in (1, 2, 3):
        assert world.replica(number).registered == ("chat",)
        guarded = target(number)
        assert guarded is not None
        assert (guarded.mode, guarded.profile) == (TargetMode.AUTO, "a")


def test_replicas_are_told_their_gateway_and_name_and_launched_under_a_key_made_from_their_epoch(
    world: GatewayWorld,
) -> None:
    world.up(domain="example.com")
    world.run()
    [started] = world.hosts["a"].launcher.living()
    assert started.request.key == launch_key("gateway:web/1", 1)
    told = started.request.environment
    assert (told["PARAMEDIC_GATEWAY"], told["PARAMEDIC_GATEWAY_REPLICA"]) == ("web", "web-1")
    assert told["PARAMEDIC_GATEWAY_DOMAIN"] == "example.com"


def test_a_second_run_over_what_is_as_it_is_wanted_writes_nothing_and_asks_nothing(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.serve("chat")
    world.up(replicas=2)
    world.run()
    world.asked.clear()
    before = {number: int(row.change) for number, row in world.placed().items()}
    assert world.run() == ()
    assert {number: int(row.change) for number, row in world.placed().items()} == before
    assert world.asked == []


def test_a_replica_that_cannot_be_launched_keeps_no_other_from_serving_and_says_why(world: GatewayWorld) -> None:
    world.hosts["b"].launcher.refuses = "the host has no room"
    world.up(backend=None, placement=[{"backend": "a"}, {"backend": "b"}], replicas=2)
    world.run()
    assert world.statuses() == {1: "running", 2: "launching"}
    assert "the host has no room" in world.replica(2).reason
    world.hosts["b"].launcher.refuses = None
    world.runs(3)
    assert world.statuses() == {1: "running", 2: "running"}
    assert world.replica(2).reason == ""


def test_what_was_launched_and_never_connected_is_stopped_and_tried_again_under_another_epoch(
    world: GatewayWorld,
) -> None:
    world.hosts["a"].mute = {1}
    world.up()
    world.run()
    assert world.statuses() == {1: "launched"}
    world.run()
    assert (epoch(1), world.living()) == (2, [])
    assert "did not connect in 60 s" in world.replica(1).reason
    world.hosts["a"].mute = set()
    world.run()
    assert world.statuses() == {1: "running"}
    assert [each.receipt.key for each in world.hosts["a"].launcher.living()] == [launch_key("gateway:web/1", 3)]


def test_after_three_attempts_people_are_told_once_and_the_next_is_made_an_hour_later(world: GatewayWorld) -> None:
    world.hosts["a"].mute = {1}
    world.up()
    world.runs(30)
    assert world.statuses() == {1: "waiting (attempt 4)"}
    [page] = world.pages
    assert "gateway:web/1" in page
    attempts = len(world.hosts["a"].launcher.started)
    world.hosts["a"].mute = set()
    world.runs(60)
    assert len(world.hosts["a"].launcher.started) == attempts + 1
    assert world.statuses() == {1: "running"}


def test_with_fewer_wanted_the_oldest_leave_and_nothing_of_them_stays_but_their_epochs(world: GatewayWorld) -> None:
    world.up(replicas=3)
    world.run()
    world.update(replicas=1)
    world.run()
    assert world.living() == ["gateway:web/3"]
    assert world.statuses() == {3: "running"}
    assert [int(row.replica_num) for row in GatewayReplica.read_all(GATEWAY)] == [3]
    assert (target(1), target(2)) == (None, None)
    now = world.clock.now().timestamp()
    assert [report.replica for report in read_reports(GATEWAY) if report.expires_at > now] == ["web-3"]
    assert epoch(1) == 2


def test_the_number_may_change_while_replicas_are_on_their_way(world: GatewayWorld) -> None:
    world.hosts["a"].mute = {2, 3}
    world.up(replicas=3)
    world.run()
    assert world.statuses() == {1: "running", 2: "launched", 3: "launched"}
    world.update(replicas=1)
    world.run()
    assert (world.statuses(), world.living()) == ({1: "running"}, ["gateway:web/1"])
    world.hosts["a"].mute = set()
    world.update(replicas=2)
    world.run()
    assert world.statuses() == {1: "running", 2: "running"}


def test_a_redeploy_replaces_each_replica_only_once_its_replacement_serves_every_route(world: GatewayWorld) -> None:
    world.serve("chat")
    world.up(replicas=2)
    world.run()
    old = set(world.hosts["a"].launcher.started)
    world.hosts["a"].lost = {3: {"chat"}}
    verbs.redeploy(GATEWAY, "ada", world.clock)
    world.run()
    assert world.statuses() == {1: "running", 2: "running", 3: "launched"}
    assert world.view().status == "updating"
    assert "chat" in world.replica(3).missing
    world.hosts["a"].lost = {}
    world.runs(2)
    assert world.view().status == "running"
    assert {each.receipt.key for each in world.hosts["a"].launcher.living()}.isdisjoint(old)


def test_what_cannot_be_seen_to_end_is_named_and_its_place_taken_by_another(world: GatewayWorld) -> None:
    world.up(backend=None, placement=[{"backend": "a"}, {"backend": "b"}], replicas=2)
    world.run()
    world.hosts["a"].launcher.unconfirmed = True
    world.update(backend=None, placement=[{"backend": "b"}], replicas=2)
    world.runs(3)
    assert world.statuses() == {1: "leaving", 2: "running", 3: "running"}
    assert "nobody can tell" in world.replica(1).reason
    world.hosts["a"].launcher.unconfirmed = False
    world.run()
    assert world.statuses() == {2: "running", 3: "running"}


def test_a_gateway_that_is_taken_down_is_forgotten_once_all_its_replicas_have_ended(world: GatewayWorld) -> None:
    world.up(replicas=2)
    world.run()
    verbs.down(GATEWAY, "ada", world.clock)
    with pytest.raises(verbs.GatewayGoingDownError, match="being taken down"):
        world.up()
    world.run()
    assert (world.living(), read_desired(GATEWAY), read_names()) == ([], None, frozenset())
    world.up()
    world.run()
    assert epoch(1) > 2


def test_replicas_that_people_started_by_hand_keep_their_numbers(world: GatewayWorld) -> None:
    GatewayReplica(GATEWAY, 1, name="by-hand", status="serving").save()
    world.up(replicas=2)
    world.run()
    assert world.statuses() == {1: "serving (by hand)", 2: "running", 3: "running"}


def test_only_one_run_at_a_time_works_on_a_gateway_and_never_for_ever(world: GatewayWorld) -> None:
    world.up()
    desired = read_desired(GATEWAY)
    assert desired is not None
    take(desired, "another", world.clock)
    with pytest.raises(GatewayBusyError, match="another run"):
        keep(GATEWAY, world.around())
    assert "another run" in world.run()[0]
    assert world.living() == []
    world.runs(3)
    assert world.living() == ["gateway:web/1"]
    give_back(desired, "another", world.clock)


def _no_reply(world: GatewayWorld) -> None:
    """The run that launched died before it wrote the receipt: its launch is found by its key."""
    host = world.hosts["a"]
    original = host.launcher.launch

    def launch(request):  # type: ignore[no-untyped-def]
        original(request)
        raise KeyboardInterrupt

    host.launcher.launch = launch  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.run()
    host.launcher.launch = original  # type: ignore[method-assign]


@pytest.mark.parametrize("then", [lambda world: None, lambda world: world.update(replicas=1)])
def test_a_run_that_died_right_after_a_launch_leaves_one_workload_and_the_next_goes_on(
    world: GatewayWorld, then: Callable[[GatewayWorld], None]
) -> None:
    world.up()
    _no_reply(world)
    then(world)
    world.runs(4)
    assert world.living() == ["gateway:web/1"]
    assert list(world.hosts["a"].launcher.started) == [launch_key("gateway:web/1", 1)]
    assert world.statuses() == {1: "running"}


def test_what_a_dead_run_launched_is_found_by_its_key_and_stopped_when_the_gateway_goes(world: GatewayWorld) -> None:
    world.up()
    _no_reply(world)
    verbs.down(GATEWAY, "ada", world.clock)
    world.runs(4)
    assert world.living() == []
    assert read_desired(GATEWAY) is None


def test_a_place_that_the_stack_does_not_have_is_named_and_nothing_of_it_is_in_the_way(world: GatewayWorld) -> None:
    profile = world.hosts.pop("b")
    world.up(backend=None, placement=[{"backend": "a"}, {"backend": "b"}], replicas=2)
    world.run()
    assert world.statuses() == {1: "running", 2: "waiting"}
    assert "'b' does not exist" in world.replica(2).reason
    world.hosts["b"] = profile
    world.runs(2)
    assert world.statuses() == {1: "running", 2: "running"}


def test_a_gateway_whose_place_the_stack_never_had_can_be_taken_down(world: GatewayWorld) -> None:
    world.up(backend="nowhere")
    world.run()
    verbs.down(GATEWAY, "ada", world.clock)
    world.run()
    assert read_desired(GATEWAY) is None


def test_while_people_hold_everything_nothing_is_launched_or_stopped_and_it_is_said(world: GatewayWorld) -> None:
    world.up(replicas=2)
    world.run()
    hold = asks("hold", target="everything")
    assert isinstance(hold, ByHand)
    act(hold, world.recovery())
    world.update(replicas=1)
    world.run()
    assert world.living() == ["gateway:web/1", "gateway:web/2"]
    assert "the global switch is hold" in world.replica(1).reason
    world.update(replicas=3)
    world.run()
    assert world.statuses() == {1: "running", 2: "running"}
    release = asks("release", target="everything", request_id="request-0002")
    assert isinstance(release, ByHand)
    act(release, world.recovery())
    world.run()
    assert world.statuses() == {1: "running", 2: "running", 3: "running"}
