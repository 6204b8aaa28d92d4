"""What every part of the benchmark works with: a folder, and a controller that has much to look after."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.controller_parts.controller_under_test import (
    SERVICE_PREFIX,
    Controller,
    await_healthy,
    await_routed,
    controller,
    up,
)
from benchmarks.controller_parts.health_watch import Answers
from benchmarks.controller_parts.sleeping_launcher import Latency
from benchmarks.gateway_parts.processes import NeverAnsweredError, cpu_seconds, memory_mb
from paramedic.services.verbs import ServiceExistsError
from paramedic.state.tables import StateUnreachableError
from paramedic_cli.local.project import project_root

SERVICES = 100
REPLICAS = 25
LAUNCHES_PER_SECOND = 50
LAUNCHES_AT_ONCE = 500
LATENCY = Latency(median=4.0, spread=0.4, longest=8.0)
PAUSE_SECONDS = 0.02
"""Between two looks at `/health`."""

PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Burst:
    """A hundred users at once, and what came of it. Times in seconds, from the first request."""

    accepted: tuple[float, ...]
    submitted: float
    ready: float
    health: Answers
    cpu: float
    memory_mb: float


class Lab:
    """`folder` is the caller's. As a context manager it ends all that it started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @contextmanager
    def controller(self, **settings: str) -> Iterator[Controller]:
        """A controller of its own, not started."""
        folder = self._folder / f"controller{next(self._numbers)}"
        folder.mkdir()
        with controller(folder, **settings) as made:
            yield made

    @property
    def burst(self) -> tuple[Controller, Burst]:
        """The controller that a hundred users asked for a service each; made once, for every part that needs one.

        Raises:
            NeverAnsweredError: not all they asked for was there in time.
        """
        busy = self._busy
        if busy.burst is None:
            raise NeverAnsweredError("the hundred services were not all there in time")
        return busy.controller, busy.burst

    @cached_property
    def _busy(self) -> "_Busy":
        limits = {
            "PARAMEDIC_LAUNCHES_PER_SECOND": str(LAUNCHES_PER_SECOND),
            "PARAMEDIC_LAUNCHES_AT_ONCE": str(LAUNCHES_AT_ONCE),
        }
        controller = self._cleanup.enter_context(self.controller(**limits))
        try:
            controller.start(LATENCY)
            await_healthy(controller, 1)
            return _Busy(controller, _burst(controller))
        except NeverAnsweredError as error:
            print(f"  {error}")
            return _Busy(controller, None)


@dataclass(frozen=True)
class _Busy:
    controller: Controller
    burst: Burst | None


def _burst(busy: Controller) -> Burst:
    words = [busy.address.host, busy.address.port, PAUSE_SECONDS]
    command = [sys.executable, "-m", "benchmarks.controller_parts.health_watch", *map(str, words)]
    cpu = cpu_seconds(busy.pid)
    with _watching(command) as watch:
        started = time.monotonic()
        with ThreadPoolExecutor(SERVICES) as users:
            accepted = list(users.map(_timed_up, range(SERVICES)))
        await_routed(SERVICES, REPLICAS, PATIENCE_SECONDS)
        ready = time.monotonic() - started
        output, _ = watch.communicate()
    launched = busy.launched_at()
    print(
        f"  {len(launched)} launches, the last one {launched[-1] - started:.1f} s after the first request", flush=True
    )
    return Burst(
        accepted=tuple(accepted),
        submitted=launched[SERVICES * REPLICAS - 1] - started,
        ready=ready,
        health=Answers.model_validate_json(output),
        cpu=cpu_seconds(busy.pid) - cpu,
        memory_mb=memory_mb(busy.pid, peak=True),
    )


@contextmanager
def _watching(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    watch = subprocess.Popen(command, cwd=project_root(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield watch
    finally:
        watch.kill()
        watch.wait()


def _timed_up(number: int) -> float:
    """How long a user waits who asks again when DynamoDB does not answer."""
    started = time.monotonic()
    while True:
        # There already: only the answer to an earlier request was lost.
        with suppress(ServiceExistsError):
            try:
                up(f"{SERVICE_PREFIX}{number}", REPLICAS)
            except StateUnreachableError:
                continue
        return time.monotonic() - started
