"""`paramedic monitor` on a host with DynamoDB and nothing else of AWS: no function, no queue, no bus."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paramedic.launchers.interface import RunState
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.state import tables
from paramedic.state.controllers import ENDPOINT, ControllerEndpoint
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery, Step, open_recoveries
from paramedic_cli.host.ending import end_everything
from paramedic_cli.host.first_controller import start_first_controller
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.local.emulator import Emulator
from tests.e2e.conftest import epoch_of, recovery_at, signal_group
from tests.fakes.targets import stored_controller_target
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass
class MonitoredHost:
    """A host with controllers, and the commands that a test gives on it."""

    prefix: str
    layout: HostLayout
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start_controller(self) -> Receipt:
        """A controller that has never run, healthy."""
        return start_first_controller(self.layout, "main").receipt

    def start_monitor(self, *arguments: str) -> subprocess.Popen[str]:
        """A monitor as cron or systemd starts it."""
        return self.types("monitor", *arguments)

    def types(self, *arguments: str) -> subprocess.Popen[str]:
        """A command, where there is no function to do its work."""
        variables = {
            "ALLOWED_CIDRS": "127.0.0.0/8",
            "FAST_CHECKS_PER_MINUTE": "6",
            "HUNG_AFTER_SECONDS": "1",
            "LAUNCHER_PROFILES": self.layout.profiles_parameter,
            "PARAMEDIC_STACK": self.prefix.removesuffix("-"),
            "PARAMEDIC_WITHOUT_LAMBDA": "1",
        }
        started = subprocess.Popen(
            [str(Path(sys.executable).with_name("paramedic")), *arguments],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(started)
        return started

    def passes_once(self) -> str:
        """What `--once` says, all of whose work was done."""
        return self.says("monitor", "--once")

    def says(self, *arguments: str) -> str:
        """What a command answers that succeeds."""
        said, logged = (command := self.types(*arguments)).communicate(timeout=120)
        assert command.returncode == 0, logged
        return said

    def living(self, receipts: list[Receipt]) -> list[Receipt]:
        """Those of them that are not gone."""
        launcher = ProcessLauncher(self.layout.host_dir)
        return [each for each in receipts if launcher.describe(each).state is not RunState.ABSENT]


@pytest.fixture
def host(dynamodb: Emulator, table_prefix: str, tmp_path: Path) -> Iterator[MonitoredHost]:
    tables.bind(table_prefix)
    layout = HostLayout(tmp_path / "host")
    layout.prepare()
    settings = {
        **dynamodb.environment,
        "TABLE_PREFIX": table_prefix,
        "PARAMEDIC_PROFILE": "local",
        "PARAMEDIC_HOST": dynamodb.host,
    }
    layout.write_environments("s", controller=settings, gateway={}, operator={})
    made = MonitoredHost(table_prefix, layout)
    try:
        yield made
    finally:
        for command in made.started:
            command.kill()
            command.communicate()
        end_everything(layout)


def port_of_main() -> int:
    endpoint = ControllerEndpoint.read("main", ENDPOINT)
    assert endpoint is not None
    return int(endpoint.port)


def test_a_killed_controller_is_back_after_one_pass_or_at_once_by_hand_and_what_is_well_is_passed_in_silence(
    host: MonitoredHost,
) -> None:
    receipt = host.start_controller()
    port = port_of_main()
    assert host.passes_once() == ""
    signal_group(receipt, signal.SIGKILL)
    said = host.passes_once()
    assert "controller:main epoch 2, done: healthy under epoch 2" in said
    done = recovery_at("main", 2, Step.DONE)()
    assert done is not None
    assert (done.story.actor, port_of_main()) == ("health_check", port)
    assert done.story.launched is not None
    host.passes_once()
    assert stored_controller_target("main").bad is None
    assert host.passes_once() == ""
    assert epoch_of("main") == 2
    signal_group(done.story.launched, signal.SIGKILL)
    assert "epoch 3, done" in host.says("recover", "controller:main", "--reason", "at once, please")


def test_two_monitors_at_once_and_one_killed_midway_leave_one_controller(host: MonitoredHost) -> None:
    receipt = host.start_controller()
    os.kill(int(receipt.identity["pid"]), signal.SIGSTOP)
    host.passes_once()
    assert epoch_of("main") == 1
    killed, other = host.start_monitor("--once"), host.start_monitor("--once")
    eventually(lambda: epoch_of("main") == 2, "a recovery that was begun")
    killed.kill()
    other.communicate(timeout=120)

    def done_after_another_pass() -> Recovery | None:
        host.passes_once()
        return recovery_at("main", 2, Step.DONE)()

    done = eventually(done_after_another_pass, "the end of the recovery")
    assert done.story.launched is not None
    assert host.living([receipt, done.story.launched]) == [done.story.launched]
    assert open_recoveries() == []


def test_the_loop_recovers_within_its_minute_and_ends_when_it_is_asked_to(host: MonitoredHost) -> None:
    receipt = host.start_controller()
    monitor = host.start_monitor()
    signal_group(receipt, signal.SIGKILL)
    eventually(recovery_at("main", 2, Step.DONE), "recovery by the loop")
    monitor.terminate()
    monitor.communicate(timeout=120)
    assert monitor.returncode == 0
