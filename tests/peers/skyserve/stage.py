"""A SkyPilot controller host without a cloud: SkyServe's own controller in a home of its own, in the unit or not."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import httpx

from paramedic.launchers.interface import Launch
from paramedic.launchers.process import procfs
from paramedic.launchers.ssm.launcher import SsmLauncher
from paramedic.state.receipt import Receipt
from paramedic_cli.local.project import project_root
from tests.fakes.launchers.ssm import SsmHost
from tests.fakes.real_systemd import RealSystemd
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

SERVICE = "demo"
UNIT = f"skyserve-controller@{SERVICE}.service"
TARGET = "skyserve-demo"
SCRIPT = project_root() / "deploy/skyserve/skyserve_controller.py"

# A controller may not launch replicas here: there is no cloud, and asking for one starts SkyPilot's API server.
_VARIABLES = {"SKYPILOT_USER_ID": "0123abcd", "SKYPILOT_API_SERVER_ENDPOINT": "http://127.0.0.1:1"}

_TASK = """\
resources:
  ports: 8080
service:
  ports: 8080
  readiness_probe: /
  replica_policy: {min_replicas: 2, max_replicas: 3, target_qps_per_replica: 100, upscale_delay_seconds: 20}
run: serve
"""

_CATALOG = """\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone,Arch
t3.micro,,,2.0,1.0,,0.0104,0.0031,us-east-1,us-east-1a,x86_64
"""


_SELECT = "select controller_port, load_balancer_port, controller_pid, active_versions from services where name = ?"


class Row(NamedTuple):
    """What SkyServe notes of a service; `active_versions` is a JSON list of those with a ready replica."""

    controller_port: int
    load_balancer_port: int
    controller_pid: int
    active_versions: str

    @property
    def ports(self) -> tuple[int, int]:
        """The controller's and the load balancer's."""
        return self.controller_port, self.load_balancer_port


class SkyServeHost:
    """Its home is that of `systemd`, a user's manager; `replicas` are the service's."""

    def __init__(self, systemd: RealSystemd, folder: Path) -> None:
        self._systemd = systemd
        self.home = systemd.home
        self.directory = self.home / ".sky/serve" / SERVICE
        self.directory.mkdir(parents=True)
        (self.home / "skypilot-runtime").symlink_to(project_root() / ".tools/skypilot")
        catalog = self.home / ".sky/catalogs/v8/aws/vms.csv"
        catalog.parent.mkdir(parents=True)
        catalog.write_text(_CATALOG)
        (self.directory / "task.yaml.tmp").write_text(_TASK)
        self._host = SsmHost(folder / "host", folder, systemd=systemd)
        unit = (SCRIPT.parent / "skyserve-controller@.service").read_text()
        # A user's manager has one user.
        unit = unit.replace("User=ubuntu\n", "").replace("/usr/local/lib/paramedic", str(SCRIPT.parent))
        systemd.add("skyserve-controller@.service", unit)
        prefix = f"127.{random.randint(20, 250)}.{random.randint(1, 250)}"
        self.replicas = [Upstream(f"{prefix}.{number}", 8080, name=str(number)) for number in (1, 2)]
        self._python = str(self.home / "skypilot-runtime/bin/python")
        self._environment = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        self.next_epoch = 1

    def launcher(self) -> SsmLauncher:
        """Of the profile that names the unit, new as in each invocation."""
        return self._host.launcher(unit=UNIT, manager="user")

    def launch(self, epoch: int | None = None) -> Receipt:
        """What a recovery has done on the host, under the next epoch unless one is named."""
        number = epoch or self.next_epoch
        self.next_epoch = number + 1
        key = f"{TARGET}/{number}"
        return self.launcher().launch(Launch(workload=TARGET, scope=TARGET, epoch=number, key=key))

    def run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """A program under SkyPilot's Python."""
        command = [str(each) for each in (self._python, *arguments)]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)

    def start_by_script(self) -> "subprocess.Popen[bytes]":
        """As a person may, beside the unit."""
        command = [self._python, str(SCRIPT), SERVICE]
        return subprocess.Popen(command, env=self._environment, start_new_session=True)

    def start_as_skypilot_does(self) -> tuple[int, int]:
        """The job that `sky serve up` submits; the ports, once it has seen a replica ready."""
        addresses = [f"{replica.name}@{replica.host}" for replica in self.replicas]
        seeded = self.run(SCRIPT_OF_SEEDS, SERVICE, *addresses)
        assert seeded.returncode == 0, seeded.stderr
        named = ("--service-name", SERVICE, "--task-yaml", "~/.sky/serve/demo/task.yaml.tmp", "--job-id", "7")
        rest = ("--entrypoint", "sky serve up", "--user-hash", "4567cdef")
        with (self.directory / "controller.log").open("ab") as log:
            process = subprocess.Popen(
                [self._python, "-u", "-m", "sky.serve.service", *named, *rest],
                env={**self._environment, **_VARIABLES},
                start_new_session=True,
                stdout=log,
                stderr=log,
            )

        def ready() -> Row | None:
            assert process.poll() is None, f"it ended with {process.returncode}: {self.directory}/controller.log"
            row = self.record()
            return row if row and row.active_versions == "[1]" else None

        # Its load balancer learns that later.
        return eventually(ready, "a replica that SkyServe has seen ready").ports

    def record(self) -> Row | None:
        """What SkyServe's database says of the service; None before it says anything."""
        with closing(sqlite3.connect(self.home / ".sky/serve/services.db")) as database:
            try:
                found = database.execute(_SELECT, [SERVICE]).fetchone()
            except sqlite3.OperationalError:
                return None
        return None if found is None or found[1] is None else Row(*found)

    def helpers(self) -> set[int]:
        """All other processes of the service."""
        return {stat.pid for stat in self.living()} - set(self.controllers())

    def controllers(self) -> list[int]:
        """The main processes of the service's controllers that live."""
        return [stat.pid for stat in self.living() if b"sky.serve.service" in _command(stat.pid)]

    def living(self) -> list[procfs.ProcessStat]:
        """All that SkyServe runs here."""
        return [
            stat for stat in procfs.all_processes() if not stat.gone and self._python.encode() in _command(stat.pid)
        ]

    def signal_all(self, number: signal.Signals) -> None:
        """To every process of the controller."""
        for stat in self.living():
            os.kill(stat.pid, number)

    def serves(self, controller: int) -> tuple[int, int]:
        """The ports that SkyServe notes, once it notes that controller and both replicas are reached through it."""
        row = eventually(
            lambda: row if (row := self.record()) and row.controller_pid == controller else None,
            f"SkyServe's own note of controller {controller}",
        )
        for replica in self.replicas:
            replica.requests.clear()

        def reached() -> bool:
            try:
                httpx.get(f"http://127.0.0.1:{row.load_balancer_port}/who", timeout=5)
            except httpx.HTTPError:
                return False
            return all(any("/who" in path for _, path in replica.requests) for replica in self.replicas)

        eventually(reached, "both replicas behind the load balancer")
        return row.ports

    def answering(self) -> int | None:
        """The controller that SkyServe notes, if it answers."""
        row = self.record()
        return row.controller_pid if row and self.target_of(row.controller_pid) is not None else None

    def target_of(self, controller: int) -> int | None:
        """How many replicas its autoscaler wants; None while SkyServe does not note it, or it does not answer."""
        row = self.record()
        if row is None or row.controller_pid != controller:
            return None
        try:
            told = httpx.get(f"http://127.0.0.1:{row.controller_port}/autoscaler/info", timeout=10).json()
        except httpx.HTTPError:
            return None
        return int(told["target_num_replicas"])

    def post_requests(self, number: int) -> list[str]:
        """What the load balancer reports, as if so many requests had come just now; the replicas it is to use."""
        row = self.record()
        assert row is not None
        report = {"request_aggregator": {"timestamps": [time.time()] * number}}
        url = f"http://127.0.0.1:{row.controller_port}/controller/load_balancer_sync"
        return list(httpx.post(url, json=report, timeout=10).json()["replica_info"])

    def set_status(self, status: str) -> None:
        """As `sky serve down` does."""
        with closing(sqlite3.connect(self.home / ".sky/serve/services.db")) as database, database:
            database.execute("update services set status = ? where name = ?", [status, SERVICE])

    def leave_unit(self) -> None:
        """systemd will not start it again."""
        self._systemd.systemctl("stop", UNIT)

    def end(self) -> None:
        """Everything, however far it came."""
        while self.living():
            for stat in self.living():
                os.kill(stat.pid, signal.SIGKILL)


SCRIPT_OF_SEEDS = Path(__file__).with_name("seed.py")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
