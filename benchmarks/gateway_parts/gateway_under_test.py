"""The gateway under test: the real agent with its Envoy, on tables of the embedded DynamoDB."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import Address, await_ok, cpu_seconds, end, kill, memory_mb, own_address, start
from benchmarks.gateway_parts.rows import GATEWAY, ServiceRow, create_index
from demo.environment import use
from paramedic.state import tables
from paramedic_cli.local.emulator import Emulator, start_emulator
from paramedic_cli.local.processes import ProcessIdentity
from paramedic_cli.local.project import project_root
from paramedic_cli.local.template_tables import create_tables

SHARED_PORT = 8080
FIRST_SERVICE_PORT = 9001


class GatewayReplica:
    """One gateway replica in its own folder, and the DynamoDB it follows."""

    def __init__(
        self, folder: Path, emulator: Emulator, settings: Mapping[str, str], program: str = "paramedic_gateway"
    ) -> None:
        self.emulator = emulator
        self._program = program
        self.host = own_address().host
        self._folder = folder
        self._settings = settings
        self._services = 0
        self._agent: subprocess.Popen[bytes] | None = None

    def service(self, replicas: Sequence[Address]) -> ServiceRow:
        """Add a service with `replicas` to its rows."""
        self._services += 1
        address = Address(self.host, FIRST_SERVICE_PORT + self._services - 1)
        row = ServiceRow(f"service-{self._services}", address)
        row.route(replicas)
        return row

    def start(self) -> None:
        """Start its agent, which starts its Envoy."""
        environment = {
            "PARAMEDIC_GATEWAY": GATEWAY,
            "PARAMEDIC_GATEWAY_REPLICA": self._folder.name,
            "PARAMEDIC_GATEWAY_DIR": str(self._folder / "state"),
            "PARAMEDIC_GATEWAY_HOST": self.host,
            "PARAMEDIC_GATEWAY_PORT": str(SHARED_PORT),
            **self._settings,
        }
        self._agent = start([sys.executable, "-m", self._program], self._folder / "agent.log", environment)

    @property
    def agent_pid(self) -> int:
        """The agent's process."""
        assert self._agent is not None, "the gateway was not started"
        return self._agent.pid

    @property
    def envoy_pid(self) -> int:
        """Its Envoy's process."""
        return int(json.loads((self._folder / "state/envoy.json").read_text())["pid"])

    @property
    def peak_memory_mb(self) -> float:
        """The highest of the agent and the highest of Envoy, as if both had been at the same time."""
        return memory_mb(self.agent_pid, peak=True) + memory_mb(self.envoy_pid, peak=True)

    def endpoint_updates(self) -> int:
        """How many changes of replicas Envoy took over, of all services."""
        stats = _ask_admin(self._folder / "state/admin.sock", "/stats?usedonly&filter=^cluster.*update_success$")
        return sum(int(line.split()[-1]) for line in stats.splitlines())

    def agent_cpu_seconds(self) -> float:
        """What the agent has used so far."""
        return cpu_seconds(self.agent_pid)

    def envoy_cpu_seconds(self) -> float:
        """What Envoy has used so far."""
        return cpu_seconds(self.envoy_pid)

    def kill(self) -> None:
        """End agent and Envoy without a word."""
        envoy = ProcessIdentity.of(self.envoy_pid)
        assert self._agent is not None
        kill(self._agent)
        if envoy is not None:
            os.kill(envoy.pid, signal.SIGKILL)
            envoy.gone_within(5)

    def end(self) -> None:
        """End both as a supervisor would, and make sure of it."""
        envoy = ProcessIdentity.of(self.envoy_pid) if (self._folder / "state/envoy.json").exists() else None
        if self._agent is not None:
            end(self._agent)
        if envoy is not None:
            envoy.stop(grace=0)


def _ask_admin(path: Path, question: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as admin:
        admin.connect(str(path))
        admin.sendall(f"GET {question} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(admin)
        answer.begin()
        return answer.read().decode()


@contextmanager
def gateway_replica(lab: Lab, **settings: str) -> Iterator[GatewayReplica]:
    """A gateway replica with no service yet, not started; ended on leaving, with its DynamoDB.

    `settings` are the agent's environment variables, without their common beginning.
    """
    folder = lab.new_folder("gw")
    with gateway_tables(folder) as emulator:
        named = {f"PARAMEDIC_GATEWAY_{name}": value for name, value in settings.items()}
        replica = GatewayReplica(folder, emulator, named)
        try:
            yield replica
        finally:
            replica.end()


@contextmanager
def gateway_tables(folder: Path) -> Iterator[Emulator]:
    """A DynamoDB with the tables of a gateway that has no services yet; this process's environment points there."""
    with start_emulator(folder) as emulator:
        prefix = f"{uuid.uuid4().hex[:8]}-"
        create_tables(project_root() / "template.yaml", emulator.environment, prefix)
        with use({**emulator.environment, "TABLE_PREFIX": prefix}):
            tables.bind(prefix)
            create_index()
            yield emulator


@contextmanager
def serving(lab: Lab, replicas: Sequence[Address], **settings: str) -> Iterator[tuple[GatewayReplica, ServiceRow]]:
    """A started gateway replica whose only service is served by `replicas`."""
    with gateway_replica(lab, **settings) as gateway:
        service = gateway.service(replicas)
        gateway.start()
        await_ok(service.address)
        yield gateway, service
