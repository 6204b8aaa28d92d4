"""GETs over kept-alive connections, each sending the next once the last is answered; run by the peers' interpreter.

With HOST PORT CONNECTIONS SECONDS it prints one JSON object. Anything but a whole answer 200 is a failure.
"""

import asyncio
import gc
import importlib
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from benchmarks.gateway_parts.exchange import Message

REQUEST = b"GET / HTTP/1.1\r\nhost: benchmark\r\n\r\n"
WARM_UP_SECONDS = 0.5
GRACE_SECONDS = 15.0
"""How long after the end the last answers may take."""

RECONNECT_SECONDS = 0.02


@dataclass
class Tally:
    """What all connections of one run saw. Requests sent during the warm-up count as failures only."""

    begin: float
    end: float
    latencies: list[float] = field(default_factory=list)
    warm_up: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    open: set[asyncio.BaseTransport] = field(default_factory=set)
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class Client(asyncio.Protocol):
    """One connection, replaced by another when it ends before its time."""

    def __init__(self, tally: Tally, reconnect: "Reconnect") -> None:
        self._tally = tally
        self._reconnect = reconnect
        self._transport: asyncio.Transport | None = None
        self._sent: float | None = None
        self._message = Message()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's derive from none of asyncio's
        self._tally.open.add(transport)
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        self._message = Message()
        self._sent = time.perf_counter()
        self._transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and go on."""
        assert self._transport is not None
        if self._sent is None or not self._message.feed(data):
            return
        now, sent, self._sent = time.perf_counter(), self._sent, None
        if self._message.status != "200":
            self._tally.failures[f"status {self._message.status}"] += 1
        elif sent >= self._tally.begin:
            self._tally.latencies.append(now - sent)
        else:
            self._tally.warm_up += 1
        if now < self._tally.end and not self._message.says_goodbye:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a request without an answer, and come back."""
        assert self._transport is not None
        self._tally.open.discard(self._transport)
        self._tally.closed.set()
        if self._sent is not None:
            self._tally.failures[f"connection lost: {exc!r}"] += 1
        if time.perf_counter() < self._tally.end:
            self._reconnect()


class Reconnect:
    """Opens connections; one that is refused is a failure and tried again."""

    def __init__(self, host: str, port: int, tally: Tally) -> None:
        self._host = host
        self._port = port
        self._tally = tally
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self) -> None:
        """Open one more."""
        task = asyncio.create_task(self._open())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        while time.perf_counter() < self._tally.end:
            try:
                await loop.create_connection(lambda: Client(self._tally, self), self._host, self._port)
            except OSError as error:
                self._tally.failures[f"no connection: {error.strerror}"] += 1
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                return


async def generate(host: str, port: int, connections: int, seconds: float) -> Tally:
    """Run to the end, and wait for what was under way then."""
    begin = time.perf_counter() + WARM_UP_SECONDS
    tally = Tally(begin, begin + seconds)
    reconnect = Reconnect(host, port, tally)
    for _ in range(connections):
        reconnect()
    await asyncio.sleep(tally.end - time.perf_counter())
    try:
        await asyncio.wait_for(_all_closed(tally), GRACE_SECONDS)
    except TimeoutError:
        tally.failures["no answer"] += len(tally.open)
    return tally


async def _all_closed(tally: Tally) -> None:
    while tally.open:
        tally.closed.clear()
        await tally.closed.wait()


def main() -> None:
    """Generate and report."""
    host, port, connections, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    # Nothing here makes cycles, and a collection would be measured as somebody's latency.
    gc.disable()
    with asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop) as runner:
        tally = runner.run(generate(host, port, connections, seconds))
    latencies = sorted(tally.latencies)
    figures = {
        "requests": len(latencies),
        "requests_with_warm_up": len(latencies) + tally.warm_up,
        "failures": dict(tally.failures),
        "rate": len(latencies) / seconds,
        "p50_ms": _quantile_ms(latencies, 0.5),
        "p99_ms": _quantile_ms(latencies, 0.99),
        "cpu": time.process_time() / seconds,
    }
    print(json.dumps(figures))


def _quantile_ms(latencies: list[float], share: float) -> float | None:
    return latencies[int(len(latencies) * share)] * 1000 if latencies else None


if __name__ == "__main__":
    main()
