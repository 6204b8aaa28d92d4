"""A local stack's credentials are private, and nothing launched for it outlives it."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic.gateways.replica import DIRECTORY_VARIABLE
from paramedic.launchers.interface import EpochRefusedError, Launch, RunState
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.profiles import parse_profiles, read_environment_file
from paramedic_cli.host.ending import end_everything
from paramedic_cli.host.gateway_replica import InvalidGatewayNameError, start_gateway
from paramedic_cli.host.layout import PROFILE, HostLayout
from paramedic_cli.host.workloads import stop_workloads


@pytest.fixture
def layout(tmp_path: Path) -> HostLayout:
    layout = HostLayout(tmp_path / "state")
    layout.prepare()
    return layout


def sleeper(epoch: int, key: str) -> Launch:
    command = (sys.executable, "-c", "import time; time.sleep(600)")
    return Launch(workload="controller:a", scope="controller:a", epoch=epoch, key=key, command=command)


def test_credentials_are_readable_by_their_owner_only(layout: HostLayout) -> None:
    secret = {"AWS_SECRET_ACCESS_KEY": "k"}
    layout.write_environments("s", controller=secret, gateway=secret, operator=secret)
    for path in (layout.controller_environment, layout.gateway_environment, layout.operator_environment):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_environment_file(layout.operator_environment)["PARAMEDIC_STACK"] == "s"


def test_the_stack_parameter_names_files_and_holds_no_secret(layout: HostLayout) -> None:
    layout.write_environments("s", controller={"AWS_SECRET_ACCESS_KEY": "hunter2"}, gateway={}, operator={})
    assert "hunter2" not in layout.profiles_parameter
    assert parse_profiles(layout.profiles_parameter)[PROFILE] == layout.profile


def test_everything_launched_is_ended_and_nothing_can_be_launched_after(layout: HostLayout) -> None:
    launcher = ProcessLauncher(layout.host_dir)
    receipt = launcher.launch(sleeper(3, "one"))
    assert stop_workloads(layout.host_dir) == (receipt,)
    assert launcher.describe(receipt).state is RunState.ABSENT
    with pytest.raises(EpochRefusedError):
        launcher.launch(sleeper(3, "two"))


def test_a_process_that_was_not_launched_is_left_alone(layout: HostLayout) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        stop_workloads(layout.host_dir)
        assert stranger.poll() is None
        stranger.kill()


def test_ending_the_workloads_of_a_host_that_never_had_any_is_harmless(tmp_path: Path) -> None:
    assert stop_workloads(tmp_path / "nothing") == ()


def test_an_envoy_that_its_agent_left_serving_is_ended_and_no_other(layout: HostLayout, tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    mine, other = layout.gateways / "a", tmp_path / "other/gateways/a"
    mine.mkdir(parents=True)
    left = subprocess.Popen(sleep, env={DIRECTORY_VARIABLE: str(mine)})
    stranger = subprocess.Popen(sleep, env={DIRECTORY_VARIABLE: str(other)})
    try:
        end_everything(layout)
        assert left.wait(5) in {-signal.SIGTERM, -signal.SIGKILL}
        assert stranger.poll() is None
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


@pytest.mark.parametrize("name", ["../elsewhere", "", "A"])
def test_a_gateway_whose_name_is_no_name_is_refused_before_anything_is_done(layout: HostLayout, name: str) -> None:
    with pytest.raises(InvalidGatewayNameError, match="NAME"):
        start_gateway(layout, name, 8080)
    assert not layout.gateways.exists()
