"""A real dask-gateway-server with its proxy on this machine, started by somebody who has never heard of Paramedic."""

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import initialise_host_dir
from paramedic_cli.local.project import project_root
from tests.fakes.waiting import eventually

EXAMPLE = project_root() / "examples/dask-gateway"
BINARIES = project_root() / ".tools/dask-gateway/bin"
PASSWORD = "test"
REAL, STAND_IN = "dask scheduler", "sleep 600"
"""What a cluster's scheduler is: the real one, or a process that costs nothing and does nothing."""


@dataclass(frozen=True)
class DaskGateway:
    """`environment` is what it is started with, by anybody; `proxy` is where users reach it."""

    folder: Path
    address: str
    proxy: str
    environment: Mapping[str, str]

    @property
    def health(self) -> str:
        """What says that it is well."""
        return f"http://{self.address}/api/health"

    @property
    def pid(self) -> int:
        """The server's own process."""
        return int((self.folder / "server.pid").read_text())

    @property
    def profile(self) -> dict[str, Any]:
        """The launcher profile that starts it."""
        return {
            "launcher": "process",
            "host_dir": str(self.folder / "host"),
            "command": [str(EXAMPLE / "start.sh")],
            "env_file": str(self.folder / "server.env"),
            "log_file": str(self.folder / "server.log"),
            "pid_file": str(self.folder / "server.pid"),
        }

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, where: str = "") -> Any:
        """What it answers a user; an assertion error unless that is well."""
        host, _, port = (where or self.proxy).rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=60)
        try:
            key = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
            headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
            connection.request(method, f"/api/v1/clusters/{path}", json.dumps(body or {}), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status < 400, f"{method} {path}: {answer.status} {text.decode()[:300]}"
        return json.loads(text or b"null")

    def is_well(self) -> bool | None:
        """True once it answers its health check."""
        host, _, port = self.address.rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=1)
        try:
            connection.request("GET", "/api/health")
            return True if connection.getresponse().status == 200 else None
        except OSError:
            return None
        finally:
            connection.close()

    def started_in(self, name: str) -> set[int]:
        """The living processes of one cluster: its scheduler and workers."""
        return {pid for pid, folder in self._working() if name in folder.parts}

    def end(self) -> None:
        """Kill all that was started here."""
        ours = {pid for pid, _ in self._working()}
        ours |= {s.pid for s in procfs.all_processes() if procfs.has_markers(s.pid, {"GATEWAY_ROOT": str(self.folder)})}
        for pid in ours:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _working(self) -> Iterator[tuple[int, Path]]:
        for stat in procfs.all_processes():
            with suppress(OSError):
                folder = Path(f"/proc/{stat.pid}/cwd").readlink()
                if folder.is_relative_to(self.folder / "clusters"):
                    yield stat.pid, folder


@contextmanager
def running_gateway(folder: Path, host: str, scheduler: str) -> Iterator[DaskGateway]:
    """One that runs, and dies with the test."""
    address, proxy, tcp = (f"{host}:{_free_port(host)}" for _ in range(3))
    (folder / "clusters").mkdir(parents=True)
    initialise_host_dir(folder / "host")
    environment = {
        "PATH": f"{BINARIES}:{os.environ['PATH']}",
        "HOME": str(folder),
        "GATEWAY_ROOT": str(folder),
        "GATEWAY_PASSWORD": PASSWORD,
        "CLUSTERS_DIRECTORY": str(folder / "clusters"),
        "EXAMPLE_CONFIG": str(EXAMPLE / "dask_gateway_config.py"),
        "SCHEDULER_COMMAND": scheduler,
        "DASK_GATEWAY_CONFIG": str(Path(__file__).with_name("server_config.py")),
        "DASK_GATEWAY_PID_FILE": str(folder / "server.pid"),
        "DASK_GATEWAY_DB_URL": f"sqlite:///{folder}/gateway.sqlite",
        "DASK_GATEWAY_ADDRESS": address,
        "DASK_GATEWAY_PROXY_ADDRESS": proxy,
        "DASK_GATEWAY_TCP_ADDRESS": tcp,
        "DASK_GATEWAY_ENCRYPT_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "DASK_GATEWAY_PROXY_TOKEN": secrets.token_hex(32),
    }
    (folder / "server.env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    gateway = DaskGateway(folder, address, proxy, environment)
    serve_proxy = ["dask-gateway-server", "proxy", "--config", environment["DASK_GATEWAY_CONFIG"]]
    try:
        with _started(gateway, "proxy", serve_proxy), _started(gateway, "server", [str(EXAMPLE / "start.sh")]):
            eventually(gateway.is_well, "the health of dask-gateway-server")
            yield gateway
            gateway.end()
    finally:
        gateway.end()


@contextmanager
def _started(gateway: DaskGateway, name: str, command: list[str]) -> Iterator[None]:
    command[0] = str(BINARIES / command[0]) if "/" not in command[0] else command[0]
    with (gateway.folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=gateway.environment, stdout=log, stderr=log, start_new_session=True, cwd=gateway.folder
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port
