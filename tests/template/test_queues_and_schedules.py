"""Nothing is lost silently: queue, schedule and event settings of the template."""

import json
import time
import uuid
from typing import Any

import pytest

from paramedic.health.events import SOURCE
from paramedic_cli.local.stack import LocalStack
from tests.template.conftest import Template, as_list

FOURTEEN_DAYS = 14 * 24 * 3600
RULES = [{"Fn::GetAtt": [name, "Arn"]} for name in ("RelaunchRule", "NoticeRule", "GatewayRule")]
UNDELIVERED = {"Fn::GetAtt": ["UndeliveredQueue", "Arn"]}


def _dead_letter_queue_of(queue: dict[str, Any]) -> str | None:
    redrive = queue["Properties"].get("RedrivePolicy")
    return redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] if redrive else None


def _dead_letter_queues(template: Template) -> set[str]:
    queues = template.of_type("AWS::SQS::Queue")
    return {name for queue in queues.values() if (name := _dead_letter_queue_of(queue))} | {"UndeliveredQueue"}


def test_every_queue_that_a_function_consumes_has_a_dead_letter_queue(template: Template) -> None:
    for function in template.functions():
        for source in template.sources_of(function):
            queue = template.data["Resources"][source["Queue"]["Fn::GetAtt"][0]]
            assert _dead_letter_queue_of(queue) is not None


def test_dead_letters_are_kept_for_fourteen_days(template: Template) -> None:
    dead_letter_queues = _dead_letter_queues(template)
    assert len(dead_letter_queues) == 3
    for name in dead_letter_queues:
        assert template.properties(name)["MessageRetentionPeriod"] == FOURTEEN_DAYS


def test_every_dead_letter_queue_alarms(template: Template) -> None:
    alarmed = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Properties"]["Dimensions"]
    }
    assert alarmed == _dead_letter_queues(template)


def test_every_queue_is_encrypted_without_a_key_of_ones_own(template: Template) -> None:
    for queue in template.of_type("AWS::SQS::Queue").values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in queue["Properties"]


def test_a_message_stays_invisible_for_six_times_the_timeout_of_its_function(template: Template) -> None:
    for name, function in template.functions().items():
        for source in template.sources_of(name):
            queue = template.properties(source["Queue"]["Fn::GetAtt"][0])
            assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


@pytest.mark.parametrize(("queue", "receives"), [("CheckQueue", 3), ("RecoveryQueue", 5)])
def test_a_message_is_given_up_on_after_so_many_receives(template: Template, queue: str, receives: int) -> None:
    assert template.properties(queue)["RedrivePolicy"]["maxReceiveCount"] == receives


def test_check_messages_are_kept_for_one_hour_which_is_long_enough_to_be_given_up_on(template: Template) -> None:
    queue = template.properties("CheckQueue")
    assert queue["MessageRetentionPeriod"] == 3600
    assert queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"] < 3600


@pytest.mark.parametrize("function", ["HealthCheckFunction", "RecoveryFunction"])
def test_one_message_at_a_time_is_taken_and_reported_on_by_itself(template: Template, function: str) -> None:
    (source,) = template.sources_of(function)
    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_tick_is_never_repeated_and_never_older_than_a_minute(template: Template) -> None:
    schedules = template.of_type("AWS::Scheduler::Schedule")
    assert len(schedules) == 4
    for schedule in schedules.values():
        target = schedule["Properties"]["Target"]
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
        assert "<aws.scheduler.scheduled-time>" in target["Input"]


def test_asynchronous_invokes_are_never_repeated_and_never_older_than_a_minute(template: Template) -> None:
    for function in template.functions().values():
        config = function["EventInvokeConfig"]
        assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)


def test_ticks_and_events_that_cannot_be_delivered_are_kept(template: Template) -> None:
    targets = [s["Properties"]["Target"] for s in template.of_type("AWS::Scheduler::Schedule").values()]
    for rule in template.of_type("AWS::Events::Rule").values():
        targets += rule["Properties"]["Targets"]
    assert len(targets) == 7
    for target in targets:
        assert target["DeadLetterConfig"] == {"Arn": UNDELIVERED}


def _invoked_by_scheduler(template: Template) -> set[str]:
    schedules = template.of_type("AWS::Scheduler::Schedule").values()
    return {schedule["Properties"]["Target"]["Arn"]["Fn::GetAtt"][0] for schedule in schedules}


def test_a_tick_that_grew_too_old_or_whose_function_failed_is_kept(template: Template) -> None:
    for name in _invoked_by_scheduler(template):
        on_failure = template.functions()[name]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
        assert on_failure == {"Type": "SQS", "Destination": UNDELIVERED}


def test_only_who_leaves_something_there_may_send_to_the_queue_of_the_undelivered(template: Template) -> None:
    senders = {
        role
        for role in template.of_type("AWS::IAM::Role")
        for statement in template.statements(role)
        if "sqs:SendMessage" in as_list(statement["Action"]) and UNDELIVERED in as_list(statement["Resource"])
    }
    invoked = _invoked_by_scheduler(template)
    assert senders == {"SchedulerRole"} | {template.functions()[name]["Role"]["Fn::GetAtt"][0] for name in invoked}


@pytest.mark.e2e
def test_a_tick_that_its_function_refuses_leaves_a_trace(deployed_stack: LocalStack) -> None:
    outputs = deployed_stack.outputs
    awaited = {
        outputs.dispatch_function_name,
        outputs.recovery_function_name,
        outputs.downtime_function_name,
        outputs.gateway_reconcile_function_name,
    }
    for function in awaited:
        payload = json.dumps({"action": "none", "tick": function}).encode()
        deployed_stack.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)
    sqs = deployed_stack.client("sqs")
    until = time.monotonic() + 60
    while awaited and time.monotonic() < until:
        received = sqs.receive_message(QueueUrl=outputs.undelivered_queue_url, WaitTimeSeconds=5)
        for message in received.get("Messages", []):
            awaited.discard(json.loads(message["Body"]).get("requestPayload", {}).get("tick"))
            sqs.delete_message(QueueUrl=outputs.undelivered_queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert not awaited


def test_the_bus_may_send_to_the_recovery_queue_only_for_its_own_rule(template: Template) -> None:
    (statement,) = template.statements("EventQueuesPolicy")
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": RULES}}


@pytest.mark.e2e
def test_who_subscribed_to_the_topic_is_sent_an_event_with_a_notice_and_no_other(deployed_stack: LocalStack) -> None:
    sns, sqs, events = (deployed_stack.client(name) for name in ("sns", "sqs", "events"))
    queue = sqs.create_queue(QueueName=f"people-{uuid.uuid4().hex}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic_may_send = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [topic_may_send]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=deployed_stack.outputs.alert_topic_arn, Protocol="sqs", Endpoint=arn, Attributes=raw)
    for number, notice in enumerate((None, "open")):
        detail = {"notice": notice, "sentence": f"url:{number}: said no", "since": "2026-01-05T03:00:00.000Z"}
        entry = {"Source": SOURCE, "DetailType": "Target Down", "Detail": json.dumps(detail)}
        events.put_events(Entries=[{**entry, "EventBusName": deployed_stack.outputs.event_bus_name}])
    received: list[Any] = []
    until = time.monotonic() + 60
    while not received and time.monotonic() < until:
        received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
    assert [json.loads(message["Body"]) for message in received] == [
        {"subject": "Target Down", "text": "url:1: said no", "since": "2026-01-05T03:00:00.000Z"}
    ]
