"""The units of other people's programs: what docs/adapters has people install is what is restarted here."""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from paramedic.launchers.interface import Launch, RunState, StopOutcome
from paramedic.launchers.profiles import parse_profiles
from paramedic.launchers.ssm.profile import SsmProfile
from paramedic_cli.local.project import project_root
from tests.fakes.launchers.ssm import SsmHost
from tests.fakes.waiting import eventually

EXAMPLES = project_root() / "examples"
SKYSERVE = project_root() / "deploy/skyserve/skyserve-controller@.service"
ECHO_MODEL = EXAMPLES / "systemd/echo-model.service"
TARGET = "url:echo-model"


@pytest.mark.parametrize(
    ("profiles", "unit"),
    [
        (EXAMPLES / "systemd/profiles.json", ECHO_MODEL.name),
        (EXAMPLES / "skyserve/profiles.json", SKYSERVE.name.replace("@.", "@demo.")),
    ],
)
def test_the_examples_profile_restarts_its_unit_as_root(profiles: Path, unit: str) -> None:
    (profile,) = parse_profiles(profiles.read_text()).values()
    assert isinstance(profile, SsmProfile)
    assert (profile.unit, profile.manager, profile.user) == (unit, "system", "root")


@pytest.mark.parametrize("unit", [ECHO_MODEL, SKYSERVE], ids=lambda path: path.stem)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@.", "@demo.")
    copy.write_text(unit.read_text().replace("/usr/bin/python3", sys.executable))
    checked = subprocess.run(
        ["systemd-analyze", "verify", copy],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[SsmHost]:
    """This machine, as SSM reaches it."""
    made = SsmHost(tmp_path / "host", tmp_path / "systemd")
    yield made
    made.end()


def test_the_example_is_brought_back_when_it_was_killed_and_when_it_hangs(host: SsmHost) -> None:
    address = f"127.{random.randint(20, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
    text = ECHO_MODEL.read_text().replace("0.0.0.0", address).replace("/usr/bin/python3", sys.executable)
    (host.systemd.folder / ECHO_MODEL.name).write_text(text.replace("/opt", str(EXAMPLES)))
    launcher = host.launcher(unit=ECHO_MODEL.name, manager="user")

    def answers() -> bool:
        try:
            return httpx.get(f"http://{address}:8080/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def launch(epoch: int) -> int:
        request = Launch(workload=TARGET, scope=TARGET, epoch=epoch, key=f"{TARGET}/{epoch}")
        pid = int(launcher.launch(request).identity["pid"])
        eventually(answers, "the model")
        assert [stat.pid for stat in host.living()] == [pid]
        return pid

    os.kill(launch(1), signal.SIGKILL)
    eventually(lambda: launcher.occupant(TARGET) is None, "its end")
    os.kill(launch(2), signal.SIGSTOP)
    hung = launcher.occupant(TARGET)
    assert hung is not None
    eventually(lambda: launcher.describe(hung).state is RunState.SUSPENDED, "its suspension")
    assert launcher.stop(hung, epoch=3, grace_seconds=0).outcome is StopOutcome.STOPPED
    assert not host.living()
    launch(3)
