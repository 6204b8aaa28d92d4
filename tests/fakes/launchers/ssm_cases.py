"""What tests of launcher `ssm` have in common: its two ways, and looking at what it started."""

import pytest

from paramedic.launchers.interface import (
    StopOutcome,
)
from paramedic.launchers.process import procfs
from paramedic.launchers.ssm.launcher import SsmLauncher
from paramedic.state.receipt import Receipt
from tests.fakes.launchers.ssm import UNIT

COMMAND = {"command": ["sleep", "600"]}
BY_UNIT = {"unit": UNIT, "manager": "user"}
EITHER = pytest.mark.parametrize("fields", [COMMAND, BY_UNIT], ids=["command", "unit"])


def pid_of(receipt: Receipt) -> int:
    return int(receipt.identity["pid"])


def altered(receipt: Receipt, **identity: str) -> Receipt:
    return receipt.model_copy(update={"identity": {**receipt.identity, **identity}})


def stop(launcher: SsmLauncher, receipt: Receipt, epoch: int = 9) -> StopOutcome:
    return launcher.stop(receipt, epoch=epoch, grace_seconds=0).outcome


def lives(pid: int) -> bool:
    stat = procfs.read_stat(pid)
    return stat is not None and not stat.gone


def environment_told(pid: int) -> dict[str, str]:
    return {name: value for name, value in procfs.environment_of(pid).items() if name.startswith("PARAMEDIC_")}
