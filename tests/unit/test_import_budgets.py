"""What functions import before they do anything: every cold start pays for it.

How long that takes is measured by `make bench NAME=health ARGS=cold-start`; a count says the same on any machine.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic.launchers.profiles import KINDS

ROOT = Path(__file__).parents[2]
SETTINGS = {"TABLE_PREFIX": "t-", "PROBE_FUNCTION_NAME": "probe", "EVENT_BUS_NAME": "bus"}
AWS_CLIENTS = {"boto3", "botocore", "pynamodb", "aws_lambda_powertools"}
NOBODYS = {"aws_xray_sdk", "h11", "httpx", "yaml"}


def imported_by(function: str, then: str = "") -> set[str]:
    """The modules there are once `function` was imported and `then` was run, but for those of Python's own start."""
    program = f"import sys; own = set(sys.modules); import app\n{then}\nprint(*(set(sys.modules) - own))"
    path = os.pathsep.join(str(ROOT / each) for each in ("layers/paramedic", f"functions/{function}"))
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": path, "AWS_DEFAULT_REGION": "us-east-1", **SETTINGS},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(loaded.stdout.split())


@pytest.mark.parametrize(
    ("function", "budget", "never"),
    [
        ("health_probe", 260, AWS_CLIENTS | NOBODYS),
        ("health_check", 500, NOBODYS | {"asyncio", "boto3", "s3transfer", "uvloop"}),
        ("gateway_reconcile", 620, {"asyncio", "boto3", "h11", "s3transfer", "uvloop", "yaml"}),
        ("recovery", 520, NOBODYS | {"asyncio", "boto3", "s3transfer", "uvloop"}),
    ],
)
def test_a_function_imports_little_before_it_begins(function: str, budget: int, never: set[str]) -> None:
    modules = imported_by(function)
    assert never.isdisjoint(name.partition(".")[0] for name in modules)
    assert len(modules) <= budget


def test_a_check_knows_no_more_of_the_stack_than_it_reads() -> None:
    others = (
        "launchers",
        "recovery",
        "services",
        "autoscaling",
        "state.services",
        "state.replicas",
        "state.downtimes",
        "state.traffic_report",
    )
    prefixes = tuple(f"paramedic.{each}" for each in others)
    assert [name for name in imported_by("health_check") if name.startswith(prefixes)] == []


LAUNCHERS = "paramedic.launchers."

CHOOSE = """
from contextlib import suppress
from paramedic.errors import ParamedicError
from paramedic.launchers.profiles import make_launcher, parse_profiles
profiles = parse_profiles('{"local": {"launcher": "process", "host_dir": "/nowhere", "command": ["true"]}}')
with suppress(ParamedicError):
    make_launcher(profiles["local"])
"""


def test_recovery_loads_the_launcher_that_a_profile_names_and_no_other() -> None:
    kinds = {name.split(".")[2] for name in imported_by("recovery", CHOOSE) if name.startswith(LAUNCHERS)}
    assert kinds & set(KINDS) == {"process"}
    assert f"{LAUNCHERS}process.launcher" not in imported_by("recovery")
