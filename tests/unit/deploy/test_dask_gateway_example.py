"""What examples/dask-gateway promises: a profile that guards its unit, and a unit whose restart spares the clusters."""

import configparser
import re

from paramedic.launchers.profiles import parse_profiles
from paramedic.recovery.restarts import profile_for
from paramedic_cli.local.project import project_root

EXAMPLE = project_root() / "examples/dask-gateway"
GUIDE = project_root() / "docs/adapters/dask-gateway.md"


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(EXAMPLE / name)
    return parsed


def test_the_command_in_the_guide_names_what_the_example_s_profile_restarts() -> None:
    named = re.search(r"--restart (\S+)", GUIDE.read_text())
    assert named is not None
    profiles = parse_profiles((EXAMPLE / "launcher-profiles.json").read_text())
    assert profile_for(named[1], profiles) == "dask-gateway"


def test_a_restart_of_the_unit_spares_clusters_and_the_proxy() -> None:
    server, proxy = unit("dask-gateway.service"), unit("dask-gateway-proxy.service")
    assert server["Service"]["KillMode"] == "process"
    assert "dask-gateway-server proxy" in proxy["Service"]["ExecStart"]
    assert "dask-gateway-proxy" not in server["Unit"].get("PartOf", "")


def test_every_setting_that_the_guide_explains_is_in_the_example() -> None:
    settings = re.findall(r"^\| `(?:DBBackendBase|Proxy)\.(\w+)", GUIDE.read_text(), re.MULTILINE)
    assert len(settings) >= 4
    config = (EXAMPLE / "dask_gateway_config.py").read_text()
    assert [name for name in settings if name not in config] == []
