"""Whether a URL could be recovered is looked at without restarting anything; guarding it gives it an epoch for good."""

from collections.abc import Iterator

import pytest

from paramedic.errors import InvalidInputError
from paramedic.recovery.answering import tell
from paramedic.recovery.by_hand import UnknownTargetError
from paramedic.recovery.messages import AskCheck, Checked, Status, parse_request
from paramedic.recovery.restarts import NoSuchRestartError
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.targets import Target, TargetKind, TargetMode, bucket_of
from tests.fakes.guarded_world import TARGET, GuardedWorld

FIRST = 100


@pytest.fixture
def world() -> Iterator[GuardedWorld]:
    with GuardedWorld().bound() as world:
        yield world


def checks(world: GuardedWorld, **fields: object) -> Checked:
    question = parse_request({"action": "check", "target": TARGET, **fields})
    assert isinstance(question, AskCheck)
    found = tell(question, world.around())
    assert isinstance(found, Checked)
    return found


def epoch_of(target_id: str) -> int | None:
    row = ControllerEpoch.read(target_id, EPOCH)
    return None if row is None else int(row.epoch)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"target": "controller:main"}, "event.target"),
        ({"target": "peer"}, "event.target"),
        ({"target": "url:new", "url": "ftp://a"}, "url"),
        ({"target": "url:New", "url": "http://a/"}, "event.name"),
    ],
)
def test_what_cannot_be_guarded_is_refused_by_name(world: GuardedWorld, fields: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        checks(world, **fields)


def test_a_target_that_is_not_there_needs_a_url(world: GuardedWorld) -> None:
    with pytest.raises(UnknownTargetError):
        checks(world, target="url:new", restart="peer")


def test_a_check_says_who_runs_there_and_touches_nobody(world: GuardedWorld) -> None:
    found = checks(world, target="url:new", url="http://127.0.0.1:9/health", restart="peer")
    assert (found.profile, found.problems, found.add) == ("peer", (), ())
    assert "process 100 is running in the place of profile peer" in found.seen
    assert (world.place.log, epoch_of("url:new")) == ([], None)


def test_what_no_profile_restarts_is_told_with_the_lines_to_add(world: GuardedWorld) -> None:
    found = checks(world, restart="ec2:i-01234567")
    assert found.profile is None
    assert found.problems
    assert found.add[0].startswith("LauncherProfiles: add ")
    nonsense = checks(world, restart="ec2")
    assert "is no profile of the stack (it has peer)" in nonsense.message
    assert nonsense.add == ()


def test_one_without_a_profile_is_told_to_be_given_one(world: GuardedWorld) -> None:
    Target(bucket_of("url:b"), "url:b", kind=TargetKind.URL, url="http://a/", mode=TargetMode.OBSERVE).save()
    assert "no launcher profile" in checks(world, target="url:b").message


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"alive": False}, "what never answered could not be seen"),
        ({"deaf": True}, "what never answered could not be seen"),
        ({"suspended": True}, "process 100 is suspended"),
    ],
)
def test_what_is_not_well_is_not_fit_to_be_guarded(world: GuardedWorld, changes: dict[str, bool], problem: str) -> None:
    world.place.change(FIRST, **changes)
    assert problem in checks(world).message


def test_a_profile_of_another_place_than_what_answers_is_found_out(world: GuardedWorld) -> None:
    world.place.occupant = lambda workload: None  # type: ignore[method-assign]
    assert "answers although that place is empty" in checks(world).message


def test_a_launcher_that_may_not_look_is_found_out(world: GuardedWorld) -> None:
    world.place.blind = "AccessDenied"
    assert "its launcher cannot tell: AccessDenied" in checks(world).message


def test_a_profile_without_a_place_can_be_used_and_says_what_that_means(world: GuardedWorld) -> None:
    world.place.names_no_place = True
    found = checks(world)
    assert found.problems == ()
    assert any("needs a person's word" in each for each in found.seen)


def test_guarding_twice_is_guarding_once_and_never_counts_back(world: GuardedWorld) -> None:
    Target(bucket_of("url:b"), "url:b", kind=TargetKind.URL, url="http://a/", mode=TargetMode.OBSERVE).save()
    assert world.says("guard", target="url:b", restart="peer", dry_run=True).status is Status.PLANNED
    assert epoch_of("url:b") is None
    assert world.says("guard", target="url:b", restart="peer").status is Status.DONE
    assert epoch_of("url:b") == 1
    ControllerEpoch("url:b", EPOCH, epoch=7).save()
    world.says("guard", target="url:b", restart="peer")
    assert epoch_of("url:b") == 7


def test_what_no_profile_restarts_gets_no_epoch(world: GuardedWorld) -> None:
    Target(bucket_of("url:b"), "url:b", kind=TargetKind.URL, url="http://a/", mode=TargetMode.OBSERVE).save()
    with pytest.raises(NoSuchRestartError):
        world.says("guard", target="url:b", restart="webhook:nobody")
    assert epoch_of("url:b") is None
