"""Launcher `ssm` with this machine as its host: the document's real script, and real processes."""

import json
import os
import pwd
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paramedic.launchers.process import procfs
from paramedic.launchers.profiles import parse_profiles
from paramedic.launchers.ssm.commands import HostCommands
from paramedic.launchers.ssm.launcher import SsmLauncher
from paramedic.launchers.ssm.profile import SsmProfile
from tests.fakes.clock import FakeClock
from tests.fakes.real_systemd import RealSystemd
from tests.fakes.ssm import LAUNCH, BashHosts
from tests.fakes.systemd import FakeSystemd

INSTANCE = "i-0123456789abcdef0"
UNIT = "paramedic-controller@main.service"


class SsmHost:
    """One host with a systemd of its own, or a real one, whose folder for fences is `host_dir`."""

    def __init__(
        self, host_dir: Path, folder: Path, path: str = os.environ["PATH"], systemd: RealSystemd | None = None
    ) -> None:
        self.host_dir = host_dir
        self.systemd = systemd or FakeSystemd(folder, path)
        (self.systemd.folder / UNIT).touch()
        self.hosts = BashHosts(folder, self.systemd.path, LAUNCH, self.systemd.environment)
        self.clock = FakeClock()

    def profile(self, **fields: object) -> SsmProfile:
        """A profile of this host, as the stack's parameter gives it."""
        common = {"launcher": "ssm", "instance": INSTANCE, "host_dir": str(self.host_dir), "user": _me()}
        profile = parse_profiles(json.dumps({"main": {**common, **fields}}))["main"]
        assert isinstance(profile, SsmProfile)
        return profile

    def launcher(self, **fields: object) -> SsmLauncher:
        """A new launcher of a profile with these fields, as each invocation makes one."""
        return SsmLauncher(self.profile(**fields), HostCommands(self.hosts, "launch", INSTANCE, self.clock))

    def living(self) -> list[procfs.ProcessStat]:
        """What runs, of commands and units."""
        commands = procfs.all_marked({"PARAMEDIC_HOST_DIR": str(self.host_dir)})
        units = (procfs.read_stat(pid) for pid in self.systemd.pids())
        return [stat for stat in (*commands, *units) if stat is not None and not stat.gone]

    def end(self) -> None:
        """Everything ends by itself."""
        for stat in self.living():
            with gone_by_then():
                os.kill(stat.pid, signal.SIGKILL)
        while self.living():
            pass


@contextmanager
def gone_by_then() -> Iterator[None]:
    """A process that ends before it is signalled has ended."""
    try:
        yield
    except ProcessLookupError:
        return


def _me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
