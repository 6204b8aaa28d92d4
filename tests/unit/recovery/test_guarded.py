"""Recovering what is no controller: its launcher says who runs in its place, and only that one is ended."""

from collections.abc import Iterator

import pytest

from paramedic.launchers.interface import FOUND_KEY, LauncherError
from paramedic.recovery.answering import tell
from paramedic.recovery.messages import Planned, Status, parse_request
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.incidents import OBSERVED_PREFIX, RelaunchPlan
from paramedic.state.recoveries import Step, open_recoveries
from paramedic.state.targets import Target, TargetMode, bucket_of
from tests.fakes.guarded_world import TARGET, GuardedWorld

NOBODYS_FIRST = 100


@pytest.fixture
def world() -> Iterator[GuardedWorld]:
    with GuardedWorld().bound() as world:
        yield world


def test_one_that_is_gone_is_relaunched_under_the_next_epoch_and_proves_itself_by_its_probe(
    world: GuardedWorld,
) -> None:
    world.place.end(NOBODYS_FIRST)
    reply = world.failed()
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    assert world.place.log == ["launch 101 beside []"]
    record = world.recovery(2)
    assert (record.step, record.story.restored) == (Step.DONE, "process 101 answers")
    assert open_recoveries() == []


def test_the_first_recovery_knows_a_predecessor_that_nobody_launched_as_one_exact_process(world: GuardedWorld) -> None:
    world.place.change(NOBODYS_FIRST, suspended=True)
    reply = world.failed("hung")
    assert reply.status is Status.RECOVERED
    assert world.place.log == ["kill 100", "launch 101 beside []"]
    (predecessor,) = world.recovery(2).story.predecessors
    assert predecessor.receipt is not None
    assert (predecessor.receipt.key, predecessor.receipt.identity["pid"]) == (FOUND_KEY, "100")


@pytest.mark.parametrize("diagnosis", ["unreachable", "failing", "hung"])
def test_refused_while_its_process_runs_is_one_signal_and_relaunches_nothing(
    world: GuardedWorld, diagnosis: str
) -> None:
    world.place.change(NOBODYS_FIRST, deaf=True)
    reply = world.failed(diagnosis)
    assert reply.status is Status.REFUSED
    assert "but process 100 runs in its place" in reply.message
    assert world.place.log == []


def test_what_runs_and_refuses_is_ended_and_started_anew_by_force_alone(world: GuardedWorld) -> None:
    world.place.change(NOBODYS_FIRST, deaf=True)
    assert [world.says(verb).status for verb in ("recover", "replace", "drill")] == [Status.REFUSED] * 3
    assert world.says("force").status is Status.RECOVERED
    assert world.place.log == ["kill 100", "launch 101 beside []"]


def test_one_that_times_out_and_works_is_busy_however_long_it_lasts(world: GuardedWorld) -> None:
    world.place.change(NOBODYS_FIRST, works=True)
    reply = world.failed("hung")
    assert (reply.status, world.place.log) == (Status.REFUSED, [])
    assert "is working" in reply.message
    assert world.says("recover").status is Status.REFUSED
    assert world.says("replace").status is Status.REFUSED


def test_a_suspended_one_is_left_alone_until_its_silence_has_lasted(world: GuardedWorld) -> None:
    world.place.change(NOBODYS_FIRST, suspended=True)
    reply = world.failed("unreachable")
    assert (reply.status, world.place.log) == (Status.REFUSED, [])
    assert "not for long enough" in reply.message


def test_whoever_cannot_see_the_place_relaunches_nothing_and_a_person_s_word_is_kept_for_it(
    world: GuardedWorld,
) -> None:
    world.place.end(NOBODYS_FIRST)
    world.place.names_no_place = True
    assert "nobody can tell what runs in its place" in world.failed().message
    assert world.says("force").status is Status.RECOVERING
    assert world.recovery(2).waits_for == "unconfirmed"
    reply = world.says("recover", predecessor_gone="its host was reinstalled")
    assert reply.status is Status.RECOVERED
    assert world.recovery(2).story.predecessor_gone == "ada: its host was reinstalled"


def test_of_a_launcher_that_names_no_place_the_last_launch_is_who_must_be_gone(world: GuardedWorld) -> None:
    world.place.end(NOBODYS_FIRST)
    assert world.failed().status is Status.RECOVERED
    world.place.names_no_place = True
    world.clock.advance(3600)
    world.place.change(101, suspended=True)
    assert world.failed("hung").status is Status.RECOVERED
    assert world.place.log[1:] == ["kill 101", "launch 102 beside []"]


def test_what_a_launch_that_has_ended_left_in_the_place_is_ended_too(world: GuardedWorld) -> None:
    world.place.end(NOBODYS_FIRST)
    assert world.failed().status is Status.RECOVERED
    world.clock.advance(3600)
    left = world.place.start(f"{TARGET}/2", 2)
    world.place.change(101, alive=False)
    world.place.change(left.pid, suspended=True)
    assert world.failed("hung").status is Status.RECOVERED
    assert world.place.log[2:] == ["kill 102", "launch 103 beside []"]


def test_one_whose_end_nobody_confirms_has_no_successor(world: GuardedWorld) -> None:
    world.place.change(NOBODYS_FIRST, suspended=True)
    world.place.unstoppable = True
    assert world.failed("hung").status is Status.RECOVERING
    world.sweep()
    assert world.place.log == []
    assert sum("waits" in page for page in world.pages) == 1
    world.place.unstoppable = False
    (reply,) = world.sweep()
    assert reply.status is Status.RECOVERED


def test_it_is_never_called_fenced_for_nothing_seals_its_state(world: GuardedWorld) -> None:
    world.place.change(NOBODYS_FIRST, suspended=True)
    world.place.unstoppable = True
    assert world.failed("hung").status is Status.RECOVERING
    world.place.blind = "its host is gone"
    for _ in range(3):
        (reply,) = world.sweep()
        assert reply.status is Status.RECOVERING
    assert world.recovery(2).step == Step.STOP


def test_what_a_supervisor_started_meanwhile_takes_the_place_of_the_launch(world: GuardedWorld) -> None:
    world.place.change(NOBODYS_FIRST, suspended=True)
    world.place.supervised = True
    assert world.failed("hung").status is Status.RECOVERED
    assert world.place.log == ["kill 100", "start 101 beside []"]
    assert "process 101, which somebody else started" in world.recovery(2).story.entries[-2].text


def test_a_launch_that_fails_is_tried_again_and_then_left_to_people(world: GuardedWorld) -> None:
    world.place.end(NOBODYS_FIRST)
    world.place.broken_command = True
    for _ in range(6):
        world.failed()
        world.clock.advance(360)
    assert ControllerEpoch.read(TARGET, EPOCH).epoch == 4  # type: ignore[union-attr]
    assert "blocked until" in world.failed().message
    assert world.says("acknowledge").status is Status.DONE
    world.place.broken_command = False
    assert world.failed().status is Status.RECOVERED


def test_a_healthy_one_is_replaced_by_hand_drilled_and_otherwise_left_alone(world: GuardedWorld) -> None:
    assert world.says("recover").status is Status.REFUSED
    assert world.says("replace").status is Status.RECOVERED
    reply = world.says("drill")
    assert (reply.status, "drill:" in reply.message) == (Status.RECOVERED, True)
    assert world.place.log == ["kill 100", "launch 101 beside []", "kill 101", "launch 102 beside []"]


def test_a_dry_run_says_who_would_be_ended_and_changes_nothing(world: GuardedWorld) -> None:
    reply = world.says("replace", dry_run=True)
    assert isinstance(reply, Planned)
    assert reply.plan[1].startswith("stop process 100 (epoch 1)")
    assert reply.plan[2] == "launch by profile peer"
    assert reply.plan[3].startswith("call it recovered once another workload")
    assert ControllerEpoch.read(TARGET, EPOCH).epoch == 1  # type: ignore[union-attr]


def test_what_is_observed_is_kept_as_what_would_have_been_done() -> None:
    with GuardedWorld().bound(TargetMode.OBSERVE) as world:
        world.place.end(NOBODYS_FIRST)
        assert world.failed().status is Status.REFUSED
        (plan,) = RelaunchPlan.read_all(TARGET, RelaunchPlan.opened.startswith(OBSERVED_PREFIX))
        assert "would have relaunched at 2026-01-05 03:00Z because probe: refused, and nothing runs" in plan.text
        assert world.place.log == []


def test_what_is_asked_about_is_recovered_once_somebody_approves_the_plan() -> None:
    with GuardedWorld().bound(TargetMode.ASK) as world:
        world.place.end(NOBODYS_FIRST)
        assert world.failed().status is Status.REFUSED
        standing = tell(parse_request({"action": "status", "target": TARGET}), world.around())  # type: ignore[arg-type]
        reply = world.says("approve", plan=standing.plan)  # type: ignore[attr-defined]
        assert reply.status is Status.RECOVERED
        assert world.recovery(2).story.actor == "ada"


def test_what_people_hold_is_not_touched(world: GuardedWorld) -> None:
    world.says("hold")
    world.place.end(NOBODYS_FIRST)
    assert "held" in world.failed().message or "hold" in world.says("force").message
    assert world.place.log == []
    world.says("release")
    assert world.failed().status is Status.RECOVERED


def test_one_that_was_never_guarded_is_refused_by_name(world: GuardedWorld) -> None:
    Target(bucket_of("url:other"), "url:other", kind="url", url="http://a/", mode=TargetMode.AUTO).save()
    reply = world.says("recover", target="url:other")
    assert reply.status is Status.REFUSED
    assert "when they are guarded" in reply.message


def test_one_that_is_checked_from_a_vpc_is_left_to_people(world: GuardedWorld) -> None:
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.probe_from.set("vpc")])
    world.place.end(NOBODYS_FIRST)
    assert "checked from vpc" in world.failed().message


def test_a_place_that_cannot_be_seen_after_the_stop_gets_no_launch(world: GuardedWorld) -> None:
    world.place.end(NOBODYS_FIRST)
    seen = world.place.occupant
    calls = iter([seen])

    def once(workload: str) -> object:
        look = next(calls, None)
        if look is None:
            raise LauncherError("the host does not answer")
        return look(workload)

    world.place.occupant = once  # type: ignore[method-assign,assignment]
    reply = world.failed()
    assert reply.status is Status.FAILED
    assert "nothing was launched: the host does not answer" in reply.message
    assert world.place.log == []
