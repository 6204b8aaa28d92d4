"""Targets are added and removed once, and counted once, whatever becomes of DynamoDB's replies."""

import pytest

from paramedic.state import tables
from paramedic.state.claims import register
from paramedic.state.target_registry import (
    TargetExistsError,
    TargetMissingError,
    add_target,
    change_target,
    remove_target,
)
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, TargetKind, TargetMode, bucket_of
from tests.fakes.clock import UnhurriedClock
from tests.fakes.dynamodb_faults import faults, reply_lost, silent

pytestmark = pytest.mark.integration

CLOCK = UnhurriedClock()
NAME = "url:shop"


@pytest.fixture(autouse=True)
def _tables(table_prefix: str) -> None:
    tables.bind(table_prefix)


def shop() -> Target:
    url = "https://shop.example/health"
    return Target(bucket_of(NAME), NAME, kind=TargetKind.URL, url=url, mode=TargetMode.OBSERVE)


def counted() -> int:
    return sum(int(row.targets) for row in TargetCount.read_all(COUNTS_BUCKET))


def fast() -> set[str]:
    return {target_id for row in TargetCount.read_all(COUNTS_BUCKET) for target_id in row.fast or ()}


@pytest.mark.parametrize("trouble", [reply_lost, silent])
def test_a_target_added_in_trouble_is_added_once(trouble) -> None:  # type: ignore[no-untyped-def]
    with faults("TransactWriteItems", trouble):
        add_target(shop(), CLOCK)
    assert Target.read(bucket_of(NAME), NAME) is not None
    assert counted() == 1


def test_a_target_that_somebody_else_added_is_refused_however_alike_it_is() -> None:
    add_target(shop(), CLOCK)
    with pytest.raises(TargetExistsError):
        add_target(shop(), CLOCK)
    with faults("TransactWriteItems", silent), pytest.raises(TargetExistsError):
        add_target(shop(), CLOCK)
    assert counted() == 1


@pytest.mark.parametrize("trouble", [reply_lost, silent])
def test_a_target_removed_in_trouble_is_removed_once(trouble) -> None:  # type: ignore[no-untyped-def]
    add_target(shop(), CLOCK)
    with faults("TransactWriteItems", trouble):
        remove_target(NAME, CLOCK)
    assert Target.read(bucket_of(NAME), NAME) is None
    assert counted() == 0


def test_a_target_that_was_never_there_cannot_be_removed() -> None:
    with pytest.raises(TargetMissingError, match="url:shop is not registered"):
        remove_target(NAME, CLOCK)
    assert counted() == 0


def test_a_target_nobody_understands_can_still_be_removed() -> None:
    add_target(shop(), CLOCK)
    Target(bucket_of(NAME), NAME).update(actions=[Target.url.remove()])
    remove_target(NAME, CLOCK)
    assert Target.read(bucket_of(NAME), NAME) is None


@pytest.mark.parametrize("trouble", [reply_lost, silent])
def test_what_is_fast_is_named_among_the_fast_until_it_is_changed_or_removed_in_whatever_trouble(trouble) -> None:  # type: ignore[no-untyped-def]
    quick, slow = shop(), shop()
    quick.fast = True
    for before, after in ((slow, quick), (quick, slow), (slow, quick)):
        if Target.read(bucket_of(NAME), NAME) is None:
            add_target(slow, CLOCK)
        before.registration = Target.get(bucket_of(NAME), NAME).registration
        with faults("TransactWriteItems", trouble):
            change_target(before, after, CLOCK)
        assert fast() == ({NAME} if after.fast else set())
    with faults("TransactWriteItems", trouble):
        remove_target(NAME, CLOCK)
    assert (fast(), counted()) == (set(), 0)


def test_a_controller_is_fast_from_its_first_start_on() -> None:
    register("main", "127.0.0.1", 18080, "local", CLOCK)
    assert fast() == {"controller:main"}
