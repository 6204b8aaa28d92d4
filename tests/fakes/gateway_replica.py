"""Real gateway replicas for tests: an agent, its Envoy, and the rows they follow; all of it ends with the test."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from pynamodb.expressions.operand import Path as AttributePath
from pynamodb.expressions.update import Action

from paramedic.launchers.process import procfs
from paramedic.state.load_balancers import INDEX, LoadBalancer, LoadBalancerIndex
from paramedic.state.request_handling import RequestHandling, Route, Routes
from paramedic.state.tables import Row
from paramedic.state.transactions import Delete, Put, Update, transact
from paramedic_gateway.layout import Layout
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin
from tests.fakes.clock import UnhurriedClock
from tests.fakes.waiting import eventually

TOKEN = "correct-horse"
GATEWAY = "default"
PORT = 8080
CLOCK = UnhurriedClock()


def own_address() -> str:
    """A loopback address that no other test uses: fixed ports are free there."""
    return ".".join(["127", *(str(random.randint(2, 250)) for _ in range(3))])


def publish(
    service: str,
    revision: int,
    urls: Sequence[str],
    *,
    port: int = 9001,
    uid: str = "",
    policy: str = "round_robin",
    draining: Sequence[str] = (),
    weights: Mapping[str, int] | None = None,
    at_version: Mapping[str, int] | None = None,
    gateway: str = GATEWAY,
    **requests: Any,
) -> None:
    """Write a service's row and its place in the index, as a controller does. Replicas are numbered by their port."""

    def route(url: str) -> Route:
        number = int(url.rpartition(":")[2])
        return Route(
            replica_id=number, url=url, weight=(weights or {}).get(url, 1), version=(at_version or {}).get(url, 1)
        )

    _write(
        LoadBalancer(gateway, service),
        [
            LoadBalancer.uid.set(uid or f"uid-{service}"),
            LoadBalancer.host.set("127.0.0.1"),
            LoadBalancer.port.set(port),
            LoadBalancer.policy.set(policy),
            LoadBalancer.routes.set(Routes(replicas=tuple(map(route, urls)), draining=tuple(map(route, draining)))),
            LoadBalancer.requests.set(RequestHandling.model_validate(requests).model_dump_json()),
            LoadBalancer.revision.set(revision),
        ],
    )
    point_index_at(service, revision, gateway)


def point_index_at(service: str, revision: int, gateway: str = GATEWAY) -> None:
    """Say in the gateway's index that the service is at this revision."""
    index = LoadBalancerIndex.read(gateway, INDEX)
    if index is None:
        transact([Put(LoadBalancerIndex(gateway, INDEX, revisions={service: revision}))], CLOCK)
    else:
        _write(index, [_indexed(service).set(revision)])


def withdraw(service: str) -> None:
    """Remove a service, as a controller does at the end of `down`."""
    transact([Delete(LoadBalancer(GATEWAY, service))], CLOCK)
    _write(LoadBalancerIndex(GATEWAY, INDEX), [_indexed(service).remove()])


def _write(row: Row, actions: Sequence[Action]) -> None:
    transact([Update(row, tuple(actions))], CLOCK)


def runs(pid: int) -> bool:
    """Whether there is such a process and it has not ended."""
    stat = procfs.read_stat(pid)
    return stat is not None and not stat.gone


def _indexed(service: str) -> AttributePath:
    return AttributePath(["revisions", service])


class GatewayReplica:
    """One replica at an address of its own. Its directory's path is short, as sockets need it to be."""

    def __init__(self, table_prefix: str, name: str = "r1", *, directory: Path | None = None, **variables: str) -> None:
        self.host = own_address()
        self.name = name
        self.layout = Layout(directory or Path(tempfile.mkdtemp(prefix="gw-")))
        self._log_folder = tempfile.TemporaryDirectory(prefix="gw-log-")
        self.log = Path(self._log_folder.name) / "agent.log"
        self._variables = {"TABLE_PREFIX": table_prefix, **variables}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.http = httpx.Client(timeout=20, trust_env=False)

    def start(self, **variables: str) -> subprocess.Popen[bytes]:
        """An agent in a session of its own."""
        environment = {
            **os.environ,
            "PARAMEDIC_GATEWAY_REPLICA": self.name,
            "PARAMEDIC_GATEWAY_DIR": str(self.layout.root),
            "PARAMEDIC_GATEWAY_HOST": self.host,
            "PARAMEDIC_GATEWAY_PORT": str(PORT),
            "PARAMEDIC_GATEWAY_DOMAIN": "models.test",
            "PARAMEDIC_GATEWAY_TOKEN": TOKEN,
            "PARAMEDIC_GATEWAY_WORKERS": "1",
            "PARAMEDIC_GATEWAY_POLL_SECONDS": "0.1",
            "PARAMEDIC_GATEWAY_REPORT_SECONDS": "0.5",
            **self._variables,
            **variables,
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "paramedic_gateway"],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def url(self, port: int = 9001, path: str = "/") -> str:
        """An address of this replica's."""
        return f"http://{self.host}:{port}{path}"

    def get(self, port: int = 9001, path: str = "/", **headers: str) -> httpx.Response | None:
        """The answer, None while nobody listens."""
        try:
            return self.http.get(self.url(port, path), headers=headers)
        except httpx.TransportError:
            return None

    def served_by(self, port: int = 9001, path: str = "/", **headers: str) -> str | None:
        """The name of the replica that answered 200, None when none did."""
        answer = self.get(port, path, **headers)
        return str(answer.json()["name"]) if answer is not None and answer.status_code == 200 else None

    def health(self) -> dict[str, Any] | None:
        """What health checks see."""
        answer = self.get(PORT, "/.paramedic/health", **{"x-paramedic-token": TOKEN})
        return dict(answer.json()) if answer is not None and answer.content.startswith(b"{") else None

    def healthy(self) -> dict[str, Any]:
        """Its health, once it is well and has heard of DynamoDB."""

        def look() -> dict[str, Any] | None:
            health = self.health()
            return health if health and health["status"] == "ok" and health["state_age_seconds"] is not None else None

        return eventually(look, f"a healthy gateway; its log:\n{self.log_text()}")

    def problem(self, part: str) -> str:
        """The problem that has `part` in it, once it is seen."""

        def look() -> str | None:
            health = self.health() or {"problems": []}
            return next((text for text in health["problems"] if part in text), None)

        return eventually(look, f"a problem with {part!r}; the log:\n{self.log_text()}")

    def envoy_pid(self) -> int:
        """The process in the identity file."""
        return int(json.loads(self.layout.envoy_identity.read_text())["pid"])

    def leaves(self, envoy: int) -> bool:
        """Whether an Envoy that has a successor was told to leave."""
        try:
            return EnvoyAdmin(self.layout.moved_admin_socket(envoy)).is_leaving()
        except AdminUnreachableError:
            return False

    def kill_envoy(self) -> int:
        """kill -9 of the Envoy there is, or of the next one when the last has just died; the pid it had."""

        def kill() -> int | None:
            pid = self.envoy_pid()
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return None
            return pid

        return eventually(kill, f"an Envoy to kill; the log:\n{self.log_text()}")

    def kill_agent(self) -> None:
        """kill -9 of the agent alone."""
        process = self._processes[-1]
        process.kill()
        process.wait()

    def log_text(self) -> str:
        """What the agents said."""
        return self.log.read_text() if self.log.exists() else ""

    def close(self) -> None:
        """End whatever still runs, the agents before their Envoys."""
        self.http.close()
        for process in self._processes:
            process.kill()
            process.wait()
        marks = {"PARAMEDIC_GATEWAY_DIR": str(self.layout.root)}
        for stat in list(procfs.all_processes()):
            if procfs.has_markers(stat.pid, marks) and not stat.gone:
                os.kill(stat.pid, signal.SIGKILL)
        shutil.rmtree(self.layout.root, ignore_errors=True)
        self._log_folder.cleanup()
