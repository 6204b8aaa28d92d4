"""systemd itself, as the manager of one user, where this machine has it and lets it run."""

import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fakes.waiting import eventually

_GROUPS = Path("/sys/fs/cgroup/systemd")
"""Where control groups without limits are made, for systemd alone."""

# It will not run where the machine was not booted by it, so it gets a /run of its own that says so. And it takes over
# every process of the control group that it starts in, so it gets one of its own and sees nothing above that.
_START = """
group=$1
mkdir "$group" && echo $$ >"$group/cgroup.procs" || exit 1
exec unshare --mount --cgroup sh -ec '
  mount -t tmpfs tmpfs /run
  mkdir -p /run/systemd/system
  mount -t tmpfs tmpfs /sys/fs/cgroup
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
  exec /lib/systemd/systemd --user
'
"""


def why_not() -> str | None:
    """What keeps systemd from running here; None when nothing does."""
    for path in ("/lib/systemd/systemd", shutil.which("systemctl"), shutil.which("unshare"), shutil.which("setpriv")):
        if path is None or not Path(path).exists():
            return "systemd or util-linux is not installed"
    if not os.access(_GROUPS / "cgroup.procs", os.W_OK):
        return f"systemd can be given no control group of its own: {_GROUPS} is not there, or not writable"
    return None


class RealSystemd:
    """`path` and `environment` reach it; files in `folder` are its units. It ends with whoever started it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.folder = self.home / ".config/systemd/user"
        self.folder.mkdir(parents=True)
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        self.path = os.environ["PATH"]
        self.environment = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(runtime)}
        self._socket = runtime / "systemd/private"
        self._log = folder / "systemd.log"
        self._group = _GROUPS / f"paramedic-{uuid.uuid4().hex[:12]}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = ["setpriv", "--pdeathsig", "TERM", "sh", "-c", _START, "sh", str(self._group)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env={"PATH": self.path, **self.environment}, stdout=log, stderr=log, start_new_session=True
            )
        process = self._process
        eventually(lambda: self._socket.exists() or process.poll() is not None, "systemd's socket")
        assert process.poll() is None, self._log.read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            # Suspended ones too.
            self.systemctl("kill", "--signal=KILL", *(file.name for file in self.folder.glob("*.service")))
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
        for group in sorted(self._group.rglob("*/"), reverse=True):
            group.rmdir()
        self._group.rmdir()

    def systemctl(self, *words: str) -> str:
        """What it says."""
        command = ["systemctl", "--user", *words]
        environment = {"PATH": self.path, **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.strip()

    def add(self, unit: str, text: str) -> None:
        """A unit that is loaded from now on."""
        (self.folder / unit).write_text(text)
        self.systemctl("daemon-reload")

    def pids(self) -> list[int]:
        """The main processes of all units."""
        units = (file.name for file in self.folder.glob("*.service"))
        numbers = [int(self.systemctl("show", "--value", "--property=MainPID", unit) or 0) for unit in units]
        return [number for number in numbers if number]
