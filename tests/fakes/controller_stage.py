"""Real controllers with real replicas on this host, over tables of the test's own."""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import boto3
import httpx

from paramedic.clock import SystemClock
from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import initialise_host_dir
from paramedic.services.spec import read_spec
from paramedic.services.verbs import UpResult, up
from paramedic.state import tables
from paramedic.state.controllers import ENDPOINT, ControllerEndpoint
from tests.fakes.epochs import grant_next_epoch
from tests.fakes.waiting import eventually

CLOCK = SystemClock()
HTTP = httpx.Client(timeout=2.0, trust_env=False, headers={"Connection": "close"})
EXAMPLE = Path(__file__).parents[2] / "examples/echo-model/service.yaml"


class Stage:
    """Tables, a host directory, and the controllers started on it; all of it ends with the test."""

    def __init__(self, prefix: str, host_dir: Path) -> None:
        tables.bind(prefix)
        initialise_host_dir(host_dir)
        self.prefix = prefix
        self.host_dir = host_dir
        self.log = host_dir / "controller.log"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """A controller in a session of its own."""
        environment = {
            **os.environ,
            "TABLE_PREFIX": self.prefix,
            "PARAMEDIC_CONTROLLER_ID": "main",
            "PARAMEDIC_HOST_DIR": str(self.host_dir),
            "PARAMEDIC_TICK_SECONDS": "1",
            **variables,
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "paramedic_controller", *arguments],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def recover(self) -> subprocess.Popen[bytes]:
        """What a recovery does: grant the next epoch and start its process."""
        return self.start(PARAMEDIC_EPOCH=str(grant_next_epoch("main", CLOCK)))

    def get(self, path: str) -> dict[str, Any] | None:
        """The controller's answer, None while there is none; an unhealthy one answers too."""
        endpoint = ControllerEndpoint.read("main", ENDPOINT)
        if endpoint is None:
            return None
        try:
            return dict(HTTP.get(f"http://{endpoint.host}:{int(endpoint.port)}{path}").json())
        except httpx.TransportError:
            return None

    def healthy(self, epoch: int) -> dict[str, Any]:
        """The health of the controller of `epoch`, once it is well."""

        def look() -> dict[str, Any] | None:
            health = self.get("/health")
            return health if health and health["status"] == "ok" and health["epoch"] == epoch else None

        return eventually(look, f"a healthy controller of epoch {epoch}; its log:\n{self.log.read_text()}")

    def serving(self, replicas: int) -> dict[str, Any]:
        """The service's status, once so many replicas are routed to and nothing is under way."""

        def look() -> dict[str, Any] | None:
            status = self.get("/status")
            if not status or not status["services"]:
                return None
            service = dict(status["services"][0])
            settled = len(service["routes"]) == len(service["replicas"]) == replicas
            return service if settled and not service["open_operations"] else None

        return eventually(look, f"{replicas} ready replicas; the log:\n{self.log.read_text()}")

    def up(self) -> UpResult:
        """The example service."""
        return up("main", read_spec(EXAMPLE), "ada", clock=CLOCK, new_id=lambda: uuid.uuid4().hex)

    def log_lines(self) -> list[str]:
        """Messages, not their fields."""
        return [json.loads(line)["message"] for line in self.log.read_text().splitlines() if line.startswith("{")]

    def move_elsewhere(self) -> None:
        """Give the next controller an address of its own, as if it ran where no suspended predecessor has the port."""
        ControllerEndpoint("main", ENDPOINT).update(actions=[ControllerEndpoint.host.set("127.0.0.2")])

    def rows(self) -> dict[str, Any]:
        """Everything stored, but for what changes without a change: heartbeats."""
        client = boto3.client("dynamodb")
        found = {}
        for table in tables.all_models():
            items = client.scan(TableName=f"{self.prefix}{table}", ConsistentRead=True)["Items"]
            found[table] = [item for item in items if item.get("item", {}).get("S") != "heartbeat"]
        return found

    def close(self) -> None:
        """End every process that was started here, replicas included."""
        for process in self.processes:
            kill_group(process)
            process.wait()
        for stat in list(procfs.all_processes()):
            if procfs.has_markers(stat.pid, {"PARAMEDIC_HOST_DIR": str(self.host_dir)}):
                os.kill(stat.pid, signal.SIGKILL)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of the whole process group; also of one that is suspended."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
