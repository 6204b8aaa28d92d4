"""A host directory of its own for every test, and real processes that never outlive it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic.launchers.interface import Launch
from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import initialise_host_dir
from paramedic.launchers.process.launcher import ProcessLauncher
from tests.fakes.launchers.ssm import SsmHost


@pytest.fixture
def host_dir(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "host"
    initialise_host_dir(path)
    yield path
    marks = {"PARAMEDIC_HOST_DIR": str(path)}, {"FAKE_SYSTEMD": str(path / "systemd")}
    for stat in list(procfs.all_processes()):
        if any(procfs.has_markers(stat.pid, each) for each in marks):
            os.kill(stat.pid, signal.SIGKILL)


@pytest.fixture
def launcher(host_dir: Path) -> ProcessLauncher:
    return ProcessLauncher(host_dir, lock_seconds=0.2)


@pytest.fixture
def sleeper() -> Launch:
    return Launch(workload="replica:u1/1", scope="controller:main", epoch=3, key="op-1", command=("sleep", "600"))


@pytest.fixture
def host(host_dir: Path) -> SsmHost:
    return SsmHost(host_dir, host_dir / "systemd")
