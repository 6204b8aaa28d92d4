"""Ends the controller the hard way: exactly that process and its group, without a word."""

import os
import signal
import time
from datetime import UTC, datetime

from paramedic.launchers.interface import RunState
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.state.receipt import Receipt


class NotRunningError(Exception):
    """The process that was to be killed is not there."""


def kill_group(receipt: Receipt, launcher: ProcessLauncher) -> datetime:
    """Send SIGKILL to the process group that the receipt's process leads; returns when that was.

    Raises:
        NotRunningError: the process is not there.
    """
    if launcher.describe(receipt).state is not RunState.RUNNING:
        raise NotRunningError(f"{receipt.workload} does not run as process {receipt.identity['pid']}")
    killed_at = datetime.now(UTC)
    os.killpg(int(receipt.identity["pid"]), signal.SIGKILL)
    while launcher.describe(receipt).state is RunState.RUNNING:
        time.sleep(0.01)
    return killed_at
