"""blackbox_exporter, from Debian's package: what one of its probes costs."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.gateway_parts.processes import Address, NeverAnsweredError, own_address
from benchmarks.health_parts.targets import PROBER_PROCESSOR, pinned
from paramedic.launchers.process import procfs
from paramedic_cli.local.project import project_root

PACKAGE = "prometheus-blackbox-exporter"
CONFIG = """modules:
  http_2xx:
    prober: http
    timeout: 10s
    http: {preferred_ip_protocol: ip4}
"""
PATIENCE_SECONDS = 20.0
ASKERS = 16


class NoPackageError(NeverAnsweredError):
    """The package cannot be had here."""


def binary() -> Path:
    """The exporter, unpacked below `.tools` where the machine has none.

    Raises:
        NoPackageError: neither it nor the package is there.
    """
    installed = Path("/usr/bin") / PACKAGE
    folder = project_root() / ".tools/blackbox"
    unpacked = folder / "usr/bin" / PACKAGE
    if installed.exists() or unpacked.exists():
        return installed if installed.exists() else unpacked
    folder.mkdir(parents=True, exist_ok=True)
    try:
        command = ["apt-get", "--option", "APT::Sandbox::User=root", "download", "--quiet", PACKAGE]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        package = next(folder.glob("*.deb"))
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    except (OSError, subprocess.CalledProcessError, StopIteration) as error:
        raise NoPackageError(f"Debian's package {PACKAGE} cannot be had: {error}") from error
    return unpacked


@contextmanager
def exporter(folder: Path) -> Iterator[tuple[Address, int]]:
    """A running exporter: where it listens, and its process."""
    config = folder / "blackbox.yml"
    config.write_text(CONFIG)
    address = own_address()
    command = [str(binary()), f"--config.file={config}", f"--web.listen-address={address.host}:{address.port}"]
    environment = {**os.environ, "GOMAXPROCS": "1"}
    with subprocess.Popen(pinned(command, PROBER_PROCESSOR), env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            _await_answer(f"{address.url}/-/healthy")
            yield address, process.pid
        finally:
            process.kill()


def cpu_per_probe(urls: Sequence[str], folder: Path) -> float:
    """Processor seconds that one of its probes costs it, once warm."""
    with exporter(folder) as (address, pid), httpx.Client(timeout=PATIENCE_SECONDS) as client:

        def probed(url: str) -> bool:
            params = {"module": "http_2xx", "target": url}
            return "probe_success 1" in client.get(f"{address.url}/probe", params=params).text

        with ThreadPoolExecutor(ASKERS) as askers:
            warm = list(askers.map(probed, urls[: len(urls) // 5]))
            before = _cpu(pid)
            succeeded = list(askers.map(probed, urls))
            spent = _cpu(pid) - before
    if not all(warm) or not all(succeeded):
        raise NeverAnsweredError("some probes of blackbox_exporter failed")
    return spent / len(urls)


def _cpu(pid: int) -> float:
    stat = procfs.read_stat(pid)
    if stat is None:
        raise NeverAnsweredError("blackbox_exporter has ended")
    return stat.cpu_seconds


def _await_answer(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise NeverAnsweredError("blackbox_exporter did not start")
