"""Targets are added and removed once, and counted once, whatever becomes of DynamoDB's replies."""

import pytest

from paramedic.state import tables
from paramedic.state.target_registry import TargetExistsError, TargetMissingError, add_target, remove_target
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
