"""What was read in advance is used exactly while reading again would bring the same."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.state.fencing import LastWrite
from paramedic.state.operations import OperationKind
from paramedic_controller.model import ServiceState
from paramedic_controller.snapshot import Snapshot
from tests.unit.controller.states import operation, replica, state

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


def test_a_service_that_was_written_while_it_was_read_is_read_again() -> None:
    made = Snapshot()
    made.keep_whole(DESIRED.name, STATE, before=WRITE, after=LastWrite(8, "token-8"))
    assert made.take(DESIRED, WRITE) is None


def test_only_what_moved_or_is_new_is_read_in_advance_again_and_what_is_gone_is_forgotten() -> None:
    kept = snapshot()
    assert kept.outdated({DESIRED.name: WRITE, "new": WRITE}) == ["new"]
    assert kept.outdated({DESIRED.name: LastWrite(8, "token-8")}) == [DESIRED.name]
    assert kept.outdated({}) == []
    assert kept.outdated({DESIRED.name: WRITE}) == [DESIRED.name]


class Stored:
    """One service's rows: a controller writes them, users want something else, a backup brings old ones back."""

    def __init__(self) -> None:
        self.state, self.write, self.tokens = STATE, WRITE, 0
        self.backup = (self.state, self.write)
        self.snapshot = Snapshot()

    def happen(self, event: str) -> None:
        match event:
            case "write":
                self.tokens += 1
                self.write = LastWrite(self.write.seq + 1, f"token-{self.tokens}")
                self.state = replace(self.state, operations=(operation(f"op{self.tokens}", OperationKind.STOP, 1),))
            case "want":
                wanted = replace(self.state.desired, revision=self.state.desired.revision + 1)
                self.state = replace(self.state, desired=wanted)
            case "back up":
                self.backup = (self.state, self.write)
            case "restore":
                self.state, self.write = self.backup
            case "keep":
                self.keep_while("nothing")

    def keep_while(self, event: str) -> None:
        """The fence is read, something happens, the rows are read and the fence once more."""
        before = self.write
        self.happen(event)
        self.snapshot.keep_whole(DESIRED.name, self.state, before=before, after=self.write)


EVENTS = st.sampled_from(["write", "want", "back up", "restore", "keep"])


@settings(max_examples=100)
@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=12))
def test_whatever_happens_between_reading_and_seal_nothing_is_taken_but_what_is_stored(
    events: list[tuple[str, bool]],
) -> None:
    stored = Stored()
    for event, while_reading in events:
        if while_reading:
            stored.keep_while(event)
        else:
            stored.happen(event)
    assert stored.snapshot.take(stored.state.desired, stored.write) in (None, stored.state)
