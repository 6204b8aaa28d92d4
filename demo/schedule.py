"""When the deployed schedule last ticked, so that a kill for a person to mend is not mended by the next tick first."""

import time
from datetime import UTC, datetime

from paramedic_cli.local.stack import LocalStack

QUIET_SECONDS = 40
"""A recovery by hand takes about 15 s; started this long after a tick at most, it is done before the next one."""

_SETTLED_SECONDS = 3


def wait_for_quiet(stack: LocalStack) -> None:
    """Return a few seconds after a tick of the dispatch function, with most of a minute left until the next."""
    while not _SETTLED_SECONDS <= seconds_since_tick(stack) <= QUIET_SECONDS:
        time.sleep(0.5)


def wait_for_tick(stack: LocalStack) -> None:
    """Return once a tick has come and its checks are done: nobody looks for most of a minute."""
    before = seconds_since_tick(stack)
    while (now := seconds_since_tick(stack)) >= before:
        before = now
        time.sleep(0.2)
    time.sleep(_SETTLED_SECONDS)


def seconds_since_tick(stack: LocalStack) -> float:
    """Seconds since the dispatch function last ran."""
    group = f"/aws/lambda/{stack.outputs.dispatch_function_name}"
    streams = stack.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    last = max((stream.get("lastEventTimestamp", 0) for stream in streams), default=0)
    return datetime.now(UTC).timestamp() - last / 1000
