"""The embedded AWS is started, found again and ended exactly."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic_cli.local.emulator import Emulator, start_emulator
from paramedic_cli.local.errors import NoLocalStackError, PortTakenError
from paramedic_cli.local.processes import ProcessIdentity
from paramedic_cli.local.stack import down, load

START_AND_WAIT = """
import sys, time
from pathlib import Path
from paramedic_cli.local.emulator import start_emulator
print(start_emulator(Path(sys.argv[1])).model_dump_json(), flush=True)
time.sleep(600)
"""


@pytest.mark.integration
def test_a_taken_port_is_named(dynamodb: Emulator, tmp_path: Path) -> None:
    with pytest.raises(PortTakenError, match=f"{dynamodb.host}:{dynamodb.port} is taken"):
        start_emulator(tmp_path, host=dynamodb.host, port=dynamodb.port)


@pytest.mark.integration
def test_the_emulator_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", START_AND_WAIT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    emulator = Emulator.model_validate_json(parent.stdout.readline())
    assert emulator.is_alive()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert emulator.process.gone_within(5)


@pytest.mark.integration
def test_a_detached_emulator_outlives_its_starter_and_is_stopped_by_identity(tmp_path: Path) -> None:
    program = START_AND_WAIT.replace("(Path(sys.argv[1]))", "(Path(sys.argv[1]), detached=True)")
    program = program.replace("time.sleep(600)", "")
    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    emulator = Emulator.model_validate_json(finished.stdout)
    assert emulator.is_alive()
    emulator.stop()
    assert not emulator.is_alive()


def test_a_later_process_with_the_same_pid_is_another_one() -> None:
    mine = ProcessIdentity.of(1)
    assert mine is not None
    earlier = mine.model_copy(update={"start_ticks": mine.start_ticks - 1})
    assert mine.is_alive()
    assert not earlier.is_alive()


def test_a_stack_that_does_not_run_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NoLocalStackError, match="paramedic local up"):
        load(tmp_path)
    with pytest.raises(NoLocalStackError):
        down(tmp_path)
