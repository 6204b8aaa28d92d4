"""The embedded AWS: one MiniStack process that enforces IAM, on a loopback address of its own."""

import http.client
import os
import random
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict

from paramedic_cli.local.clients import REGION, client_environment
from paramedic_cli.local.errors import EmulatorFailedError, PortTakenError
from paramedic_cli.local.processes import ProcessIdentity
from paramedic_cli.local.project import emulator_python

# The emulator's root user; every other key is held to its policies.
ROOT_KEY = "test"
DEFAULT_PORT = 4566
_READY_SECONDS = 60.0
# What of the surroundings the emulator and the functions it runs may see.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Emulator(BaseModel):
    """A running embedded AWS. As a context manager it is stopped on leaving."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: int
    home: Path
    process: ProcessIdentity

    @property
    def endpoint(self) -> str:
        """The one URL of all its services."""
        return f"http://{self.host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What lets any AWS client talk to it, and to nothing else, as root."""
        return client_environment(self.endpoint, ROOT_KEY, ROOT_KEY)

    def is_alive(self) -> bool:
        """Whether its process still runs."""
        return self.process.is_alive()

    def stop(self) -> None:
        """End it, with all its state; its log stays."""
        self.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_emulator(
    home: Path, *, host: str | None = None, port: int = DEFAULT_PORT, detached: bool = False
) -> Emulator:
    """Start an emulator that keeps its log and temporary files in `home`, and return when it answers.

    Without `host` it gets a loopback address of its own, where no outgoing connection can take its port.
    It dies with the calling process (and the thread that called), unless `detached`.
    """
    address = host or _own_address()
    if _answers(address, port):
        raise PortTakenError(address, port)
    scratch = home / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    log = home / "emulator.log"
    child = _spawn(log, _emulator_environment(address, port, scratch), detached=detached)
    identity = ProcessIdentity.of(child.pid)
    if identity is None:
        raise EmulatorFailedError("the emulator ended at once", log)
    emulator = Emulator(host=address, port=port, home=home, process=identity)
    with ExitStack() as failure:
        failure.callback(emulator.stop)
        _await_ready(emulator, child, log)
        failure.pop_all()
    return emulator


def _spawn(log: Path, environment: dict[str, str], *, detached: bool) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("run_emulator.py")
    parent = 0 if detached else os.getpid()
    with log.open("wb") as output:
        # -I: nothing beside the script, and no PYTHONPATH of ours, may shadow what the emulator imports.
        return subprocess.Popen(
            [str(emulator_python()), "-I", str(script), str(parent)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=detached,
        )


def _emulator_environment(host: str, port: int, scratch: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        # For the functions it runs, which would otherwise look for it on 127.0.0.1.
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_HOST": host,
        "MINISTACK_REGION": REGION,
        "PYTHONDONTWRITEBYTECODE": "1",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(scratch),
    }


def _await_ready(emulator: Emulator, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _is_ready(emulator.host, emulator.port):
        if child.poll() is not None:
            raise EmulatorFailedError(f"the emulator ended with {child.returncode}", log)
        if time.monotonic() > deadline:
            raise EmulatorFailedError(f"the emulator did not answer within {_READY_SECONDS:.0f} s", log)
        time.sleep(0.05)


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def _own_address() -> str:
    return f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
