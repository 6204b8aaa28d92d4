"""Units under systemd itself: what launcher `ssm` says and does of them, and what systemd does meanwhile."""

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import FOUND_KEY, Launch, LauncherError, RunState, StopOutcome
from paramedic.launchers.process import procfs
from paramedic.recovery.messages import Status
from paramedic.state.receipt import Receipt
from paramedic_cli.local.project import project_root
from tests.fakes.guarded_world import TARGET, GuardedWorld
from tests.fakes.launchers.ssm import SsmHost
from tests.fakes.real_systemd import RealSystemd, why_not
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

# With a worker in a session of its own, as some programs have them.
TWO = "[Service]\nExecStart=/bin/sh -c 'setsid sleep 601 & exec sleep 600'\n"


class Place:
    """One unit, and the launcher whose profile names it."""

    def __init__(self, systemd: RealSystemd, host: SsmHost, unit: str) -> None:
        self.systemd = systemd
        self.unit = unit
        self.launcher = host.launcher(unit=unit, manager="user")

    def launch(self, epoch: int) -> Receipt:
        """Under a key of its own."""
        return self.launcher.launch(Launch(workload=TARGET, scope=TARGET, epoch=epoch, key=f"{TARGET}/{epoch}"))

    def occupant(self) -> Receipt:
        """Who runs there; somebody must."""
        found = self.launcher.occupant(TARGET)
        assert found is not None
        return found

    def processes(self) -> set[int]:
        """All that is in the unit's control group."""
        return {stat.pid for stat in procfs.all_processes() if not stat.gone and self.unit in _groups(stat.pid)}


def _groups(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return ""


def pid_of(receipt: Receipt) -> int:
    return int(receipt.identity["pid"])


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSystemd]:
    with RealSystemd(tmp_path_factory.mktemp("sd")) as manager:
        yield manager


@pytest.fixture
def host(systemd: RealSystemd, tmp_path: Path) -> SsmHost:
    return SsmHost(tmp_path / "host", tmp_path, systemd=systemd)


def test_a_hung_unit_is_ended_and_what_it_had_detached_ends_with_it(systemd: RealSystemd, host: SsmHost) -> None:
    systemd.add("hung.service", TWO)
    place = Place(systemd, host, "hung.service")
    receipt = place.launch(1)
    assert place.occupant() == receipt
    assert procfs.environment_of(pid_of(receipt))["PARAMEDIC_EPOCH"] == "1"
    first = eventually(lambda: found if len(found := place.processes()) == 2 else None, "its worker")
    os.kill(pid_of(receipt), signal.SIGSTOP)
    eventually(lambda: place.launcher.describe(receipt).state is RunState.SUSPENDED, "its suspension")
    assert place.launcher.stop(receipt, epoch=2, grace_seconds=0).outcome is StopOutcome.STOPPED
    successor = place.launch(2)
    assert place.occupant() == successor
    eventually(lambda: not first & place.processes(), "the end of the detached worker")


def test_a_unit_that_systemd_started_again_meanwhile_is_found_and_replaced_and_never_doubled(
    systemd: RealSystemd, host: SsmHost
) -> None:
    systemd.add("again.service", "[Service]\nExecStart=/bin/sleep 600\nRestart=on-failure\nRestartSec=0.1\n")
    place = Place(systemd, host, "again.service")
    first = place.launch(1)
    assert place.launcher.stop(first, epoch=2, grace_seconds=0).outcome is StopOutcome.STOPPED
    by_itself = eventually(lambda: place.launcher.occupant(TARGET), "systemd's own start")
    assert (by_itself.key, by_itself.epoch) == (FOUND_KEY, 0)
    assert pid_of(by_itself) != pid_of(first)
    # What is said of the first one is no word about this one.
    assert place.launcher.stop(first, epoch=2, grace_seconds=0).outcome is StopOutcome.STOPPED
    assert place.occupant() == by_itself
    successor = place.launch(2)
    assert place.processes() == {pid_of(successor)}
    assert procfs.environment_of(pid_of(successor))["PARAMEDIC_EPOCH"] == "2"


def test_a_unit_that_waits_to_be_started_again_is_empty_and_can_be_launched(
    systemd: RealSystemd, host: SsmHost
) -> None:
    systemd.add("waits.service", "[Service]\nExecStart=/bin/sleep 600\nRestart=on-failure\nRestartSec=600\n")
    place = Place(systemd, host, "waits.service")
    os.kill(pid_of(place.launch(1)), signal.SIGKILL)
    eventually(lambda: place.launcher.occupant(TARGET) is None, "its end")
    successor = place.launch(2)
    assert place.processes() == {pid_of(successor)}


def test_a_unit_that_was_stopped_is_empty_and_one_without_a_main_process_cannot_be_told(
    systemd: RealSystemd, host: SsmHost
) -> None:
    systemd.add("once.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    place = Place(systemd, host, "once.service")
    assert place.launcher.occupant(TARGET) is None
    systemd.systemctl("start", "once.service")
    with pytest.raises(LauncherError, match="is active and has no main process"):
        place.launcher.occupant(TARGET)


def test_a_unit_that_cannot_be_started_leaves_the_reason(systemd: RealSystemd, host: SsmHost) -> None:
    systemd.add("broken.service", "[Service]\nType=exec\nExecStart=/no/such/program\n")
    with pytest.raises(LauncherError, match=r"unit broken\.service does not start"):
        Place(systemd, host, "broken.service").launch(1)
    with pytest.raises(LauncherError, match=r"unit absent\.service is not-found"):
        Place(systemd, host, "absent.service").launch(1)


def test_a_guarded_unit_that_hangs_or_is_off_is_recovered_and_one_that_answers_is_not(
    systemd: RealSystemd, host: SsmHost
) -> None:
    address = f"127.{random.randint(20, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
    text = (project_root() / "examples/systemd/echo-model.service").read_text().replace("DynamicUser=yes\n", "")
    text = text.replace("0.0.0.0", address).replace("/opt/", f"{project_root()}/examples/")
    systemd.add("echo-model.service", text.replace("/usr/bin/python3", sys.executable))
    place = Place(systemd, host, "echo-model.service")

    def probe(request: ProbeRequest) -> ProbeOutcome:
        kind = OutcomeKind.OK
        try:
            httpx.get(f"http://{address}:8080/health", timeout=2).raise_for_status()
        except httpx.ConnectError:
            kind = OutcomeKind.REFUSED
        except httpx.TimeoutException:
            kind = OutcomeKind.TIMEOUT
        return ProbeOutcome(target_id=request.target_id, kind=kind)

    systemd.systemctl("start", "echo-model.service")
    with GuardedWorld().bound() as world:
        # The model needs its time, whatever the clock says.
        world.clock.on_sleep = lambda: time.sleep(0.05)
        around = replace(world.around(lambda _: place.launcher), probe=probe)
        request = ProbeRequest.model_construct(target_id=TARGET)
        eventually(lambda: probe(request).kind is OutcomeKind.OK, "the model")
        assert world.failed(around=around).status is Status.REFUSED
        os.kill(pid_of(place.occupant()), signal.SIGSTOP)
        assert world.failed("hung", around).status is Status.RECOVERED
        assert place.processes() == {pid_of(place.occupant())}
        systemd.systemctl("stop", "echo-model.service")
        # The pause before a second attempt.
        world.clock.advance(61)
        assert world.failed(around=around).status is Status.RECOVERED
        assert (place.occupant().epoch, len(place.processes())) == (3, 1)
        assert probe(request).kind is OutcomeKind.OK
