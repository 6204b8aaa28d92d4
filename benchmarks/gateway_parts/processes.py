"""Processes this benchmark starts: each with an address of its own, each ended by its number, however a part ends."""

import http.client
import os
import random
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import NotMeasuredError
from paramedic.launchers.process import procfs
from paramedic_cli.local.project import project_root

PORT = 8000
END_SECONDS = 15.0


class NeverAnsweredError(NotMeasuredError):
    """A server did not get ready."""


@dataclass(frozen=True)
class Address:
    """Where something listens; `port` is free there, for nothing else uses the host."""

    host: str
    port: int = PORT

    @property
    def url(self) -> str:
        """For whoever wants it as text."""
        return f"http://{self.host}:{self.port}"


def own_address(port: int = PORT) -> Address:
    """An address nobody else uses: outgoing connections take their ports on 127.0.0.1."""
    return Address(f"127.{random.randint(100, 199)}.{random.randint(1, 254)}.{random.randint(1, 254)}", port)


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended on leaving; it sees this process's environment and `environment`."""
    process = start(command, log, environment)
    try:
        yield process
    finally:
        end(process)


def start(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process whose output goes to `log`, in a session of its own.

    The gateway's Envoy has one too, and on a busy machine Linux shares the processors out by sessions.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=project_root(),
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End it politely, else at once; ending a dead one does nothing."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End it without a word; returns when it is gone."""
    process.kill()
    process.wait()


def get(address: Address, path: str = "/", patience: float = 5.0) -> tuple[int, str]:
    """Status and body of a GET on a connection of its own; raises OSError or HTTPException."""
    return _ask(address, "GET", path, None, patience)


def post(address: Address, body: bytes, patience: float = 5.0) -> int:
    """Status of a POST on a connection of its own; raises OSError or HTTPException."""
    status, _ = _ask(address, "POST", "/", body, patience)
    return status


def _ask(address: Address, method: str, path: str, body: bytes | None, patience: float) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=patience)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def await_ok(address: Address, patience: float = 30.0, pause: float = 0.05) -> None:
    """Return at the first answer 200.

    Raises:
        NeverAnsweredError: there was none in time.
    """
    deadline = time.monotonic() + patience
    seen: object = None
    while time.monotonic() < deadline:
        try:
            seen = get(address)
        except (OSError, http.client.HTTPException) as error:
            seen = error
        else:
            if seen[0] == http.HTTPStatus.OK:
                return
        time.sleep(pause)
    raise NeverAnsweredError(f"{address.url} did not answer 200 within {patience:g} s; last: {seen!r}")


def memory_mb(pid: int, *, peak: bool) -> float:
    """Resident memory of one process, now or at its highest."""
    field = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def cpu_seconds(pid: int) -> float:
    """What one process used of all cores since its start."""
    stat = procfs.read_stat(pid)
    assert stat is not None, f"process {pid} is gone"
    return stat.cpu_seconds
