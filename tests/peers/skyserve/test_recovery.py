"""The real SkyServe controller, killed and suspended, and brought back by what is sent to its host.

No cloud: its replicas are servers on this machine that SkyServe takes for its own.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from paramedic.launchers.interface import RunState, StopOutcome
from tests.fakes.waiting import eventually
from tests.peers.skyserve.stage import SCRIPT, SERVICE, TARGET, SkyServeHost

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SkyServeHost]:
    """A service with two ready replicas, under a controller that SkyPilot started itself."""
    host = SkyServeHost(tmp_path_factory.mktemp("skyserve"))
    with ExitStack() as stack:
        stack.callback(host.end)
        for replica in host.replicas:
            stack.enter_context(replica)
        host.start_as_skypilot_does()
        yield host


def the_one(sky: SkyServeHost) -> int:
    (pid,) = sky.controllers()
    return pid


def test_a_hung_one_that_skypilot_started_is_ended_and_the_unit_takes_its_place(sky: SkyServeHost) -> None:
    former = the_one(sky)
    ports = sky.serves(former)
    old = {stat.pid for stat in sky.living()}
    sky.signal_all(signal.SIGSTOP)
    receipt = sky.launch()
    successor = int(receipt.identity["pid"])
    assert sky.serves(successor) == ports
    assert sky.controllers() == [successor]
    assert not old & {stat.pid for stat in sky.living()}
    assert sky.launcher().occupant(TARGET) == receipt
    # Its own job has failed by now, and an idle host would be stopped.
    idle = "from sky.skylet import autostop_lib; print(autostop_lib.get_autostop_config().autostop_idle_minutes)"
    assert sky.run("-c", idle).stdout == "-1\n"


def test_killed_alone_it_leaves_its_load_balancer_and_all_of_it_is_replaced(sky: SkyServeHost) -> None:
    pid = the_one(sky)
    ports = sky.serves(pid)
    left = {stat.pid for stat in sky.living() if stat.pid != pid}
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not sky.controllers(), "its end")
    assert sky.launcher().occupant(TARGET) is None
    # Nothing supervises what is left, and it serves on.
    assert sky.serves(pid) == ports
    receipt = sky.launch()
    successor = int(receipt.identity["pid"])
    assert sky.launch(receipt.epoch) == receipt
    assert sky.serves(successor) == ports
    assert sky.controllers() == [successor]
    assert not left & {stat.pid for stat in sky.living()}


def test_a_hung_one_in_the_unit_is_stopped_to_its_last_process_and_two_starts_at_once_are_one(
    sky: SkyServeHost,
) -> None:
    ports = sky.serves(the_one(sky))
    sky.signal_all(signal.SIGSTOP)
    launcher = sky.launcher()
    found = launcher.occupant(TARGET)
    assert found is not None
    assert launcher.describe(found).state is RunState.SUSPENDED
    assert launcher.stop(found, epoch=found.epoch, grace_seconds=0).outcome is StopOutcome.STOPPED
    assert not sky.living()
    starts = [sky.start_by_script() for _ in range(2)]
    eventually(lambda: sum(each.poll() is None for each in starts) == 1, "the end of one of the two")
    (last,) = (each.pid for each in starts if each.poll() is None)
    assert sky.serves(last) == ports
    assert sky.controllers() == [last]


def test_what_skyserve_itself_loses_is_lost(sky: SkyServeHost) -> None:
    sky.post_requests(100 * 60 * 2 + 1)
    eventually(lambda: sky.target_of(the_one(sky)) == 3, "a third replica to be wanted")
    # Its ids start from 1 again: the row of a replica that lives and answers is overwritten by the new one's.
    lost, kept = (replica.url for replica in sky.replicas)
    eventually(lambda: sky.post_requests(0) == [kept], f"{lost} to be lost")
    successor = int(sky.launch().identity["pid"])
    assert eventually(lambda: sky.target_of(successor), "the successor's autoscaler") == 2


def test_it_is_not_started_where_that_would_be_wrong(sky: SkyServeHost) -> None:
    sky.end()
    noted = sky.directory / "paramedic.env"
    noted.rename(noted.with_suffix(".away"))
    unset = sky.run(SCRIPT, "start", SERVICE)
    assert (unset.returncode, "nobody has noted how the controller" in unset.stderr) == (2, True)
    sky.set_status("SHUTTING_DOWN")
    leaving = sky.run(SCRIPT, "start", SERVICE)
    assert (leaving.returncode, "is SHUTTING_DOWN" in leaving.stderr) == (2, True)
    assert not sky.living()
