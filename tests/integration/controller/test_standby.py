"""A standby takes over with what it read in advance, as far as that still holds, and acts by its grant alone."""

import socket

import pytest

from paramedic.services.changes import scale
from paramedic.state.controllers import ENDPOINT, EPOCH, ControllerEndpoint, ControllerEpoch
from paramedic.state.heartbeat import seal_heartbeat
from paramedic.state.recoveries import Recovery
from paramedic.state.replicas import Replica
from paramedic.state.standbys import StandbyReplacedError, Standing, read_standby
from paramedic.state.tables import StateUnreachableError
from paramedic_controller import standby as standby_module
from paramedic_controller.board import Board, Identity
from paramedic_controller.exits import CannotStartError, Exit
from paramedic_controller.loop import MainLoop
from paramedic_controller.settings import Settings
from paramedic_controller.standby import LOOK_SECONDS, SHOW_SECONDS, Standby, claim_grant, register
from tests.fakes.controller_world import Chosen, ControllerWorld, Life, make_spec
from tests.fakes.dynamodb_faults import watched
from tests.fakes.epochs import grant_to_standby

pytestmark = pytest.mark.integration

OF_ONE_SERVICE = ("autoscalers", "replicas")
SHOW_LOOKS = int(SHOW_SECONDS / LOOK_SECONDS)
ALL = ["one", "three", "two"]


@pytest.fixture
def first(world: ControllerWorld) -> Life:
    """A controller that looks after three services."""
    life = world.start()
    for name in ALL:
        world.up(make_spec(name, min_replicas=2))
    life.settle()
    return life


@pytest.fixture
def settings(world: ControllerWorld, table_prefix: str) -> Settings:
    """Those of a standby on the host of a controller whose port is free now."""
    world.start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    ControllerEndpoint("main", ENDPOINT).update(actions=[ControllerEndpoint.port.set(port)])
    variables = {"TABLE_PREFIX": table_prefix, "PARAMEDIC_CONTROLLER_ID": "main"}
    return Settings.from_env({**variables, "PARAMEDIC_HOST_DIR": str(world.log_dir)})


def take_over(world: ControllerWorld, chosen: Chosen) -> tuple[Life, int]:
    """The successor once it has restored everything, and how many services it read for that."""
    with watched() as calls:
        successor = world.succeed(chosen)
        successor.fleet.follow_desired()
    read = {sum(table == each for _, table in calls) for each in OF_ONE_SERVICE}
    assert len(read) == 1
    return successor, read.pop()


def test_when_nothing_changed_a_standby_takes_over_every_replica_and_reads_no_service_again(
    world: ControllerWorld, first: Life
) -> None:
    before, launched = [world.stored(name) for name in ALL], len(world.launcher.started)
    successor, read = take_over(world, world.choose(world.stand_by()))
    assert read == 0
    assert [successor.state(name) for name in ALL] == before
    successor.settle()
    assert len(world.launcher.started) == launched
    assert read_standby("main") is None


def test_only_a_service_that_was_written_before_the_seal_is_read_again(world: ControllerWorld, first: Life) -> None:
    chosen = world.choose(world.stand_by())
    # Its predecessor is thought to be gone, and is not.
    world.launcher.kill(1)
    first.settle()
    successor, read = take_over(world, chosen)
    assert read == 1
    assert [successor.state(name) for name in ALL] == [world.stored(name) for name in ALL]
    assert sorted(len(state.replicas) for state in successor.fleet.states()) == [2, 2, 2]
    assert max(each.replica_id for state in successor.fleet.states() for each in state.replicas) == 3


def test_only_a_service_of_which_users_want_something_else_is_read_again(world: ControllerWorld, first: Life) -> None:
    chosen = world.choose(world.stand_by())
    scale("main", "three", lambda policy: policy.model_copy(update={"min_replicas": 3}), "ada", clock=world.clock)
    successor, read = take_over(world, chosen)
    assert read == 1
    successor.settle()
    assert len(world.stored("three").replicas) == 3


def test_after_a_restore_from_a_backup_every_service_is_read_again(world: ControllerWorld, first: Life) -> None:
    def restored() -> None:
        # The rows of one table are older than the fences, which look as they did.
        Replica(world.stored("one").desired.uid, 1).delete()
        ControllerEpoch("main", EPOCH).update(actions=[ControllerEpoch.epoch.add(1_000_000)])

    successor, read = take_over(world, world.choose(world.stand_by(), restored))
    assert read == 0
    assert [each.replica_id for each in successor.state("one").replicas] == [2]


def test_a_waiting_standby_reads_again_what_moved_and_writes_only_that_it_is_there(
    world: ControllerWorld, first: Life
) -> None:
    standby = world.stand_by()
    looks = iter(range(SHOW_LOOKS))

    def another_look() -> None:
        number = next(looks, None)
        if number == 0:
            world.launcher.kill(1)
            first.settle()
            calls.clear()
        if number is None:
            standby.stop()

    world.clock.on_sleep = another_look
    with watched() as calls:
        assert standby.wait() is None
    assert [name for name, table in calls if table == "replicas"] == ["Query"]
    assert [call for call in calls if call[0] not in ("GetItem", "Query")] == [("TransactWriteItems", "many")]
    row = read_standby("main")
    assert row is not None
    assert row.seen_at > row.since


def test_a_successor_is_healthy_once_every_service_was_looked_after_before_its_ticks_read_all_traffic(
    world: ControllerWorld, first: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = Identity(controller_id="main", epoch=1, process_id=first.process_id, pid=1, recover_mode=True)
    board = Board(identity, world.clock)
    healthy: list[bool] = []
    monkeypatch.setattr(first.fleet, "tick_when_due", lambda: healthy.append(board.is_healthy()))
    seal_heartbeat("main", 1, first.process_id, world.clock)
    MainLoop(first.fleet, board, epoch=1, pass_seconds=1, clock=world.clock, warn=world.messages.append).run_pass()
    assert healthy == [True]


def test_a_standby_whose_place_was_taken_ends(world: ControllerWorld) -> None:
    world.start()
    standby = world.stand_by()
    other = world.stand_by()
    with pytest.raises(StandbyReplacedError):
        standby.wait()
    row = read_standby("main")
    assert row is not None
    assert row.process_id == other.process_id


def test_a_standby_outlasts_a_silent_dynamodb_and_says_so_once(
    world: ControllerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[StateUnreachableError | int] = [
        StateUnreachableError("no answer"),
        StateUnreachableError("no answer"),
        2,
    ]
    answers = iter(planned)

    def look(*_: str) -> Standing:
        answer = next(answers)
        if isinstance(answer, StateUnreachableError):
            raise answer
        return Standing(answer, granted=True)

    monkeypatch.setattr(standby_module, "read_standing", look)
    grant = Standby("main", "p", world.clock, world.messages.append).wait()
    assert grant is not None
    assert grant.epoch == 2
    assert world.messages == ["the standby goes on looking: no answer"]


def test_a_standby_claims_the_port_and_epoch_it_was_granted(settings: Settings, world: ControllerWorld) -> None:
    register(settings, "waiting", world.clock)
    epoch = grant_to_standby("main", "waiting", world.clock)
    claimed = claim_grant(settings, epoch, "waiting", world.clock)
    row, endpoint = ControllerEpoch.read("main", EPOCH), ControllerEndpoint.read("main", ENDPOINT)
    assert row is not None
    assert endpoint is not None
    assert row.claimed_by == "waiting"
    assert claimed.listener.getsockname()[1] == endpoint.port
    claimed.listener.close()


@pytest.mark.parametrize("lost", ["withdrawn", "passed", "claimed"])
def test_a_standby_that_wakes_too_late_claims_nothing_and_leaves_the_port(
    settings: Settings, world: ControllerWorld, lost: str
) -> None:
    register(settings, "waiting", world.clock)
    epoch = grant_to_standby("main", "waiting", world.clock)
    match lost:
        case "withdrawn":
            Recovery("controller:main", epoch).update(actions=[Recovery.granted_to.remove()])
        case "passed":
            grant_to_standby("main", "another", world.clock)
        case "claimed":
            ControllerEpoch("main", EPOCH).update(actions=[ControllerEpoch.claimed_by.set("another")])
    before = ControllerEpoch.read("main", EPOCH)
    with pytest.raises(CannotStartError) as error:
        claim_grant(settings, epoch, "waiting", world.clock)
    assert error.value.code is Exit.CLAIM_REFUSED
    after, endpoint = ControllerEpoch.read("main", EPOCH), ControllerEndpoint.read("main", ENDPOINT)
    assert before is not None
    assert after is not None
    assert endpoint is not None
    assert (after.epoch, after.claimed_by) == (before.epoch, before.claimed_by)
    socket.create_server((endpoint.host, int(endpoint.port))).close()


def test_nothing_stands_by_for_a_controller_of_another_host_or_one_that_never_started(
    settings: Settings, world: ControllerWorld
) -> None:
    ControllerEndpoint("main", ENDPOINT).update(actions=[ControllerEndpoint.host.set("192.0.2.1")])
    for refused in (settings, settings.model_copy(update={"controller_id": "never"})):
        with pytest.raises(CannotStartError) as error:
            register(refused, "waiting", world.clock)
        assert error.value.code is Exit.CANNOT_STAND_BY
    assert read_standby("main") is None
