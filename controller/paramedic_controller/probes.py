"""Readiness probes of replicas: one task each, so that a hung replica delays no other."""

import asyncio
import errno
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from paramedic.health.lag import LagWatch, lag_watch
from paramedic.services.readiness import ProbeRequest

READY_STATUS = 200
MAX_STATUS_LINE = 1024

EAGER_SECONDS = 0.5
"""Between the probes of a replica that was never ready: users wait for it."""

LAG_SECONDS = 0.5
"""A prober that stood still for longer cannot tell a late answer from its own being late."""

_OWN_ERRORS = frozenset(
    {
        errno.EADDRNOTAVAIL,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
    }
)
"""What a socket call fails with before anything of it has left this host."""


@dataclass(frozen=True)
class ProbeTarget:
    """`request` to `url`, to be answered within `timeout_seconds`."""

    url: str
    request: ProbeRequest
    timeout_seconds: float

    @property
    def asked(self) -> str:
        """The request in words; its headers and body may not be for everybody."""
        return f"{self.request.method} {self.request.path}"


@dataclass(frozen=True)
class Tally:
    """How a target's probes went: the last answer, the failures since the last success, and in words."""

    ready: bool
    failures: int
    detail: str


class OwnTrouble(str):
    """Why a probe could not be made: says nothing about its target."""

    __slots__ = ()


class Prober:
    """Probes a changing set of targets, each every `interval` seconds, in one thread of its own.

    `on_change` is called, in that thread, whenever a target's answer differs from the one before. What fails by this
    process's own trouble is no answer and is not counted.
    """

    def __init__(self, interval: float, on_change: Callable[[], None]) -> None:
        self._interval = interval
        self._on_change = on_change
        self._tallies: dict[str, Tally] = {}
        self._tasks: dict[str, tuple[ProbeTarget, asyncio.Task[None]]] = {}
        self._watched: dict[str, ProbeTarget] = {}
        self._lag: LagWatch | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="prober", daemon=True)
        self._thread.start()
        self._lag_task = asyncio.run_coroutine_threadsafe(self._watch_lag(), self._loop)

    def watch(self, targets: Mapping[str, ProbeTarget]) -> None:
        """Probe exactly `targets` from now on; what was counted of those that stay is kept."""
        if targets != self._watched:
            self._watched = dict(targets)
            self._loop.call_soon_threadsafe(self._retarget, self._watched)

    def tally(self, name: str) -> Tally | None:
        """What is known of a target; None before its first probe."""
        return self._tallies.get(name)

    def close(self) -> None:
        """End probing."""
        self._lag_task.cancel()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _retarget(self, targets: Mapping[str, ProbeTarget]) -> None:
        for name, (target, task) in list(self._tasks.items()):
            if targets.get(name) != target:
                task.cancel()
                del self._tasks[name]
            if name not in targets:
                self._tallies.pop(name, None)
        for name in targets.keys() - self._tasks.keys():
            probing = self._loop.create_task(self._probe_for_ever(name, targets[name]))
            self._tasks[name] = (targets[name], probing)

    async def _end(self) -> None:
        self._retarget({})
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _probe_for_ever(self, name: str, target: ProbeTarget) -> None:
        interval = min(self._interval, EAGER_SECONDS)
        while True:
            started = self._loop.time()
            problem = await probe(target)
            if not self._is_own(problem, started):
                self._count(name, problem)
            if problem is None:
                interval = self._interval
            await asyncio.sleep(interval)

    def _count(self, name: str, problem: str | None) -> None:
        before = self._tallies.get(name)
        failures = 0 if problem is None else (before.failures if before else 0) + 1
        self._tallies[name] = Tally(problem is None, failures, problem or "")
        if before is None or before.ready != (problem is None):
            self._on_change()

    def _is_own(self, problem: str | None, started: float) -> bool:
        """Whether this process, and not the target, made a probe fail that began at `started`."""
        if problem is None or self._lag is None:
            return False
        return isinstance(problem, OwnTrouble) or self._lag.late_since(started)

    async def _watch_lag(self) -> None:
        async with lag_watch(LAG_SECONDS) as self._lag:
            await self._loop.create_future()


async def probe(target: ProbeTarget) -> str | None:
    """None when the target answered 200 in time, else what went wrong; `OwnTrouble` when that says nothing about it."""
    try:
        async with asyncio.timeout(target.timeout_seconds):
            status = await _status_of(target)
    except TimeoutError:
        return f"{target.asked} had no answer within {target.timeout_seconds:g} s"
    except OSError as error:
        if error.errno in _OWN_ERRORS:
            return OwnTrouble(f"{target.asked} could not be made, by the controller's own trouble: {error}")
        return f"{target.asked} failed: {error}"
    except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        return f"{target.asked} failed: {error}"
    return None if status == READY_STATUS else f"{target.asked} answered {status}"


async def _status_of(target: ProbeTarget) -> int:
    address = urlsplit(target.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=MAX_STATUS_LINE)
    try:
        writer.write(_message(target.request, address.netloc))
        await writer.drain()
        line = await reader.readuntil(b"\n")
        version, status, *_ = line.split(maxsplit=2)
        if not version.startswith(b"HTTP/"):
            raise ValueError(f"not HTTP: {line[:40]!r}")
        return int(status)
    finally:
        writer.transport.abort()


def _message(request: ProbeRequest, host: str) -> bytes:
    headers = [*request.headers, ("Connection", "close")]
    if all(name.lower() != "host" for name, _ in request.headers):
        headers.insert(0, ("Host", host))
    if request.body is not None:
        headers.append(("Content-Length", str(len(request.body))))
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + (request.body or b"")
