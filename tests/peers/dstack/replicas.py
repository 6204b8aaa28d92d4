"""Real gateway replicas of dstack on this machine, each on a loopback address of its own, and jobs behind them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from paramedic.gateways.dstack.desired import Check, GatewayReplica, Service, ServiceReplica
from paramedic_cli.local.project import project_root
from tests.fakes.gateway_replica import own_address
from tests.fakes.waiting import eventually

HERE = Path(__file__).parent
PYTHON = project_root() / ".tools/dstack/bin/python"
API_PORT, FRONT_PORT, SSH_PORT = 8000, 8080, 2222


class Machine:
    """A gateway's machine: the application under a supervisor, its nginx and its tunnels."""

    def __init__(self, name: str, directory: Path) -> None:
        self.host = own_address()
        self.directory = directory
        self.replica = GatewayReplica(
            name=name, api=f"http://{self.host}:{API_PORT}", serves_at=f"http://{self.host}:{FRONT_PORT}"
        )
        application = (str(HERE / "gateway_app.py"), str(directory), self.host)
        directory.mkdir()
        self._log = (directory / "machine.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "machine.py"), str(os.getpid()), str(PYTHON), *application],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    @property
    def state_file(self) -> Path:
        """What the application keeps on disk."""
        return self.directory / "state-v2.json"

    def answers(self) -> bool:
        """Whether its API does."""
        try:
            return httpx.get(f"{self.replica.api}/", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def await_up(self) -> None:
        """Until its API answers."""
        eventually(self.answers, f"{self.replica.name} to answer")

    def power_off(self) -> None:
        """All its processes are gone at once, and what is kept nowhere but in memory."""
        self._tell("power-off")
        for volatile in ("nginx.pid", "nobody.sock"):
            (self.directory / volatile).unlink(missing_ok=True)

    def stop(self) -> None:
        """The application is killed and stays so; nginx and tunnels live on."""
        self._tell("stop")

    def start(self) -> None:
        """Start the application again."""
        self._tell("start")

    def wipe(self) -> None:
        """Forget everything, as a machine made anew has."""
        self.state_file.unlink(missing_ok=True)
        shutil.rmtree(self.directory / "nginx", ignore_errors=True)

    def lose_site(self, domain: str) -> None:
        """Have nginx know a service no more that the application lists still."""
        (self._sites / f"443-{domain}.conf").unlink()
        self._reload()

    @contextmanager
    def welcome(self) -> Iterator[None]:
        """While inside, nginx welcomes whoever asks for an unknown name, as Debian's and Ubuntu's do."""
        site = self._sites / "default"
        listen = f"listen {self.host}:{FRONT_PORT} default_server;"
        site.write_text(f"server {{ {listen} location = / {{ return 200; }} location / {{ return 404; }} }}")
        self._reload()
        try:
            yield
        finally:
            site.unlink()
            self._reload()

    @property
    def _sites(self) -> Path:
        return self.directory / "nginx" / "sites-enabled"

    def _reload(self) -> None:
        command = ["nginx", "-q", "-c", str(self.directory / "nginx" / "nginx.conf"), "-p", str(self.directory)]
        subprocess.run([*command, "-s", "reload"], check=True)

    def changing_calls(self) -> int:
        """How many its application has had, by its own log."""
        return len(self._changes())

    def changing_calls_by_status(self) -> set[int]:
        """What they were answered."""
        return {int(line.split()[-2]) for line in self._changes()}

    def suspend(self) -> None:
        """Stop the application where it stands."""
        os.kill(self._application(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self._application(), signal.SIGCONT)

    def get(self, domain: str) -> httpx.Response:
        """A client's request for a service."""
        return httpx.get(f"{self.replica.serves_at}/", headers={"Host": domain}, timeout=5, trust_env=False)

    def close(self) -> None:
        """End it and all it started."""
        self._process.terminate()
        self._process.communicate()
        self._log.close()

    def _application(self) -> int:
        return int((self.directory / "application.pid").read_text())

    def _changes(self) -> list[str]:
        lines = (self.directory / "machine.log").read_text().splitlines()
        return [line for line in lines if '"POST /api/registry/' in line]

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()
        assert self._process.stdout.readline().split() == [b"done", word.encode()]


@dataclass(frozen=True)
class Jobs:
    """What services run on: each port answers with its number."""

    host: str
    ports: tuple[int, ...]
    key_file: Path

    def replica(self, number: int) -> ServiceReplica:
        """A service's replica on one of the ports."""
        port = self.ports[number]
        return ServiceReplica(id=f"job-{number}", app_port=port, ssh_host=f"root@{self.host}", ssh_port=SSH_PORT)

    def service(self, name: str, *numbers: int, run: str = "run-1", domain: str = "", path: str = "/") -> Service:
        """A service of these replicas."""
        return Service(
            project="main",
            name=name,
            id=run,
            domain=domain or f"{name}.example.org",
            check=Check(path=path),
            replicas=tuple(self.replica(number) for number in numbers),
        )
