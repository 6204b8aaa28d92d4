"""The embedded AWS is started, found again and ended exactly."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tenacity

from paramedic_cli.local.clients import client
from paramedic_cli.local.emulator import Emulator, start_emulator
from paramedic_cli.local.errors import NoLocalStackError, PortTakenError
from paramedic_cli.local.processes import ProcessIdentity
from paramedic_cli.local.stack import LocalStack, down, load

START_AND_WAIT = """
import sys, time
from pathlib import Path
from paramedic_cli.local.emulator import start_emulator
print(start_emulator(Path(sys.argv[1])).model_dump_json(), flush=True)
time.sleep(600)
"""


@pytest.mark.integration
def test_a_taken_port_is_named(dynamodb: Emulator, tmp_path: Path) -> None:
    with pytest.raises(PortTakenError, match=f"{dynamodb.host}:{dynamodb.port} is taken"):
        start_emulator(tmp_path, host=dynamodb.host, port=dynamodb.port)


@pytest.mark.integration
def test_the_emulator_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", START_AND_WAIT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    emulator = Emulator.model_validate_json(parent.stdout.readline())
    assert emulator.is_alive()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert emulator.process.gone_within(5)


@pytest.mark.integration
def test_a_detached_emulator_outlives_its_starter_and_is_stopped_by_identity(tmp_path: Path) -> None:
    program = START_AND_WAIT.replace("(Path(sys.argv[1]))", "(Path(sys.argv[1]), detached=True)")
    program = program.replace("time.sleep(600)", "")
    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    emulator = Emulator.model_validate_json(finished.stdout)
    assert emulator.is_alive()
    emulator.stop()
    assert not emulator.is_alive()


def test_a_later_process_with_the_same_pid_is_another_one() -> None:
    mine = ProcessIdentity.of(1)
    assert mine is not None
    earlier = mine.model_copy(update={"start_ticks": mine.start_ticks - 1})
    assert mine.is_alive()
    assert not earlier.is_alive()


def test_a_stack_that_does_not_run_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NoLocalStackError, match="paramedic local up"):
        load(tmp_path)
    with pytest.raises(NoLocalStackError):
        down(tmp_path)


@pytest.mark.integration
def test_a_schedules_input_carries_the_scheduled_time(dynamodb: Emulator) -> None:
    sqs = client("sqs", dynamodb.environment)
    queue = sqs.create_queue(QueueName="ticks")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    target = {
        "Arn": arn,
        "RoleArn": "arn:aws:iam::000000000000:role/any",
        "Input": '{"tick": "<aws.scheduler.scheduled-time>"}',
    }
    client("scheduler", dynamodb.environment).create_schedule(
        Name="once",
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", json.loads(message["Body"])["tick"])


@pytest.mark.e2e
def test_a_queued_check_reaches_its_function(deployed_stack: LocalStack) -> None:
    body = json.dumps({"tick": "2026-01-01T00:00:00Z", "buckets": [0]})
    deployed_stack.client("sqs").send_message(QueueUrl=deployed_stack.outputs.check_queue_url, MessageBody=body)
    logs = deployed_stack.client("logs")
    group = f"/aws/lambda/{deployed_stack.outputs.check_function_name}"
    for attempt in tenacity.Retrying(stop=tenacity.stop_after_delay(30), wait=tenacity.wait_fixed(0.2)):
        with attempt:
            assert logs.filter_log_events(logGroupName=group)["events"]
