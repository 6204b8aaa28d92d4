"""A gateway replica whose disk is really full serves on, whatever ends in the meantime."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic.state import tables
from paramedic_gateway.counting.records import NEW_LIFE
from tests.fakes.gateway_replica import GatewayReplica, publish, withdraw
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

DISK_BYTES = 4 * 1024 * 1024


class SmallDisk:
    """A file system of its own at `path`. Skips the test where none may be mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)]
        mount = subprocess.run(command, check=False, capture_output=True, text=True)
        if mount.returncode != 0:
            pytest.skip(f"a disk small enough to be filled needs the right to mount a tmpfs: {mount.stderr.strip()}")

    def fill(self) -> None:
        """Leave no byte free, in whatever file is written next."""
        with self._filler.open("ab", buffering=0) as filler:
            while True:
                try:
                    filler.write(b"\0" * 4096)
                except OSError:
                    return

    def make_room(self) -> None:
        """Undo `fill`."""
        self._filler.unlink()

    def close(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with tempfile.TemporaryDirectory(prefix="gw-", ignore_cleanup_errors=True) as folder:
        disk = SmallDisk(Path(folder))
        yield disk
        disk.close()


@pytest.fixture
def gateway(table_prefix: str, disk: SmallDisk) -> Iterator[GatewayReplica]:
    tables.bind(table_prefix)
    replica = GatewayReplica(table_prefix, directory=disk.path / "replica")
    yield replica
    replica.close()


@pytest.fixture
def full(gateway: GatewayReplica, serving: subprocess.Popen[bytes], disk: SmallDisk) -> SmallDisk:
    """The disk of a gateway that serves, once nothing more can be written to it."""
    disk.fill()
    pad_to_its_block(gateway.layout.access_log)
    return disk


def pad_to_its_block(path: Path) -> None:
    """The last block of a file has room even on a full disk."""
    with path.open("ab", buffering=0) as file:
        while True:
            try:
                file.write(b"\n" * (4096 - path.stat().st_size % 4096))
            except OSError:
                return


def test_an_envoy_that_is_killed_on_a_full_disk_comes_back(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], full: SmallDisk
) -> None:
    killed = gateway.kill_envoy()
    eventually(lambda: gateway.served_by() == "one", f"its successor; the log:\n{gateway.log_text()}")
    assert gateway.healthy()["envoy_pid"] != killed
    assert serving.poll() is None


def test_an_agent_that_is_killed_on_a_full_disk_has_a_successor_that_adopts_its_envoy(
    gateway: GatewayReplica, full: SmallDisk
) -> None:
    envoy = gateway.envoy_pid()
    gateway.kill_agent()
    gateway.start()
    assert gateway.healthy()["envoy_pid"] == envoy


def test_with_both_killed_on_a_full_disk_the_routes_on_it_are_served(gateway: GatewayReplica, full: SmallDisk) -> None:
    gateway.kill_agent()
    gateway.kill_envoy()
    gateway.start()
    eventually(lambda: gateway.served_by() == "one", f"the routes on disk; the log:\n{gateway.log_text()}")
    assert gateway.healthy()["envoy_starts"] == 1


def test_an_envoy_that_a_full_disk_left_unrecorded_is_adopted_and_recovers_with_the_disk(
    gateway: GatewayReplica, full: SmallDisk, two: Upstream
) -> None:
    gateway.kill_envoy()
    eventually(lambda: gateway.served_by() == "one", "its successor")
    envoy = gateway.healthy()["envoy_pid"]
    gateway.kill_agent()
    gateway.start()
    assert gateway.healthy()["envoy_pid"] == envoy
    publish("echo", 2, [two.url])
    assert "cannot be kept" in gateway.problem("serving what was")
    full.make_room()
    eventually(lambda: gateway.served_by() == "two", "the change, once there is room")
    eventually(lambda: gateway.healthy()["problems"] == [], "all to be well again")


def test_a_service_is_withdrawn_on_a_full_disk_and_the_agent_lives_on(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], full: SmallDisk
) -> None:
    withdraw("echo")
    gateway.problem("No space left")
    assert serving.poll() is None
    full.make_room()
    eventually(lambda: gateway.get() is None, "the service to be gone, once there is room")


def test_what_an_envoy_took_along_on_a_full_disk_is_lost_and_not_left_open(
    gateway: GatewayReplica, full: SmallDisk, one: Upstream
) -> None:
    gateway.kill_envoy()
    eventually(lambda: gateway.served_by() == "one", "its successor")
    full.make_room()
    gateway.kill_envoy()
    eventually(lambda: gateway.served_by() == "one", "another successor")
    assert NEW_LIFE in gateway.layout.access_log.read_text().splitlines()
