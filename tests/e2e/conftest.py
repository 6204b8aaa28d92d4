"""The deployed stack together with this host, on which its recovery function relaunches controllers."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from paramedic.clock import to_iso
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.state import tables
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import controller_target_id
from paramedic_cli.host.embedded import grant_access, stack_parameters
from paramedic_cli.host.ending import end_everything
from paramedic_cli.host.first_controller import start_first_controller
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.local.project import project_root
from paramedic_cli.local.stack import LocalStack
from tests.fakes.controller_stage import Stage


@dataclass(frozen=True)
class Deployed:
    """What an end-to-end test acts on: it sends the ticks itself."""

    stack: LocalStack
    layout: HostLayout
    launcher: ProcessLauncher

    def start_controller(self, controller_id: str) -> Receipt:
        """A controller that has never run, healthy."""
        return start_first_controller(self.layout, controller_id).receipt

    def tick(self) -> None:
        """What the schedule sends every minute."""
        self.stack.invoke(self.stack.outputs.dispatch_function_name, {"tick": to_iso(datetime.now(UTC))})

    def invoke_recovery(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Ask the deployed recovery function directly, as any boto3 client would."""
        client = self.stack.client("lambda")
        name = self.stack.outputs.recovery_function_name
        answer = client.invoke(FunctionName=name, Payload=json.dumps(payload))
        return {"failed": "FunctionError" in answer, "body": json.load(answer["Payload"])}

    def manual(self, controller_id: str, **changes: Any) -> dict[str, Any]:
        """The payload that people copy from events/, for one of the test's controllers."""
        payload = json.loads((project_root() / "events/recover.json").read_text())
        return {
            **payload,
            "target": controller_target_id(controller_id),
            "request_id": f"e2e-{controller_id}",
            **changes,
        }


@pytest.fixture(scope="session")
def _host(deployed_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    layout = HostLayout(tmp_path_factory.mktemp("host"))
    layout.prepare()
    stack = deployed_stack.redeploy({**stack_parameters(layout), "HungAfterSeconds": "5"})
    grant_access(stack, layout)
    try:
        yield Deployed(stack, layout, ProcessLauncher(layout.host_dir))
    finally:
        end_everything(layout)


@pytest.fixture
def deployed(_host: Deployed, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """The deployed stack, with this process's state pointing at its tables."""
    for name, value in _host.stack.environment.items():
        monkeypatch.setenv(name, value)
    tables.bind(_host.stack.outputs.table_prefix)
    return _host


@pytest.fixture
def stage(table_prefix: str, tmp_path: Path) -> Iterator[Stage]:
    """Where a test starts controllers of its own."""
    made = Stage(table_prefix, tmp_path / "host")
    yield made
    made.close()


def recovery_at(controller_id: str, epoch: int, step: str) -> Callable[[], Recovery | None]:
    """Looks for a controller's recovery at a step."""

    def look() -> Recovery | None:
        row = Recovery.read(controller_target_id(controller_id), epoch)
        return row if row is not None and row.step == step else None

    return look


def epoch_of(controller_id: str) -> int:
    """A controller's epoch."""
    row = ControllerEpoch.read(controller_id, EPOCH)
    assert row is not None
    return int(row.epoch)


def signal_group(receipt: Receipt, number: signal.Signals) -> None:
    """Signal a controller's whole process group."""
    os.killpg(int(receipt.identity["pid"]), number)
