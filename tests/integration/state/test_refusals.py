"""What DynamoDB will never accept, and a fence that is not there, are told apart from silence and from being passed."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.expressions.operand import Path

from paramedic.state import tables
from paramedic.state.claims import claim_first_epoch, register
from paramedic.state.controllers import HINT, ControllerHint
from paramedic.state.fencing import FencedError, FencedWriter, FenceMissingError
from paramedic.state.load_balancers import INDEX, LoadBalancerIndex
from paramedic.state.receipt import Receipt
from paramedic.state.services import ServiceFence, fence_item
from paramedic.state.transactions import TransactionRefusedError, Update, put_new, transact
from tests.fakes.clock import UnhurriedClock
from tests.fakes.dynamodb_faults import faults
from tests.fakes.epochs import grant_next_epoch

pytestmark = pytest.mark.integration

CLOCK = UnhurriedClock()
RECEIPT = Receipt(launcher="fake", workload="controller:main", key="k", epoch=1, identity={"pid": "1"})


@pytest.fixture
def writer(table_prefix: str) -> FencedWriter:
    tables.bind(table_prefix)
    register("main", "127.0.0.1", 18080, "local", CLOCK)
    claim_first_epoch("main", "process-1", RECEIPT, CLOCK)
    for name in ("fine", "other"):
        transact([put_new(ServiceFence("main", fence_item(name), owner_epoch=0, seq=0))], CLOCK)
    return FencedWriter("main", 1, "process-1", clock=CLOCK, new_id=lambda: uuid.uuid4().hex)


def refusing(code: str, *reasons: str) -> Callable[[Any], Any]:
    response = {
        "Error": {"Code": code, "Message": "no"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }

    def fault(_: Any) -> Any:
        raise ClientError(response, "TransactWriteItems")  # type: ignore[arg-type]

    return fault


def test_a_row_that_cannot_be_changed_as_asked_is_named(writer: FencedWriter) -> None:
    revision = Path(["revisions", "echo"]).set(1)
    missing = Update(LoadBalancerIndex("default", INDEX), (revision,))
    writer.seal(["fine"])
    with pytest.raises(TransactionRefusedError, match=r"LoadBalancerIndex\[default, #index\].*Validation"):
        writer.commit("fine", [missing])


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_a_call_refused_as_a_whole_names_its_rows_and_is_sent_once(writer: FencedWriter, code: str) -> None:
    change = put_new(ControllerHint("new", HINT, revision=0))
    with (
        faults("TransactWriteItems", refusing(code)) as calls,
        pytest.raises(TransactionRefusedError, match=rf"ControllerHint\[new, hint\] \({code}\)"),
    ):
        transact([change], CLOCK)
    assert calls.count("TransactWriteItems") == 1


def test_one_row_that_is_too_large_is_told_from_the_others(writer: FencedWriter) -> None:
    rows = [put_new(ControllerHint(name, HINT, revision=0)) for name in ("small", "large")]
    refused = refusing("TransactionCanceledException", "None", "ValidationError")
    with faults("TransactWriteItems", refused), pytest.raises(TransactionRefusedError) as raised:
        transact(rows, CLOCK)
    assert "[large, hint] (ValidationError)" in str(raised.value)
    assert "small" not in str(raised.value)


def test_services_without_a_fence_are_named_and_all_others_are_sealed(writer: FencedWriter) -> None:
    with pytest.raises(FenceMissingError, match="fence#gone") as raised:
        writer.seal(["fine", "gone", "other"])
    assert raised.value.services == ("gone",)
    for name in ("fine", "other"):
        fence = ServiceFence.read("main", fence_item(name))
        assert fence is not None
        assert fence.owner_epoch == 1
    with pytest.raises(FenceMissingError, match="fence#gone"):
        writer.commit("gone", [])
    assert ServiceFence.read("main", fence_item("gone")) is None


def test_a_passed_epoch_is_told_from_a_missing_fence(writer: FencedWriter) -> None:
    grant_next_epoch("main", CLOCK)
    with pytest.raises(FencedError, match="was passed"):
        writer.seal(["fine", "gone"])
