"""When the deployed schedule last ticked, so that a kill for a person to mend is not mended by the next tick first."""

import time
from datetime import UTC, datetime

from paramedic_cli.local.stack import LocalStack

QUIET_SECONDS = 40
"""A recovery by hand takes about 15 s; started this long after a tick at most, it is done before the next one."""

_LOOK_SECONDS = 0.2


def wait_for_quiet(stack: LocalStack) -> None:
    """Return once a tick's checks are done, with some of its minute left until the next."""
    while seconds_since_tick(stack) > QUIET_SECONDS or checks_under_way(stack):
        time.sleep(_LOOK_SECONDS)


def wait_for_tick(stack: LocalStack) -> None:
    """Return once a tick has come and its checks are done: nobody looks for most of a minute."""
    before = seconds_since_tick(stack)
    while (now := seconds_since_tick(stack)) >= before:
        before = now
        time.sleep(_LOOK_SECONDS)
    while checks_under_way(stack):
        time.sleep(_LOOK_SECONDS)


def checks_under_way(stack: LocalStack) -> int:
    """Messages of ticks that no check is done with yet; when the dispatch function has ended, all of its are there."""
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sqs, queue = stack.client("sqs"), stack.outputs.check_queue_url
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=counts)["Attributes"]
    return sum(int(attributes[count]) for count in counts)


def seconds_since_tick(stack: LocalStack) -> float:
    """Seconds since the dispatch function last ended."""
    group = f"/aws/lambda/{stack.outputs.dispatch_function_name}"
    streams = stack.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    last = max((stream.get("lastEventTimestamp", 0) for stream in streams), default=0)
    return datetime.now(UTC).timestamp() - last / 1000
