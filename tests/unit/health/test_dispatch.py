"""Dispatching a tick: messages, retries, late and malformed ticks."""

import json
from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from paramedic.errors import InvalidInputError
from paramedic.health.check_messages import DispatchRequest
from paramedic.health.dispatch import Dispatcher, DispatchError
from paramedic.state.targets import COUNTS_BUCKET, TargetCount
from paramedic.validation import validated
from tests.fakes.clock import FakeClock


class FakeQueue:
    """Keeps what it is sent, and refuses messages that name a bucket of `refused`."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.refused: set[int] = set()

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803 -- boto3's names
        body = json.loads(MessageBody)
        if self.refused & set(body["buckets"]):
            raise ClientError({"Error": {"Code": "Throttled", "Message": "slow down"}}, "SendMessage")
        self.bodies.append(body)


@pytest.fixture
def queue(memory_tables: None) -> FakeQueue:
    for bucket in range(30):
        TargetCount(COUNTS_BUCKET, f"{bucket:02d}", targets=150).save()
    return FakeQueue()


def dispatcher(queue: FakeQueue) -> Dispatcher:
    return Dispatcher(cast(Any, queue), "queue", FakeClock())


def test_every_bucket_with_targets_is_sent_once(queue: FakeQueue) -> None:
    sender = dispatcher(queue)
    TargetCount(COUNTS_BUCKET, "03", targets=0).save()
    summary = sender.run(sender.clock.now())
    assert (summary.dispatched, summary.completed) == (29, 0)
    assert sorted(bucket for body in queue.bodies for bucket in body["buckets"]) == [0, 1, 2, *range(4, 30)]
    assert {body["tick"] for body in queue.bodies} == {"2026-01-05T03:00:00.000Z"}


def test_a_refused_message_is_an_error_that_names_its_buckets_and_stops_no_other(queue: FakeQueue) -> None:
    queue.refused = {4}
    sender = dispatcher(queue)
    with pytest.raises(DispatchError, match=r"buckets \[4\] are not checked.*Throttled"):
        sender.run(sender.clock.now())
    assert sorted(bucket for body in queue.bodies for bucket in body["buckets"]) == [*range(4), *range(5, 30)]


def test_where_there_is_nothing_to_check_the_tick_is_completed(memory_tables: None) -> None:
    sender = dispatcher(FakeQueue())
    summary = sender.run(sender.clock.now())
    assert (summary.dispatched, summary.completed) == (0, 1)


def test_a_late_tick_sends_nothing(queue: FakeQueue) -> None:
    sender = dispatcher(queue)
    summary = sender.run(sender.clock.now() - timedelta(seconds=91))
    assert (summary.late, summary.completed) == (1, 0)
    assert queue.bodies == []


def test_a_bucket_whose_count_is_unreadable_is_checked_all_the_same(queue: FakeQueue) -> None:
    TargetCount(COUNTS_BUCKET, "07", targets=1, min_reader=99).save()
    sender = dispatcher(queue)
    summary = sender.run(sender.clock.now())
    assert summary.invalid_rows == 1
    assert [7] in [body["buckets"] for body in queue.bodies]


@pytest.mark.parametrize("event", [{}, {"tick": "yesterday"}, {"tick": 5}, {"tick": "2026-01-05T03:00:00"}], ids=str)
def test_a_malformed_event_is_refused_by_the_name_of_its_field(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"^event\.tick: "):
        validated(DispatchRequest, event)
