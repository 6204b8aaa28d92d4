"""A controller whose predecessor ran on another host: two hosts, two host directories, one set of tables."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramedic.launchers.process import host as hosts
from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import Host, initialise_host_dir
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.services.verbs import down
from paramedic.state.operations import Operation
from paramedic_controller.probes import Tally
from tests.fakes import controller_world
from tests.fakes.controller_world import ControllerWorld, FakeProber, Life, make_spec

pytestmark = pytest.mark.integration


class Answering(FakeProber):
    """Every replica answers, wherever it runs, but for those a test calls sick."""

    def tally(self, name: str) -> Tally:
        failures = self.failures.get(int(name.rpartition("/")[2]), 0)
        return Tally(failures == 0, failures, "connection refused" if failures else "")


@pytest.fixture
def world(table_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControllerWorld]:
    monkeypatch.setattr(controller_world, "FakeProber", Answering)
    yield ControllerWorld(table_prefix, tmp_path)
    for host in ("a", "b"):
        for stat in procfs.all_marked({"PARAMEDIC_HOST_DIR": str(tmp_path / host)}):
            os.kill(stat.pid, signal.SIGKILL)


def move_to(name: str, world: ControllerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Life:
    """A successor on the host `name`, with a directory of that host's own."""
    here = Host(hostname=name, machine_id=f"id-of-{name}", boot_id=f"boot-of-{name}", pid_namespace="pid:[1]")
    monkeypatch.setattr(hosts, "this_host", lambda: here)
    initialise_host_dir(tmp_path / name)
    launcher: Any = ProcessLauncher(tmp_path / name)
    world.launcher = launcher
    return world.start()


def test_replicas_of_the_former_host_serve_until_they_are_replaced_and_then_hold_nothing_up(
    world: ControllerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = move_to("a", world, tmp_path, monkeypatch)
    uid = world.up(make_spec(min_replicas=2).model_copy(update={"run": "exec sleep 600"})).uid
    first.settle()
    left = procfs.all_marked({"PARAMEDIC_HOST_DIR": str(tmp_path / "a")})
    assert len(left) == 2
    second = move_to("b", world, tmp_path, monkeypatch)
    second.prober.failures = {3: 1, 4: 1}
    second.settle()
    balancer = world.stored().balancer
    assert balancer is not None
    assert [each.replica_id for each in balancer.routes] == [1, 2]
    assert [each.replica_id for each in world.stored().replicas] == [1, 2, 3, 4]
    second.prober.failures = {}
    second.settle()
    assert [each.replica_id for each in world.stored().replicas] == [3, 4]
    outcomes = [row.outcome for row in Operation.read_all(uid, Operation.item.startswith("done#"))]
    assert sum(each.startswith("not confirmed gone: it ran on host id-of-a") for each in outcomes) == 2
    assert sum("may still run" in each for each in world.messages) == 2
    assert procfs.all_marked({"PARAMEDIC_HOST_DIR": str(tmp_path / "a")}) == left
    last = move_to("a", world, tmp_path, monkeypatch)
    down(world.controller_id, "echo", "ada", clock=world.clock)
    for _ in range(10):
        last.run_pass()
        world.clock.advance(1.0)
    assert last.fleet.states() == []
