"""Starts MiniStack in this very process; run by path under the interpreter that has it.

Usage: run_emulator.py PARENT_PID, where 0 lets the emulator outlive whoever started it.
"""

import ctypes
import os
import runpy
import signal
import sys
from datetime import UTC, datetime
from typing import Any

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel end this process together with its parent, however that one ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request above
        sys.exit("the process that started the emulator is gone")


def fill_in_scheduler_context() -> None:
    """Put the scheduled time into schedule inputs, as EventBridge Scheduler does and MiniStack 1.5.33 does not."""
    from ministack.services import eventbridge

    invoke_target = eventbridge._invoke_target  # noqa: SLF001

    def with_context(target: dict[str, Any], event: dict[str, Any], *more: Any) -> Any:
        if event.get("Source") == "aws.scheduler" and target.get("Input"):
            scheduled = datetime.fromtimestamp(event["Time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            target = {**target, "Input": target["Input"].replace("<aws.scheduler.scheduled-time>", scheduled)}
        return invoke_target(target, event, *more)

    eventbridge._invoke_target = with_context  # noqa: SLF001


def read_concurrency_as_a_number() -> None:
    """Take a MaximumConcurrency that came from a stack parameter, which MiniStack 1.5.33 leaves a string.

    Without this its poller fails and no function ever sees a message of that queue.
    """
    from ministack.services import lambda_svc

    concurrency = lambda_svc._sqs_esm_concurrency  # noqa: SLF001

    def with_number(mapping: dict[str, Any], *more: Any) -> Any:
        scaling = {name: int(value) for name, value in (mapping.get("ScalingConfig") or {}).items()}
        return concurrency({**mapping, "ScalingConfig": scaling}, *more)

    lambda_svc._sqs_esm_concurrency = with_number  # noqa: SLF001


if __name__ == "__main__":
    if parent_pid := int(sys.argv.pop()):
        die_with(parent_pid)
    fill_in_scheduler_context()
    read_concurrency_as_a_number()
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
