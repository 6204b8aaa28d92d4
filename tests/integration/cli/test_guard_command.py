"""`paramedic guard` of a real server that knows nothing of Paramedic, and its way back, on this host."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import initialise_host_dir
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.targets import TargetMode
from paramedic_cli.main import app
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.fakes.targets import stored_target
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

PEER = "url:peer"
HOST = "127.86.0.1"


@dataclass(frozen=True)
class Server:
    """A web server that somebody has started; it writes its own pid file."""

    url: str
    pid_file: Path

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def answers(port: int) -> Callable[[], bool | None]:
    def look() -> bool | None:
        with socket.socket() as asking:
            return True if asking.connect_ex((HOST, port)) == 0 else None

    return look


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    port, pid_file, host_dir = free_port(), tmp_path / "peer.pid", tmp_path / "host"
    serve = [sys.executable, "-m", "http.server", str(port), "--bind", HOST, "--directory", str(tmp_path)]
    command = ["sh", "-c", f"echo $$ > {pid_file}; exec {shlex.join(serve)}"]
    initialise_host_dir(host_dir)
    profile = {"launcher": "process", "host_dir": str(host_dir), "command": command, "pid_file": str(pid_file)}
    monkeypatch.setenv("LAUNCHER_PROFILES", json.dumps({"peer": profile}))
    monkeypatch.setenv("ALLOWED_CIDRS", "127.0.0.0/8")
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        eventually(answers(port), "the server's port")
        yield Server(f"http://{HOST}:{port}/", pid_file)
        one.kill()
    for stat in list(procfs.all_processes()):
        if procfs.has_markers(stat.pid, {"PARAMEDIC_HOST_DIR": str(host_dir)}):
            os.kill(stat.pid, signal.SIGKILL)


@pytest.fixture(autouse=True)
def _tables() -> Iterator[None]:
    with MemoryDynamoDB().bound():
        yield


def types(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--stack", "memory", "--without-lambda", *arguments])


def guards(url: str, restart: str = "peer", name: str = "peer") -> Result:
    return types("guard", url, "--restart", restart, "--name", name)


def epoch_of(target_id: str) -> int | None:
    row = ControllerEpoch.read(target_id, EPOCH)
    return None if row is None else int(row.epoch)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["ftp://a/", "--restart", "peer"], "absolute"),
        (["http://a/", "--restart", "peer", "--name", "A b"], "target.name"),
        (["http://u:p@a/", "--restart", "peer"], "credentials"),
    ],
)
def test_what_is_no_url_or_name_is_refused_by_name(arguments: list[str], named: str) -> None:
    result = types("guard", *arguments)
    assert result.exit_code == 2
    assert named in result.stderr


def test_what_no_profile_restarts_is_told_with_the_lines_to_add_and_nothing_is_registered(server: Server) -> None:
    result = guards(server.url, "ssm:i-0123456789abcdef0:dask-gateway")
    assert result.exit_code == 1
    assert 'LauncherProfiles: add "dask-gateway": {"launcher": "ssm"' in result.stderr
    assert "SsmLauncherInstanceArns=arn:aws:ec2:REGION:ACCOUNT:instance/i-0123456789abcdef0" in result.stderr
    assert types("target", "list").stdout.startswith("nothing is checked")
    assert epoch_of(PEER) is None


def test_what_does_not_answer_is_not_guarded(server: Server) -> None:
    result = guards(f"http://{HOST}:{free_port()}/")
    assert result.exit_code == 1
    assert "what never answered" in result.stderr
    assert epoch_of(PEER) is None


def test_a_server_is_guarded_once_however_often_that_is_asked_and_is_only_observed(server: Server) -> None:
    for _ in range(2):
        result = guards(server.url)
        assert (result.exit_code, result.stderr) == (0, "")
        assert f"process {server.pid} is running in the place of profile peer" in result.stdout
        assert "url:peer is guarded by profile peer, in mode observe" in result.stdout
        assert "paramedic target mode url:peer ask" in result.stdout
        row = stored_target(PEER)
        assert (row.mode, row.profile, epoch_of(PEER)) == (TargetMode.OBSERVE, "peer", 1)
    elsewhere = guards(f"http://{HOST}:1/")
    assert elsewhere.exit_code == 2
    assert "give another --name" in elsewhere.stderr


def test_a_guarded_server_is_killed_recovered_drilled_and_its_history_told(server: Server) -> None:
    guards(server.url)
    first = server.pid
    assert "it is not down: its probe passes" in types("recover", PEER, "--reason", "test").stdout
    os.kill(first, signal.SIGKILL)
    eventually(lambda: True if procfs.read_stat(first) is None or procfs.read_stat(first).gone else None, "its end")  # type: ignore[union-attr]
    assert "url:peer  1      observe  healthy" in types("status").stdout
    recovered = types("recover", PEER, "--reason", "it was killed")
    assert recovered.exit_code == 0, recovered.output
    assert "nothing runs in its place" in types("history", PEER).stdout
    assert server.pid != first
    drilled = types("drill", PEER, "--reason", "to see it")
    assert drilled.exit_code == 0, drilled.output
    assert "drill:" in drilled.stdout
    assert epoch_of(PEER) == 3
    assert "(drill) done" in types("report").stdout
