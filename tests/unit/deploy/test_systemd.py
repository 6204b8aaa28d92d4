"""The shipped units: what keeps replicas and Envoy serving while their supervisor is restarted."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from paramedic.settings import EnvironmentSettings
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS
from paramedic_controller.exits import Exit
from paramedic_controller.settings import Settings as ControllerSettings
from paramedic_gateway.settings import Settings as GatewaySettings

UNITS = Path(__file__).parents[3] / "deploy/systemd"
CONTROLLER = UNITS / "paramedic-controller@.service"
GATEWAY = UNITS / "paramedic-gateway@.service"
SERVICES = (CONTROLLER, GATEWAY)
MAY_REPEAT = {"Environment"}


def entries(unit: Path) -> list[tuple[str, str]]:
    lines = [line for line in unit.read_text().splitlines() if line and not line.startswith(("#", "["))]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


def environment(unit: Path) -> dict[str, str]:
    given = (value.strip('"').partition("=") for key, value in entries(unit) if key == "Environment")
    return {name: value for name, _, value in given}


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_ending_a_unit_signals_its_main_process_alone(unit: Path) -> None:
    assert dict(entries(unit))["KillMode"] == "process"
    assert environment(unit)["PARAMEDIC_SCOPE_COMMAND"].startswith("systemd-run --user --scope ")
    assert environment(unit)["PARAMEDIC_SCOPE_COMMAND"].endswith(" --")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_a_unit_says_nothing_twice_and_starts_again_unless_its_settings_are_wrong(unit: Path) -> None:
    given = dict(entries(unit))
    repeated = {key for key, number in Counter(key for key, _ in entries(unit)).items() if number > 1}
    assert repeated <= MAY_REPEAT
    assert given["Restart"] == "always"
    assert given["RestartPreventExitStatus"] == str(int(Exit.BAD_SETTINGS))
    assert given["StartLimitIntervalSec"] == "0"


def test_a_spare_controller_asks_no_more_often_than_it_watches() -> None:
    assert float(dict(entries(CONTROLLER))["RestartSec"]) > SELF_FENCE_LEASE_SECONDS


def test_a_gateways_restart_leaves_envoy_and_its_stop_has_time_to_drain() -> None:
    given = dict(entries(GATEWAY))
    assert (given["KillSignal"], given["RestartKillSignal"]) == ("SIGTERM", "SIGHUP")
    assert float(given["TimeoutStopSec"]) > GatewaySettings.model_fields["drain_seconds"].default


@pytest.mark.parametrize(("unit", "settings"), [(CONTROLLER, ControllerSettings), (GATEWAY, GatewaySettings)])
def test_a_unit_starts_a_module_that_exists_with_variables_it_reads(
    unit: Path, settings: type[EnvironmentSettings]
) -> None:
    assert set(environment(unit)) <= {field.alias for field in settings.model_fields.values()}
    for key in ("ExecStartPre", "ExecStart"):
        for command in (value for name, value in entries(unit) if name == key):
            module = re.fullmatch(r"/opt/paramedic/bin/python -m (\S+).*", command)
            assert module is not None
            assert importlib.util.find_spec(module[1]) is not None


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    instances = []
    for unit in UNITS.iterdir():
        copy = tmp_path / unit.name.replace("@.", "@main.")
        copy.write_text(unit.read_text().replace("/opt/paramedic/bin/python", sys.executable))
        instances.append(str(copy))
    checked = subprocess.run(
        ["systemd-analyze", "--user", "verify", *instances],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
