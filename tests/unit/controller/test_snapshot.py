"""What was read in advance is used exactly while reading again would bring the same."""

from dataclasses import replace

import pytest

from paramedic.state.fencing import LastWrite
from paramedic_controller.model import ServiceState
from paramedic_controller.snapshot import Snapshot
from tests.unit.controller.states import replica, state

WRITE = LastWrite(7, "token-7")
STATE = state(replica(1))
DESIRED = STATE.desired


def snapshot(stored: ServiceState | None = STATE) -> Snapshot:
    made = Snapshot()
    made.keep(DESIRED.name, WRITE, stored)
    return made


def test_a_service_nobody_wrote_since_is_taken_as_it_was_read_and_only_once() -> None:
    kept = snapshot()
    assert kept.take(DESIRED, WRITE) == STATE
    assert kept.take(DESIRED, WRITE) is None


@pytest.mark.parametrize(
    "write",
    [LastWrite(8, "token-8"), LastWrite(6, "token-6"), LastWrite(7, "token-after-a-restore"), None],
    ids=["written since", "put back", "put back and written", "no fence"],
)
def test_a_service_whose_last_write_is_another_is_read_again(write: LastWrite | None) -> None:
    assert snapshot().take(DESIRED, write) is None


def test_a_service_of_which_users_want_something_else_is_read_again() -> None:
    assert snapshot().take(replace(DESIRED, revision=2), WRITE) is None
    assert snapshot().take(replace(DESIRED, uid="its successor of that name"), WRITE) is None


def test_a_service_that_could_not_be_read_or_was_never_written_is_read_again() -> None:
    assert snapshot(None).take(DESIRED, WRITE) is None
    assert snapshot(replace(STATE, balancer=None)).take(DESIRED, WRITE) is None


def test_only_what_moved_or_is_new_is_read_in_advance_again_and_what_is_gone_is_forgotten() -> None:
    kept = snapshot()
    assert kept.outdated({DESIRED.name: WRITE, "new": WRITE}) == ["new"]
    assert kept.outdated({DESIRED.name: LastWrite(8, "token-8")}) == [DESIRED.name]
    assert kept.outdated({}) == []
    assert kept.outdated({DESIRED.name: WRITE}) == [DESIRED.name]
