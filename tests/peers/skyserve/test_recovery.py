"""The real SkyServe controller, killed and suspended, and brought back by what is sent to its host, under systemd.

No cloud: its replicas are servers on this machine that SkyServe takes for its own. The tests go on where the last one
stopped, since each start takes SkyServe a while.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from paramedic.launchers.interface import FOUND_KEY, RunState, StopOutcome
from tests.fakes.real_systemd import RealSystemd, why_not
from tests.fakes.waiting import eventually
from tests.peers.skyserve.stage import SCRIPT, SERVICE, TARGET, SkyServeHost

pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(why_not() is not None, reason=why_not() or "")]


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SkyServeHost]:
    """A host on which nothing has run."""
    folder = tmp_path_factory.mktemp("sky")
    with RealSystemd(folder) as systemd, ExitStack() as stack:
        host = SkyServeHost(systemd, folder)
        stack.callback(host.end)
        for replica in host.replicas:
            stack.enter_context(replica)
        yield host


def the_one(sky: SkyServeHost) -> int:
    (pid,) = sky.controllers()
    return pid


def test_a_hung_one_is_ended_to_its_last_process_and_two_starts_at_once_are_one(sky: SkyServeHost) -> None:
    ports = sky.start_as_skypilot_does()
    old = {stat.pid for stat in sky.living()}
    sky.signal_all(signal.SIGSTOP)
    starts = [sky.start_by_script() for _ in range(2)]
    eventually(lambda: sum(each.poll() is None for each in starts) == 1, "the end of one of the two")
    (last,) = (each.pid for each in starts if each.poll() is None)
    assert sky.serves(last) == ports
    assert sky.controllers() == [last]
    assert not old & {stat.pid for stat in sky.living()}
    # The job that SkyPilot knows has failed by now, and an idle host would be stopped.
    idle = "from sky.skylet import autostop_lib; print(autostop_lib.get_autostop_config().autostop_idle_minutes)"
    assert sky.run("-c", idle).stdout == "-1\n"


def test_one_that_runs_elsewhere_is_taken_over_by_the_unit(sky: SkyServeHost) -> None:
    ports = sky.serves(the_one(sky))
    receipt = sky.launch()
    assert sky.launch(receipt.epoch) == receipt
    pid = int(receipt.identity["pid"])
    assert sky.serves(pid) == ports
    assert sky.controllers() == [pid]
    assert sky.launcher().occupant(TARGET) == receipt


def test_killed_alone_it_is_started_again_by_systemd_and_replaces_what_was_left_of_it(sky: SkyServeHost) -> None:
    pid = the_one(sky)
    ports = sky.serves(pid)
    left = sky.helpers()
    os.kill(pid, signal.SIGKILL)
    # Which is not the first that systemd starts where SkyServe gives one up: it allows a start no more than a minute.
    successor = eventually(lambda: (each := sky.answering()) != pid and each, "an answer of what systemd started")
    assert sky.serves(successor) == ports
    assert sky.controllers() == [successor]
    assert not left & sky.helpers()
    found = sky.launcher().occupant(TARGET)
    assert found is not None
    assert (found.key, int(found.identity["pid"])) == (FOUND_KEY, successor)


def test_what_skyserve_itself_loses_is_lost(sky: SkyServeHost) -> None:
    assert sky.target_of(the_one(sky)) == 2
    sky.post_requests(100 * 60 * 2 + 1)
    eventually(lambda: sky.target_of(the_one(sky)) == 3, "a third replica to be wanted")
    # Its ids start from 1 again: the row of a replica that lives and answers is overwritten by the new one's.
    lost, kept = (replica.url for replica in sky.replicas)
    eventually(lambda: sky.post_requests(0) == [kept], f"{lost} to be lost")
    sky.signal_all(signal.SIGSTOP)
    launcher = sky.launcher()
    found = launcher.occupant(TARGET)
    assert found is not None
    eventually(lambda: launcher.describe(found).state is RunState.SUSPENDED, "its suspension")
    assert launcher.stop(found, epoch=sky.next_epoch, grace_seconds=0).outcome is StopOutcome.STOPPED
    assert not sky.living()
    successor = int(sky.launch().identity["pid"])
    assert eventually(lambda: sky.target_of(successor), "the successor's autoscaler") == 2


def test_it_is_not_started_where_that_would_be_wrong(sky: SkyServeHost) -> None:
    sky.leave_unit()
    sky.end()
    noted = sky.directory / "paramedic.env"
    noted.rename(noted.with_suffix(".away"))
    unset = sky.run(SCRIPT, SERVICE)
    assert (unset.returncode, "nobody has noted how the controller" in unset.stderr) == (2, True)
    sky.set_status("SHUTTING_DOWN")
    leaving = sky.run(SCRIPT, SERVICE)
    assert (leaving.returncode, "is SHUTTING_DOWN" in leaving.stderr) == (2, True)
    assert not sky.living()
