"""systemd itself, as the manager of one user, where this machine has it and lets it run."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fakes.waiting import eventually

# It will not run where the machine was not booted by it, so it gets a /run of its own that says so.
_START = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec /lib/systemd/systemd --user"


def why_not() -> str | None:
    """What keeps systemd from running here; None when nothing does."""
    for path in ("/lib/systemd/systemd", shutil.which("systemctl"), shutil.which("unshare"), shutil.which("setpriv")):
        if path is None or not Path(path).exists():
            return "systemd or util-linux is not installed"
    return None if os.geteuid() == 0 else "only root may give systemd a /run of its own"


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
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = ["setpriv", "--pdeathsig", "TERM", "unshare", "--mount", "sh", "-c", _START]
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
