"""Epochs only grow, and each is claimed once, however many try at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from paramedic.state import tables
from paramedic.state.claims import (
    AlreadyRegisteredError,
    ClaimRefusedError,
    EpochMovedError,
    claim,
    claim_first_epoch,
    open_epoch,
    register,
)
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import OPEN, Recovery, Step, Story
from paramedic.state.targets import COUNTS_BUCKET, TargetCount
from tests.fakes.clock import UnhurriedClock
from tests.fakes.dynamodb_faults import faults, reply_lost, silent

pytestmark = pytest.mark.integration

CLOCK = UnhurriedClock()
RECEIPT = Receipt(launcher="fake", workload="controller:main", key="k", epoch=1, identity={"pid": "1"})
STORY = Story(actor="ada", reason="test", manual=True, diagnosis="dead", evidence="none")


@pytest.fixture(autouse=True)
def _controller(table_prefix: str) -> None:
    tables.bind(table_prefix)
    register("main", "127.0.0.1", 18080, "local", CLOCK)


def recovery(epoch: int, owner: str, step: Step = Step.STOP) -> Recovery:
    return Recovery(
        "controller:main",
        epoch,
        incident="i",
        profile="local",
        step=step,
        opened_at="2026-01-05T03:00:00.000Z",
        step_at="2026-01-05T03:00:00.000Z",
        version=0,
        owner=owner,
        story=STORY,
        open_marker=OPEN,
    )


def current() -> ControllerEpoch:
    row = ControllerEpoch.read("main", EPOCH)
    assert row is not None
    return row


def attempt(action, *arguments) -> str:  # type: ignore[no-untyped-def]
    try:
        action(*arguments)
    except (AlreadyRegisteredError, ClaimRefusedError, EpochMovedError) as error:
        return type(error).__name__
    return "ok"


def test_an_epoch_is_claimed_by_one_of_sixteen_at_once() -> None:
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(
            pool.map(lambda n: attempt(claim_first_epoch, "main", f"process-{n}", RECEIPT, CLOCK), range(16))
        )
    assert sorted(outcomes) == ["ClaimRefusedError"] * 15 + ["ok"]


def test_an_epoch_is_opened_by_one_of_eight_at_once() -> None:
    seen = current()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(
            pool.map(lambda n: attempt(open_epoch, seen, None, recovery(2, f"owner-{n}"), [], CLOCK), range(8))
        )
    assert sorted(outcomes) == ["EpochMovedError"] * 7 + ["ok"]
    assert current().epoch == 2


def test_a_controller_registers_once_and_is_counted_once() -> None:
    assert attempt(register, "main", "127.0.0.1", 18081, "local", CLOCK) == "AlreadyRegisteredError"
    counts = TargetCount.read_all(COUNTS_BUCKET)
    assert sum(int(row.targets) for row in counts) == 1


def test_a_registration_whose_reply_was_lost_is_still_the_registrants_and_only_theirs() -> None:
    with faults("TransactWriteItems", reply_lost):
        register("fresh", "127.0.0.1", 18082, "local", CLOCK)
    assert attempt(register, "fresh", "127.0.0.1", 18082, "local", CLOCK) == "AlreadyRegisteredError"
    with faults("TransactWriteItems", silent):
        assert attempt(register, "fresh", "127.0.0.1", 18082, "local", CLOCK) == "AlreadyRegisteredError"
    counts = TargetCount.read_all(COUNTS_BUCKET)
    assert sum(int(row.targets) for row in counts) == 2


def test_a_claim_whose_reply_was_lost_is_still_the_claimants() -> None:
    with faults("TransactWriteItems", reply_lost):
        claim_first_epoch("main", "process-1", RECEIPT, CLOCK)
    assert current().claimed_by == "process-1"


def test_an_epoch_whose_opening_got_no_reply_is_still_the_openers() -> None:
    seen = current()
    with faults("TransactWriteItems", reply_lost):
        open_epoch(seen, None, recovery(2, "owner"), [], CLOCK)
    assert current().epoch == 2


def test_an_epoch_cannot_be_claimed_before_its_predecessors_are_stopped() -> None:
    open_epoch(current(), None, recovery(2, "owner"), [], CLOCK)
    with pytest.raises(ClaimRefusedError):
        claim("main", 2, "process-2", RECEIPT, CLOCK)


def test_a_passed_epoch_cannot_be_claimed() -> None:
    open_epoch(current(), None, recovery(2, "owner", Step.LAUNCH), [], CLOCK)
    with pytest.raises(ClaimRefusedError, match="epoch 2"):
        claim_first_epoch("main", "late", RECEIPT, CLOCK)


def test_an_epoch_is_not_opened_over_a_claim_that_was_not_seen() -> None:
    seen = current()
    claim_first_epoch("main", "process-1", RECEIPT, CLOCK)
    with pytest.raises(EpochMovedError):
        open_epoch(seen, None, recovery(2, "owner"), [], CLOCK)
    assert current().epoch == 1


def test_opening_an_epoch_supersedes_the_open_recovery_before_it() -> None:
    open_epoch(current(), None, recovery(2, "first"), [], CLOCK)
    previous = Recovery.read("controller:main", 2)
    assert previous is not None
    open_epoch(current(), previous, recovery(3, "second"), [], CLOCK)
    superseded = Recovery.read("controller:main", 2)
    assert superseded is not None
    assert superseded.step == Step.SUPERSEDED
    assert superseded.open_marker is None
