"""The controller under test: the real process, on tables of the embedded DynamoDB, with a cloud for its replicas."""

import http.client
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.controller_parts.run_controller import WIRING, Wiring
from benchmarks.controller_parts.sleeping_launcher import Latency
from benchmarks.gateway_parts.processes import (
    Address,
    NeverAnsweredError,
    end,
    get,
    kill,
    own_address,
    running,
    start,
)
from demo.environment import use
from paramedic.clock import SystemClock, to_iso
from paramedic.services import verbs
from paramedic.services.spec import ServiceSpec, parse_spec
from paramedic.state import tables
from paramedic.state.claims import open_epoch
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.recoveries import OPEN, OPEN_STEPS, Recovery, Step, Story
from paramedic.state.standbys import read_standby
from paramedic.state.targets import controller_target_id
from paramedic_cli.local.emulator import start_emulator
from paramedic_cli.local.project import project_root
from paramedic_cli.local.template_tables import create_tables

CONTROLLER = "benchmark"
GATEWAY = "benchmark"
SERVICE_PREFIX = "service-"
PORT = 8100
HEALTHY_SECONDS = 60.0
PAUSE_SECONDS = 0.02
"""Between two looks; each costs whoever is looked at some two milliseconds."""
CLOCK = SystemClock()
AT_ONCE = Latency(median=0.0, spread=0.0, longest=0.0)


class Controller:
    """One controller id; processes of it come and go, one at a time."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.address = Address(own_address().host, PORT)
        self.launches = folder / "launches"
        self.units = folder / "units"
        self.standby_units = folder / "standby-units"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._standby: subprocess.Popen[bytes] | None = None

    @property
    def cloud(self) -> Path:
        """Where the cloud listens."""
        return self.folder / "cloud"

    @property
    def pid(self) -> int:
        """The controller's process."""
        assert self._process is not None, "the controller was not started"
        return self._process.pid

    def start(self, latency: Latency = AT_ONCE, **variables: str) -> None:
        """Start a process; `latency` is its launcher's."""
        self._process = self._spawn((), self.units, latency, variables)

    def start_standby(self) -> None:
        """Start one, registered when this returns.

        Raises:
            NeverAnsweredError: it did not register in time.
        """
        self._standby = self._spawn(("--standby",), self.standby_units, AT_ONCE, {})
        deadline = time.monotonic() + HEALTHY_SECONDS
        while read_standby(CONTROLLER) is None:
            if time.monotonic() > deadline:
                raise NeverAnsweredError(f"no standby within {HEALTHY_SECONDS:g} s")
            time.sleep(PAUSE_SECONDS)

    def give_way(self) -> None:
        """End the process without a word and be the standby from now on."""
        self.kill()
        self._process, self._standby = self._standby, None

    def _spawn(
        self, arguments: Sequence[str], units: Path, latency: Latency, variables: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        wiring = Wiring(cloud=self.cloud, launches=self.launches, units=units, latency=latency)
        environment = {
            "PARAMEDIC_CONTROLLER_ID": CONTROLLER,
            "PARAMEDIC_HOST": self.address.host,
            "PARAMEDIC_PORT": str(self.address.port),
            "PARAMEDIC_REPLICA_HOST": own_address().host,
            "PARAMEDIC_HOST_DIR": str(self.folder),
            WIRING: wiring.model_dump_json(),
            # Only a controller's very first start on a host compiles what it imports.
            "PYTHONDONTWRITEBYTECODE": "",
            **self._settings,
            **variables,
        }
        command = [sys.executable, "-m", "benchmarks.controller_parts.run_controller", *arguments]
        return start(command, self.folder / "controller.log", environment)

    def kill(self) -> None:
        """End the process without a word."""
        assert self._process is not None
        kill(self._process)

    def end(self) -> None:
        """End all that was started."""
        for process in (self._process, self._standby):
            if process is not None:
                end(process)

    def launched_at(self) -> list[float]:
        """When each launch was made, on the machine's monotonic clock, in order."""
        lines = self.launches.read_text().splitlines() if self.launches.exists() else []
        return [float(line.split()[0]) for line in lines]


@contextmanager
def controller(folder: Path, **settings: str) -> Iterator[Controller]:
    """A controller that was never started, with its DynamoDB and its cloud; all of it ends on leaving.

    `settings` are environment variables of all its processes.
    """
    with start_emulator(folder) as emulator:
        prefix = f"{uuid.uuid4().hex[:8]}-"
        create_tables(project_root() / "template.yaml", emulator.environment, prefix)
        with use({**emulator.environment, "TABLE_PREFIX": prefix}):
            tables.bind(prefix)
            made = Controller(folder, settings)
            command = [sys.executable, "-m", "benchmarks.controller_parts.cloud", str(made.cloud)]
            with running(command, folder / "cloud.log"):
                try:
                    yield made
                finally:
                    made.end()


def make_spec(name: str, replicas: int) -> ServiceSpec:
    """A service whose autoscaler has a choice."""
    policy = {"min_replicas": replicas, "max_replicas": replicas + 1, "target_qps_per_replica": 100}
    section = {"readiness_probe": "/", "gateway": GATEWAY, "replica_policy": policy}
    return parse_spec({"name": name, "run": "serve", "service": section})


def up(name: str, replicas: int) -> None:
    """What a user does."""
    verbs.up(CONTROLLER, make_spec(name, replicas), "benchmark", clock=CLOCK, new_id=lambda: uuid.uuid4().hex)


def grant_next_epoch(standby: str | None = None) -> int:
    """What a recovery does before it starts a successor, or instead of it where there is the process `standby`."""
    current = ControllerEpoch.read(CONTROLLER, EPOCH)
    assert current is not None
    target, epoch, now = controller_target_id(CONTROLLER), int(current.epoch) + 1, to_iso(CLOCK.now())
    previous = Recovery.read(target, epoch - 1)
    story = Story(actor="benchmark", reason="benchmark", manual=True, diagnosis="dead", evidence="it was killed")
    successor = Recovery(
        target,
        epoch,
        incident="benchmark",
        profile="benchmark",
        step=Step.LAUNCH if standby is None else Step.VERIFY,
        granted_to=standby,
        opened_at=now,
        step_at=now,
        version=0,
        owner="benchmark",
        story=story,
        open_marker=OPEN,
    )
    open_epoch(current, previous if previous and previous.step in OPEN_STEPS else None, successor, [], CLOCK)
    return epoch


def await_healthy(controller: Controller, epoch: int) -> Mapping[str, Any]:
    """What the controller of `epoch` answers, once it says that it is well.

    Raises:
        NeverAnsweredError: it did not in time.
    """
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            status, body = get(controller.address, "/health")
            health: Mapping[str, Any] = json.loads(body)
            if status == http.HTTPStatus.OK and health["epoch"] == epoch:
                return health
        time.sleep(PAUSE_SECONDS)
    raise NeverAnsweredError(f"the controller of epoch {epoch} was not well within {HEALTHY_SECONDS:g} s")


def routed() -> dict[str, int]:
    """How many replicas gateways are told of, by service."""
    rows = LoadBalancer.read_all(GATEWAY, LoadBalancer.service.startswith(SERVICE_PREFIX))
    return {row.service: len(row.routes.replicas) for row in rows}


def await_routed(services: int, replicas: int, patience: float, pause: float = 0.5) -> None:
    """Return once all of them are there.

    Raises:
        NeverAnsweredError: they were not in time.
    """
    deadline = time.monotonic() + patience
    seen: dict[str, int] = {}
    while time.monotonic() < deadline:
        seen = routed()
        if sum(number == replicas for number in seen.values()) == services:
            return
        time.sleep(pause)
    raise NeverAnsweredError(f"{sum(seen.values())} of {services * replicas} replicas were ready in {patience:g} s")
