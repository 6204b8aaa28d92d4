"""Dispatching a tick: messages, retries, late and malformed ticks."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from paramedic.errors import InvalidInputError
from paramedic.health.check_messages import DispatchRequest
from paramedic.health.dispatch import Dispatcher, DispatchError
from paramedic.health.dispatch_settings import HealthDispatchSettings
from paramedic.settings import InvalidSettingError
from paramedic.state.targets import COUNTS_BUCKET, TargetCount
from paramedic.validation import validated
from tests.fakes.clock import FakeClock


class FakeQueue:
    """Keeps what it is sent, and refuses messages that name a bucket of `refused`."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.delays: list[int] = []
        self.refused: set[int] = set()

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int) -> None:  # noqa: N803 -- boto3's names
        body = json.loads(MessageBody)
        if self.refused & set(body["buckets"]):
            raise ClientError({"Error": {"Code": "Throttled", "Message": "slow down"}}, "SendMessage")
        self.bodies.append(body)
        self.delays.append(DelaySeconds)


@pytest.fixture
def queue(memory_tables: None) -> FakeQueue:
    for bucket in range(30):
        TargetCount(COUNTS_BUCKET, f"{bucket:02d}", targets=600).save()
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


def test_what_is_fast_is_checked_six_times_a_minute_and_all_else_once(queue: FakeQueue) -> None:
    TargetCount(COUNTS_BUCKET, "07").update(actions=[TargetCount.fast.set({"controller:main", "url:shop"})])
    sender = replace(dispatcher(queue), fast_checks_per_minute=6)
    assert sender.run(sender.clock.now()).dispatched == 35
    further = [(delay, body) for delay, body in zip(queue.delays, queue.bodies, strict=True) if delay]
    assert [(delay, body["tick"][17:19]) for delay, body in further] == [(n, f"{n}") for n in (10, 20, 30, 40, 50)]
    assert all(body["targets"] == ["controller:main", "url:shop"] for _, body in further)
    assert queue.delays.count(0) == 30


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


@pytest.mark.parametrize("number", ["0", "4", "12", "often"])
def test_checks_that_do_not_divide_a_minute_into_tens_of_seconds_are_refused_by_name(number: str) -> None:
    given = {"TABLE_PREFIX": "p-", "CHECK_QUEUE_URL": "queue", "FAST_CHECKS_PER_MINUTE": number}
    with pytest.raises(InvalidSettingError, match="FAST_CHECKS_PER_MINUTE"):
        HealthDispatchSettings.from_env(given)


@pytest.mark.parametrize("event", [{}, {"tick": "yesterday"}, {"tick": 5}, {"tick": "2026-01-05T03:00:00"}], ids=str)
def test_a_malformed_event_is_refused_by_the_name_of_its_field(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"^event\.tick: "):
        validated(DispatchRequest, event)
