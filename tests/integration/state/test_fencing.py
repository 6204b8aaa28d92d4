"""Only the newest claimant writes: shown row by row, under lost replies, conflicts and silence."""

import uuid

import pytest
from pynamodb.expressions.condition import Condition

from paramedic.state import tables
from paramedic.state.autoscalers import Autoscaler, AutoscalerState, Window
from paramedic.state.claims import claim, claim_first_epoch, register
from paramedic.state.fencing import FencedError, FencedWriter
from paramedic.state.heartbeat import beat, seal_heartbeat
from paramedic.state.receipt import Receipt
from paramedic.state.services import ServiceFence, fence_item
from paramedic.state.tables import StateUnreachableError
from paramedic.state.transactions import ConditionFailedError, Put, put_new, transact
from tests.fakes.clock import UnhurriedClock
from tests.fakes.dynamodb_faults import conflict, faults, reply_lost, silent, throttled
from tests.fakes.epochs import grant_next_epoch

pytestmark = pytest.mark.integration

CLOCK = UnhurriedClock()
RECEIPT = Receipt(launcher="fake", workload="controller:main", key="k", epoch=1, identity={"pid": "1"})


@pytest.fixture(autouse=True)
def _controller(table_prefix: str) -> None:
    tables.bind(table_prefix)
    register("main", "127.0.0.1", 18080, "local", CLOCK)
    claim_first_epoch("main", "process-1", RECEIPT, CLOCK)
    seal_heartbeat("main", 1, "process-1", CLOCK)


def writer(epoch: int) -> FencedWriter:
    return FencedWriter("main", epoch, f"process-{epoch}", clock=CLOCK, new_id=lambda: uuid.uuid4().hex)


def service(name: str) -> None:
    """A service as `up` leaves it."""
    transact([put_new(ServiceFence("main", fence_item(name), owner_epoch=0, seq=0))], CLOCK)


def scaler(uid: str, condition: Condition | None = None) -> Put:
    state = AutoscalerState(version=1, target=2, window=Window(start=0))
    return Put(Autoscaler(uid, state=state), condition)


def succeed() -> FencedWriter:
    """The successor of epoch 1, claimed and ready to seal."""
    grant_next_epoch("main", CLOCK)
    claim("main", 2, "process-2", RECEIPT, CLOCK)
    return writer(2)


def sequence(name: str) -> int:
    row = ServiceFence.read("main", fence_item(name))
    assert row is not None
    return int(row.seq)


def test_a_stale_writer_is_refused_on_every_service_also_untouched_ones() -> None:
    for name in ("touched", "untouched"):
        service(name)
    stale = writer(1)
    stale.seal(["touched", "untouched"])
    successor = succeed()
    successor.seal(["touched", "untouched"])
    seal_heartbeat("main", 2, "process-2", CLOCK)
    successor.commit("touched", [scaler("uid-touched")])
    for name in ("touched", "untouched"):
        with pytest.raises(FencedError, match="epoch 2"):
            stale.commit(name, [scaler("uid-of-stale")])
    with pytest.raises(FencedError):
        beat("main", 1, CLOCK)
    assert Autoscaler.read("uid-of-stale") is None


def test_a_service_created_after_the_seal_is_fenced_too() -> None:
    stale = writer(1)
    succeed().seal([])
    service("newborn")
    with pytest.raises(FencedError, match="was passed"):
        stale.seal(["newborn"])
    with pytest.raises(FencedError):
        stale.commit("newborn", [scaler("uid-newborn")])
    assert Autoscaler.read("uid-newborn") is None


def test_a_write_whose_reply_was_lost_is_not_called_failed() -> None:
    service("chat")
    mine = writer(1)
    mine.seal(["chat"])
    with faults("TransactWriteItems", reply_lost):
        mine.commit("chat", [scaler("uid-chat", Autoscaler.service_uid.does_not_exist())])
    assert sequence("chat") == 1
    assert Autoscaler.read("uid-chat") is not None


def test_a_write_is_not_repeated_over_a_successors_seal_when_its_reply_was_lost() -> None:
    service("chat")
    mine = writer(1)
    mine.seal(["chat"])

    def lost_and_overtaken(send):  # type: ignore[no-untyped-def]
        try:
            reply_lost(send)
        finally:
            succeed().seal(["chat"])

    with faults("TransactWriteItems", lost_and_overtaken):
        mine.commit("chat", [scaler("uid-chat")])
    assert sequence("chat") == 1
    with pytest.raises(FencedError):
        mine.commit("chat", [scaler("uid-chat")])


@pytest.mark.parametrize("trouble", [conflict, throttled, silent])
def test_passing_trouble_is_retried_and_never_read_as_stale(trouble) -> None:  # type: ignore[no-untyped-def]
    service("chat")
    mine = writer(1)
    mine.seal(["chat"])
    with faults("TransactWriteItems", trouble, trouble):
        mine.commit("chat", [scaler("uid-chat")])
    assert sequence("chat") == 1


def test_trouble_that_does_not_pass_is_unreachable_never_stale() -> None:
    service("chat")
    mine = writer(1)
    mine.seal(["chat"])
    with faults("TransactWriteItems", *[conflict] * 1000), pytest.raises(StateUnreachableError):
        mine.commit("chat", [scaler("uid-chat")])
    assert sequence("chat") == 0


def test_a_failed_condition_of_the_callers_own_is_not_taken_for_a_fence() -> None:
    service("chat")
    mine = writer(1)
    mine.seal(["chat"])
    with pytest.raises(ConditionFailedError):
        mine.commit("chat", [scaler("uid-chat", Autoscaler.service_uid.exists())])
    assert sequence("chat") == 0


def test_seals_only_go_upward() -> None:
    service("chat")
    stale = writer(1)
    succeed().seal(["chat"])
    with pytest.raises(FencedError):
        stale.seal(["chat"])
    row = ServiceFence.read("main", fence_item("chat"))
    assert row is not None
    assert row.owner_epoch == 2


def test_a_lease_needs_a_recent_fenced_write() -> None:
    service("chat")
    mine = writer(1)
    assert not mine.lease_is_fresh("chat")
    mine.seal(["chat"])
    assert mine.lease_is_fresh("chat")
