"""What every part of the benchmark works with: a folder, replicas, load."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from benchmarks.gateway_parts.processes import Address, await_ok, own_address, running
from paramedic_cli.local.project import project_root

PACKAGE = "benchmarks.gateway_parts"


class Seen(BaseModel):
    """What clients saw in one run of load."""

    model_config = ConfigDict(frozen=True)

    requests: int
    requests_with_warm_up: int
    failures: dict[str, int]
    rate: float
    p50_ms: float | None
    p99_ms: float | None
    cpu: float

    @property
    def failed(self) -> int:
        """Requests without a whole answer 200, and connections refused."""
        return sum(self.failures.values())


@dataclass(frozen=True)
class Replica:
    """A running replica."""

    address: Address
    process: subprocess.Popen[bytes]


class Load:
    """A run of load that is under way."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def result(self) -> Seen:
        """Wait for its end."""
        output, _ = self._process.communicate()
        return Seen.model_validate_json(output)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


class Lab:
    """`python` is the peers' interpreter, `folder` holds whatever is written; both are the caller's."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = python
        self._numbers = count(1)

    def new_folder(self, kind: str) -> Path:
        """A folder nobody has used; its path is short enough for unix sockets."""
        folder = self.folder / f"{kind}{next(self._numbers)}"
        folder.mkdir()
        return folder

    @contextmanager
    def replicas(self, number: int) -> Iterator[list[Replica]]:
        """So many replicas, ready."""
        with ExitStack() as cleanup:
            yield [cleanup.enter_context(self.replica(own_address())) for _ in range(number)]

    @contextmanager
    def replica(self, address: Address) -> Iterator[Replica]:
        """A replica that answers with its host, ready."""
        command: list[str | Path] = [
            self.python,
            "-m",
            f"{PACKAGE}.replica",
            address.host,
            str(address.port),
            address.host,
        ]
        with running(command, self.folder / "replicas.log") as process:
            await_ok(address)
            yield Replica(address, process)

    def load(self, target: Address, connections: int, seconds: float) -> Load:
        """Start sending."""
        words = [target.host, target.port, connections, seconds]
        command = [str(self.python), "-m", f"{PACKAGE}.generate_load", *map(str, words)]
        return Load(subprocess.Popen(command, stdout=subprocess.PIPE, cwd=project_root(), start_new_session=True))

    def measure(self, target: Address, connections: int, seconds: float) -> Seen:
        """Send and wait for the end."""
        with self.load(target, connections, seconds) as load:
            return load.result()
