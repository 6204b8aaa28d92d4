"""Rows are read whole and understood, or refused by name."""

from typing import Any

import pytest

from paramedic.clock import SystemClock
from paramedic.state import tables
from paramedic.state.claims import register
from paramedic.state.connection import shared_connection
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.services import ServiceSpecRow, spec_item
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.targets import Target, bucket_of
from tests.fakes.dynamodb_faults import Send, faults, silent

pytestmark = pytest.mark.integration

TARGET = "controller:main"


@pytest.fixture(autouse=True)
def _controller(table_prefix: str) -> None:
    tables.bind(table_prefix)
    register("main", "127.0.0.1", 18080, "local", SystemClock())


def test_a_missing_attribute_is_named_with_its_row() -> None:
    ControllerEpoch("main", EPOCH).update(actions=[ControllerEpoch.epoch.remove()])
    with pytest.raises(InvalidRowError, match=r"controllers\[main, epoch\]\.epoch: is missing"):
        ControllerEpoch.read("main", EPOCH)


def test_a_row_for_newer_readers_is_refused_not_guessed() -> None:
    ControllerEpoch("main", EPOCH).update(actions=[ControllerEpoch.min_reader.set(7)])
    with pytest.raises(InvalidRowError, match="upgrade"):
        ControllerEpoch.read("main", EPOCH)


def test_a_malformed_nested_value_is_named() -> None:
    client = shared_connection().client
    key = {"bucket": {"N": str(bucket_of(TARGET))}, "target_id": {"S": TARGET}}
    client._make_api_call(
        "UpdateItem",
        {
            "TableName": Target.Meta.table_name,
            "Key": key,
            "UpdateExpression": "SET bad = :b",
            "ExpressionAttributeValues": {":b": {"S": '{"verdict": "down"}'}},
        },
    )
    with pytest.raises(InvalidRowError, match=r"targets\[.*BadPeriod\.diagnosis"):
        Target.read(bucket_of(TARGET), TARGET)


def test_a_wrong_attribute_type_is_named_with_its_row() -> None:
    _store_epoch_as_text()
    refused = r"controllers\[main, epoch\]\.epoch: must be of DynamoDB's type N"
    with pytest.raises(InvalidRowError, match=refused):
        ControllerEpoch.read("main", EPOCH)


def test_a_malformed_row_of_a_partition_is_named_with_both_its_keys() -> None:
    _store_epoch_as_text()
    with pytest.raises(InvalidRowError, match=r"controllers\[main, epoch\]\.epoch: "):
        ControllerEpoch.read_all("main", ControllerEpoch.item == EPOCH)


def _store_epoch_as_text() -> None:
    shared_connection().client._make_api_call(
        "UpdateItem",
        {
            "TableName": ControllerEpoch.Meta.table_name,
            "Key": {"controller_id": {"S": "main"}, "item": {"S": EPOCH}},
            "UpdateExpression": "SET epoch = :e",
            "ExpressionAttributeValues": {":e": {"S": "one"}},
        },
    )


def test_attributes_of_a_later_release_survive_an_update() -> None:
    client = shared_connection().client
    call = {
        "TableName": ControllerEpoch.Meta.table_name,
        "Key": {"controller_id": {"S": "main"}, "item": {"S": EPOCH}},
    }
    addition = {"UpdateExpression": "SET novelty = :n", "ExpressionAttributeValues": {":n": {"S": "kept"}}}
    client._make_api_call("UpdateItem", {**call, **addition})
    ControllerEpoch("main", EPOCH).update(actions=[ControllerEpoch.claimed_at.set("now")])
    stored = client._make_api_call("GetItem", call)
    assert stored["Item"]["novelty"] == {"S": "kept"}


def test_a_partition_larger_than_one_page_is_read_whole() -> None:
    for version in range(30):
        ServiceSpecRow("main", spec_item("chat", version), uid="u", spec="x" * 60_000).save()
    assert len(ServiceSpecRow.read_all("main", ServiceSpecRow.item.startswith("spec#chat#"))) == 30


def test_silence_is_not_absence() -> None:
    with faults("GetItem", *[silent] * 1000), pytest.raises(StateUnreachableError):
        ControllerEpoch.read("main", EPOCH)


def test_many_rows_are_read_at_once_and_none_hides_another() -> None:
    keys = [("main", spec_item("chat", version)) for version in range(1, 251)]
    for controller_id, item in keys[:230]:
        ServiceSpecRow(controller_id, item, uid="u", spec=item).save()
    ServiceSpecRow(*keys[7]).update(actions=[ServiceSpecRow.min_reader.set(7)])
    with faults("") as calls:
        found = ServiceSpecRow.read_many(keys)
    assert calls == ["BatchGetItem"] * 3
    assert set(found) == set(keys[:230])
    assert isinstance(found[keys[7]], InvalidRowError)
    assert {row.spec for row in found.values() if isinstance(row, ServiceSpecRow)} == {
        item for key in keys[:230] if key != keys[7] for item in key[1:]
    }


def test_rows_that_dynamodb_leaves_out_of_an_answer_are_asked_for_again() -> None:
    keys = [("main", spec_item("chat", version)) for version in (1, 2)]
    for key in keys:
        ServiceSpecRow(*key, uid="u", spec="{}").save()

    def half(send: Send) -> Any:
        answer = send()
        ((table, rows),) = answer["Responses"].items()
        left = {name: rows[0][name] for name in ("controller_id", "item")}
        return {"Responses": {table: rows[1:]}, "UnprocessedKeys": {table: {"Keys": [left]}}}

    with faults("BatchGetItem", half) as calls:
        assert set(ServiceSpecRow.read_many(keys)) == set(keys)
    assert calls == ["BatchGetItem"] * 2
    with faults("BatchGetItem", *[half] * 1000), pytest.raises(StateUnreachableError, match="1 rows"):
        ServiceSpecRow.read_many(keys)
