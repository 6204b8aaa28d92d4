"""Starts targets for a part to probe, and sweeps them in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway_parts.processes import NeverAnsweredError, own_address
from paramedic_cli.local.project import project_root
from tests.fakes.probed_servers import make_self_signed

PORTS = 1000
"""As many targets listen; more are further paths of the same."""

SERVERS_PROCESSOR, PROBER_PROCESSOR = 0, 1
"""Both need one of their own; where there is only one the figures say little."""


@dataclass(frozen=True)
class Targets:
    """What listens, and how to trust it."""

    scheme: str
    host: str
    first_port: int
    certificate: Path | None = None

    @property
    def base(self) -> str:
        """Scheme and host."""
        return f"{self.scheme}://{self.host}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a prober's process needs to trust them."""
        return {} if self.certificate is None else {"SSL_CERT_FILE": str(self.certificate)}

    def urls(self, number: int) -> Sequence[str]:
        """So many, spread over the ports."""
        return [f"{self.base}:{self.first_port + each % PORTS}/{each}" for each in range(number)]


@contextmanager
def targets(*, hanging: int = 0, tls_in: Path | None = None, delay: float = 0.0) -> Iterator[Targets]:
    """A thousand targets, of which the first `hanging` never answer, until left; with TLS and its files in `tls_in`.

    The others answer a request after `delay` seconds.
    """
    address = own_address()
    certificate = None if tls_in is None else make_self_signed(tls_in, address.host)
    command = [sys.executable, "-m", "benchmarks.health_parts.servers", "--host", address.host]
    command += ["--first-port", str(address.port), "--ports", str(PORTS), "--hanging", str(hanging)]
    command += ["--delay", str(delay)]
    if certificate is not None:
        command += ["--certificate", str(certificate)]
    with subprocess.Popen(
        pinned(command, SERVERS_PROCESSOR),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=project_root(),
        text=True,
    ) as process:
        if process.stdout is None or process.stdout.readline() != "serving\n":
            raise NeverAnsweredError("the targets did not start")
        scheme = "http" if certificate is None else "https"
        try:
            yield Targets(scheme, address.host, address.port, certificate)
        finally:
            process.kill()


@dataclass(frozen=True)
class Sweep:
    """One sweep: wall and processor seconds, outcomes by kind, and when the last healthy target was done."""

    seconds: float
    cpu_seconds: float
    kinds: Mapping[str, int]
    last_ok_seconds: float


@dataclass(frozen=True)
class Swept:
    """Sweeps of one process, and its peak memory."""

    sweeps: Sequence[Sweep]
    peak_mb: float


def sweep(found: Targets, number: int, times: int, *, processor: int | None = PROBER_PROCESSOR) -> Swept:
    """Sweep `number` targets so many times, one attempt each."""
    command = [sys.executable, "-m", "benchmarks.health_parts.sweep", "--base", found.base]
    command += ["--first-port", str(found.first_port), "--ports", str(PORTS)]
    command += ["--targets", str(number), "--sweeps", str(times)]
    lines = [json.loads(line) for line in answers(command, found.environment, processor)]
    return Swept([Sweep(**line) for line in lines[:-1]], lines[-1]["peak_mb"])


def answers(command: Sequence[str], environment: Mapping[str, str], processor: int | None) -> Sequence[str]:
    """The lines that a command prints."""
    words = command if processor is None else pinned(command, processor)
    ended = subprocess.run(
        words, env={**os.environ, **environment}, cwd=project_root(), stdout=subprocess.PIPE, check=True, text=True
    )
    return ended.stdout.splitlines()


def pinned(command: Sequence[str], processor: int) -> Sequence[str]:
    """The command, on one processor alone where there are several."""
    return command if (os.cpu_count() or 1) < 2 else ["taskset", "--cpu-list", str(processor), *command]
